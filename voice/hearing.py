"""From the person's audio to their turns: when they speak, what they said, and when they have finished."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from voice.speech.ports import BYTES_PER_MS, RATE, Hearing, Recogniser
from voice.speech.vad import START_WINDOWS, WINDOW_MS, SileroModel, Vad, VadEvent, VadMark

_PREROLL = 400 * BYTES_PER_MS
_LONGEST = 25_000 * BYTES_PER_MS  # somebody who never pauses is heard in pieces, and at least this often
_ENDED = 0.5
_ASK_AGAIN_S = 0.5  # of silence; many an unfinished sentence sounds finished by then
_PATIENCE_S = 1.5  # of silence; then the turn is over however it sounded


@dataclass(frozen=True, slots=True)
class Turn:
    """What the person said, with its moments in seconds on the clock. ``ended`` is the end of their voice."""

    text: str
    confidence: float
    started: float
    ended: float
    stopped: float
    transcribed: float
    decided: float


class Ears:
    """Listens all the time, also while we speak.

    ``on_voice`` is called when the person begins to speak, ``on_turn`` when a turn is over (with None where no words
    were in it), ``on_fault`` when the models fail.
    """

    def __init__(
        self,
        model: SileroModel,
        recogniser: Recogniser,
        *,
        on_voice: Callable[[], None],
        on_turn: Callable[[Turn | None], None],
        on_fault: Callable[[BaseException], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vad = Vad(model)
        self._recogniser = recogniser
        self._on_voice, self._on_turn, self._on_fault, self._clock = on_voice, on_turn, on_fault, clock
        self._audio = bytearray()
        self._fed = 0  # samples
        self._end = 0.0  # when the last sample fed was on the wire
        self._started: float | None = None
        self._voice_end = self._stopped_at = 0.0
        self._voiced_before = 0
        self._stopped = asyncio.Event()
        self._closed = asyncio.Event()
        self._closed.set()
        self._deciding: asyncio.Task[None] | None = None
        self._harvests: set[asyncio.Task[None]] = set()
        self.heard_s = 0.0

    @property
    def turn_open(self) -> bool:
        """True from the first voice until it is known what was said."""
        return self._started is not None

    @property
    def last_voice(self) -> float:
        """When the person was last heard to speak, in seconds on the clock."""
        return self._end if self._vad.speaking else self._voice_end

    async def quiet(self) -> None:
        """Wait until no turn is open."""
        await self._closed.wait()

    def feed(self, pcm: bytes, at: float) -> None:
        """The next audio, which began at ``at``."""
        self._fed += len(pcm) // 2
        self._end = at + len(pcm) / 2 / RATE
        self._audio += pcm
        if not self.turn_open:
            del self._audio[:-_PREROLL]
        for mark in self._vad.feed(pcm):
            self._follow(mark)
        # A turn that is being decided on in a pause is not taken from under it: that would be heard twice.
        if self.turn_open and self._deciding is None and len(self._audio) >= _LONGEST:
            self._harvest()

    async def finish(self) -> None:
        """Understand at once what has been said so far: nothing more will come. Raises SpeechError."""
        await asyncio.gather(*self._harvests)
        if not self.turn_open:
            return
        speaking = self._vad.speaking
        self._go_on()
        self._mark_stop(self._end if speaking else self._voice_end)
        hearing = await self._hear(*self._take_audio())
        self._close_turn(hearing, self._voice_end, self._clock())

    async def close(self) -> None:
        tasks = {task for task in (*self._harvests, self._deciding) if task is not None}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _time(self, sample: int) -> float:
        return self._end - (self._fed - sample) / RATE

    def _follow(self, mark: VadMark) -> None:
        if mark.event is VadEvent.START:
            self._begin(self._time(mark.at))
        elif mark.event is VadEvent.RESUME:
            self._go_on()
        elif mark.event is VadEvent.PAUSE:
            self._voice_end = self._time(mark.at)
            if not self._recogniser.busy:
                self._decide()
        else:
            self._mark_stop(self._time(mark.at))
            if self._deciding is None:
                self._decide()

    def _begin(self, at: float) -> None:
        self._go_on()
        if self._started is None:
            self._started = at
            self._voiced_before = self._vad.voiced_ms - START_WINDOWS * WINDOW_MS
            self._closed.clear()
        self._on_voice()

    def _go_on(self) -> None:
        """They speak on: what was concluded from the pause no longer holds."""
        self._stopped.clear()
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None

    def _mark_stop(self, voice_end: float) -> None:
        self._voice_end, self._stopped_at = voice_end, self._clock()
        self._stopped.set()

    def _decide(self) -> None:
        self._deciding = asyncio.get_running_loop().create_task(self._decided())
        self._deciding.add_done_callback(self._report)

    def _harvest(self) -> None:
        """Somebody speaks without end: what they said so far is a turn, and what they say now another."""
        started, self._started = self._started or self._end, self._end
        pcm, voiced = self._take_audio()
        task = asyncio.get_running_loop().create_task(self._harvested(pcm, voiced, started, self._end))
        self._harvests.add(task)
        task.add_done_callback(self._harvests.discard)
        task.add_done_callback(self._report)

    def _report(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fault(error)

    async def _harvested(self, pcm: bytes, voiced_ms: int, started: float, ended: float) -> None:
        hearing = await self._hear(pcm, voiced_ms)
        now = self._clock()
        if hearing.text:
            self._on_turn(Turn(hearing.text, hearing.confidence, started, ended, ended, now, now))

    async def _decided(self) -> None:
        voice_end = self._voice_end
        hearing = await self._hear(bytes(self._audio), self._vad.voiced_ms - self._voiced_before)
        transcribed = self._clock()
        await self._stopped.wait()
        if hearing.turn_ended < _ENDED:
            await asyncio.sleep(voice_end + _ASK_AGAIN_S - self._clock())
            if await self._recogniser.turn_ended(bytes(self._audio)) < _ENDED:
                await asyncio.sleep(voice_end + _PATIENCE_S - self._clock())
        self._close_turn(hearing, voice_end, transcribed)

    def _close_turn(self, hearing: Hearing, voice_end: float, transcribed: float) -> None:
        started, self._started, self._deciding = self._started, None, None
        del self._audio[:-_PREROLL]
        self._closed.set()
        if started is None or not hearing.text:
            self._on_turn(None)
            return
        now = self._clock()
        self._on_turn(Turn(hearing.text, hearing.confidence, started, voice_end, self._stopped_at, transcribed, now))

    async def _hear(self, pcm: bytes, voiced_ms: int) -> Hearing:
        self.heard_s += len(pcm) / 2 / RATE
        return await self._recogniser.hear(pcm, voiced_ms=voiced_ms)

    def _take_audio(self) -> tuple[bytes, int]:
        """The audio so far, and how much of it was voice, in ms; both begin anew."""
        pcm, voiced = bytes(self._audio), self._vad.voiced_ms - self._voiced_before
        self._audio.clear()
        self._voiced_before = self._vad.voiced_ms
        return pcm, voiced
