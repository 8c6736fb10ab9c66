"""A call's money while it talks: what it has cost so far, and what that allows."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from agents.domain.types import Prospect
from billing.domain.card import RateCard
from billing.domain.costing import CallUsage, Used, price_call
from billing.models import LedgerEntry
from billing.services import meter
from billing.services.card import card_at
from calls.models import Call
from voice.domain.types import Advice, Tier, Usage


class CallSpending:
    """``voice.ports.Spending`` for one call, on the card of its hold."""

    def __init__(self, card: RateCard, *, currency: str, tier: Tier) -> None:
        self._card, self._currency, self._tier = card, currency, tier

    def look(self, *, talked_s: float, usage: Sequence[Usage], prospect: Prospect) -> Advice:
        used: defaultdict[Used, Decimal] = defaultdict(Decimal)
        for one in usage:
            used[one.component, one.unit] += one.quantity
        bill = price_call(self._card, CallUsage(Decimal(str(talked_s)), used=used), currency=self._currency)
        return Advice(bill.total, self._tier)


def spending_of(call: Call) -> CallSpending:
    """The spending of a call that is held for."""
    held = LedgerEntry.objects.select_related("budget").filter(reference=call.pk, kind=LedgerEntry.Kind.HOLD).first()
    if held is None:
        raise LedgerEntry.DoesNotExist(f"Nothing is held for {call.pk}: a call without a hold may not ring.")
    return CallSpending(card_at(held.booked_at), currency=held.budget.currency, tier=Tier(call.tier))


def cost_so_far(call: Call, *, now: datetime) -> Decimal:
    """What a live call would cost if it ended now, by what its line has told; a finished one's cost."""
    if call.ended_at is not None or call.answered_at is None:
        return call.cost
    talked_s = Decimal(str((now - call.answered_at).total_seconds()))
    held = LedgerEntry.objects.select_related("budget").filter(reference=call.pk, kind=LedgerEntry.Kind.HOLD).first()
    if held is None:
        return call.cost
    usage = CallUsage(talked_s, used=meter.used_by(call.pk))
    return price_call(card_at(held.booked_at), usage, currency=held.budget.currency).total
