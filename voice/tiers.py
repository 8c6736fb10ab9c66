"""Whose voice speaks in a call: the premium one as long as it may and can, then the local one."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from voice.domain.types import Tier, TierCause, TierChanged
from voice.metering import Meter
from voice.speech.ports import Speech, SpeechError, Synthesiser

log = structlog.get_logger(__name__)

PATIENCE_S = 1.5  # how long nobody speaks before the local voice takes a clause over
_LOCAL_S = 0.5  # what the local voice needs for a clause


class TieredVoice:
    """The voice of one call. Once it is local it stays so: a voice that changes twice would be two people.

    A premium clause is metered and told before its audio is asked for, and written down a moment later by the call's
    thread: lost with this process is at most what it was asking for right then. The one over-count that follows: a
    clause that failed before the provider was reached.
    """

    def __init__(
        self,
        local: Synthesiser,
        premium: Synthesiser | None,
        *,
        meter: Meter,
        emit: Callable[[TierChanged], None],
    ) -> None:
        self._local, self._premium, self._meter, self._emit = local, premium, meter, emit
        self._asked: dict[str, asyncio.Task[Speech]] = {}
        self.tier = Tier.LOCAL

    def begin(self, tier: Tier) -> None:
        """Speak with ``tier`` from the first word on, where that can be had."""
        self.tier = tier
        if tier is Tier.PREMIUM and self._premium is None:
            self.lower("This machine has no premium voice: the local voice speaks.", TierCause.ABSENT)
        elif self._premium is not None and not self._premium.available:
            self.lower("The premium voice failed a moment ago: the local voice speaks.", TierCause.FAULT)

    def lower(self, reason: str, cause: TierCause = TierCause.MONEY) -> None:
        """The local voice speaks from the next clause on; nothing where it does already."""
        if self.tier is Tier.PREMIUM:
            self.tier = Tier.LOCAL
            self._emit(TierChanged(Tier.LOCAL, reason, cause))

    async def speech(self, text: str, *, keep: bool, ahead_s: float) -> bytes:
        """``text`` as PCM, in a voice that comes in time; ``ahead_s`` is what is still to be played before it.

        Raises SpeechError where the local voice fails.
        """
        if self.tier is Tier.PREMIUM and self._premium is not None:
            pcm = await self._premium_speech(
                self._premium, text, keep=keep, patience_s=max(PATIENCE_S, ahead_s - _LOCAL_S)
            )
            if pcm is not None:
                return pcm
        speech = await self._local.speech(text, keep=keep)
        if not speech.cached:
            self._meter.add_chars(self._local.component, len(text))
        return speech.pcm

    async def _premium_speech(
        self, premium: Synthesiser, text: str, *, keep: bool, patience_s: float
    ) -> bytes | None:
        """None where the provider does not deliver: the tier is local then."""
        if not premium.available:
            self.lower("The premium voice is not available: the local voice speaks on.", TierCause.FAULT)
            return None
        asked = self._ask(premium, text, keep=keep)
        # An interruption cancels this wait alone: the clause is paid for, and may have to be said again.
        await asyncio.wait({asked}, timeout=patience_s)
        if not asked.done():
            why = f"The premium voice did not answer within {patience_s:.1f} s: the local voice speaks on."
            self.lower(why, TierCause.SLOW)
            return None
        try:
            return asked.result().pcm
        except SpeechError as error:
            self.lower(f"The premium voice failed, so the local voice speaks on: {error}", TierCause.FAULT)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the call need not end
            self.lower("The premium voice is broken, see the log: the local voice speaks on.", TierCause.FAULT)
        return None

    def _ask(self, premium: Synthesiser, text: str, *, keep: bool) -> "asyncio.Task[Speech]":
        if text not in self._asked:
            if not premium.holds(text):
                self._meter.add_chars(premium.component, len(text))
                self._meter.tell(premium.component)
            task = self._asked[text] = asyncio.create_task(premium.speech(text, keep=keep))
            task.add_done_callback(partial(self._answered, text))
        return self._asked[text]

    def _answered(self, text: str, task: "asyncio.Task[Speech]") -> None:
        del self._asked[text]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, SpeechError):  # which its adapter has told already
            log.error("speech.premium_broken", exc_info=error)
