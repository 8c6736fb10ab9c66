"""Which budgets a call concerns, and how their limits change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from billing.domain.money import BadAmount, check_amount, shown
from billing.domain.periods import IN_WORDS, Period
from billing.models import Balance, Budget, LedgerEntry, Scope
from billing.models.budget import LIMIT_FIELDS
from billing.services.ledger import check_dialed_on, is_stopped


def concerned(campaign_budget_id: int, *, source: str) -> list[Budget]:
    """The company's budgets, the campaign's, and that of the lead's source, in the order of their keys.

    Retired ones pay for no new call. The campaign's is there all the same: without it nothing is dialed.
    """
    others = Q(scope=Scope.COMPANY)
    if source:
        others |= Q(scope=Scope.SOURCE, source=source)
    whose = Q(pk=campaign_budget_id) | (Q(retired_at__isnull=True) & others)
    return list(Budget.objects.filter(whose).order_by("pk"))


def check_not_stopped(budgets: list[Budget], *, at: datetime) -> None:
    """Raises BudgetStopped where an alert or a person stopped dialing on one of them, or one is retired."""
    for budget in budgets:
        check_dialed_on(budget, at=at)


def stopped_budget(reference: UUID, *, at: datetime) -> Budget | None:
    """A budget that holds for the call and on which dialing is stopped."""
    holding = Budget.objects.filter(entries__reference=reference, entries__kind=LedgerEntry.Kind.HOLD)
    return next((budget for budget in holding if is_stopped(budget, at=at)), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a budget allows in all, in each period and for one call; None does not limit."""

    total: Decimal | None
    day: Decimal | None = None
    week: Decimal | None = None
    month: Decimal | None = None
    call: Decimal | None = None

    def of(self, period: Period) -> Decimal | None:
        limit: Decimal | None = getattr(self, period.value)
        return limit


class BudgetRefused(Exception):
    """The budget cannot be so; nothing was changed. ``problems`` are sentences by the field that they are about."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


FIXED = ("currency", "zone", "scope", "source")
"""What cannot change once money was held, since all that was booked would mean something else."""


def change_limits(budget_id: int, limits: Limits, *, at: datetime) -> None:
    """Set every limit, from now on and in the periods that are running; those that are over keep theirs.

    Raises BudgetRefused where a limit is no amount, or below what is spent and held in a running period;
    Budget.DoesNotExist.
    """
    change(budget_id, {}, limits, at=at)


@transaction.atomic
def change(budget_id: int, fields: Mapping[str, str], limits: Limits, *, at: datetime) -> None:
    """Set every limit as ``change_limits`` does, and the other ``fields`` that are given: name and those of FIXED.

    Raises BudgetRefused as well for a field that cannot change any more or makes no sense.
    """
    budget = Budget.objects.select_for_update(no_key=True).get(pk=budget_id)
    running = list(_running(budget, at))
    if problems := _problems(budget, fields, limits, running):
        raise BudgetRefused(problems)
    for field, value in fields.items():
        setattr(budget, field, value)
    for period, field in LIMIT_FIELDS.items():
        setattr(budget, field, limits.of(period))
    budget.call_limit = limits.call
    budget.save(update_fields=[*fields, *LIMIT_FIELDS.values(), "call_limit"])
    for balance in running:
        balance.limit = limits.of(Period(balance.period))
    Balance.objects.bulk_update(running, ["limit"])


def problems_of(budget: Budget, fields: Mapping[str, str], limits: Limits, *, at: datetime) -> dict[str, str]:
    """What ``change`` would refuse now, sentences by field; ``budget`` may be new. Nothing is locked."""
    return _problems(budget, fields, limits, _running(budget, at) if budget.pk else [])


def payer_of(source: str, *, but: Budget) -> Budget | None:
    """Another budget than ``but`` that pays for the leads of one source now."""
    return Budget.objects.active().filter(scope=Scope.SOURCE, source=source).exclude(pk=but.pk).first()


def fixed_fields(budget: Budget) -> frozenset[str]:
    """Fields that cannot change any more."""
    return frozenset(FIXED) if budget.balances.exists() else frozenset()


def lead_sources() -> list[str]:
    """The sources that leads have, by the relation through which budgets are named for them."""
    of_leads = "campaigns__leads__source"
    found = Budget.objects.filter(**{f"{of_leads}__gt": ""}).values_list(of_leads, flat=True)
    return list(found.distinct().order_by(of_leads))


def _running(budget: Budget, at: datetime) -> QuerySet[Balance]:
    """Balances of the periods that are not over at ``at``. One may have begun since: clocks differ."""
    return budget.balances.filter(Q(window__endswith__gt=at) | Q(window__endswith__isnull=True))


def _problems(
    budget: Budget, fields: Mapping[str, str], limits: Limits, running: Iterable[Balance]
) -> dict[str, str]:
    return _wrong_fields(budget, fields) | _wrong_limits(budget, limits, running)


def _wrong_limits(budget: Budget, limits: Limits, running: Iterable[Balance]) -> dict[str, str]:
    problems: dict[str, str] = {}
    amounts = {**{field: limits.of(period) for period, field in LIMIT_FIELDS.items()}, "call_limit": limits.call}
    for field, amount in amounts.items():
        try:
            if amount is not None:
                check_amount(amount)
        except BadAmount as error:
            problems[field] = str(error)
    for balance in running:
        limit, field = limits.of(Period(balance.period)), LIMIT_FIELDS[Period(balance.period)]
        if limit is not None and field not in problems and limit < balance.used:
            problems[field] = _too_low(balance, limit, budget.currency)
    return problems


def _wrong_fields(budget: Budget, fields: Mapping[str, str]) -> dict[str, str]:
    changed = {field for field, value in fields.items() if value != getattr(budget, field)}
    if budget.pk and (fixed := changed & fixed_fields(budget)):
        return dict.fromkeys(fixed, _HELD_ON)
    scope, source = fields.get("scope", budget.scope), fields.get("source", budget.source)
    if scope != Scope.SOURCE:
        return {"source": "Only a budget for leads of one source names one: leave this empty."} if source else {}
    return _wrong_source(budget, source)


def _wrong_source(budget: Budget, source: str) -> dict[str, str]:
    if not source:
        return {"source": "Choose the source whose leads it pays for."}
    if budget.pk and (campaigns := budget.campaigns.count()):
        return {"scope": f"{campaigns} of the campaigns name this budget: choose another for them first."}
    if budget.retired_at is None and (other := payer_of(source, but=budget)) is not None:
        return {"source": _TAKEN.format(other.name, source)}
    if source != budget.source and source not in (known := lead_sources()):
        offered = f"choose one of {', '.join(known[:_OFFERED])}" if known else "import leads that have one first"
        return {"source": f"No lead has the source {source!r}: {offered}."}
    return {}


def _too_low(balance: Balance, limit: Decimal, currency: str) -> str:
    when = "" if balance.period == Period.TOTAL else f" {IN_WORDS[Period(balance.period)]}"
    return (
        f"{shown(limit, currency)} is less than the {shown(balance.spent, currency)} spent and "
        f"{shown(balance.held, currency)} held{when}: enter at least {shown(balance.used, currency)}, "
        f"or wait for calls to settle."
    )


_OFFERED = 20
_HELD_ON = "Money was held on this budget, so this cannot change: retire it, and make a new one in its place."
_TAKEN = "Budget {!r} pays for the leads of {!r} already: change that one, or retire it first."
