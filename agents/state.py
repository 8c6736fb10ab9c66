"""What a conversation remembers: typed, versioned, and the same after a trip through JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.domain.intents import Objection
from agents.domain.questions import Question
from agents.domain.types import (
    Act,
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    Expect,
    MarkWrongNumber,
    OptOut,
    ScheduleCallback,
    StopRecording,
    Transfer,
)

VERSION = 1
_ABOUT_THE_CALL = frozenset({"speaker"})
"""Facts that no question is for; whoever tells them may be a machine still, and has told nothing of their plans."""

EXPECTS: Mapping[Question, Expect] = {
    Question.PRICE: Expect.NUMBER,
    Question.BUDGET: Expect.NUMBER,
    Question.SEARCH: Expect.NUMBER,
    Question.TIMELINE: Expect.DATE,
    Question.SLOT: Expect.DATE,
    Question.CALLBACK: Expect.DATE,
}
"""Questions whose answers come in pieces: "four hundred ... and fifty thousand"."""


class HandOn(StrEnum):
    """Whether the person was to be put through: ``BACK`` says that nobody took them, and that it is to be told."""

    NONE = ""
    ASKED = "asked"
    BACK = "back"
    FAILED = "failed"


class UnknownSnapshot(Exception):
    """The snapshot is of another version or damaged: go on from what was said (agents/recalled.py)."""


class Stage(StrEnum):
    """``HELD``: perhaps a machine, so nothing is said. ``MACHINE``: a voicemail greets; ``MESSAGE``: ours is left.

    ``SCREENED`` and ``MENU``: a service answered before the person.
    """

    NEW = "new"
    HELD = "held"
    MACHINE = "machine"
    MESSAGE = "message"
    MENU = "menu"
    SCREENED = "screened"
    TALKING = "talking"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Fact:
    """``confidence`` is 0 to 1; ``turn`` is the lead's turn that gave it, 0 for what the brief knew.

    ``at`` is when that was said; None for what the brief knew, and in a snapshot of before there was this.
    """

    value: str
    confidence: float
    turn: int
    at: AwareDatetime | None = None


class ActRecord(BaseModel):
    """An act as JSON-serialisable data, tagged by its ``kind``."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["opt_out", "book", "callback", "wrong_number", "stop_recording", "transfer", "end"]
    said: str = ""
    at: AwareDatetime | None = None
    confirmed: bool = True

    @classmethod
    def of(cls, act: Act) -> Self:
        match act:
            case OptOut(said=said):
                return cls(kind="opt_out", said=said)
            case BookAppointment(start_at=at, confirmed=confirmed):
                return cls(kind="book", at=at, confirmed=confirmed)
            case ScheduleCallback(at=at, said=said):
                return cls(kind="callback", said=said, at=at)
            case MarkWrongNumber(said=said):
                return cls(kind="wrong_number", said=said)
            case StopRecording(said=said):
                return cls(kind="stop_recording", said=said)
            case Transfer(said=said):
                return cls(kind="transfer", said=said)
            case EndCall(reason=reason):
                return cls(kind="end", said=reason)

    def act(self) -> Act:
        match self.kind:
            case "opt_out":
                return OptOut(self.said)
            case "wrong_number":
                return MarkWrongNumber(self.said)
            case "stop_recording":
                return StopRecording(self.said)
            case "transfer":
                return Transfer(self.said)
            case "end":
                return EndCall(self.said)
        if self.at is None:
            raise UnknownSnapshot(f"The act {self.kind!r} has no instant.")
        at = self.at.astimezone(UTC)
        return BookAppointment(at, self.confirmed) if self.kind == "book" else ScheduleCallback(at, self.said)


@dataclass(frozen=True, slots=True)
class CallState:
    """The whole state of one conversation; every change makes a new one.

    ``turn`` counts the lead's turns; ``silences`` and ``unclear`` count in a row. ``question`` is what the last reply
    asked, and ``heard_whole`` whether the person let it finish. ``objection`` is the one whose own question is open.
    ``settled`` is the disposition that the talk has come to so far, acts apart; ``closed_by`` who ended the call.
    ``hurried`` asks for the shortest way to a kind end, and ``hurry_asked`` are the questions about a time that were
    open then or put since. ``chosen_at`` is the appointment that is being read back. Of machines: ``purposes`` counts
    how often a screening service was told why we call, ``keys`` are those pressed into a menu, ``messages`` counts
    those begun on a voicemail, and ``message_left`` says that one was heard whole. ``holding`` counts what was said
    since the person asked us to wait. ``own`` names the script's own question that was asked last, ``own_asked``
    counts each of them, and ``own_expects`` is what its answer needs patience for. ``heard_at`` is when the last turn
    was said, ``carried`` counts the objections of earlier calls, which ``objections`` go on from, and ``confirming``
    names a fact of an earlier call that the open question puts to the person. ``stood_in``: somebody else said that
    the lead is not there. ``number_told``: our number was said. They all have defaults, so a snapshot from before
    them loads, and the other way round.
    """

    stage: Stage = Stage.NEW
    language: str = "en"
    turn: int = 0
    silences: int = 0
    unclear: int = 0
    facts: Mapping[str, Fact] = field(default_factory=dict)
    asked: Mapping[Question, int] = field(default_factory=dict)
    question: Question | None = None
    heard_whole: bool = True
    last_text: str = ""
    objections: Mapping[Objection, int] = field(default_factory=dict)
    objection: Objection | None = None
    offered: tuple[AwareDatetime, ...] = ()
    refused: tuple[AwareDatetime, ...] = ()
    refusals: int = 0
    chosen_at: AwareDatetime | None = None
    callback_at: AwareDatetime | None = None
    callback_said: str = ""
    acts: tuple[ActRecord, ...] = ()
    settled: Disposition | None = None
    closed_by: EndedBy | None = None
    hurried: bool = False
    hurry_asked: tuple[Question, ...] = ()
    purposes: int = 0
    keys: tuple[str, ...] = ()
    messages: int = 0
    message_left: bool = False
    handing_on: HandOn = HandOn.NONE
    holding: int = 0
    own: str = ""
    own_asked: Mapping[str, int] = field(default_factory=dict)
    own_expects: Expect | None = None
    heard_at: AwareDatetime | None = None
    carried: Mapping[Objection, int] = field(default_factory=dict)
    confirming: str = ""
    stood_in: bool = False
    number_told: bool = False

    @property
    def told(self) -> frozenset[str]:
        """The names of the facts that this call gave; the others are known from before."""
        return frozenset(name for name, fact in self.facts.items() if fact.turn)

    @property
    def met(self) -> Mapping[Objection, int]:
        """The objections that were raised on this call, and how often."""
        counts = {kind: count - self.carried.get(kind, 0) for kind, count in self.objections.items()}
        return {kind: count for kind, count in counts.items() if count > 0}

    @property
    def expects(self) -> Expect | None:
        """What the open question asks for that needs patience."""
        if self.question is Question.OWN:
            return self.own_expects
        return EXPECTS.get(self.question) if self.question else None

    def value(self, name: str) -> str:
        """The value of a fact, "" where it is not known."""
        fact = self.facts.get(name)
        return fact.value if fact else ""

    @property
    def plans(self) -> Mapping[str, Fact]:
        """What was told of the plans: the facts but for those about the call itself."""
        return {name: fact for name, fact in self.facts.items() if name not in _ABOUT_THE_CALL}

    def learn(self, name: str, value: str, confidence: float) -> Self:
        """With a fact of this turn; a surer one given earlier stays."""
        known = self.facts.get(name)
        if known and known.value != "unknown" and known.confidence > confidence:
            return self
        return replace(self, facts={**self.facts, name: Fact(value, confidence, self.turn, self.heard_at)})

    def carried_out(self) -> tuple[Act, ...]:
        return tuple(record.act() for record in self.acts)

    def has_act(self, kind: str) -> bool:
        return any(record.kind == kind for record in self.acts)


class _Snapshot(BaseModel):
    version: Annotated[int, Field(ge=1)]
    state: CallState


_SNAPSHOT = TypeAdapter(_Snapshot)


def dump(state: CallState) -> Mapping[str, Any]:
    """``state`` as JSON-serialisable data with its version."""
    data: Mapping[str, Any] = _SNAPSHOT.dump_python(_Snapshot(version=VERSION, state=state), mode="json")
    return data


def load(data: Mapping[str, Any]) -> CallState:
    """The state that ``dump`` wrote, also of a release that knew fewer fields: they get their defaults.

    Raises UnknownSnapshot for another version or damaged data.
    """
    if not isinstance(data, Mapping):
        raise UnknownSnapshot(f"The snapshot is damaged: it is a {type(data).__name__}.")
    if data.get("version") != VERSION:
        raise UnknownSnapshot(f"This is a snapshot of version {data.get('version')!r}; version {VERSION} is needed.")
    try:
        state = _SNAPSHOT.validate_python(data).state
    except ValidationError as error:
        raise UnknownSnapshot(f"The snapshot is damaged: {error.error_count()} fields do not fit.") from error
    state.carried_out()  # whose acts can be carried out
    return state


def last_act_at(state: CallState, kind: str) -> datetime | None:
    """The instant of the last act of ``kind``, None where there is none."""
    return next((record.at for record in reversed(state.acts) if record.kind == kind), None)
