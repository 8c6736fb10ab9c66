"""A call's money while it talks: what it has cost so far, and what that allows."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from agents.domain.scoring import Scoring
from agents.domain.types import Prospect
from billing.domain.costing import CallUsage, Used, price_call
from billing.domain.watch import Allowance, Moment, Watch
from billing.models import LedgerEntry
from billing.services import meter
from billing.services.card import card_at
from calls.models import Call
from calls.models.campaign import VoiceTier
from calls.services import scripts
from calls.services.terms import plan_for, premium_component
from voice.domain.types import Advice, Tier, Usage


class CallSpending:
    """``voice.ports.Spending`` for one call, on the card of its hold. ``scoring`` says which leads are hot."""

    def __init__(self, allowance: Allowance, scoring: Scoring) -> None:
        self._watch, self._scoring = Watch(allowance), scoring

    def look(self, *, talked_s: float, usage: Sequence[Usage], prospect: Prospect) -> Advice:
        used: defaultdict[Used, Decimal] = defaultdict(Decimal)
        for one in usage:
            used[one.component, one.unit] += one.quantity
        score = scripts.rated(prospect.score, self._scoring)
        now = Moment(Decimal(str(talked_s)), used, prospect.progress.value, score)
        verdict = self._watch.judge(now)
        tier = Tier.PREMIUM if verdict.premium else Tier.LOCAL
        return Advice(verdict.cost, tier, verdict.wrap_up, verdict.end, verdict.reason)


def spending_of(call: Call) -> CallSpending:
    """The spending of a call that is held for, by the wishes of its campaign as they are now.

    Raises LedgerEntry.DoesNotExist for a call without a hold.
    """
    held = _hold_of(call)
    if held is None:
        raise LedgerEntry.DoesNotExist(f"Nothing is held for {call.pk}: a call without a hold may not ring.")
    tier = Tier(call.tier)
    return CallSpending(
        Allowance(
            card_at(held.booked_at),
            plan_for(tier, call.max_length_s),
            held.amount,
            held.budget.currency,
            appointment_value=call.campaign.appointment_value,
            premium=premium_component(tier),
            by_worth=call.campaign.tier == VoiceTier.AUTO,
        ),
        scripts.spoken(call.script).scoring,
    )


def cost_so_far(call: Call, *, now: datetime) -> Decimal:
    """What a live call would cost if it ended now, by what its line has told; a finished one's cost."""
    if call.ended_at is not None or call.answered_at is None:
        return call.cost
    held = _hold_of(call)
    if held is None:
        return call.cost
    talked_s = Decimal(str((now - call.answered_at).total_seconds()))
    usage = CallUsage(talked_s, used=meter.used_by(call.pk))
    return price_call(card_at(held.booked_at), usage, currency=held.budget.currency).total


def _hold_of(call: Call) -> LedgerEntry | None:
    holds = LedgerEntry.objects.select_related("budget")
    return holds.filter(reference=call.pk, kind=LedgerEntry.Kind.HOLD).first()
