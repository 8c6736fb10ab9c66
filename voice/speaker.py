"""Our side of the call: clauses to audio, and how much of it was heard."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voice.pipeline import CallPipeline
from voice.playout import Playout, words_played
from voice.recorder import Recorder
from voice.speech.ports import RATE
from voice.tiers import TieredVoice

_ECHO_S = 1.0  # how long after its time a mark may come back


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was heard of some clauses: ``whole`` of them to the end, and ``text`` in all.

    ``start`` and ``end`` are seconds on the clock, ``start`` None where nothing was heard. ``moments`` tells when
    each whole clause ended.
    """

    whole: int
    text: str
    start: float | None
    end: float
    moments: tuple[float, ...]
    interrupted: bool


class Speaker:
    """Speaks over one pipeline. One utterance at a time."""

    def __init__(self, voice: TieredVoice, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._voice, self._recorder, self._clock = voice, recorder, clock
        self._playout = Playout()
        self._marks: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
        self._utterances = 0
        self._said: list[tuple[str, int]] = []
        self._parts = 0
        self.quiet_since = clock()

    def sent(self, pcm: bytes) -> None:
        """A packet of ours went out."""
        span = self._playout.sent(len(pcm) // 2, self._clock())
        self._recorder.agent(pcm, span.start)

    def mark_sent(self, name: str) -> None:
        if name in self._marks:
            self._marks[name][0].set()

    def mark_echoed(self, name: str) -> None:
        if name in self._marks:
            self._marks[name][1].set()

    async def speak(
        self, pipeline: CallPipeline, parts: Sequence[str], *, keep: bool, stop: asyncio.Event | None
    ) -> Spoken:
        """Speak ``parts`` in order until they were all heard, or until ``stop``; None cannot be stopped."""
        self._playout.begin()
        self._utterances += 1
        self._said, self._parts = [], len(parts)
        task = asyncio.create_task(self._perform(pipeline, parts, keep))
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
        return self.broken_off()

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
        return len(self._said) == self._parts and self._playout.played(self._clock()) >= whole

    def _account(self, *, interrupted: bool) -> Spoken:
        now = min(self._clock(), self._playout.ends_at) if interrupted else self._playout.ends_at
        played = self._playout.played(now)
        moments: list[float] = []
        total = 0
        for _, samples in self._said:
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
            text=words_played(self._said, played),
            start=start,
            end=now,
            moments=tuple(moments),
            interrupted=interrupted,
        )

    async def _perform(self, pipeline: CallPipeline, parts: Sequence[str], keep: bool) -> None:
        for part in parts:
            pcm = await self._voice.speech(part, keep=keep, ahead_s=self._ahead_s())
            self._said.append((part, await pipeline.say(pcm) if pcm else 0))
        await self._played(pipeline)

    async def _played(self, pipeline: CallPipeline) -> None:
        """Wait until the carrier has played all that was said: by its mark, or by the clock where none comes."""
        name = f"u{self._utterances}"
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
