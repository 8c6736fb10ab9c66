"""What operators have a call under way do: put the person through, hold them, say a sentence. On the loop."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import cache

import numpy as np
import structlog

from agents.domain.types import Heard, HeardKind
from voice.domain.types import Answer, Controlled, LineEvent, Signal, SignalKind
from voice.media import mulaw
from voice.media.ports import Media
from voice.speech.ports import RATE
from voice.turns import TurnTaking, utc_now

log = structlog.get_logger(__name__)

MOMENT = "One moment, please."
WHISPER = "whisper"
_LONGEST_TEXT = 600
_ENDING = "The call is coming to its end."
_OPENING = "The opening has not been heard yet: who calls, and that it may be recorded. Try again in a few seconds."
_NOTES_HZ = (392.0, 493.9, 587.3, 493.9)  # G, B, D, B: two seconds of each
_NOTE_S = 2.0
_LOUDNESS = 0.05  # of full scale: a phone's tones are told from a voice, and a voice that waits is not drowned
_AHEAD_S = 0.5


@cache
def comfort() -> bytes:
    """Eight seconds of soft tones that say "you are not forgotten", as mu-law; they join on to themselves."""
    time = np.arange(int(_NOTE_S * RATE)) / RATE
    swell = np.minimum(time / 0.3, 1.0) * np.exp(-1.2 * time) * np.minimum((_NOTE_S - time) / 0.1, 1.0)
    notes = [swell * (np.sin(2 * np.pi * hz * time) + 0.3 * np.sin(4 * np.pi * hz * time)) for hz in _NOTES_HZ]
    pcm = (np.concatenate(notes) * _LOUDNESS * 32767).astype("<i2")
    return mulaw.encoded(pcm.tobytes())


class Control:
    """``order`` carries an operator's order out and says whether it could be. Nothing here can end a call.

    ``taken_over`` says whether a supervisor talks in the agent's place.
    """

    def __init__(
        self,
        call_id: str,
        turns: TurnTaking,
        media: Media,
        *,
        emit: Callable[[LineEvent], None],
        taken_over: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._call_id, self._turns, self._media, self._emit = call_id, turns, media, emit
        self._taken_over, self._clock = taken_over, clock
        self._holding: asyncio.Task[None] | None = None

    def order(self, signal: Signal) -> Answer:
        if reason := self.why_not():
            return Answer(False, reason)
        match signal.kind:
            case SignalKind.TRANSFER:
                return self._transfer(signal)
            case SignalKind.HOLD:
                return self._hold(signal)
            case SignalKind.UNHOLD:
                return self._unhold(signal)
            case SignalKind.WHISPER:
                return self._whisper(signal)
            case _:
                return Answer(False, f"A line takes no such order: {signal.kind}.")

    def why_not(self) -> str:
        """Why the agent cannot be interfered with now, as a sentence; "" where it can."""
        if self._turns.closing or self._turns.handed_on:
            return _ENDING
        return "" if self._turns.disclosed is not None else _OPENING

    @property
    def held(self) -> bool:
        return self._holding is not None

    def stop(self) -> None:
        """Be silent: the agent speaks now, or nobody any more."""
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None

    def _told(self, what: str, by: str) -> Answer:
        self._emit(Controlled(what, by, utc_now()))
        log.info("control.order", call_id=self._call_id, what=what)
        return Answer(True)

    def _transfer(self, signal: Signal) -> Answer:
        if self._taken_over():
            return Answer(False, "A supervisor talks with the person: give the line back to the agent first.")
        heard = Heard(signal.value, utc_now(), HeardKind.TRANSFER)
        if self.held:
            self._end_hold(heard)
        else:
            self._turns.ordered(heard)
        return self._told("transfer", signal.by)

    def _whisper(self, signal: Signal) -> Answer:
        text = " ".join(signal.value.split())
        if not text or len(text) > _LONGEST_TEXT:
            return Answer(False, f"Send a sentence of at most {_LONGEST_TEXT} characters.")
        if self.held or self._taken_over():
            return Answer(False, "The agent does not have the line: it says nothing now.")
        self._turns.say_next(text, agent=WHISPER)
        return self._told("whisper", signal.by)

    def _hold(self, signal: Signal) -> Answer:
        if self._taken_over():
            return Answer(False, "A supervisor talks with the person: give the line back to the agent first.")
        if self.held:
            return Answer(True)
        self._turns.step_aside(self._wanted_back)
        self._holding = asyncio.get_running_loop().create_task(self._comfort())
        self._holding.add_done_callback(self._fell_silent)
        return self._told("hold", signal.by)

    def _unhold(self, signal: Signal) -> Answer:
        if not self.held:
            return Answer(False, "The person is not on hold.")
        self._end_hold(Heard("hold", utc_now(), HeardKind.BACK))
        return self._told("unhold", signal.by)

    def _end_hold(self, heard: Heard) -> None:
        self.stop()
        self._turns.step_back(heard)

    def _wanted_back(self) -> None:
        """The person said what cannot wait, such as stop."""
        self.stop()
        self._emit(Controlled("unhold", "", utc_now()))

    async def _comfort(self) -> None:
        """A sentence, then tones for as long as it takes."""
        try:
            await self._turns.aside(MOMENT)
            ends = self._clock()
            while True:
                ends = max(ends, self._clock())
                ends += await self._media.say_mulaw(comfort()) / RATE
                await asyncio.sleep(max(0.0, ends - self._clock() - _AHEAD_S))
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await self._media.hush()

    def _fell_silent(self, task: "asyncio.Task[None]") -> None:
        """Tones that break give the line back: nobody is left on hold in silence."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("control.hold_broke", call_id=self._call_id, exc_info=error)
        if self._holding is task:
            self._end_hold(Heard("hold", utc_now(), HeardKind.BACK))
