"""What the rules make of people's own sentences: areas, days, yes and no, and nobody taken for an opt-out.

The file has a dialogue a line: ``turns`` of a ``user`` and a ``system``, with the slots that hold after each of the
user's turns where something was told, and its acts (Schema-Guided Dialogue, homes). It is read where it lies and
never copied.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agents.domain.intents import Answer
from agents.domain.opt_out import opts_out
from agents.domain.questions import Question
from agents.domain.understanding import Context, Reading, understand
from evals.spoken import MONTHS, WEEKDAYS

NOW = datetime(2019, 3, 1, 16, 0, tzinfo=UTC)
"""The dialogues' own today, a Friday at eight in the morning: they call March 8th "next Friday"."""
_ZONE = ZoneInfo("America/Los_Angeles")
_AREAS = {"sf": "san francisco", "sfo": "san francisco", "san fran": "san francisco"}


class NoDialogue(RuntimeError):
    """The file is missing or of another form; the text says what to do."""


@dataclass(slots=True)
class Heard:
    """One slot over all sentences: told and read rightly, read otherwise, not read. ``errors`` are some of them."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def told(self) -> int:
        return self.right + self.wrong + self.missed

    @property
    def accuracy(self) -> float:
        return self.right / self.told if self.told else 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """``sentences`` were read; ``opt_outs`` of them were taken for one, of which there are none."""

    sentences: int
    slots: dict[str, Heard]
    opt_outs: tuple[str, ...]


def measure(path: Path) -> Measured:
    """Read every sentence with the question before it. Raises NoDialogue."""
    slots = {name: Heard() for name in ("area", "day", "yes or no")}
    count, outs = 0, []
    for asked, turn, before in _sentences(path):
        count += 1
        text = str(turn["text"])
        if opts_out(text):
            outs.append(text)
        told = _told(turn, before)
        if "area" in told:
            _count(slots["area"], text, told["area"], _area(_read(text, Question.AREA)))
        if "day" in told:
            _count(slots["day"], text, told["day"], _day(_read(text, Question.CALLBACK)))
        if "answer" in told:
            question = Question.CALLBACK if "visit" in asked.lower() else Question.INTEREST
            _count(slots["yes or no"], text, told["answer"], _answer(_read(text, question), told))
    return Measured(count, slots, tuple(outs))


def _sentences(path: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, list[str]]]]:
    """Each of the user's turns, with what was asked before it and the slots until then."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NoDialogue(f"{path} cannot be read ({error.strerror}): name a file with --dialogue.") from error
    for number, line in enumerate(lines, start=1):
        try:
            turns = json.loads(line)["turns"]
            asked, before = "", dict[str, list[str]]()
            for turn in turns:
                if turn["speaker"] == "user":
                    yield asked, turn, before
                    before = turn.get("slots", before)
                else:
                    asked = str(turn["text"])
        except (ValueError, KeyError, TypeError) as error:
            raise NoDialogue(
                f"{path}, line {number}: not a dialogue of turns with speaker, text and slots."
            ) from error


def _told(turn: dict[str, Any], before: dict[str, list[str]]) -> dict[str, str]:
    """What is new in this sentence, where its own words say it."""
    told: dict[str, str] = {}
    text, slots, acts = str(turn["text"]).lower(), turn.get("slots", before), turn.get("acts", ())
    for value in slots.get("area", ()):
        if value.lower() in text and slots.get("area") != before.get("area"):
            told["area"] = _place(value)
    for value in slots.get("visit_date", ()):
        if value.lower() in text and value not in before.get("visit_date", ()):
            day = day_meant(value)
            if day is not None:
                told["day"] = day.isoformat()
    if set(acts) & {"AFFIRM", "AFFIRM_INTENT"} and not set(acts) & {"NEGATE", "NEGATE_INTENT"}:
        told["answer"] = Answer.YES.value
    elif set(acts) & {"NEGATE", "NEGATE_INTENT"}:
        told["answer"] = Answer.NO.value
    return told


def day_meant(value: str) -> date | None:
    """The day that an annotation names, by a reading of its own; None where it is in doubt.

    A weekday alone is the next one; the dialogues' "next Friday" is that of the next week.
    """
    words, today = value.lower(), NOW.astimezone(_ZONE).date()
    if words in ("today", "tomorrow"):
        return date.fromordinal(today.toordinal() + (words == "tomorrow"))
    if words in ("day after tomorrow", "the day after tomorrow"):
        return date.fromordinal(today.toordinal() + 2)
    month = next((number for number, name in enumerate(MONTHS, start=1) if name in words), today.month)
    number = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)\b", words)
    if number:
        return date(today.year, month, int(number[1]))
    weekday = next((place for place, name in enumerate(WEEKDAYS) if name in words), None)
    if weekday is None:
        return None
    if "next" in words:
        return date.fromordinal(today.toordinal() + 7 - today.weekday() + weekday)
    return date.fromordinal(today.toordinal() + ((weekday - today.weekday()) % 7 or 7))


def _read(text: str, question: Question) -> Reading:
    context = Context(
        question=question, topic=question, side="buy", heard_whole=True, offered=(), free=(), zone=_ZONE
    )
    return understand(text, context, now=NOW)


def _answer(reading: Reading, told: dict[str, str]) -> str:
    """Yes or no; who answers a proposed day with another one, which is read, has said no by that."""
    if reading.answer:
        return reading.answer.value
    return Answer.NO.value if "day" in told and told["answer"] == Answer.NO.value and reading.at else ""


def _area(reading: Reading) -> str:
    return _place(reading.location or "")


def _day(reading: Reading) -> str:
    return reading.at.astimezone(_ZONE).date().isoformat() if reading.at else ""


def _place(name: str) -> str:
    words = name.lower().strip(" .")
    return _AREAS.get(words, words)


def _count(heard: Heard, text: str, meant: str, read: str) -> None:
    if read == meant:
        heard.right += 1
        return
    heard.wrong += bool(read)
    heard.missed += not read
    heard.errors.append(f"{text!r}: {read or 'nothing'}, not {meant}")


def most_common(measured: Measured, slot: str, count: int) -> list[str]:
    """Some sentences that were read otherwise, the most frequent first."""
    return [error for error, _ in Counter(measured.slots[slot].errors).most_common(count)]
