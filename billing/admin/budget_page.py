"""What a budget's page shows besides its form: its periods, what it pays for, and what was booked last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.utils.safestring import SafeString

from billing.admin.base import bar, link_to_call, rounded
from billing.domain.money import shown
from billing.domain.periods import IN_WORDS, Period
from billing.models import Balance, Budget, Scope
from billing.services.ledger import is_stopped
from billing.services.outlook import Outlook, outlook

_HISTORY, _ENTRIES, _CAMPAIGNS, _ALERTS = 30, 20, 50, 10
_ORDER = [period.value for period in (Period.DAY, Period.WEEK, Period.MONTH, Period.TOTAL)]


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """One period for reading. ``outlook`` is "" where nothing can be said."""

    name: str
    spent: str
    held: str
    limit: str
    free: str
    bar: SafeString | str
    outlook: str = ""


def page_of(budget: Budget, user: AbstractUser | AnonymousUser, *, now: datetime) -> dict[str, Any]:
    """Everything for the template; each list is bounded."""
    running = list(budget.balances.filter(window__contains=now))
    ahead = {one.balance.pk: one for one in outlook(budget, running, now=now)}
    by_period = {balance.period: balance for balance in running}
    rows = [by_period.get(name) or _empty(budget, Period(name)) for name in _ORDER]
    past = budget.balances.filter(window__endswith__lte=now).order_by("-window", "period")[:_HISTORY]
    return {
        "running": [_row(one, budget, IN_WORDS[Period(one.period)].capitalize(), ahead.get(one.pk)) for one in rows],
        "past": [_row(one, budget, _past_name(one, budget.zone)) for one in past],
        "campaigns": _campaigns(budget) if user.has_perm("calls.view_campaign") else None,
        "alerts": budget.alerts.filter(ended_at__isnull=True)[:_ALERTS]
        if user.has_perm("billing.view_alert")
        else None,
        "entries": [
            (
                entry,
                entry.get_kind_display().lower(),
                shown(entry.amount, budget.currency),
                link_to_call(entry.reference),
            )
            for entry in budget.entries.order_by("-at", "-pk")[:_ENTRIES]
        ]
        if user.has_perm("billing.view_ledgerentry")
        else None,
        "stopped": budget.retired_at is None and is_stopped(budget, at=now),
        "budget": budget,
    }


def _empty(budget: Budget, period: Period) -> Balance:
    """A period in which nothing was held yet."""
    return Balance(budget=budget, period=period.value, limit=budget.limit_of(period))


def _row(balance: Balance, budget: Budget, name: str, ahead: Outlook | None = None) -> PeriodRow:
    return PeriodRow(
        name=name,
        spent=rounded(balance.spent),
        held=rounded(balance.held),
        limit="no limit" if balance.limit is None else rounded(balance.limit),
        free="" if balance.free is None else rounded(balance.free),
        bar=bar(balance.used, balance.limit, budget.currency),
        outlook=_words(ahead, budget) if ahead else "",
    )


def _words(ahead: Outlook, budget: Budget) -> str:
    """At the present pace."""
    told, zone = ahead.forecast, ZoneInfo(budget.zone)
    if told.exhausted_at is not None:
        return f"used up on {told.exhausted_at.astimezone(zone):%a %Y-%m-%d, %H:%M}"
    if ahead.balance.window.upper is None:
        return "lasts for 90 days and more" if ahead.balance.limit is not None else ""
    return f"about {rounded(told.at_end)} at its end ({rounded(told.low)} to {rounded(told.high)})"


def _past_name(balance: Balance, zone: str) -> str:
    """``Day 2026-11-22`` in the budget's zone; a week by its Monday, a month by its first."""
    since = balance.window.lower.astimezone(ZoneInfo(zone))
    if balance.period == Period.MONTH:
        return f"{since:%B %Y}"
    return f"{balance.period.capitalize()} {'from ' if balance.period == Period.WEEK else ''}{since:%Y-%m-%d}"


def _campaigns(budget: Budget) -> Any:
    """Those that it pays for by name; a company's budget pays for the others too, and so may a source's."""
    if budget.scope == Scope.SOURCE:
        return []
    return budget.campaigns.order_by("name")[:_CAMPAIGNS]
