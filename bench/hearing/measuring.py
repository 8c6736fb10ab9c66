"""Sentences with what is to be understood of them, and what the rules make of them."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.domain.intents import Answer, Intent
from agents.domain.opt_out import opts_out
from agents.domain.questions import TIMES, Question
from agents.domain.recording import beside_recording, objects_to_recording
from agents.domain.understanding import Context, Reading, understand
from agents.qualification import absorb, recent_facts
from agents.state import CallState, Fact

OWN = Path(__file__).with_name("sayings.txt")
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
"""A Monday, 11:00 in Denver."""
ZONE = ZoneInfo("America/Denver")
DECISIVE = frozenset(
    {
        "opt_out", Intent.MAY_OPT_OUT, Intent.WRONG_NUMBER, Intent.SCREENING, Intent.FAIR_HOUSING,
        Intent.PERSON_REQUEST, Intent.OTHER_LANGUAGE, Intent.NOT_HERE, Intent.SIDE_TALK, Intent.HOW_GOT_NUMBER,
    }
)  # fmt: skip
"""Labels that turn a call: found where they were not meant, they count as mistakes everywhere."""
_NOT_TOLD = frozenset({"interested"})
"""Facts that a bare yes stands for."""
_KNOWN = re.compile(r"\{(\w+):([^}]+)\} ")
_HEADER = re.compile(r"^\[(?P<group>[^|\]]+)\|(?P<question>[^|\]]+)\|(?P<side>[^|\]]*)\]$")


@dataclass(frozen=True, slots=True)
class Saying:
    """``said`` in answer to ``question``; ``wanted`` are the parts to understand, as in the file of sentences."""

    group: str
    question: Question
    side: str
    said: str
    wanted: frozenset[str]
    known: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Tally:
    """Parts found that were wanted, found in vain, and missed; ``wrong`` tells of every sentence with a mistake."""

    found: int = 0
    vain: int = 0
    missed: int = 0
    sentences: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.vain) if self.found + self.vain else 1.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Of micro-averaged precision and recall; 1.0 where there was nothing to find and nothing was found."""
        parts = 2 * self.found + self.vain + self.missed
        return 2 * self.found / parts if parts else 1.0


def read_sayings(path: Path = OWN) -> list[Saying]:
    """The sentences of ``path``. Raises ValueError with the line that is not in the form of the file."""
    sayings: list[Saying] = []
    header: re.Match[str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _HEADER.match(line):
            header = found
            continue
        said, arrow, wanted = line.rpartition(" => ")
        known: tuple[tuple[str, str], ...] = ()
        if told := _KNOWN.match(said):
            known, said = ((told[1], told[2]),), said[told.end() :]
        if header is None or not arrow:
            raise ValueError(
                f"{path.name}, line {number}: write 'words => what' below a '[group | question | side]'."
            )
        parts = frozenset(part.strip() for part in wanted.split(";")) - {"-"}
        sayings.append(
            Saying(
                header["group"].strip(),
                Question(header["question"].strip()),
                header["side"].strip(),
                said,
                parts,
                known,
            )
        )
    return sayings


def understood(saying: Saying) -> frozenset[str]:
    """The parts that the rules find in ``saying``: facts, time, labels, objection and answer."""
    state, reading = _read(saying)
    after = absorb(state, reading, topic=saying.question, side=saying.side)
    if "opt_out" in labels(saying.said, reading):
        wrong = {f"!{Intent.WRONG_NUMBER}"} if Intent.WRONG_NUMBER in reading.intents else set()
        return frozenset({"!opt_out", *wrong})  # nothing else is kept
    parts = {f"{name}:{fact.value}" for name, fact in after.facts.items() if state.facts.get(name) != fact}
    parts = {part for part in parts if part.partition(":")[0] not in _NOT_TOLD}
    parts |= _time(reading, saying) | {f"!{label}" for label in labels(saying.said, reading)}
    parts |= {f"~{reading.objection}"} if reading.objection else set()
    parts |= {"yes" if reading.answer is Answer.YES else "no"} if reading.answer else set()
    return frozenset(parts)


def heard_as(saying: Saying) -> set[str]:
    """The labels of ``saying``."""
    return labels(saying.said, _read(saying)[1])


def _read(saying: Saying) -> tuple[CallState, Reading]:
    """The state of before, and what the turn says in it."""
    state = CallState(turn=2, question=saying.question, facts={name: Fact(v, 0.9, 1) for name, v in saying.known})
    context = Context(
        question=saying.question,
        topic=saying.question,
        side=saying.side,
        heard_whole=True,
        offered=(),
        free=(),
        zone=ZONE,
        name="Maria",
        recent=recent_facts(state),
    )
    return state, understand(saying.said, context, now=NOW)


def _time(reading: Reading, saying: Saying) -> set[str]:
    wished = saying.question in TIMES or Intent.CALLBACK in reading.intents
    if reading.at is None or not (wished or any(part.startswith("at:") for part in saying.wanted)):
        return set()
    return {f"at:{reading.at.astimezone(ZONE):%Y-%m-%d %H:%M}"}


def labels(said: str, reading: Reading) -> set[str]:
    """The intents, and "opt_out" as the dialogue hears it."""
    plain = beside_recording(said) if objects_to_recording(said) else said
    return {str(intent) for intent in reading.intents} | ({"opt_out"} if opts_out(plain) else set())


def counts(part: str, wanted: frozenset[str]) -> bool:
    """Whether ``part`` counts where it was found: every fact does, a label that turns the call, an objection."""
    if part in wanted:
        return True
    if part.startswith("!"):
        return part[1:] in DECISIVE
    if part in ("yes", "no"):
        return bool(wanted & {"yes", "no"})
    return True


def measure(
    sayings: Iterable[Saying], read: Callable[[Saying], frozenset[str]] = understood
) -> dict[str, dict[str, Tally]]:
    """Tallies by the kind of part ("slots", "labels", "objections", "answers") and within it by group."""
    tallies: dict[str, dict[str, Tally]] = {kind: {} for kind in ("slots", "labels", "objections", "answers")}
    for saying in sayings:
        got = {part for part in read(saying) if counts(part, saying.wanted)}
        for kind, by_group in tallies.items():
            mine = {part for part in got if kind_of(part) == kind}
            wanted = {part for part in saying.wanted if kind_of(part) == kind}
            tally = by_group.setdefault(saying.group, Tally())
            tally.sentences += 1
            tally.found += len(mine & wanted)
            tally.vain += len(mine - wanted)
            tally.missed += len(wanted - mine)
            if mine != wanted:
                tally.wrong.append(f"{saying.said!r}: wanted {sorted(wanted)}, got {sorted(mine)}")
    return tallies


def kind_of(part: str) -> str:
    if part.startswith("!"):
        return "labels"
    if part.startswith("~"):
        return "objections"
    return "answers" if part in ("yes", "no") else "slots"


def total(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for one in tallies:
        whole.found += one.found
        whole.vain += one.vain
        whole.missed += one.missed
        whole.sentences += one.sentences
        whole.wrong += one.wrong
    return whole


_OPENERS = ("um ", "uh ", "well ", "so ", "oh ", "yeah so um ", "hmm ", "okay uh ", "i mean ", "you know ", "er ")
_NUMBER = re.compile(r"^\$?\d|^(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty)$")


def noisy(saying: Saying, dice: random.Random) -> Saying:
    """``saying`` as recognition may hand it over: no punctuation, no capitals, fillers, its first word said twice.

    "Like" comes before an amount, as people put it.
    """
    words = re.sub(r"[^\w\s$'.:%/-]|[.:](?=\s|$)", "", saying.said.lower()).split()
    if len(words) > 2 and dice.random() < 0.5:
        words.insert(dice.randrange(1, len(words)), dice.choice(("uh", "um")))
    amounts = [
        place for place, word in enumerate(words) if _NUMBER.match(word) and not _NUMBER.match(words[place - 1])
    ]
    if amounts and dice.random() < 0.3:
        words.insert(amounts[0], "like")
    if len(words) > 1 and not _NUMBER.match(words[0]) and dice.random() < 0.3:
        words.insert(0, words[0])
    return replace(saying, said=(dice.choice(_OPENERS) if dice.random() < 0.7 else "") + " ".join(words))


def with_noise(sayings: Sequence[Saying], *, seeds: int) -> Iterator[Saying]:
    """Every sentence ``seeds`` times with noise. Capitals tell a place, so sentences about one are left out."""
    for seed in range(seeds):
        dice = random.Random(seed)  # noqa: S311 (not for secrets)
        for saying in sayings:
            if saying.said[:1].isalnum() and not any(part.startswith("area:") for part in saying.wanted):
                yield noisy(saying, dice)


def mistakes_by_group(tallies: dict[str, dict[str, Tally]]) -> Counter[str]:
    return Counter({group: len(tally.wrong) for by in tallies.values() for group, tally in by.items() if tally.wrong})
