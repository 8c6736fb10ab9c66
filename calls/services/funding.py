"""Where a campaign's money comes from, how much is left, and why nothing is dialed for lack of it."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.card import RateError
from billing.domain.money import MixedCurrencies
from billing.domain.periods import Period
from billing.models import Balance, Budget, Scope
from billing.services import budgets, ledger
from billing.services.ledger import BudgetExhausted
from calls.models import Campaign, Lead
from calls.models.lead import LeadStatus
from calls.services.terms import terms_for

_SOURCES = 10
"""So many lead sources with a budget of their own are shown."""


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget that pays for a campaign's calls, by its tightest period; ``balance`` has no limit where none has."""

    budget: Budget
    balance: Balance


def purses(campaign: Campaign, *, now: datetime) -> list[Purse]:
    """The campaign's budget, the company's, and those of its open leads' sources."""
    of_company = budgets.concerned(campaign.budget_id, source="")
    sources = Lead.objects.filter(campaign=campaign, status=LeadStatus.OPEN).exclude(source="").values("source")
    of_sources = Budget.objects.active().filter(scope=Scope.SOURCE, source__in=sources).order_by("name")[:_SOURCES]
    paying = {budget.pk: budget for budget in (*of_company, *of_sources)}
    running: dict[tuple[int, str], Balance] = {}
    for balance in Balance.objects.filter(budget__in=list(paying), window__contains=now):
        running[balance.budget_id, balance.period] = balance
    return [Purse(budget, _tightest(budget, running)) for budget in paying.values()]


def _tightest(budget: Budget, running: dict[tuple[int, str], Balance]) -> Balance:
    """The period with the least that is free; the total, where nothing limits. A period without calls is all free."""
    found = [
        running.get((budget.pk, period.value))
        or Balance(budget=budget, period=period.value, limit=budget.limit_of(period))
        for period in Period
    ]
    limited = [balance for balance in found if balance.free is not None]
    return min(limited, key=lambda balance: balance.free or 0) if limited else found[0]


def why_not_payable(campaign: Campaign, *, now: datetime) -> str:
    """Why the campaign's next call cannot be paid for, as a sentence; "" where it can, or there is no lead to call.

    It is the lead that would be dialed next, on the terms that it would be dialed on.
    """
    reachable = Lead.objects.filter(campaign=campaign, status=LeadStatus.OPEN).reachable().as_indexed()
    lead = reachable.due(now=now).idle().first() or reachable.order_by("next_attempt_at", "pk").first()
    if lead is None:
        return ""
    try:
        terms = terms_for(lead, campaign, now=now)
        ledger.check_room(terms.budget_ids, terms.hold, currency=terms.currency, at=now)
    except (BudgetExhausted, RateError, MixedCurrencies) as unpaid:
        return str(unpaid)
    return ""
