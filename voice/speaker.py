"""Our side of the call: clauses to audio, and how much of it was heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from voice.domain.types import Tier
from voice.echo import EchoGuard
from voice.machines.keys import tones
from voice.media.ports import Media
from voice.playout import Playout, words_played
from voice.recorder import Recorder
from voice.speech.ports import RATE
from voice.tiers import TieredVoice

log = structlog.get_logger(__name__)

_ECHO_S = 1.0  # how long after its time a mark may come back
_FRAME = RATE // 50
_LETTER = RATE // 15  # samples that a letter takes to say
_BACK = RATE * 2 // 5  # how far back a word may have begun that was cut


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was heard of some clauses: ``whole`` of them to the end, and ``text`` in all.

    ``start`` and ``end`` are seconds on the clock, ``start`` None where nothing was heard. ``moments`` tells when
    each whole clause ended. ``ready`` is when the first clause's audio was at hand, None where it never was.
    """

    whole: int
    text: str
    start: float | None
    end: float
    moments: tuple[float, ...]
    interrupted: bool
    ready: float | None = None


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Audio that is made before it is known that it will be said."""

    text: str
    tier: Tier
    audio: asyncio.Task[bytes]


class Speaker:
    """Speaks over one pipeline. One utterance at a time.

    An utterance that was stopped can go on where it was heard last, from the beginning of a word; ``paused`` is True
    until that is decided.
    """

    def __init__(
        self, voice: TieredVoice, recorder: Recorder, clock: Callable[[], float], echo: EchoGuard | None = None
    ) -> None:
        self._voice, self._recorder, self._clock = voice, recorder, clock
        self._echo = echo or EchoGuard()
        self._playout = Playout()
        self._marks: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
        self._performances = 0
        self._parts: tuple[str, ...] = ()
        self._said: list[tuple[str, int]] = []
        self._audio: list[bytes] = []
        self._whole = 0  # parts that were rendered to their end
        self._ready: float | None = None
        self._begun: Callable[[float], None] = _ignored
        self._ahead: _Ahead | None = None
        self.paused = False
        self.quiet_since = clock()

    def sent(self, pcm: bytes) -> None:
        """A packet of ours went out."""
        first = self._playout.started_at is None
        span = self._playout.sent(len(pcm) // 2, self._clock())
        if first:
            self._begun(span.start)
        self._recorder.agent(pcm, span.start)
        self._echo.played(pcm, span.start)

    def mark_sent(self, name: str) -> None:
        if name in self._marks:
            self._marks[name][0].set()

    def mark_echoed(self, name: str) -> None:
        if name in self._marks:
            self._marks[name][1].set()

    def prepare(self, text: str, *, keep: bool) -> None:
        """Have the audio of ``text``, which may be said next, made ahead: where that costs nothing in vain."""
        tier = self._voice.tier
        if self._ahead is not None and self._ahead.text == text and self._ahead.tier is tier:
            return
        self._ahead = None
        if tier is Tier.LOCAL or self._voice.holds(text):
            audio = asyncio.create_task(self._voice.speech(text, keep=keep, ahead_s=0.0))
            audio.add_done_callback(_told)
            self._ahead = _Ahead(text, tier, audio)

    def said_around(self, start: float, end: float, *, within_s: float) -> str:
        """Our words, where the time from ``start`` to ``end`` lies in theirs or ends ``within_s`` after them."""
        begun = self._playout.started_at
        if begun is None or start < begun or end > self._playout.ends_at + within_s:
            return ""
        return " ".join(text for text, _ in self._said)

    def over(self, moment: float) -> bool:
        """Whether ``moment`` lies in our last utterance, before most of a question at its end was heard."""
        begun = self._playout.started_at
        if begun is None or not begun <= moment < self._playout.ends_at:
            return False
        if not self._parts[-1].endswith("?") or self._whole < len(self._parts):
            return True
        before = sum(samples for _, samples in self._said[:-1])
        return self._playout.played(moment) < before + self._said[-1][1] / 2

    async def speak(
        self,
        pipeline: Media,
        parts: Sequence[str],
        *,
        keep: bool,
        stop: asyncio.Event | None,
        goes_on: Callable[[], Awaitable[bool]] | None = None,
        begun: Callable[[float], None] | None = None,
    ) -> Spoken:
        """Speak ``parts`` in order until they were all heard, or until ``stop``; None cannot be stopped.

        Once stopped, ``goes_on`` is asked whether to say the rest after all. ``begun`` is told when the first sound
        will be heard, as soon as it went out.
        """
        self._playout.begin()
        self._begun = begun or _ignored
        self._parts, self._said, self._audio, self._whole, self._ready = tuple(parts), [], [], 0, None
        while True:
            task = asyncio.create_task(self._perform(pipeline, keep))
            stopper = asyncio.create_task(stop.wait()) if stop else None
            try:
                await asyncio.wait({task, stopper} if stopper else {task}, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                if task.done() or self._all_heard():
                    return self._account(interrupted=False)
            finally:
                for one in (task, stopper):
                    if one is not None:
                        one.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await pipeline.hush()
            stopped = self.broken_off()
            if not stopped.interrupted or stop is None or goes_on is None or not await self._asked(goes_on):
                return stopped
            stop.clear()

    async def _asked(self, goes_on: Callable[[], Awaitable[bool]]) -> bool:
        self.paused = True
        try:
            return await goes_on()
        finally:
            self.paused = False

    async def press(self, pipeline: Media, keys: str) -> Spoken:
        """Play ``keys`` as the tones that they are, to their end."""
        self._playout.begin()
        self._begun = _ignored
        self._parts, self._said, self._audio, self._whole = (f"[key {keys}]",), [], [tones(keys)], 1
        self._ready = None
        await self._perform(pipeline, keep=False)
        return self._account(interrupted=False)

    def broken_off(self) -> Spoken:
        """What was heard of an utterance that ends here and now."""
        if self._all_heard():
            return self._account(interrupted=False)
        now = self._clock()
        self._playout.cleared(now)
        self._recorder.cut(now)
        return self._account(interrupted=True)

    def _ahead_s(self) -> float:
        """How long it takes until all that was said so far will have been heard."""
        return (sum(samples for _, samples in self._said) - self._playout.played(self._clock())) / RATE

    def _all_heard(self) -> bool:
        whole = sum(samples for _, samples in self._said)
        return self._whole == len(self._parts) and self._playout.played(self._clock()) >= whole

    def _account(self, *, interrupted: bool) -> Spoken:
        now = min(self._clock(), self._playout.ends_at) if interrupted else self._playout.ends_at
        played = self._playout.played(now)
        moments: list[float] = []
        total = 0
        for _, samples in self._said[: self._whole]:
            total += samples
            # A clause without sounds is over at once; nothing may have been sent by then.
            moment = self._playout.moment(total) if total else now
            if moment is None:
                break
            moments.append(moment)
        start = self._playout.started_at if played else None
        self.quiet_since = now if start is not None else self._clock()
        return Spoken(
            whole=len(moments),
            text=words_played(self._lengths(), played),
            start=start,
            end=now,
            moments=tuple(moments),
            interrupted=interrupted,
            ready=self._ready,
        )

    def _lengths(self) -> list[tuple[str, int]]:
        """What was said, with its length in samples: of a clause that is still being rendered, the likely one."""
        lengths = self._said[: self._whole]
        for text, samples in self._said[self._whole :]:
            lengths.append((text, max(samples, len(text) * _LETTER)))
        return lengths

    async def _perform(self, pipeline: Media, keep: bool) -> None:
        """Say what was not heard yet of the parts."""
        await self._say_rest(pipeline, keep)
        for number in range(len(self._said), len(self._parts)):
            part = self._parts[number]
            if number < self._whole:  # it was rendered before we were stopped
                self._said.append((part, await self._send(pipeline, self._audio[number])))
                continue
            self._said.append((part, 0))
            self._audio.append(b"")
            async for pcm in self._rendered(part, keep):
                if self._ready is None:
                    self._ready = self._clock()
                self._audio[number] += pcm
                self._said[number] = (part, self._said[number][1] + await self._send(pipeline, pcm))
            self._whole = number + 1
        await self._played(pipeline)

    async def _say_rest(self, pipeline: Media, keep: bool) -> None:
        """The clause that was cut, from the last word that was not heard whole; nothing where none was."""
        played = self._playout.played(self._clock())
        for number, (text, samples) in enumerate(self._said):
            if number >= self._whole:
                self._audio[number] = await self._voice.speech(text, keep=keep, ahead_s=0.0)
                self._whole = number + 1
            elif played >= samples:
                played -= samples
                continue
            del self._said[number:]
            pcm = self._audio[number]
            rest = pcm[word_begin(pcm, min(played, len(pcm) // 2)) * 2 :]
            self._said.append((text, played + await self._send(pipeline, rest)))
            return

    async def _rendered(self, part: str, keep: bool) -> AsyncIterator[bytes]:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (ahead.text, ahead.tier) == (part, self._voice.tier):
            yield await asyncio.shield(ahead.audio)
            return
        async for pcm in self._voice.stream(part, keep=keep, ahead_s=self._ahead_s()):
            yield pcm

    async def _send(self, pipeline: Media, pcm: bytes) -> int:
        return await pipeline.say(pcm) if pcm else 0

    async def _played(self, pipeline: Media) -> None:
        """Wait until the carrier has played all that was said: by its mark, or by the clock where none comes."""
        self._performances += 1
        name = f"u{self._performances}"
        sent, echoed = self._marks[name] = (asyncio.Event(), asyncio.Event())
        try:
            await pipeline.mark(name)
            await sent.wait()
            await asyncio.sleep(max(0.0, self._playout.ends_at - self._clock()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ECHO_S):
                    await echoed.wait()
        finally:
            del self._marks[name]


def _ignored(_: float) -> None:
    """Nobody asked when our first sound is heard."""


def _told(task: "asyncio.Task[bytes]") -> None:
    """Audio that nobody waits for in the end may fail; whoever does wait is told."""
    if not task.cancelled() and task.exception() is not None:
        log.warning("speech.not_ahead", error=repr(task.exception()))


def word_begin(pcm: bytes, sample: int) -> int:
    """Where to go on with speech that was cut at ``sample``: at the quietest moment shortly before it."""
    first = max(0, sample - _BACK)
    samples = np.frombuffer(pcm[first * 2 : sample * 2], dtype="<i2").astype(np.float32)
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return first
    return first + int(np.argmin(np.sum(frames**2, axis=1))) * _FRAME
