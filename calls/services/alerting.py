"""What only calls know of a budget, for the watch over money: when it is dialed on, and what was booked."""

from datetime import datetime

from billing.models import Budget, Scope
from billing.services import alerts
from billing.services.outlook import hours_of
from billing.services.readings import LAST_APPOINTMENTS, Figures
from calls.models import Appointment
from calls.services.database import alone

_WATCH_LOCK = 7_201_004
_LAST_BOOKED = 1000
"""So many appointments are looked at, whatever number of calls there were."""


def watch_money(*, now: datetime) -> bool:
    """One look at every budget; False when another process is at it."""
    with alone(_WATCH_LOCK) as leading:
        if leading:
            alerts.watch(now, figures())
        return leading


def figures() -> dict[int, Figures]:
    """By the budget's key. The hours are the campaigns', read on the budget's own clock."""
    budgets = list(Budget.objects.all())
    hours = hours_of(budgets)
    booked = _last_booked()
    complete = len(booked) < _LAST_BOOKED
    found = {}
    for budget in budgets:
        mine = [at for at, budget_id, source in booked if _pays(budget, budget_id, source)]
        found[budget.pk] = Figures(
            hours=hours.get(budget.pk),
            appointments=tuple(mine[: LAST_APPOINTMENTS + 1]),
            known_since=None if complete else booked[-1][0],
        )
    return found


def _pays(budget: Budget, campaign_budget_id: int, source: str) -> bool:
    return (
        budget.pk == campaign_budget_id
        or budget.scope == Scope.COMPANY
        or (budget.scope == Scope.SOURCE and budget.source == source)
    )


def _last_booked() -> list[tuple[datetime, int, str]]:
    """When, the campaign's budget, the lead's source; the newest first. Bookings are numbered as they are made."""
    last = Appointment.objects.filter(call__ended_at__isnull=False).order_by("-pk")[:_LAST_BOOKED]
    rows = last.values_list("call__ended_at", "campaign__budget_id", "call__lead__source")
    return [(at, budget_id, source) for at, budget_id, source in rows if at is not None]
