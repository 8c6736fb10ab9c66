"""What a call costs by the rate card: measured, at worst, and how long it may last for a sum."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from billing.domain.card import RateCard, RateError
from billing.domain.money import MICRO, MixedCurrencies, rounded_up
from billing.domain.rates import Kind, Rate, Unit, billed_quantity, price

TAX = "tax.telephony"
CARRIER_PRICE = "carrier.price"
"""The line of a price that the carrier reports for a call of which we expected to pay nothing."""
LINE, LOCAL_STT, LOCAL_TTS = "call", "stt.local", "tts.local"
TRANSFER_LEG = "twilio.transfer_leg"
"""A second on the way to a colleague, which is a call of its own at the carrier."""
CHARACTERS_PER_S = Decimal(15)
"""An agent that speaks all the time says 900 characters a minute."""
TOKENS_IN_PER_S, TOKENS_OUT_PER_S = Decimal(400), Decimal(35)
"""A language model that is asked about a turn every six seconds: 2,400 tokens in and 210 out are both questions about
it and a repair, at their longest (docs/models.md). Rules read most turns, so a call seldom comes near."""

HANG_UP_GRACE_S = 30
"""A call at its cap is hung up a moment later; that moment may begin another billed minute, so it is held for too."""

Used = tuple[str, str]
"""A component, which is a key of the rate card, and the unit in which it was counted."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """The rate-card keys of what a phone company bills for one call."""

    per_time: tuple[str, ...]
    per_call: tuple[str, ...] = ()


CARRIERS = {
    "twilio": Carrier(("twilio.voice_out_us", "twilio.media_streams"), ("twilio.amd",)),
    "telnyx": Carrier(("telnyx.voice_out_us", "telnyx.media_streams")),
}


@dataclass(frozen=True, slots=True)
class CallUsage:
    """What a call used. ``answered_s`` is seconds from the answer to the end; None: nobody answered, which carriers
    do not bill. A call that ended in the second of its answer is billed like one of a second.
    """

    answered_s: Decimal | None
    detected_machine: bool = True
    carrier: str = "twilio"
    used: Mapping[Used, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill. ``quantity`` was used, ``billed`` is billed; ``rate`` None: the card has no rate for it."""

    component: str
    unit: str
    quantity: Decimal
    billed: Decimal
    amount: Decimal
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call costs, line by line, in one currency."""

    currency: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def unpriced(self) -> tuple[Line, ...]:
        """Lines that cost nothing only because the card does not know them."""
        return tuple(line for line in self.lines if line.rate is None and not line.amount)

    @property
    def carrier_part(self) -> Decimal:
        """What the price that the carrier reports for the call should be."""
        return sum((line.amount for line in self.lines if line.rate and line.rate.in_carrier_price), Decimal(0))


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A call before it rings: who carries it, and the units that each of its seconds may use at most.

    ``puts_through``: it may be put through to a colleague at any of them.
    """

    max_length_s: int
    per_s: Mapping[Used, Decimal]
    carrier: str = "twilio"
    detect_machine: bool = True
    puts_through: bool = False


def plan_of(
    max_length_s: int,
    *,
    premium: str = "",
    gpu: str = "",
    gpu_share: Decimal = Decimal(0),
    model: tuple[str, str] | None = None,
    carrier: str = "twilio",
) -> CallPlan:
    """The usual stack: a line and speech of our own; ``premium`` is the rate-card key of the provider that may speak
    instead of the local voice, ``gpu`` that of the rented GPU of which a second of a call uses ``gpu_share`` seconds,
    ``model`` those for the tokens in and out of the language model that is asked.
    """
    speech = premium or LOCAL_TTS
    per_s: dict[Used, Decimal] = {
        (LINE, Unit.SECOND.value): Decimal(1),
        (LOCAL_STT, Unit.SECOND.value): Decimal(1),
        (speech, Unit.CHARACTER.value): CHARACTERS_PER_S,
    }
    if gpu:
        per_s[gpu, Unit.SECOND.value] = gpu_share
    for component, tokens in zip(model or (), (TOKENS_IN_PER_S, TOKENS_OUT_PER_S), strict=False):
        key = (component, Unit.TOKEN.value)
        per_s[key] = per_s.get(key, Decimal(0)) + tokens
    return CallPlan(max_length_s, per_s, carrier)


def price_call(card: RateCard, usage: CallUsage, *, currency: str) -> Bill:
    """The call's bill, whatever comes: a component for which the card has no rate in this unit and currency is a line
    of 0 without rate.
    """
    carrier = CARRIERS[usage.carrier]
    used = dict(usage.used)
    if usage.answered_s is not None:
        answered_s = max(usage.answered_s, Decimal(1))
        used |= {(key, Unit.SECOND.value): answered_s for key in carrier.per_time}
        if usage.detected_machine:
            used |= {(key, Unit.CALL.value): Decimal(1) for key in carrier.per_call}
    lines = [_line(card.get(component), component, unit, n, currency) for (component, unit), n in used.items()]
    return Bill(currency, tuple(_with_tax(card, lines)))


def worst_case(card: RateCard, plan: CallPlan) -> Bill:
    """The most that a call of this plan can cost, the time to hang up included, in the carrier's currency.

    What cannot be priced is not dialed: raises MissingRate for a component without a rate, RateError for one that is
    counted in another unit, MixedCurrencies where the carrier and a component are paid in two currencies.
    """
    longest = Decimal(plan.max_length_s + HANG_UP_GRACE_S)
    used = {key: per_s * longest for key, per_s in plan.per_s.items()}
    if plan.puts_through:
        used[TRANSFER_LEG, Unit.SECOND.value] = longest
    usage = CallUsage(longest, plan.detect_machine, plan.carrier, used)
    bill = price_call(card, usage, currency=card[CARRIERS[plan.carrier].per_time[0]].currency)
    for line in bill.unpriced:
        rate = card[line.component]
        if rate.currency != bill.currency:
            raise MixedCurrencies(
                f"One call would be paid in {bill.currency} and {rate.currency}: give {line.component!r} a rate in "
                f"{bill.currency}."
            )
        raise RateError(
            f"The rate {rate.key!r} is per {rate.unit.value!r} and calls count it in {line.unit!r}: a key keeps its "
            f"unit, so let calls use another key, with a rate per {line.unit!r}."
        )
    return bill


def longest_s(card: RateCard, plan: CallPlan, *, limit: Decimal) -> int:
    """Seconds, at most the plan's, that a call may last so that its worst case is within ``limit``; 0: not one."""
    low, high = 0, plan.max_length_s
    while low < high:
        middle = (low + high + 1) // 2
        if worst_case(card, replace(plan, max_length_s=middle)).total <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def at_carrier_price(card: RateCard, bill: Bill, price_: Decimal) -> Bill:
    """The bill with the carrier's own price in place of our estimate of what it contains; tax follows.

    The price is spread over the lines that it contains in proportion to their estimates, the last takes the rest.
    Where the bill has none of them, as for a call that nobody answered, it is a line of its own.
    """
    estimated = bill.carrier_part
    lines = [line for line in bill.lines if line.rate is None or line.rate.kind is not Kind.TAX]
    parts = [number for number, line in enumerate(lines) if line.rate and line.rate.in_carrier_price]
    rest = price_
    for number in parts:
        share = price_ * lines[number].amount / estimated if estimated else Decimal(0)
        amount = rest if number == parts[-1] else share.quantize(MICRO, rounding=ROUND_DOWN)
        lines[number] = replace(lines[number], amount=amount)
        rest -= amount
    if not parts and price_:
        lines.append(Line(CARRIER_PRICE, Unit.CALL.value, Decimal(1), Decimal(1), price_, None))
    return Bill(bill.currency, tuple(_with_tax(card, lines)))


def repriced(card: RateCard, bill: Bill, used: Used, *, more: Decimal = Decimal(0)) -> Bill:
    """The bill with ``more`` units of one component, all of which the card prices now; tax follows.

    Raises MissingRate where there is no rate, RateError where it counts otherwise or is in another currency.
    """
    component, unit = used
    rate = card[component]
    if why := misfit(rate, unit, bill.currency):
        raise RateError(why)
    lines = [line for line in bill.lines if line.rate is None or line.rate.kind is not Kind.TAX]
    same = [number for number, line in enumerate(lines) if (line.component, line.unit) == used]
    quantity = more + sum((lines[number].quantity for number in same), Decimal(0))
    line = _line(rate, component, unit, quantity, bill.currency)
    lines[slice(same[0], same[0] + 1) if same else slice(len(lines), None)] = [line]
    return Bill(bill.currency, tuple(_with_tax(card, lines)))


def misfit(rate: Rate, unit: str, currency: str) -> str:
    """Why the rate cannot price what a settled call used, and what to do; "" where it can.

    What calls were priced by does not change, and a key keeps its unit, so no price can be added for them.
    """
    if rate.unit != unit:
        return (
            f"The rate card has {rate.key!r} per {rate.unit.value!r}, and a key keeps its unit: dismiss this, and "
            f"let what reports it count in {rate.unit.value!r}, or under another key that has a rate per {unit!r}."
        )
    if rate.currency != currency:
        return (
            f"The rate card has {rate.key!r} in {rate.currency}, and this call is paid in {currency}: dismiss this, "
            f"and set a price in {currency} for the calls to come."
        )
    return ""


def _line(rate: Rate | None, component: str, unit: str, quantity: Decimal, currency: str) -> Line:
    if rate is None or rate.unit != unit or rate.currency != currency:
        return Line(component, unit, quantity, Decimal(0), Decimal(0), None)
    return Line(component, unit, quantity, billed_quantity(rate, quantity), price(rate, quantity), rate)


def _with_tax(card: RateCard, lines: list[Line]) -> list[Line]:
    tax = card.get(TAX)
    taxed = sum((line.amount for line in lines if _is_telephony(line)), Decimal(0))
    if tax is None or not tax.price or not taxed:
        return lines
    return [*lines, Line(TAX, tax.unit.value, taxed, taxed, rounded_up(taxed * tax.price / tax.per), tax)]


def _is_telephony(line: Line) -> bool:
    return line.component == CARRIER_PRICE if line.rate is None else line.rate.kind is Kind.CARRIER
