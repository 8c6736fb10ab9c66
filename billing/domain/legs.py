"""The way to a colleague who takes a call over: a call of its own at the carrier, and paid from the same hold.

How long the two may talk is what the hold covers, however the wish for it came: the line, every leg and the tax
together never cost more than was held.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.domain.card import RateCard
from billing.domain.costing import (
    CHARACTERS_PER_S,
    HANG_UP_GRACE_S,
    LOCAL_TTS,
    TRANSFER_LEG,
    CallPlan,
    CallUsage,
    Used,
    price_call,
)
from billing.domain.rates import Unit, billed_quantity
from billing.domain.watch import BURST_CHARACTERS

_LEG: Used = (TRANSFER_LEG, Unit.SECOND.value)


@dataclass(frozen=True, slots=True)
class Ringing:
    """A call at the moment at which a colleague is rung, for ``ring_s`` at most.

    ``plan`` is that of its hold and ``held`` the amount on every budget; ``talked_s`` and ``used`` are what it used
    so far, earlier legs among it. ``carrier_ends_it``: the carrier itself ends the call at its longest length.
    """

    card: RateCard
    plan: CallPlan
    held: Decimal
    currency: str
    talked_s: Decimal
    used: Mapping[Used, Decimal]
    ring_s: int
    carrier_ends_it: bool


def why_unpriced(card: RateCard, currency: str) -> str:
    """Why the way to a colleague has no price, and what to do; "" where it has one."""
    rate = card.get(TRANSFER_LEG)
    if rate is None:
        return (
            f"The rate card has no {TRANSFER_LEG!r}, the price of the way to a colleague: take it over with "
            f"manage.py rate_card apply."
        )
    if rate.unit is not Unit.SECOND or rate.currency != currency:
        return (
            f"The rate card has {TRANSFER_LEG!r} per {rate.unit.value!r} in {rate.currency}, and calls pay it per "
            f"'s' in {currency}: set such a price."
        )
    return ""


def billed_s(card: RateCard, leg_s: int) -> Decimal:
    """Seconds that the carrier bills for one leg of ``leg_s``.

    They are what is metered: legs of 7 and 60 s are two minutes, and their sum, rounded once, could be less. Rounded
    again they stay what they are.
    """
    rate = card.get(TRANSFER_LEG)
    return Decimal(leg_s) if rate is None else billed_quantity(rate, Decimal(leg_s))


def longest_talk_s(ringing: Ringing) -> int:
    """Seconds, as far as the call's longest length, that the talk may last so that all is within what is held."""
    if why_unpriced(ringing.card, ringing.currency):
        return 0
    low, high = 0, max(0, int(ringing.plan.max_length_s - ringing.talked_s))
    while low < high:
        middle = (low + high + 1) // 2
        if _cost(ringing, middle) <= ringing.held:
            low = middle
        else:
            high = middle - 1
    return low


def _cost(ringing: Ringing, talk_s: int) -> Decimal:
    """The whole call's bill at worst, after a talk of ``talk_s``.

    A colleague hears who it is before the talk and is hung up after it, for both of which there is the grace. Where
    nobody takes the call, the agent talks on in that time, in the local voice.
    """
    plan = ringing.plan
    ends_s = ringing.talked_s + ringing.ring_s + talk_s + HANG_UP_GRACE_S
    if ringing.carrier_ends_it:
        ends_s = min(ends_s, Decimal(plan.max_length_s + HANG_UP_GRACE_S))
    ahead_s = ends_s - ringing.talked_s
    used = dict(ringing.used)
    for key, more in _ahead(plan, ahead_s).items():
        used[key] = used.get(key, Decimal(0)) + more
    used[_LEG] = used.get(_LEG, Decimal(0)) + billed_s(ringing.card, talk_s + HANG_UP_GRACE_S)
    usage = CallUsage(ends_s, plan.detect_machine, plan.carrier, used)
    return price_call(ringing.card, usage, currency=ringing.currency).total


def _ahead(plan: CallPlan, ahead_s: Decimal) -> dict[Used, Decimal]:
    """What the agent uses in so many seconds; of another voice only a reply that was bought and not told of yet."""
    ahead = {(LOCAL_TTS, Unit.CHARACTER.value): CHARACTERS_PER_S * ahead_s}
    for key, per_s in plan.per_s.items():
        component, unit = key
        if unit != Unit.CHARACTER:
            ahead[key] = per_s * ahead_s
        elif component != LOCAL_TTS:
            ahead[key] = Decimal(BURST_CHARACTERS)
    return ahead
