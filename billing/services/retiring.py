"""A budget is retired, so that another can take its place, and brought back. Its ledger stays."""

from datetime import datetime

import structlog
from django.db import transaction

from billing.models import Budget, Scope
from billing.services.budgets import payer_of

log = structlog.get_logger(__name__)
_NAMED = 5
"""So many campaigns are named where they keep a budget."""


class CannotRetire(Exception):
    """The budget cannot be retired or brought back now; nothing was changed. The text says what to change."""


@transaction.atomic
def retire(budget_id: int, *, at: datetime) -> bool:
    """Let the budget pay for no new call; False where it does not any more. Calls that it pays for go on.

    Raises CannotRetire where a campaign that is not finished names it, Budget.DoesNotExist.
    """
    budget = _locked(budget_id)
    if budget.retired_at is not None:
        return False
    named_by = budget.campaigns.exclude(status="finished").order_by("name")
    if names := list(named_by.values_list("name", flat=True)):
        campaigns = ", ".join(map(repr, names[:_NAMED])) + (" and others" if names[_NAMED:] else "")
        raise CannotRetire(
            f"Budget {budget.name!r} pays for {campaigns}: choose another budget there first, or finish them."
        )
    budget.retired_at = at
    budget.save(update_fields=["retired_at"])
    log.info("budget.retired", budget_id=budget.pk)
    return True


@transaction.atomic
def bring_back(budget_id: int) -> bool:
    """Let a retired budget pay again; False where it was not retired.

    Raises CannotRetire where another pays for its source meanwhile, Budget.DoesNotExist.
    """
    budget = _locked(budget_id)
    if budget.retired_at is None:
        return False
    if budget.scope == Scope.SOURCE and (other := payer_of(budget.source, but=budget)) is not None:
        raise CannotRetire(
            f"Budget {other.name!r} pays for the leads of {budget.source!r} now: retire that one first."
        )
    budget.retired_at = None
    budget.save(update_fields=["retired_at"])
    log.info("budget.brought_back", budget_id=budget.pk)
    return True


def _locked(budget_id: int) -> Budget:
    """Whoever holds money on it waits, or sees what was decided."""
    return Budget.objects.select_for_update(no_key=True).get(pk=budget_id)
