"""The ledger: hold before the ring, charge after the end, correct when more is known.

Every function belongs into the caller's transaction, so that a call and its money appear and change together. The
lock is always the same: the call's own holds first, then the rows of its budgets in the order of their keys. So no
two calls wait for each other, whatever budgets they share. What a transaction has to do besides belongs before these
calls: a company's budget is locked by every call that begins or ends.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Min, Q, QuerySet

from billing.domain.money import MixedCurrencies, check_amount, shown
from billing.domain.periods import Period, window_of
from billing.models import Balance, Budget, LedgerEntry

log = structlog.get_logger(__name__)
Kind = LedgerEntry.Kind


class BudgetExhausted(Exception):
    """``budget`` has no room for the hold. Nothing was changed; try again later or with another budget."""

    def __init__(self, message: str, budget: Budget) -> None:
        super().__init__(message)
        self.budget = budget


class BudgetStopped(BudgetExhausted):
    """An alert or a person stopped dialing on the budget. Nothing was changed; a person resumes it."""


class NotHeld(Exception):
    """A cost came for a call that holds no money: it was never held for, or was released as never rung."""


@transaction.atomic
def hold(reference: UUID, budget_ids: Iterable[int], amount: Decimal, *, currency: str, at: datetime) -> None:
    """Set ``amount`` aside for the call ``reference`` on all the budgets, or on none.

    Raises BudgetExhausted where one has no room in one of its periods or the amount is above its limit for a call,
    BudgetStopped, MixedCurrencies for a budget in another currency, BadAmount, Budget.DoesNotExist for an unknown
    budget, and IntegrityError for a second hold of the same call.
    """
    check_amount(amount)
    budgets = _locked(budget_ids)
    for budget in budgets:
        _check_may_hold(budget, amount, currency, at)
    balances = _open_balances(budgets, at)
    ids = [balance.pk for balance in balances]
    room = Q(limit__isnull=True) | Q(limit__gte=F("spent") + F("held") + amount)
    if Balance.objects.filter(room, pk__in=ids).update(held=F("held") + amount) != len(ids):
        full = next(one for one in balances if one.limit is not None and one.limit < one.used + amount)
        raise BudgetExhausted(_no_room(full, amount, currency), full.budget)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(budget=budget, reference=reference, kind=Kind.HOLD, amount=amount, at=at, booked_at=at)
        for budget in budgets
    )


@transaction.atomic
def charge(reference: UUID, cost: Decimal, *, at: datetime, details: Mapping[str, object] | None = None) -> Decimal:
    """Release the call's hold and charge ``cost`` on every budget that held for it; the amount that was charged.

    Only the first charge of a call does something; a later one returns what the first charged, whatever its cost.

    A cost above the hold is charged up to the hold: the limit is a promise to the operator, and what lies above the
    hold may belong to other calls that are talking now.

    Raises NotHeld where nothing is held, BadAmount.
    """
    check_amount(cost)
    holds = locked_holds(reference)
    before = LedgerEntry.objects.filter(reference=reference, kind=Kind.CHARGE).first()
    if before is not None:
        return before.amount
    if not holds or is_released(reference):
        raise NotHeld(
            f"Nothing is held for {reference}, so {shown(cost)} cannot be charged: hold for a call before it rings, "
            f"and release only calls that never rang."
        )
    held = holds[0].amount
    charged = min(cost, held)
    _locked(one.budget_id for one in holds)
    _balances_of(holds).update(held=F("held") - held, spent=F("spent") + charged)
    _enter(holds, Kind.RELEASE, held, at=at)
    _enter(holds, Kind.CHARGE, charged, at=at, details=details)
    return charged


@transaction.atomic
def release(reference: UUID, *, at: datetime) -> None:
    """Give back what is held for a call that never rang; nothing where nothing is held any more."""
    holds = locked_holds(reference)
    if not holds or is_released(reference):
        return
    _locked(one.budget_id for one in holds)
    _balances_of(holds).update(held=F("held") - holds[0].amount)
    _enter(holds, Kind.RELEASE, holds[0].amount, at=at)


@transaction.atomic
def correct(
    reference: UUID, amount: Decimal, *, cause: str, at: datetime, details: Mapping[str, object] | None = None
) -> Decimal:
    """Change what a call was charged by ``amount``, which may be negative, once per ``cause``; the change made.

    More is charged only as far as every budget has room; less, only down to nothing. A cause that comes again returns
    what it changed the first time. Raises NotHeld for a call that was not charged, BadAmount.
    """
    check_amount(abs(amount))
    holds = locked_holds(reference)
    entries = LedgerEntry.objects.filter(reference=reference)
    before = entries.filter(kind=Kind.CORRECTION, cause=cause).first()
    if before is not None:
        return before.amount
    charged = entries.filter(kind=Kind.CHARGE).first()
    if charged is None:
        raise NotHeld(f"The call {reference} was not charged, so its cost cannot be corrected: settle it first.")
    _locked(one.budget_id for one in holds)
    balances = _balances_of(holds)
    change = max(amount, -charged_to(reference, holds[0].budget_id))
    if change > 0:
        free = balances.aggregate(least=Min(F("limit") - F("spent") - F("held")))["least"]
        change = change if free is None else min(change, free)
    balances.update(spent=F("spent") + change)
    _enter(holds, Kind.CORRECTION, change, at=at, cause=cause, details=details)
    return change


def locked_holds(reference: UUID) -> list[LedgerEntry]:
    """The call's holds, locked: whoever meters, settles, releases or corrects the same call waits here."""
    holds = LedgerEntry.objects.select_for_update(no_key=True, of=("self",)).select_related("budget")
    return list(holds.filter(reference=reference, kind=Kind.HOLD).order_by("budget_id"))


def is_released(reference: UUID) -> bool:
    """Whether the call's hold was given back, by a charge or because it never rang."""
    return LedgerEntry.objects.filter(reference=reference, kind=Kind.RELEASE).exists()


def charged_to(reference: UUID, budget_id: int) -> Decimal:
    """What the call was charged on one budget, corrections included."""
    kinds = (Kind.CHARGE, Kind.CORRECTION)
    entries = LedgerEntry.objects.filter(reference=reference, budget_id=budget_id, kind__in=kinds)
    return sum(entries.values_list("amount", flat=True), Decimal(0))


def _locked(budget_ids: Iterable[int]) -> list[Budget]:
    """The budgets' rows, locked in the order of their keys."""
    wanted = sorted(set(budget_ids))
    budgets = list(Budget.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk"))
    if len(budgets) != len(wanted):
        missing = sorted(set(wanted) - {budget.pk for budget in budgets})
        raise Budget.DoesNotExist(f"There is no budget {missing[0]}: choose another for the campaign.")
    return budgets


def _check_may_hold(budget: Budget, amount: Decimal, currency: str, at: datetime) -> None:
    if budget.currency != currency:
        raise MixedCurrencies(
            f"Budget {budget.name!r} is in {budget.currency} and the call is priced in {currency}: "
            f"use a budget in {currency}, or enter the rates in {budget.currency}."
        )
    if is_stopped(budget, at=at):
        raise BudgetStopped(f"Dialing on budget {budget.name!r} is stopped: {budget.stopped_reason}", budget)
    if budget.call_limit is not None and amount > budget.call_limit:
        raise BudgetExhausted(
            f"A call could cost {shown(amount, currency)}, and budget {budget.name!r} allows "
            f"{shown(budget.call_limit, currency)} for one: raise that limit, or shorten the longest call.",
            budget,
        )


def is_stopped(budget: Budget, *, at: datetime) -> bool:
    return budget.stopped_at is not None and (budget.stopped_until is None or at < budget.stopped_until)


def _open_balances(budgets: list[Budget], at: datetime) -> list[Balance]:
    """Those of the periods that ``at`` falls into, made where a period begins. The budgets are locked.

    Every budget has all four, limited or not, so a limit that comes later finds what was spent before it.
    """
    there = list(Balance.objects.filter(budget__in=budgets, window__contains=at))
    found = {(balance.budget_id, balance.period) for balance in there}
    missing = [
        Balance(
            budget=budget,
            period=period.value,
            window=window_of(period, budget.zone, at),
            limit=budget.limit_of(period),
        )
        for budget in budgets
        for period in Period
        if (budget.pk, period.value) not in found
    ]
    names = {budget.pk: budget for budget in budgets}
    for balance in there:
        balance.budget = names[balance.budget_id]
    return there + Balance.objects.bulk_create(missing)


def _no_room(full: Balance, amount: Decimal, currency: str) -> str:
    period = "" if full.period == Period.TOTAL else f" this {full.period}"
    return (
        f"Budget {full.budget.name!r} cannot hold {shown(amount, currency)} more{period}: "
        f"raise its limit or wait for calls to settle."
    )


def _balances_of(holds: list[LedgerEntry]) -> QuerySet[Balance]:
    """The balances that the holds counted in. All holds of a call have one amount and one instant."""
    ids = [one.budget_id for one in holds]
    return Balance.objects.filter(budget_id__in=ids, window__contains=holds[0].booked_at)


def _enter(
    holds: list[LedgerEntry],
    kind: str,
    amount: Decimal,
    *,
    at: datetime,
    cause: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            budget_id=one.budget_id,
            reference=one.reference,
            kind=kind,
            cause=cause,
            amount=amount,
            at=at,
            booked_at=one.booked_at,
            details=dict(details or {}),
        )
        for one in holds
    )
