"""Which budgets a call concerns, and how their limits change."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from billing.models import Budget, LedgerEntry, Scope
from billing.services.ledger import BudgetStopped, is_stopped


def concerned(campaign_budget_id: int, *, source: str) -> list[Budget]:
    """The company's budgets, the campaign's, and that of the lead's source, in the order of their keys."""
    whose = Q(pk=campaign_budget_id) | Q(scope=Scope.COMPANY)
    if source:
        whose |= Q(scope=Scope.SOURCE, source=source)
    return list(Budget.objects.filter(whose).order_by("pk"))


def check_not_stopped(budgets: list[Budget], *, at: datetime) -> None:
    """Raises BudgetStopped where an alert or a person stopped dialing on one of them."""
    for budget in budgets:
        if is_stopped(budget, at=at):
            raise BudgetStopped(f"Dialing on budget {budget.name!r} is stopped: {budget.stopped_reason}", budget)


def stopped_budget(reference: UUID, *, at: datetime) -> Budget | None:
    """A budget that holds for the call and on which dialing is stopped."""
    holding = Budget.objects.filter(entries__reference=reference, entries__kind=LedgerEntry.Kind.HOLD)
    return next((budget for budget in holding if is_stopped(budget, at=at)), None)
