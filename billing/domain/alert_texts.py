"""What alerts say: a sentence with the amounts, and one with what to do. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

from billing.domain.alerting import SINGLE_CALL, Kind, Level
from billing.domain.forecast import Forecast
from billing.domain.money import shown
from billing.domain.periods import IN_WORDS, Period

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Payer:
    """A budget, as the texts name it."""

    name: str
    currency: str
    zone: str

    def amount(self, amount: Decimal) -> str:
        """For reading: to the cent, below a cent as exact as it is."""
        return shown(amount.quantize(_CENT) if amount == 0 or amount >= _TENTH else amount, self.currency)

    def clock(self, at: datetime) -> str:
        """``Tue 3 Nov 2026 17:05 (America/Denver)``."""
        local = at.astimezone(ZoneInfo(self.zone))
        return f"{local:%a} {local.day} {local:%b %Y %H:%M} ({self.zone})"


def share(payer: Payer, period: Period, spent: Decimal, limit: Decimal) -> str:
    return (
        f"{percent(spent / limit)} of what budget {payer.name!r} may spend {IN_WORDS[period]} is spent: "
        f"{payer.amount(spent)} of {payer.amount(limit)}."
    )


def burn_rate(payer: Payer, period: Period, limit: Decimal, ahead: Forecast) -> str:
    """``ahead`` reaches the limit before its end."""
    when = f" at about {payer.clock(ahead.exhausted_at)}" if ahead.exhausted_at else ""
    return (
        f"At the present pace budget {payer.name!r} will have spent the {payer.amount(limit)} that it "
        f"may spend {IN_WORDS[period]}{when}, with {_hours(ahead.hours_short)} of calling still to come. "
        f"By the period's end it would take {payer.amount(ahead.at_end)} "
        f"({payer.amount(ahead.low)} to {payer.amount(ahead.high)})."
    )


def call_cost(payer: Payer, mean: Decimal, count: int, threshold: Decimal) -> str:
    return (
        f"The last {count} calls on budget {payer.name!r} cost {payer.amount(mean)} each; "
        f"{payer.amount(threshold)} is where this tells."
    )


def one_call(payer: Payer, cost: Decimal, threshold: Decimal) -> str:
    return (
        f"One of the last calls on budget {payer.name!r} cost {payer.amount(cost)}, at least {SINGLE_CALL} times the "
        f"{payer.amount(threshold)} that calls may cost on average."
    )


def appointment_cost(payer: Payer, spent: Decimal, count: int) -> str:
    if count == 0:
        return f"Budget {payer.name!r} has spent {payer.amount(spent)} without an appointment."
    one = "appointment" if count == 1 else f"{count} appointments"
    each = "" if count == 1 else f", {payer.amount(spent / count)} each"
    return f"The last {one} on budget {payer.name!r} cost {payer.amount(spent)}{each}."


def price_difference(payer: Payer, price: Decimal, estimate: Decimal, count: int) -> str:
    part = percent(abs(price - estimate) / estimate)
    way = "more" if price > estimate else "less"
    return (
        f"The carrier's price of the last {count} calls that it reported on budget {payer.name!r} is "
        f"{payer.amount(price)}, {part} {way} than the {payer.amount(estimate)} of the rate card."
    )


def advice(kind: Kind, level: Level, payer: Payer, *, until: datetime | None) -> str:
    """What to do. ``until`` is when a stop by this alert ends by itself."""
    if level is Level.EMERGENCY:
        end = f"until {payer.clock(until)}, unless" if until else "until"
        return f"Dialing on it is stopped {end} somebody presses Resume dialing on the budget's page."
    match kind:
        case Kind.SHARE:
            return "Raise the limit if dialing is to go on; when nothing is left, nothing is dialed."
        case Kind.BURN_RATE:
            return "Raise the limit, or lower the calls at a time of its campaigns."
        case Kind.CALL_COST:
            return "Look at its calls: how long they last, and which ones speak with the premium voice."
        case Kind.APPOINTMENT_COST:
            return "Look at its campaigns' leads, hours and voice."
        case Kind.PRICE_DIFFERENCE:
            return "Correct the carrier's rates in the rate card, or ask the carrier."


def percent(part: Decimal) -> str:
    """Rounded down, so that what is said to be reached is."""
    return f"{(part * 100).quantize(_TENTH, rounding=ROUND_DOWN)} %"


def _hours(hours: Decimal) -> str:
    return f"{hours.quantize(_TENTH)} h"
