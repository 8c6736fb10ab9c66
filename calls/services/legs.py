"""The way to a colleague and the call's money: how long they may talk, and what each phone that answered used."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

from django.conf import settings

from billing.domain.costing import TRANSFER_LEG
from billing.domain.legs import Ringing, billed_s, longest_talk_s, why_unpriced
from billing.domain.rates import Unit
from billing.models import LedgerEntry
from billing.services import meter
from billing.services.card import card_at
from calls.domain.transfers import Transfer
from calls.models import Call
from calls.models.call import Direction
from calls.services.terms import plan_for
from voice.domain.types import Tier

LEAST_S = 30
"""For a shorter talk nobody is rung."""


@dataclass(frozen=True, slots=True)
class Room:
    """``talk_s`` bounds the talk; ``why`` is a sentence where nobody is to be rung, and "" otherwise."""

    talk_s: int
    why: str = ""


def room_of(call: Call, *, at: datetime) -> Room:
    """How long a colleague who is rung at ``at`` may talk, by the call's longest length and what is held for it."""
    held = _hold_of(call)
    if held is None:
        return Room(0, "Nothing is held for this call.")
    card, currency = card_at(held.booked_at), held.budget.currency
    if why := why_unpriced(card, currency):
        return Room(0, why)
    talked_s = Decimal(str((at - call.answered_at).total_seconds())) if call.answered_at else Decimal(0)
    ringing = Ringing(
        card,
        plan_for(Tier(call.tier), call.max_length_s),
        held.amount,
        currency,
        talked_s,
        meter.used_by(call.pk),
        settings.TRANSFER_RING_TIMEOUT_S,
        carrier_ends_it=call.direction == Direction.OUTBOUND,
    )
    talk_s = longest_talk_s(ringing)
    if talk_s >= LEAST_S:
        return Room(talk_s)
    return Room(
        talk_s,
        f"Its longest length and what is held for it leave {talk_s} s for a talk with a colleague, and fewer than "
        f"{LEAST_S} are not worth a ring.",
    )


def lasted_s(transfer: Transfer, told_s: int, *, ended_at: datetime) -> int:
    """Seconds that the phone which was rung last was off the hook, 0 where nobody answered.

    By the carrier's ``told_s``, or by our own clock where that is 0.
    """
    since = transfer.answered_at or transfer.connected_at
    if told_s or since is None:
        return told_s
    return max(1, ceil((ended_at - since).total_seconds()))


def record(call: Call, transfer: Transfer, leg_s: int, *, now: datetime) -> None:
    """Keep what the phone that was rung last used: as the carrier bills it, for each leg by itself. Once a leg."""
    held = _hold_of(call)
    if leg_s and held is not None:
        quantity = billed_s(card_at(held.booked_at), leg_s)
        used = meter.Measured(TRANSFER_LEG, Unit.SECOND.value, quantity, transfer.attempt)
        meter.record(call.pk, [used], reporter=f"transfer {transfer.part}", at=now)


def _hold_of(call: Call) -> LedgerEntry | None:
    holds = LedgerEntry.objects.select_related("budget")
    return holds.filter(reference=call.pk, kind=LedgerEntry.Kind.HOLD).first()
