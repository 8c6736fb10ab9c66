"""From the person's audio to their turns: when they speak, what they said, and when they have finished."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from voice.domain.endpointing import SHORT, Patience, patience_for
from voice.echo import EchoGuard
from voice.levels import Levels, level_of
from voice.speech.ports import BYTES_PER_MS, RATE, Guess, Recogniser
from voice.speech.vad import START_WINDOWS, WINDOW, WINDOW_MS, SileroModel, Vad, VadEvent, VadMark

_PREROLL = 400 * BYTES_PER_MS
_LONGEST = 25_000 * BYTES_PER_MS  # somebody who never pauses is heard in pieces, and at least this often
_ECHO = 400 * BYTES_PER_MS  # the sound by which an echo is known
_SURE = 208 * BYTES_PER_MS  # of it at least
_WEIGH_AGAIN = 2 * WINDOW  # samples: how often a voice that seems not to be meant for us is weighed
_SAME_SILENCE_S = 0.03  # a likelihood holds for a silence that was this much shorter


@dataclass(frozen=True, slots=True)
class Turn:
    """What the person said, with its moments in seconds on the clock. ``ended`` is the end of their voice.

    ``stopped`` is when the silence was noticed. ``voice_s`` is how much of it was voice, ``level`` how loud, in dB of
    full scale; ``ours``: it ends in the sound of our own voice. ``theirs`` is False where no part of it was taken for
    the person's voice, being faint or our echo throughout.
    """

    text: str
    confidence: float
    started: float
    ended: float
    stopped: float
    transcribed: float
    decided: float
    voice_s: float = 0.0
    level: float = 0.0
    ours: bool = False
    theirs: bool = True


def by_words(turn: Turn) -> Patience:
    return patience_for(turn.text, None)


class Ears:
    """Listens all the time, also while we speak.

    ``on_voice`` is called when the person begins to speak, ``on_turn`` when a turn is over (with None where no words
    were in it), ``on_fault`` when the models fail. ``on_guess`` gets the turn that a pause would end, as soon as its
    words are known, and ``on_resumed`` is called where they speak on after it. ``patience`` says how long a silence
    ends it. A voice that is ``echo`` or far below the person's usual level opens a turn, but is not told as theirs.
    """

    def __init__(
        self,
        model: SileroModel,
        recogniser: Recogniser,
        *,
        on_voice: Callable[[], None],
        on_turn: Callable[[Turn | None], None],
        on_fault: Callable[[BaseException], None],
        on_guess: Callable[[Turn], None] = lambda _: None,
        on_resumed: Callable[[], None] = lambda: None,
        patience: Callable[[Turn], Patience] = by_words,
        echo: EchoGuard | None = None,
        levels: Levels | None = None,
        hints: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vad = Vad(model, self._follow, on_fault)
        self._recogniser, self._hints = recogniser, tuple(hints)
        self._on_voice, self._on_turn, self._on_fault, self._clock = on_voice, on_turn, on_fault, clock
        self._on_guess, self._on_resumed, self._patience = on_guess, on_resumed, patience
        self._echo, self._levels = echo or EchoGuard(), levels or Levels()
        self._audio = bytearray()
        self._fed = 0  # samples
        self._end = 0.0  # when the last sample fed was on the wire
        self._started: float | None = None
        self._begun_at = self._weighed_at = self._paused_at = 0  # samples
        self._theirs = False
        self._voice_end = self._stopped_at = self._last_voice = 0.0
        self._voiced_before = 0
        self._heard_before = 0  # bytes of the audio that belong to the turn before
        self._closed = asyncio.Event()
        self._closed.set()
        self._deciding: asyncio.Task[None] | None = None
        self._guess, self._guessed = Guess(), False
        self._harvests: set[asyncio.Task[None]] = set()
        self.heard_s = 0.0

    @property
    def turn_open(self) -> bool:
        """True from their first voice until it is known what was said."""
        return self._started is not None and self._theirs

    @property
    def began(self) -> float | None:
        """When the open turn began, in seconds on the clock; None where there is none."""
        return self._started

    @property
    def last_voice(self) -> float:
        """When the person was last heard to speak to us, in seconds on the clock."""
        return self._end if self.turn_open and self._vad.speaking else self._last_voice

    @property
    def any_voice(self) -> float:
        """When anybody was last heard to speak, our own echo included, in seconds on the clock."""
        return self._end if self._vad.speaking else self._voice_end

    async def quiet(self) -> None:
        """Wait until no turn is open."""
        await self._closed.wait()

    def feed(self, pcm: bytes, at: float) -> None:
        """The next audio, which began at ``at``."""
        self._fed += len(pcm) // 2
        self._end = at + len(pcm) / 2 / RATE
        self._audio += pcm
        self._levels.heard(pcm)
        if self._started is None:
            del self._audio[:-_PREROLL]
        elif self._levels.faded(pcm) and self._theirs:
            pcm = bytes(len(pcm))  # they have finished, and a television is left
        self._vad.feed(pcm)
        self._weigh()
        # A turn that is being decided on in a pause is not taken from under it: that would be heard twice.
        if self._started is not None and self._deciding is None and len(self._audio) >= _LONGEST:
            self._harvest()

    async def finish(self) -> None:
        """Understand at once what has been said so far: nothing more will come. Raises SpeechError."""
        self._vad.flush()
        await asyncio.gather(*self._harvests)
        if self._started is None:
            return
        voice_end = self._end if self._vad.speaking else self._voice_end
        self._go_on()
        self._pause(voice_end)
        pcm, voiced = self._take_audio()
        self._close_turn(await self._understood(pcm, voiced, voice_end))

    async def close(self) -> None:
        self._vad.close()
        tasks = {task for task in (*self._harvests, self._deciding) if task is not None}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _time(self, sample: int) -> float:
        return self._end - (self._fed - sample) / RATE

    def _follow(self, mark: VadMark) -> None:
        if mark.event is VadEvent.START:
            self._begin(mark.at, START_WINDOWS)
        elif mark.event is VadEvent.RESUME:
            # A turn that was over in this very pause begins anew.
            self._begin(mark.at, 1) if self._started is None else self._go_on()
        elif self._started is None:
            return
        elif mark.event is VadEvent.PAUSE:
            self._paused_at = mark.at
            self._pause(self._time(mark.at))
            if not self._recogniser.busy:
                self._guess = Guess()
                self._decide(self._guess)
        elif self._deciding is None:
            self._decide()
        else:
            self._guess.confirm()

    def _begin(self, at: int, windows: int) -> None:
        self._go_on()
        if self._started is None:
            self._started = self._time(at)
            self._begun_at, self._weighed_at = at, 0
            self._heard_before = max(0, len(self._audio) - (self._fed - self._paused_at) * 2)
            self._voiced_before = self._vad.voiced_ms - windows * WINDOW_MS
            self._weigh()
        elif self._theirs:
            self._on_voice()

    def _weigh(self) -> None:
        """Whether the voice is theirs and meant for us: neither our echo nor far too faint."""
        if self._started is None or self._theirs or self._fed - self._weighed_at < _WEIGH_AGAIN:
            return
        self._weighed_at = self._fed
        since = (self._fed - self._begun_at) * 2
        pcm = bytes(self._audio[-min(_ECHO, max(since, _SURE)) :])
        heard = self._levels.meant_for_us(level_of(pcm))
        if heard and not self._echo.sounds_like_us(pcm, self._end):
            self._theirs = True
            self._closed.clear()
            self._on_voice()

    def _pause(self, voice_end: float) -> None:
        self._voice_end, self._stopped_at = voice_end, self._clock()
        if self._theirs:
            self._last_voice = voice_end

    def _go_on(self) -> None:
        """They speak on: what was concluded from the pause no longer holds."""
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        if self._guessed:
            self._guessed = False
            self._on_resumed()

    def _decide(self, guess: Guess | None = None) -> None:
        self._deciding = asyncio.get_running_loop().create_task(self._decided(guess))
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
        turn, _ = await self._understood(pcm, voiced_ms, ended)
        if turn is not None:
            self._on_turn(replace(turn, started=started, stopped=ended))

    async def _decided(self, guess: Guess | None) -> None:
        voice_end, known = self._voice_end, self._end - self._voice_end
        turn, likelihood = await self._understood(
            self._turn_audio(), self._vad.voiced_ms - self._voiced_before, voice_end, guess
        )
        if turn is not None:
            self._guessed = True
            self._on_guess(turn)
        await self._silence(self._patience(turn) if turn else SHORT, likelihood, voice_end, known)
        self._guessed = False
        self._close_turn((turn, likelihood))

    async def _silence(self, patience: Patience, likelihood: float, voice_end: float, known: float) -> None:
        """Wait until the silence is long enough for how the turn sounds: ``likelihood`` after ``known`` seconds."""
        for step in patience.steps:
            if step.silence_s > known + _SAME_SILENCE_S:
                await asyncio.sleep(voice_end + step.silence_s - self._clock())
                if step.sure > 0:
                    known = self._end - voice_end
                    likelihood = await self._recogniser.turn_ended(self._turn_audio())
            if likelihood >= step.sure:
                return
        await asyncio.sleep(voice_end + patience.longest_s - self._clock())

    def _close_turn(self, understood: tuple[Turn | None, float]) -> None:
        turn, _ = understood
        started, self._started, self._deciding, self._theirs = self._started, None, None, False
        del self._audio[:-_PREROLL]
        self._closed.set()
        self._on_turn(None if turn is None or started is None else replace(turn, decided=self._clock()))

    async def _understood(
        self, pcm: bytes, voiced_ms: int, voice_end: float, guess: Guess | None = None
    ) -> tuple[Turn | None, float]:
        """The turn in ``pcm``, None without words, and the likelihood that it is over."""
        started = self._started if self._started is not None else voice_end
        stopped, theirs = self._stopped_at, self._theirs
        spoken = pcm[: len(pcm) - max(0, round((self._end - voice_end) * RATE)) * 2] or pcm
        ours = self._echo.sounds_like_us(spoken[-_ECHO:], voice_end)
        level = level_of(spoken[-max(WINDOW * 2, voiced_ms * BYTES_PER_MS) :])
        self.heard_s += len(pcm) / 2 / RATE
        hearing = await self._recogniser.hear(pcm, voiced_ms=voiced_ms, hints=self._hints, guess=guess)
        now = self._clock()
        if not hearing.text:
            return None, hearing.turn_ended
        turn = Turn(
            hearing.text,
            hearing.confidence,
            started,
            voice_end,
            stopped,
            transcribed=now,
            decided=now,
            voice_s=voiced_ms / 1000,
            level=level,
            ours=ours,
            theirs=theirs,
        )
        return turn, hearing.turn_ended

    def _turn_audio(self) -> bytes:
        """The open turn's. Who goes on at once is not heard to say the word before again."""
        return bytes(self._audio[self._heard_before :])

    def _take_audio(self) -> tuple[bytes, int]:
        """The audio so far, and how much of it was voice, in ms; both begin anew."""
        pcm, voiced = self._turn_audio(), self._vad.voiced_ms - self._voiced_before
        self._audio.clear()
        self._heard_before = 0
        self._voiced_before = self._vad.voiced_ms
        return pcm, voiced
