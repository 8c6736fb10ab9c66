"""The terms of a call before it rings: whose voice, how long at most, and what is held for it on which budgets."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from agents.domain.script import VERSION as SCRIPT_VERSION
from billing.domain.card import RateCard
from billing.domain.costing import CallPlan, longest_s, plan_of, worst_case
from billing.domain.money import shown
from billing.models import Budget
from billing.services import budgets
from billing.services.card import card_at
from billing.services.ledger import BudgetExhausted
from calls.models import Campaign, Lead
from voice.domain.types import Tier

SHORTEST_S = 60
"""A call that may not last a minute is not worth its ring."""


@dataclass(frozen=True, slots=True)
class Terms:
    """``hold`` is the worst case, in ``currency``; ``reasons`` are sentences for people."""

    tier: Tier
    max_length_s: int
    hold: Decimal
    currency: str
    budget_ids: tuple[int, ...]
    voice: str
    script_version: str = SCRIPT_VERSION
    reasons: tuple[str, ...] = ()
    premium_chosen: bool = False
    held_out: bool = False


def terms_for(lead: Lead, campaign: Campaign, *, now: datetime) -> Terms:
    """Raises BudgetExhausted where a limit per call leaves no minute or dialing is stopped, RateError for a component
    without a usable rate, MixedCurrencies.
    """
    payers = budgets.concerned(campaign.budget_id, source=lead.source)
    budgets.check_not_stopped(payers, at=now)
    card = card_at(now)
    plan = _affordable(card, plan_for(Tier.LOCAL, campaign.max_call_s), payers)
    worst = worst_case(card, plan)
    return Terms(
        Tier.LOCAL,
        plan.max_length_s,
        worst.total,
        worst.currency,
        tuple(budget.pk for budget in payers),
        voice=settings.VOICE.piper_model or "piper",
    )


def plan_for(tier: Tier, max_length_s: int) -> CallPlan:
    """What a call of this tier may use a second."""
    voice = settings.VOICE
    premium = voice.elevenlabs_component if tier is Tier.PREMIUM else ""
    return plan_of(max_length_s, premium=premium, gpu=voice.gpu_component, gpu_share=voice.gpu_share)


def _affordable(card: RateCard, plan: CallPlan, payers: list[Budget]) -> CallPlan:
    """The plan, shortened to the least of the budgets' limits for one call."""
    limits = {budget.call_limit: budget for budget in payers if budget.call_limit is not None}
    if not limits or worst_case(card, plan).total <= min(limits):
        return plan
    budget = limits[min(limits)]
    length_s = longest_s(card, plan, limit=min(limits))
    if length_s < SHORTEST_S:
        raise BudgetExhausted(
            f"Budget {budget.name!r} allows {shown(min(limits), budget.currency)} for one call, which does not pay "
            f"for {SHORTEST_S} s: raise that limit.",
            budget,
        )
    return replace(plan, max_length_s=length_s)
