"""A phone line in text: what the voice side would tell of a call, told of a conversation that is typed.

``TextPlane`` stands where the voice workers stand, so a call is placed, listened to and finished by the services of a
real one. What the audio decides (barge-in, silence) is decided by the person's mind here, on a clock of its own.
"""

import asyncio
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from django.conf import settings

from agents.dialogue import start
from agents.domain.types import Brief, EndedBy, Heard, HeardKind, Reply
from agents.llm.assembly import interpreter
from agents.ports import Dialogue
from evals.mind import Said
from voice.domain.types import (
    PLAIN_TALK,
    Acted,
    CarrierUpdate,
    DialRequest,
    Disclosed,
    Ended,
    LineEvent,
    Live,
    Report,
    Signal,
    Speaker,
    StreamTarget,
    TalkPlan,
    TurnRecord,
    TurnTaken,
    Usage,
)
from voice.ports import Spending

SILENCE_S = 6.0
"""Without a word for so long, the voice side tells the conversation of a silence."""
_MOST_TURNS = 60
_WORD_S = 0.4
_STREAM = StreamTarget("ws://127.0.0.1:1/media", "text")


class Clock:
    """Time of a call that takes no time. ``now`` is aware UTC."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def local(self, zone: str) -> datetime:
        """The wall clock at ``zone``, without a zone."""
        return self.now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Other(Protocol):
    """Whoever is at the other end: a mind of YAML, or somebody at a keyboard."""

    def over(self, agent: str, *, local: datetime) -> Said | None:
        """What they do while the agent says ``agent``, None for listening."""

    def answer(self, agent: str, *, local: datetime, waited_s: float) -> Said:
        """What they say to it; ``waited_s`` more seconds pass in silence where that is nothing."""


@dataclass(slots=True)
class Turn:
    """One turn for the transcript. ``who`` is "agent" or "lead"; ``plain`` is what the lead said without noise."""

    who: str
    text: str
    plain: str = ""


@dataclass(slots=True)
class Talk:
    """What was said and done, for a reader."""

    brief: Brief | None = None
    turns: list[Turn] = field(default_factory=list)

    @property
    def agent(self) -> list[str]:
        return [turn.text for turn in self.turns if turn.who == "agent" and turn.text]


class TextLine:
    """``voice.ports.Line``: one conversation between the agents and ``other``."""

    stream = _STREAM

    def __init__(
        self, brief: Brief, plan: TalkPlan, other: Other, clock: Clock, talk: Talk, *, max_length_s: float
    ) -> None:
        self._brief, self._other, self._clock, self.talk = brief, other, clock, talk
        self._max_length_s = max_length_s
        self._asked = interpreter(replace(settings.LANGUAGE_MODEL, cache_s=0))  # no run answers for another
        self._dialogue: Dialogue = start(brief, snapshot=plan.snapshot, interpreter=self._asked)
        self._seq = 0
        self._answered_at = clock.now
        talk.brief = brief

    def signal(self, signal: Signal) -> None:
        """Nobody signals a typed call."""

    def close(self) -> None:
        """Nothing is held."""

    def events(self) -> Iterator[LineEvent]:
        self._answered_at = self._clock.now
        yield Live(self._clock.now)
        with asyncio.Runner() as runner:
            try:
                ended_by, disclosed_at = yield from self._conversation(runner)
            finally:
                runner.run(self._closed())
        outcome = self._dialogue.wrap_up(ended_by=ended_by, now=self._clock.now)
        yield Ended(
            Report(
                outcome,
                ended_by,
                ended_at=self._clock.now,
                answered_at=self._answered_at,
                disclosed_at=disclosed_at,
                usage=tuple(Usage(key, "token", Decimal(n)) for key, n in self._dialogue.tokens().items()),
            )
        )

    def _conversation(self, runner: asyncio.Runner) -> Generator[LineEvent, None, tuple[EndedBy, datetime | None]]:
        """Who ended it, and when the opening had been heard."""
        reply, disclosed_at = runner.run(self._opening()), None
        for _ in range(_MOST_TURNS):
            over = self._other.over(reply.text, local=self._local()) if reply.text else None
            cut = over is not None and over.over_after_s is not None and self._cuts(over, reply)
            yield from self._told(reply, played_s=over.over_after_s if over and cut else None)
            if reply.discloses and not cut:
                disclosed_at = self._clock.now
                yield Disclosed(disclosed_at)
            if over is not None and over.hangs_up and not (over.text or over.key):
                return EndedBy.LEAD, disclosed_at
            if reply.ends:
                return EndedBy.AGENT, disclosed_at
            if self._since_answer_ms() > self._max_length_s * 1000:
                return EndedBy.LIMIT, disclosed_at
            said = over if over is not None and (over.text or over.key) else self._answer(reply)
            yield from self._lead_told(said)
            before_question = said is over and not cut and reply.discloses
            heard = self._heard(said, before_question=before_question)
            agents = runner.run(self._dialogue.reply(heard, now=self._clock.now))
            if said.hangs_up and not agents.ends:
                return EndedBy.LEAD, disclosed_at
            reply = agents if agents.text or agents.acts or not before_question else replace(reply, discloses=False)
        return EndedBy.LIMIT, disclosed_at

    async def _opening(self) -> Reply:
        """On the loop: a model is loaded meanwhile."""
        return self._dialogue.opening(now=self._clock.now)

    async def _closed(self) -> None:
        """What was asked in the background counts as well."""
        if self._asked is not None:
            await self._asked.settled()
            await self._asked.close()

    def _cuts(self, over: Said, reply: Reply) -> bool:
        """Whether their words, or their leaving, break the agent off."""
        if over.hangs_up and not (over.text or over.key):
            return True
        heard = self._heard(over, before_question=False)
        if not (reply.interruptible or self._dialogue.cannot_wait(heard)):
            return False
        played = reply.text.split()[: round((over.over_after_s or 0.0) / _WORD_S)]
        self._dialogue.interrupted(played=" ".join(played))
        return True

    def _answer(self, reply: Reply) -> Said:
        waited_s = reply.waits_s or SILENCE_S
        said = self._other.answer(reply.text, local=self._local(), waited_s=waited_s)
        if not (said.text or said.key or said.hangs_up):
            self._clock.pass_s(waited_s)
        return said

    def _heard(self, said: Said, *, before_question: bool) -> Heard:
        if said.key:
            return Heard(said.key, self._clock.now, HeardKind.KEY)
        if said.text is None:
            return Heard("", self._clock.now, HeardKind.SILENCE)
        return Heard(said.text, self._clock.now, before_question=before_question)

    def _told(self, reply: Reply, *, played_s: float | None) -> Iterator[LineEvent]:
        """The agent's turn as it was heard, then its acts."""
        words = reply.text.split()
        played = words if played_s is None else words[: round(played_s / _WORD_S)]
        if played:
            self.talk.turns.append(Turn("agent", " ".join(played)))
            yield self._taken(
                Speaker.AGENT, " ".join(played), interrupted=len(played) < len(words), agent=reply.agent
            )
        for act in reply.acts:
            yield Acted(act, self._dialogue.snapshot())

    def _lead_told(self, said: Said) -> Iterator[LineEvent]:
        text = said.text or (f"[key {said.key}]" if said.key else "")
        self.talk.turns.append(Turn("lead", text, plain=said.plain))
        if text:
            yield self._taken(Speaker.LEAD, text)

    def _taken(self, speaker: Speaker, text: str, *, interrupted: bool = False, agent: str = "") -> TurnTaken:
        self._seq += 1
        start_ms = self._since_answer_ms()
        self._clock.pass_s(len(text.split()) * _WORD_S)
        record = TurnRecord(
            self._seq, speaker, text, start_ms, self._since_answer_ms(), interrupted=interrupted, agent=agent
        )
        return TurnTaken(record, self._dialogue.snapshot())

    def _since_answer_ms(self) -> int:
        return round((self._clock.now - self._answered_at).total_seconds() * 1000)

    def _local(self) -> datetime:
        return self._clock.local(self._brief.lead_zone)


class TextPlane:
    """``voice.ports.Plane`` with one line, for one call."""

    def __init__(self, other: Other, clock: Clock) -> None:
        self._other, self._clock = other, clock
        self.talk = Talk()

    def healthy(self) -> bool:
        return True

    def open_line(
        self,
        brief: Brief,
        *,
        ring_timeout_s: int,
        max_length_s: int,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
    ) -> TextLine:
        return TextLine(brief, plan, self._other, self._clock, self.talk, max_length_s=max_length_s)


class TextDialer:
    """``voice.ports.Dialer``: every phone is answered at once; nothing is rung."""

    def place(self, request: DialRequest) -> str:
        return f"CA{request.call_id.replace('-', '')}"

    def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
        return None

    def find(self, call_id: str, *, to: str) -> CarrierUpdate | None:
        return None

    def hang_up(self, carrier_call_id: str) -> None:
        """Nobody is there."""

    def redirect(self, carrier_call_id: str, url: str) -> None:
        """Nobody talks."""

    def owns(self, number: str) -> bool | None:
        return True
