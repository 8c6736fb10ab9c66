"""An analysis of a call, as plain data. ``turns`` are numbers of turns in the transcript, from 1."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from agents.domain.scoring import Reason
from agents.domain.types import Disposition

VERSION = 1
"""Of the analyser: raised whenever the same call would be analysed otherwise."""

_NOT_SAID = re.compile(r"\[.*\]|\s*", re.DOTALL)


class UnknownAnalysis(Exception):
    """The data is not of an analysis, or of one whose form is no longer known: analyse the call again."""


@dataclass(frozen=True, slots=True)
class Said:
    """A turn as it was really heard; offsets are from the call's answer. What was masked stands in brackets."""

    seq: int
    speaker: Literal["agent", "lead"]
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False

    @property
    def of_us(self) -> bool:
        return self.speaker == "agent"

    @property
    def is_speech(self) -> bool:
        """Whether these are words to the other side: no key, no aside, nothing masked or erased."""
        return _NOT_SAID.fullmatch(self.text) is None

    @property
    def words(self) -> int:
        return len(self.text.split()) if self.is_speech else 0


@dataclass(frozen=True, slots=True)
class FactTold:
    """A fact as it stands at the end. ``turn`` gave it, None where it was known before the call.

    ``quote`` is that turn's text. It is not kept with the analysis but read from the transcript, so that what is
    masked or erased there is gone here too.
    """

    name: str
    value: str
    confidence: float
    turn: int | None
    quote: str = ""


class Mood(StrEnum):
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The person's, with the turns that show it."""

    mood: Mood
    positive: tuple[int, ...] = ()
    negative: tuple[int, ...] = ()


class ObjectionEnd(StrEnum):
    """``OPEN``: the call was over before it was settled."""

    WENT_ON = "went_on"
    OPEN = "open"
    ENDED_CALL = "ended_call"


@dataclass(frozen=True, slots=True)
class ObjectionMet:
    """``tries`` counts our answers to it; ``turns`` are those in which the person spoke of it."""

    kind: str
    tries: int
    ended: ObjectionEnd
    turns: tuple[int, ...] = ()


class StepKind(StrEnum):
    VISIT = "visit"
    CALL = "call"
    PERSON_CALLS = "person_calls"
    SEND_INFORMATION = "send_information"
    CALL_AGAIN = "call_again"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is to be done, by whom and when; ``at`` None: no time was named. ``told`` says it for people."""

    kind: StepKind
    who: Literal["assistant", "colleague", "nobody"]
    told: str
    at: AwareDatetime | None = None


class CheckName(StrEnum):
    DISCLOSURE = "disclosure"
    OPT_OUT = "opt_out"
    NO_PROMISE = "no_promise"
    NO_PRICE = "no_price"
    NO_ADVICE = "no_advice"
    ONE_QUESTION = "one_question"
    TALK_RATIO = "talk_ratio"
    WORDS_PER_TURN = "words_per_turn"
    INTERRUPTIONS = "interruptions"
    MONOLOGUE = "monologue"
    SILENCE = "silence"
    QUESTIONS_ANSWERED = "questions_answered"


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """``told`` is a sentence with what was found; ``turns`` are the places of a failure."""

    name: CheckName
    verdict: Verdict
    told: str
    turns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of a call. Shares are 0 to 1, None where there was nothing to divide.

    ``agent_share`` is our part of the time that somebody spoke after the opening, which the law wants whole;
    ``silence_share`` is the part of the talk in which nobody did. ``median_words`` is of our turns. ``cut_in`` counts
    turns that we began while the person spoke, ``interrupted`` ours that they broke off. ``monologue_s`` is the
    longest time that we spoke without a word of theirs.
    """

    talk_s: float
    agent_share: float | None
    silence_share: float | None
    median_words: float | None
    agent_words: int
    lead_words: int
    interrupted: int
    cut_in: int
    monologue_s: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that is known of a call. ``steps`` are in the order of their weight, never empty."""

    version: int
    disposition: Disposition
    summary: str
    score: int
    rating: str
    reasons: tuple[Reason, ...]
    facts: tuple[FactTold, ...]
    sentiment: Sentiment
    objections: tuple[ObjectionMet, ...]
    steps: tuple[NextStep, ...]
    checks: tuple[Check, ...]
    measures: Measures
    unanswered: tuple[int, ...]

    @property
    def failed(self) -> tuple[CheckName, ...]:
        return tuple(check.name for check in self.checks if check.verdict is Verdict.FAIL)


class _Kept(BaseModel):
    analysis: Analysis


_KEPT = TypeAdapter(_Kept)


def dump(analysis: Analysis) -> Mapping[str, Any]:
    """``analysis`` as JSON-serialisable data, without the quotes."""
    unquoted = replace(analysis, facts=tuple(replace(fact, quote="") for fact in analysis.facts))
    data: Mapping[str, Any] = _KEPT.dump_python(_Kept(analysis=unquoted), mode="json")["analysis"]
    return data


def load(data: Mapping[str, Any], transcript: Sequence[Said]) -> Analysis:
    """The analysis that ``dump`` wrote, with its quotes from ``transcript``. Raises UnknownAnalysis."""
    try:
        analysis = _KEPT.validate_python({"analysis": data}).analysis
    except ValidationError as error:
        raise UnknownAnalysis(f"The analysis cannot be read: {error.error_count()} fields do not fit.") from error
    return replace(analysis, facts=quoted(analysis.facts, transcript))


def quoted(facts: Sequence[FactTold], transcript: Sequence[Said]) -> tuple[FactTold, ...]:
    """``facts`` with the words that gave them."""
    texts = {said.seq: said.text for said in transcript}
    return tuple(replace(fact, quote=texts.get(fact.turn, "") if fact.turn else "") for fact in facts)
