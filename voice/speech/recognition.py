"""Speech in: Whisper and smart-turn in their own processes, for all calls of this one."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from voice.speech.heard import Heard, bare, believed
from voice.speech.pool import Job, ModelPool
from voice.speech.ports import Guess, Hearing

_RECENT = 64
_OPENING = 3200  # bytes of audio that tell one turn from another, nearly always

# Answers that are whole in themselves: no need to ask how they sounded.
_WHOLE = frozenset(
    {
        "stop",
        "bye",
        "goodbye",
        "bye bye",
        "thanks",
        "thank you",
        "no thanks",
        "no thank you",
        "yes please",
        "not interested",
        "i'm not interested",
        "stop calling me",
        "don't call me again",
        "wrong number",
        "sounds good",
        "that works",
        "go ahead",
    }
)


@dataclass(slots=True)
class _Asked:
    """A job and the audio it was given; ``waiting`` counts who wants it."""

    pcm: bytes
    job: Job
    waiting: int = 0

    @property
    def lost(self) -> bool:
        """Given up, or failed: nothing will come of it."""
        result = self.job.result
        return result.cancelled() or (result.done() and result.exception() is not None)


class WhisperRecogniser:
    """``voice.speech.ports.Recogniser`` over processes that hold a ``voice.speech.whisper.Ear`` each."""

    def __init__(self, pool: ModelPool) -> None:
        self._pool = pool
        self._recent: OrderedDict[tuple[int, int], _Asked] = OrderedDict()

    @property
    def busy(self) -> bool:
        return self._pool.free == 0

    async def hear(
        self, pcm: bytes, *, voiced_ms: int, hints: Sequence[str] = (), guess: Guess | None = None
    ) -> Hearing:
        asked = self._ask(pcm, tuple(hints), voiced_ms, guess)
        # With a process to spare the ending is judged beside the words, else only where the words leave it open.
        ending = self._submit("turn_ended", pcm, guess) if self._pool.free else None
        try:
            heard = await self._words(asked, voiced_ms)
            confidence = round(math.exp(min(heard.score, 0.0)), 3)
            if not believed(heard, voiced_ms=voiced_ms):
                return Hearing("", confidence, turn_ended=1.0)
            if bare(heard.text) in _WHOLE:
                return Hearing(heard.text, confidence, 1.0, heard.words)
            ending = ending or self._submit("turn_ended", pcm, guess)
            return Hearing(heard.text, confidence, await ending.result, heard.words)
        finally:
            if ending is not None:
                ending.result.cancel()

    async def turn_ended(self, pcm: bytes) -> float:
        return float(await self._pool.run("turn_ended", pcm))

    def _ask(self, pcm: bytes, hints: tuple[str, ...], voiced_ms: int, guess: Guess | None) -> _Asked:
        """The job for ``pcm``: the one that was given for the same speech before, where there is one.

        A turn's audio only grows, and as long as nothing in it is voice but what was, its words are the same.
        """
        key = (voiced_ms, hash(pcm[:_OPENING]))
        asked = self._recent.get(key)
        if asked is not None and not asked.lost and pcm.startswith(asked.pcm):
            self._recent.move_to_end(key)
            self._hasten(asked.job, guess)
            return asked
        asked = self._recent[key] = _Asked(pcm, self._submit("hear", (pcm, hints), guess))
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return asked

    def _submit(self, method: str, argument: object, guess: Guess | None) -> Job:
        job = self._pool.submit(method, argument, ahead=guess is not None and not guess.sure)
        self._hasten(job, guess)
        return job

    def _hasten(self, job: Job, guess: Guess | None) -> None:
        """Now, or as soon as the guess is sure."""
        if guess is None or guess.sure:
            self._pool.hasten(job)
        else:
            guess.when_sure(lambda: self._pool.hasten(job))

    async def _words(self, asked: _Asked, voiced_ms: int) -> Heard:
        """What ``asked`` came to; it leaves the queue when the last who waits for it is cancelled."""
        asked.waiting += 1
        try:
            heard: Heard = await asyncio.shield(asked.job.result)
        finally:
            asked.waiting -= 1
            if asked.waiting == 0 and not asked.job.result.done():
                asked.job.result.cancel()
        return heard
