"""What a call's money allows, asked every second and done at once."""

import asyncio
from collections.abc import Callable

import structlog

from agents.ports import Dialogue
from voice.domain.types import Advice, Tier, WrappingUp
from voice.metering import Meter
from voice.ports import Spending
from voice.tiers import TieredVoice

log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_TELL_EVERY = 10  # looks; each telling is a row for every component of every call


class SpendingWatch:
    """Watches over one call. ``talked_s`` tells the seconds since its answer, ``end`` has goodbye said, for a reason.

    A fault in the asking never ends the call: it is logged once, and the call goes on without that advice.
    """

    def __init__(
        self,
        call_id: str,
        spending: Spending,
        dialogue: Dialogue,
        *,
        meter: Meter,
        voice: TieredVoice,
        talked_s: Callable[[], float],
        emit: Callable[[WrappingUp], None],
        end: Callable[[str], None],
    ) -> None:
        self._call_id, self._spending, self._dialogue = call_id, spending, dialogue
        self._meter, self._voice, self._talked_s = meter, voice, talked_s
        self._emit, self._end = emit, end
        self._wrapping_up = self._ending = self._complained = False

    def begin(self) -> None:
        """The first look, before the first word: it decides whose voice speaks. The local one where it fails."""
        self._guarded(lambda: self._first(self._look(0.0)))

    async def run(self) -> None:
        """Look every second until the money says goodbye."""
        looks = 0
        while not self._ending:
            looks += 1
            await asyncio.sleep(max(0.0, looks * _EVERY_S - self._talked_s()))
            self._guarded(lambda: self._follow(self._look(self._talked_s())))
            if looks % _TELL_EVERY == 0:
                self._meter.tell()

    def _look(self, talked_s: float) -> Advice:
        return self._spending.look(talked_s=talked_s, usage=self._meter.total(), prospect=self._dialogue.prospect())

    def _first(self, advice: Advice) -> None:
        self._voice.begin(advice.tier)
        self._follow(advice)

    def _follow(self, advice: Advice) -> None:
        if advice.tier is Tier.LOCAL:
            self._voice.lower(advice.reason)
        if advice.end or advice.wrap_up:
            self._wrap_up(advice)

    def _wrap_up(self, advice: Advice) -> None:
        first, self._wrapping_up = not self._wrapping_up, True
        if first:
            self._emit(WrappingUp(advice.reason))
        if advice.end:
            self._ending = True
            self._end(advice.reason)
        elif first:
            self._dialogue.hurry()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            if not self._complained:
                log.exception("spending.failed", call_id=self._call_id)
            self._complained = True
