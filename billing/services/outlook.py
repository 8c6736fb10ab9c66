"""What a budget's running periods come to at the present pace."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.forecast import CallingHours, Forecast, Pace, forecast, pace_of
from billing.domain.periods import Period
from billing.models import Balance, Budget, Scope, SpendSample
from billing.services.readings import LOOK_BACK

_HORIZON = timedelta(days=90)
"""A total has no end; whether it lasts so long is all that is said of it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    balance: Balance
    forecast: Forecast


def outlook(budget: Budget, running: list[Balance], *, now: datetime) -> list[Outlook]:
    """A forecast for each running period, those without a limit too; none where too little was seen to tell a pace,
    or no campaign that it pays for is running. One that is retired pays for none.
    """
    total = next((one for one in running if one.period == Period.TOTAL), None)
    hours = calling_hours(budget)
    if total is None or hours is None:
        return []
    kept = SpendSample.objects.filter(budget=budget, at__gte=now - LOOK_BACK, at__lt=now).order_by("at")
    pace = pace_of([*kept.values_list("at", "spent"), (now, total.spent)], hours)
    return [] if pace is None else [Outlook(one, _forecast(one, pace, hours, now)) for one in running]


def _forecast(balance: Balance, pace: Pace, hours: CallingHours, now: datetime) -> Forecast:
    ends_at = balance.window.upper or now + _HORIZON
    return forecast(balance.spent, balance.limit, pace, hours, now=now, ends_at=ends_at)


def calling_hours(budget: Budget) -> CallingHours | None:
    """When the running campaigns call that may spend from it; None where none does."""
    return hours_of([budget]).get(budget.pk)


def hours_of(budgets: Iterable[Budget]) -> dict[int, CallingHours]:
    """``calling_hours`` of many in one query, by the relation through which campaigns name budgets."""
    running = Budget.objects.filter(campaigns__status="running").values_list(
        "pk", "campaigns__windows__weekdays", "campaigns__windows__opens_at", "campaigns__windows__closes_at"
    )
    windows = [(pk, (day, opens, closes)) for pk, days, opens, closes in running for day in days or ()]
    found = {}
    for budget in budgets:
        own = budget.scope == Scope.CAMPAIGN
        mine = {window for pk, window in windows if not own or pk == budget.pk}
        if mine and budget.retired_at is None:
            found[budget.pk] = CallingHours(budget.zone, tuple(sorted(mine)))
    return found
