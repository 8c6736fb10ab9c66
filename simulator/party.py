"""Who holds the other phone: what they hear goes in and what they say comes out, 20 ms at a time.

Everything is counted in ticks of 20 ms since the answer, so a call can be replayed without a clock.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Protocol

import structlog

from simulator import audio
from simulator.domain.call import Call, Utterance
from simulator.domain.mind import GREETING, Mind, Reaction
from simulator.domain.people import Person
from simulator.speech import Speech, Voice

log = structlog.get_logger(__name__)
_END_OF_UTTERANCE = round(0.7 / audio.FRAME_S)
_ONSET = 2
_KEY_GAP = round(0.25 / audio.FRAME_S)
_AFTER_GOODBYE = round(2.0 / audio.FRAME_S)
_GREETS_AFTER = round(0.3 / audio.FRAME_S)
_CUT_SHORT = round(1.0 / audio.FRAME_S)
_LONGEST_UTTERANCE = round(60 / audio.FRAME_S)


def ticks(seconds: float) -> int:
    return round(seconds / audio.FRAME_S)


class Party(Protocol):
    """One end of the line.

    ``press`` is set by the line and takes each key pressed. ``greeted`` and ``beeped`` are set when the greeting and
    the machine's beep are over: what the carrier's answering machine detection goes by.
    """

    press: Callable[[str], None]
    greeted: asyncio.Event
    beeped: asyncio.Event

    def tick(self, heard: bytes | None) -> bytes:
        """20 ms: what was heard (None: nothing), and what is said, always one frame."""

    @property
    def gone(self) -> bool:
        """Whether this party has hung up."""

    def close(self) -> None: ...


class Ear:
    """Cuts what is heard into utterances by its energy. An utterance ends with 0.7 s of silence."""

    def __init__(self) -> None:
        self._before: deque[bytes] = deque(maxlen=10)
        self._frames: list[bytes] = []
        self._loud = 0
        self._quiet = 0
        self.started: int | None = None
        self.last_loud = 0

    def tick(self, now: int, heard: bytes | None) -> tuple[int, int, bytes] | None:
        """First tick, tick after the last loud one, and the audio of the utterance that has just ended."""
        loud = heard is not None and audio.audible(heard)
        self._loud = self._loud + 1 if loud else 0
        if self.started is None:
            self._before.append(heard or audio.SILENCE)
            if self._loud >= _ONSET:
                self.started, self._quiet = now - _ONSET + 1, 0
                self._frames = list(self._before)
                self.last_loud = now
            return None
        self._frames.append(heard or audio.SILENCE)
        if loud:
            self._quiet, self.last_loud = 0, now
        else:
            self._quiet += 1
        if self._quiet < _END_OF_UTTERANCE and now - self.started < _LONGEST_UTTERANCE:
            return None
        cut = max(len(self._frames) - self._quiet + 5, 1)
        ended = self.started, self.last_loud + 1, b"".join(self._frames[:cut])
        self.started = None
        self._before.clear()
        return ended


class Mouth:
    """Plays rendered speech frame by frame, comfort noise otherwise."""

    def __init__(self, noise: tuple[bytes, ...]) -> None:
        self._noise = cycle(noise)
        self._frames: deque[bytes] = deque()

    @property
    def speaking(self) -> bool:
        return bool(self._frames)

    def say(self, mulaw: bytes) -> None:
        padded = mulaw + b"\xff" * (-len(mulaw) % audio.FRAME)
        self._frames.extend(padded[at : at + audio.FRAME] for at in range(0, len(padded), audio.FRAME))

    def hush(self) -> None:
        self._frames.clear()

    def tick(self) -> bytes:
        return self._frames.popleft() if self._frames else next(self._noise)


class Human:
    """A person: listens for the end of the agent's utterances, thinks by ``mind``, speaks by ``speech``.

    ``began``: the tick at which they came to the phone, 0 for who answers the call.
    """

    def __init__(
        self, person: Person, mind: Mind, speech: Speech, call: Call, *, noise: tuple[bytes, ...], began: int = 0
    ) -> None:
        self.press: Callable[[str], None] = lambda digit: None
        self.greeted, self.beeped = asyncio.Event(), asyncio.Event()
        self._person, self._mind, self._speech, self._call = person, mind, speech, call
        self._voice = Voice(person.voice, person.pitch, person.speed)
        self._ear, self._mouth = Ear(), Mouth(noise)
        self._now = self._last_sound = began
        self._gone = False
        self._unanswered: list[str] = []
        self._utterances = 0
        self._planned: tuple[int, Reaction] | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self._keys: deque[str] = deque()
        self._next_key = 0
        self._speaking: tuple[str, int] | None = None
        self._awaiting_answer: int | None = None
        self._hangs_up_at: int | None = None
        self._talked_over = 0
        self._spoke_until = 0
        if person.greeting:
            self._planned = (began + _GREETS_AFTER, Reaction(says=person.greeting, rule=GREETING))

    @property
    def gone(self) -> bool:
        return self._gone

    def close(self) -> None:
        for task in self._busy:
            task.cancel()
        if self._speaking:
            self._finish_line()

    def tick(self, heard: bytes | None) -> bytes:
        self._now += 1
        self._listen(heard)
        if self._speaking and not self._mouth.speaking:
            self._finish_line()
        self._interrupt()
        self._act_on_plan()
        self._press_keys()
        if self._mouth.speaking or self._ear.started is not None or self._busy or self._planned:
            self._last_sound = self._now
        elif reaction := self._mind.quiet((self._now - self._last_sound) * audio.FRAME_S):
            self._plan(reaction)
        if self._hangs_up_at is not None and self._now >= self._hangs_up_at and not self._mouth.speaking:
            self._gone = True
        return self._mouth.tick()

    def instant(self, tick: int) -> datetime:
        answered_at = self._call.answered_at or self._call.created_at
        return answered_at + timedelta(seconds=tick * audio.FRAME_S)

    def _listen(self, heard: bytes | None) -> None:
        was_silent = self._ear.started is None
        ended = self._ear.tick(self._now, heard)
        if was_silent and self._ear.started is not None:
            self._utterances += 1
            self._agent_starts(self._ear.started)
        if ended:
            self._spawn(self._understand(self._utterances, *ended))

    def _agent_starts(self, at: int) -> None:
        if self._awaiting_answer is not None and not self._mouth.speaking:
            waited_ms = round((at - self._awaiting_answer) * audio.FRAME_S * 1000)
            self._call.answer_ms.append(waited_ms)
            self._awaiting_answer = None
        if self._planned and self._planned[1].rule != GREETING:
            self._planned = None  # the agent goes on: listen to all of it first

    async def _understand(self, utterance: int, started: int, ended: int, mulaw: bytes) -> None:
        text = await self._speech.understand(mulaw)
        self._call.heard.append(Utterance(text, self.instant(started), self.instant(ended)))
        log.info("person.heard", call_sid=self._call.sid, pii={"text": text})
        if utterance == self._talked_over and ended < self._spoke_until + _CUT_SHORT:
            return  # the agent broke off what the person talked over: its answer is still to come
        self._unanswered.append(text)
        if self._ear.started is None and (reaction := self._mind.hear(" ".join(self._unanswered))):
            self._plan(reaction)

    def _interrupt(self) -> None:
        if self._ear.started is None or self._mouth.speaking or self._busy:
            return
        talking_s = (self._now - self._ear.started) * audio.FRAME_S
        reaction = self._mind.interrupt(talking_s, utterance=self._utterances)
        spoken_over = self._talked_over == self._utterances
        if reaction and (reaction.hangs_up or not spoken_over):
            self._talked_over = self._utterances
            self._mind.commit(reaction)
            self._spawn(self._carry_out(reaction))

    def _plan(self, reaction: Reaction) -> None:
        if self._hangs_up_at is None:
            self._planned = (self._now + ticks(reaction.after_s), reaction)

    def _act_on_plan(self) -> None:
        if not self._planned or self._now < self._planned[0] or self._mouth.speaking or self._busy:
            return
        reaction, self._planned = self._planned[1], None
        if reaction.rule == GREETING and self._ear.started is not None:
            self.greeted.set()  # nobody says hello into a sentence that has begun
            return
        self._unanswered.clear()
        self._mind.commit(reaction)
        self._spawn(self._carry_out(reaction))

    async def _carry_out(self, reaction: Reaction) -> None:
        self._keys.extend(reaction.presses)
        if reaction.says:
            self._mouth.say(await self._speech.render(reaction.says, self._voice))
            self._speaking = (reaction.says, self._now)
        if reaction.hangs_up:
            self._hangs_up_at = self._now + (_AFTER_GOODBYE if reaction.says else 0)

    def _finish_line(self) -> None:
        assert self._speaking is not None
        text, started = self._speaking
        self.greeted.set()
        self._call.said.append(Utterance(text, self.instant(started), self.instant(self._now)))
        log.info("person.said", call_sid=self._call.sid, pii={"text": text})
        self._speaking, self._spoke_until = None, self._now
        self._awaiting_answer = self._now if self._ear.started is None else None
        if self._hangs_up_at is not None:
            self._hangs_up_at = self._now + _AFTER_GOODBYE

    def _press_keys(self) -> None:
        if self._keys and self._now >= self._next_key:
            digit = self._keys.popleft()
            self._next_key = self._now + _KEY_GAP
            self._call.keys.append((digit, self.instant(self._now)))
            self.press(digit)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("person.failed", call_sid=self._call.sid, person=self._person.id, error=repr(error))
            self._gone = True  # a person who can no longer hear or speak would hold the line for ever
