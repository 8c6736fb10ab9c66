"""What every agent is: a name, and one function from what it sees to what it does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar
from zoneinfo import ZoneInfo

from agents.domain.questions import Question
from agents.domain.times import zone_of
from agents.domain.types import Act, Brief, EndCall, EndedBy, Heard, Transfer
from agents.domain.understanding import Reading
from agents.state import CallState

SceneT = TypeVar("SceneT")
ResultT = TypeVar("ResultT")


class AgentName(StrEnum):
    CONVERSATION = "conversation"
    QUALIFICATION = "qualification"
    OBJECTION_HANDLER = "objection_handler"
    SCHEDULER = "scheduler"
    ANALYTICS = "analytics"


@dataclass(frozen=True, slots=True)
class Scene:
    """One turn as an agent sees it. ``state`` holds this turn's facts already, ``before`` does not.

    ``words`` are what a language model gave to say to a turn that no rule could read.
    """

    brief: Brief
    before: CallState
    state: CallState
    heard: Heard
    reading: Reading
    now: datetime
    words: str = ""

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.brief.lead_zone)

    @property
    def learnt(self) -> bool:
        """Whether this turn told something of the plans."""
        return self.state.plans != self.before.plans


@dataclass(frozen=True, slots=True)
class Ending:
    """A conversation that is over, as the analysis sees it."""

    brief: Brief
    state: CallState
    ended_by: EndedBy


@dataclass(frozen=True, slots=True)
class Move:
    """What an agent decided. ``say`` is spoken first; then comes ``ask``, or the next question on the agenda.

    Nothing is asked when an act ends the call, when ``quiet``, or when ``say`` is a question by itself
    (``asks_itself``). ``again`` puts the question in the words used last; ``offer`` are the times it names.
    ``personal`` marks words that are this lead's alone. ``waits_s`` is how long a silence may last after it.
    ``unread`` says that nothing was understood.
    """

    state: CallState
    say: str = ""
    ask: Question | None = None
    acts: tuple[Act, ...] = ()
    quiet: bool = False
    asks_itself: bool = False
    again: bool = False
    personal: bool = False
    offer: Sequence[datetime] = ()
    waits_s: float | None = None
    unread: bool = False

    @property
    def transfers(self) -> bool:
        return any(isinstance(act, Transfer) for act in self.acts)

    @property
    def ends(self) -> bool:
        return any(isinstance(act, EndCall) for act in self.acts)


class BaseAgent(ABC, Generic[SceneT, ResultT]):
    """One part of the conversation. Agents hold no state of their own, so one of each serves every call."""

    name: ClassVar[AgentName]

    @abstractmethod
    def act(self, scene: SceneT) -> ResultT:
        """Decide, purely. Must not raise for anything a person can say."""
