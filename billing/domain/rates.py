"""The rate card, and what a use costs by it: exact, in USD, rounded up to 6 places once.

Default figures of November 2026, from the providers' public price lists as collected by third parties; taxes are not
in them. What runs on the operator's own machine costs nothing per call: the machine is paid for whether it talks or
not.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import Literal

MICRO = Decimal("0.000001")
Unit = Literal["s", "call", "char", "token"]


@dataclass(frozen=True, slots=True)
class Rate:
    """``price`` USD per ``per`` units.

    ``increment_s`` and ``minimum_s`` say how a time is rounded up before it is priced; both are 0 where ``unit`` is
    billed as used.
    """

    key: str
    price: Decimal
    unit: Unit
    per: int
    effective_from: date
    source: str
    increment_s: int = 0
    minimum_s: int = 0


def billed_seconds(talk_s: int, *, increment_s: int, minimum_s: int) -> int:
    """Seconds the carrier bills for a call of ``talk_s`` seconds; 0 for an unanswered one. Source: rate card.

    Raises ValueError for a negative time.
    """
    if talk_s < 0:
        raise ValueError(f"A call cannot have lasted {talk_s} s.")
    if talk_s == 0:
        return 0
    increments = -(-max(talk_s, minimum_s) // max(increment_s, 1))
    return increments * max(increment_s, 1)


def price(rate: Rate, quantity: Decimal) -> Decimal:
    """USD for ``quantity`` of the rate's units as they are billed, rounded up to 6 places; this is the only rounding.

    Raises ValueError for a negative quantity.
    """
    if quantity < 0:
        raise ValueError(f"{rate.key} cannot have been used {quantity} times.")
    return (rate.price * quantity / rate.per).quantize(MICRO, rounding=ROUND_UP)


def price_of_time(rate: Rate, talk_s: int) -> Decimal:
    """USD for ``talk_s`` seconds, rounded up to the rate's increments. Raises ValueError for a negative time."""
    billed_s = billed_seconds(talk_s, increment_s=rate.increment_s, minimum_s=rate.minimum_s)
    return price(rate, Decimal(billed_s))


_SINCE = date(2026, 11, 1)
_OWN_MACHINE = "own machine, not charged per call"
VOICE, STREAM, AMD = "twilio.voice_out_us", "twilio.media_streams", "twilio.amd"
LINE, LOCAL_STT, LOCAL_TTS, LOCAL_LLM = "call", "stt.local", "tts.local", "llm.local"
ELEVENLABS_FLASH = "elevenlabs.flash_v2_5"

RATES: dict[str, Rate] = {
    rate.key: rate
    for rate in (
        Rate(VOICE, Decimal("0.0140"), "s", 60, _SINCE, "twilio.com/voice/pricing/us, secondary", 60, 60),
        # Twilio does not publish the increment of media streams; a minute is the dearest reading.
        Rate(STREAM, Decimal("0.0044"), "s", 60, _SINCE, "twilio.com/voice/pricing/us, increment assumed", 60, 60),
        Rate(AMD, Decimal("0.0075"), "call", 1, _SINCE, "twilio.com/voice/pricing/us, secondary"),
        Rate(ELEVENLABS_FLASH, Decimal("0.05"), "char", 1000, _SINCE, "elevenlabs.io/pricing/api, secondary"),
        # A line's own time; the carrier's minutes are VOICE and STREAM.
        Rate(LINE, Decimal(0), "s", 1, _SINCE, _OWN_MACHINE),
        Rate(LOCAL_STT, Decimal(0), "s", 1, _SINCE, _OWN_MACHINE),
        Rate(LOCAL_TTS, Decimal(0), "char", 1, _SINCE, _OWN_MACHINE),
        Rate(LOCAL_LLM, Decimal(0), "token", 1, _SINCE, _OWN_MACHINE),
    )
}

# Units per second of a call in which the agent speaks all the time: 900 characters are a minute of speech.
TIERS: dict[str, dict[str, Decimal]] = {
    "local": {LINE: Decimal(1), LOCAL_STT: Decimal(1), LOCAL_TTS: Decimal(15)},
    "premium": {LINE: Decimal(1), LOCAL_STT: Decimal(1), ELEVENLABS_FLASH: Decimal(15)},
}
