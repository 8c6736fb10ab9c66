"""Sentences that people typed to an assistant that finds homes, with their annotations (Schema-Guided Dialogue).

They lie outside the project, in ``shared/dialogue``: each line is a dialogue, whose user turns carry acts and the
slots known by then. A turn is wanted to give the slots that are new in it and stand in its words.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.domain.days import MONTHS
from agents.domain.intents import Answer, answer
from agents.domain.numbers import in_words
from agents.domain.places import location
from agents.domain.property import described
from agents.domain.text import normalise
from agents.domain.times import instant
from bench.hearing.measuring import Tally

HOMES = Path(__file__).resolve().parents[3] / "shared" / "dialogue" / "sgd_homes.jsonl"
_NOW = datetime(2019, 2, 28, 12, 0, tzinfo=UTC)
_ZONE = ZoneInfo("UTC")
_ROOMS = {"number_of_beds": "bedrooms", "number_of_baths": "bathrooms"}
_NUMBERED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_YES, _NO = {"AFFIRM", "AFFIRM_INTENT"}, {"NEGATE", "NEGATE_INTENT"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One user turn: its words, its acts, and what is new in it by name."""

    said: str
    acts: frozenset[str]
    new: dict[str, str]


def turns(path: Path = HOMES) -> Iterator[Turn]:
    for line in path.read_text(encoding="utf-8").splitlines():
        known: dict[str, list[str]] = {}
        for turn in json.loads(line)["turns"]:
            if turn["speaker"] != "user" or "acts" not in turn:
                continue
            slots: dict[str, list[str]] = turn.get("slots") or {}
            new = {
                name: values[-1]
                for name, values in slots.items()
                if values != known.get(name) and _stands_in(values[-1], turn["text"])
            }
            known = slots
            yield Turn(turn["text"], frozenset(turn["acts"]), new)


def _stands_in(value: str, text: str) -> bool:
    low = text.lower()
    spelt = in_words(int(value)) if value.isdigit() else value.lower()
    return re.search(rf"\b(?:{re.escape(value.lower())}|{re.escape(spelt)})\b", low) is not None


def measured(path: Path = HOMES) -> dict[str, Tally]:
    """Tallies of areas, rooms, numbered dates, and of yes and no."""
    tallies = {name: Tally() for name in ("area", "bedrooms", "bathrooms", "date", "answer")}
    for turn in turns(path):
        if turn.acts & {"INFORM", "INFORM_INTENT"}:
            found = location(turn.said, asked="INFORM_INTENT" not in turn.acts and "area" in turn.new)
            _count(tallies["area"], turn.said, turn.new.get("area", "").lower(), (found or "").lower())
            home = described(normalise(turn.said), wanted=True)
            got = {"bedrooms": "" if home.bedrooms is None else str(home.bedrooms), "bathrooms": home.bathrooms or ""}
            for slot, name in _ROOMS.items():
                _count(tallies[name], turn.said, turn.new.get(slot, ""), got[name])
        if wanted := _day(turn.new.get("visit_date", "")):
            at = instant(turn.said, now=_NOW, zone=_ZONE, bare_hour=True)
            _count(tallies["date"], turn.said, wanted.isoformat(), at.date().isoformat() if at else "")
        if len(turn.acts) == 1 and turn.acts & (_YES | _NO):
            said = answer(normalise(turn.said))
            _count(tallies["answer"], turn.said, Answer.YES if turn.acts & _YES else Answer.NO, said or "")
    return tallies


def _day(said: str) -> date | None:
    """The date of "March 11th", "11th of March", "the 11th" and "11th of this month"; None for any other."""
    number = _NUMBERED.search(said)
    return date(2019, 3, int(number[1])) if number and not _other_month(said) else None


def _other_month(said: str) -> bool:
    return any(month in said.lower() for month in MONTHS if month not in ("march", "may"))


def _count(tally: Tally, text: str, wanted: str, found: str) -> None:
    tally.sentences += 1
    right = wanted == found
    tally.found += bool(wanted) and right
    tally.vain += bool(found) and not right
    tally.missed += bool(wanted) and not right
    if not right:
        tally.wrong.append(f"{text!r}: wanted {wanted!r}, got {found!r}")
