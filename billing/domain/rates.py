"""A rate, and what a use costs by it: exact, rounded up to six places once.

Quantities are in the rate's own unit. What is billed is the use, raised to the minimum, then rounded up to whole
increments: 59, 60 and 61 seconds of a rate with increment and minimum 60 are billed as 60, 60 and 120.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from billing.domain.money import rounded_up


class Unit(StrEnum):
    """What is counted. ``SHARE`` is a part of other costs, such as a tax: 0.1 is a tenth."""

    SECOND = "s"
    CALL = "call"
    CHARACTER = "char"
    TOKEN = "token"  # noqa: S105 - of a language model
    MONTH = "month"
    SECOND_MONTH = "s-month"
    SHARE = "share"


class Kind(StrEnum):
    """Who is paid."""

    CARRIER = "carrier"
    STT = "stt"
    TTS = "tts"
    LLM = "llm"
    GPU = "gpu"
    RECORDING = "recording"
    NUMBER = "number"
    TAX = "tax"
    OWN = "own"


KINDS = {
    Kind.CARRIER: "phone company",
    Kind.STT: "speech recognition",
    Kind.TTS: "voice",
    Kind.LLM: "language model",
    Kind.GPU: "GPU",
    Kind.RECORDING: "recording",
    Kind.NUMBER: "phone number",
    Kind.TAX: "taxes and fees",
    Kind.OWN: "own machines",
}
"""For people."""
UNITS = {
    Unit.SECOND: "second",
    Unit.CALL: "call",
    Unit.CHARACTER: "character",
    Unit.TOKEN: "token",
    Unit.MONTH: "month",
    Unit.SECOND_MONTH: "second kept for a month",
    Unit.SHARE: "share of other costs",
}
"""For people, one of each."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``price`` per ``per`` units, from ``valid_from`` to before ``valid_until`` (None: until further notice).

    ``increment`` and ``minimum`` are units; 0 where there is none, so that a use is billed as it is.
    ``in_carrier_price`` says that the price which the carrier reports for a call contains it.
    """

    key: str
    kind: Kind
    price: Decimal
    currency: str
    unit: Unit
    per: int
    valid_from: datetime
    source: str
    increment: int = 0
    minimum: int = 0
    valid_until: datetime | None = None
    in_carrier_price: bool = False

    def valid_at(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


def billed_quantity(rate: Rate, quantity: Decimal) -> Decimal:
    """Units that are billed for ``quantity`` used; 0 for no use. Raises ValueError for a negative quantity."""
    if quantity < 0:
        raise ValueError(f"{rate.key} cannot have been used {quantity} times.")
    if quantity == 0:
        return quantity
    raised = max(quantity, Decimal(rate.minimum))
    if not rate.increment:
        return raised
    increment = Decimal(rate.increment)
    return (raised / increment).to_integral_value(rounding=ROUND_CEILING) * increment


def price(rate: Rate, quantity: Decimal) -> Decimal:
    """What ``quantity`` of the rate's units costs as billed; the one rounding. Raises ValueError if negative."""
    return rounded_up(rate.price * billed_quantity(rate, quantity) / rate.per)


_SPANS = {60: "minute", 3600: "hour"}
_COUNTED = {
    Unit.SECOND: ("s", "s"),
    Unit.CALL: ("call", "calls"),
    Unit.CHARACTER: ("character", "characters"),
    Unit.TOKEN: ("token", "tokens"),
    Unit.MONTH: ("month", "months"),
    Unit.SECOND_MONTH: ("s kept for a month", "s kept for a month"),
    Unit.SHARE: ("share", "shares"),
}


def described(rate: Rate) -> str:
    """For people: ``0.014 USD per minute, billed in 60 s steps``, ``0.05 USD per 1,000 characters``, ``10 %``."""
    if rate.unit is Unit.SHARE:
        return f"{plain(rate.price * 100 / rate.per)} %"
    one, many = _COUNTED[rate.unit]
    unit = one if rate.per == 1 else f"{rate.per:,} {many}"
    if rate.per in _SPANS and rate.unit in (Unit.SECOND, Unit.SECOND_MONTH):
        unit = _SPANS[rate.per] + one.removeprefix("s")
    text = f"{plain(rate.price, places=2)} {rate.currency} per {unit}"
    if rate.increment and rate.unit in (Unit.SECOND, Unit.SECOND_MONTH):
        text += f", billed in {rate.increment:,} s steps"
    elif rate.increment > 1:
        text += f", billed in steps of {rate.increment:,}"
    if rate.minimum > max(rate.increment, 1):
        text += f", at least {rate.minimum:,} {many}"
    return text


def plain(number: Decimal, *, places: int = 0) -> str:
    """A number for reading: without an exponent and without zeros at the end beyond ``places``."""
    whole, _, digits = f"{number:f}".partition(".")
    digits = f"{digits.rstrip('0'):0<{places}}"
    return f"{whole}.{digits}" if digits else whole
