"""Which budgets a call concerns, and how their limits change."""

from datetime import datetime

from django.db.models import Q

from billing.models import Budget, Scope
from billing.services.ledger import BudgetStopped, is_stopped


def concerned(campaign_budget_id: int, *, source: str) -> list[Budget]:
    """The company's budgets, the campaign's, and that of the lead's source, in the order of their keys."""
    whose = Q(pk=campaign_budget_id) | Q(scope=Scope.COMPANY)
    if source:
        whose |= Q(scope=Scope.SOURCE, source=source)
    return list(Budget.objects.filter(whose).order_by("pk"))


def check_not_stopped(reference_budgets: list[Budget], *, at: datetime) -> None:
    """Raises BudgetStopped where an alert or a person stopped dialing on one of them."""
    for budget in reference_budgets:
        if is_stopped(budget, at=at):
            raise BudgetStopped(f"Dialing on budget {budget.name!r} is stopped: {budget.stopped_reason}")
