"""The ledger: hold before the ring, charge after the end, correct when more is known.

Every function belongs into the caller's transaction, so that a call and its money appear and change together. The
lock is always the same: the call's own holds, and the rows of its budgets in the order of their keys. So no two calls
wait for each other, whatever budgets they share; a transaction that moves the money of several calls says so first,
by ``lock``. What it has to do besides belongs before these calls: a company's budget is locked by every call that
begins or ends. Why so: docs/adr/0007-one-lock-per-budget.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, F, Min, QuerySet, Value, When
from django.db.models.functions import Coalesce

from billing.domain.money import LARGEST, MixedCurrencies, check_amount, shown
from billing.domain.periods import IN_WORDS, Period, Window, window_of
from billing.models import Balance, Budget, LedgerEntry

Kind = LedgerEntry.Kind
RELEASE, CHARGE = (Kind.RELEASE, ""), (Kind.CHARGE, "")
_FREE = Coalesce("limit", LARGEST) - F("spent") - F("held")
"""Where nothing limits, the column does: a sum that it cannot hold is refused with a sentence."""
_NO_BUDGET = "A call that no budget pays for does not ring: choose one for the campaign."
_NOTHING = Decimal(0)
_NOBODY = UUID(int=0)


class BudgetExhausted(Exception):
    """``budget`` has no room for the hold. Nothing was changed; try again later or with another budget."""

    def __init__(self, message: str, budget: Budget) -> None:
        super().__init__(message)
        self.budget = budget


class BudgetStopped(BudgetExhausted):
    """Dialing on the budget is stopped, or it is retired. Nothing was changed; a person resumes it."""


class ForeignBudget(MixedCurrencies):
    """``budget`` is in another currency than the call. Nothing was changed; a person names another budget."""

    def __init__(self, message: str, budget: Budget) -> None:
        super().__init__(message)
        self.budget = budget


Refusal = BudgetExhausted | ForeignBudget


class AlreadyHeld(IntegrityError):
    """The call holds money or held it. A call is held for once, on all its budgets together; nothing was changed."""


class NotHeld(Exception):
    """A cost came for a call that holds no money: it was never held for, or was released as never rung."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """That ``amount`` be set aside for the call ``reference`` on all of the budgets."""

    reference: UUID
    budget_ids: tuple[int, ...]
    amount: Decimal
    currency: str


def hold(reference: UUID, budget_ids: Iterable[int], amount: Decimal, *, currency: str, at: datetime) -> None:
    """Set ``amount`` aside for the call ``reference`` on all the budgets, or on none.

    Raises BudgetExhausted where one has no room in one of its periods or the amount is above its limit for a call,
    BudgetStopped, ForeignBudget for one in another currency, BadAmount, Budget.DoesNotExist for an unknown
    budget or none at all, and AlreadyHeld.
    """
    refused = hold_all([Wanted(reference, tuple(budget_ids), amount, currency)], at=at)
    if refused:
        raise refused[reference]


@transaction.atomic
def hold_all(wanted: Sequence[Wanted], *, at: datetime) -> dict[UUID, Refusal]:
    """Set money aside for many calls, for each on all its budgets or on none; whom it was refused, and why.

    They are served in their order, and a budget that had no room for one has none for those after it, so that a
    dearer call is not overtaken by cheaper ones for ever. A refusal is what ``hold`` raises for it. Raises BadAmount,
    Budget.DoesNotExist and AlreadyHeld, for the whole, and then nothing was changed.
    """
    if not wanted:
        return {}
    for one in wanted:
        check_amount(one.amount)
        if not one.budget_ids:
            raise Budget.DoesNotExist(_NO_BUDGET)
    budgets = _locked(budget_id for one in wanted for budget_id in one.budget_ids)
    balances = _balances_at(budgets, at)
    sums, refused = _allot(wanted, budgets, balances, at)
    held = [one for one in wanted if one.reference not in refused]
    if not held:
        return refused
    Balance.objects.bulk_create(one for one in balances if one.pk is None and one.budget_id in sums)
    ids = [balance.pk for balance in balances if balance.budget_id in sums]
    more = Case(*(When(budget=budget_id, then=Value(amount)) for budget_id, amount in sums.items()))
    before = LedgerEntry.objects.filter(reference__in=[one.reference for one in held], kind=Kind.HOLD)
    # The rows of the budgets are locked, so what was free still is; the check constraint stands behind it.
    if Balance.objects.filter(~Exists(before), pk__in=ids).update(held=F("held") + more) != len(ids):
        raise AlreadyHeld(f"The call {before[0].reference} was held for before: a new attempt is a new call.")
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            budget_id=budget_id,
            reference=one.reference,
            kind=Kind.HOLD,
            amount=one.amount,
            at=at,
            booked_at=at,
        )
        for one in held
        for budget_id in sorted(set(one.budget_ids))
    )
    return refused


def would_refuse(wanted: Sequence[Wanted], *, at: datetime) -> dict[UUID, Refusal]:
    """Whom ``hold_all`` would refuse now; nothing is locked and nothing changes."""
    ids = {budget_id for one in wanted for budget_id in one.budget_ids}
    budgets = list(Budget.objects.filter(pk__in=ids).order_by("pk"))
    return _allot(wanted, budgets, _balances_at(budgets, at), at)[1]


def check_room(budget_ids: Iterable[int], amount: Decimal, *, currency: str, at: datetime) -> None:
    """Raises what ``hold`` would raise now for lack of room; nothing is locked and nothing changes."""
    for refusal in would_refuse([Wanted(_NOBODY, tuple(budget_ids), amount, currency)], at=at).values():
        raise refusal


def _allot(
    wanted: Sequence[Wanted], budgets: Sequence[Budget], balances: Sequence[Balance], at: datetime
) -> tuple[dict[int, Decimal], dict[UUID, Refusal]]:
    """How much each budget gives to those that it has room for, and the refusals of the others."""
    by_id = {budget.pk: budget for budget in budgets}
    of_budget = {pk: [one for one in balances if one.budget_id == pk] for pk in by_id}
    given: dict[int, Decimal] = {}
    full: dict[int, Refusal] = {}
    refused: dict[UUID, Refusal] = {}
    for one in wanted:
        mine = [pk for pk in sorted(set(one.budget_ids)) if pk in by_id]
        try:
            for pk in mine:
                _check_may_hold(by_id[pk], one.amount, one.currency, at)
        except (BudgetExhausted, ForeignBudget) as refusal:
            refused[one.reference] = refusal
            continue
        for pk in mine:
            if pk not in full and (no_room := _too_full(of_budget[pk], given.get(pk, _NOTHING), one)):
                full[pk] = no_room
        if why := next((full[pk] for pk in mine if pk in full), None):
            refused[one.reference] = why
            continue
        for pk in mine:
            given[pk] = given.get(pk, _NOTHING) + one.amount
    return given, refused


def _too_full(balances: Sequence[Balance], given: Decimal, wanted: Wanted) -> BudgetExhausted | None:
    """Why a budget that has ``given`` already has no room for one more; None where it has."""
    for balance in balances:
        if _free(balance) - given < wanted.amount:
            return BudgetExhausted(_no_room(balance, wanted.amount, wanted.currency), balance.budget)
    return None


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
    booked = booked_for(holds)
    if (before := booked.get(CHARGE)) is not None:
        return before
    if not holds or RELEASE in booked:
        raise not_held(reference)
    return charge_open(holds, cost, at=at, details=details)


def not_held(reference: UUID) -> NotHeld:
    return NotHeld(
        f"Nothing is held for {reference}: hold for a call before it rings, and release only a call that never rang."
    )


def charge_open(
    holds: list[LedgerEntry], cost: Decimal, *, at: datetime, details: Mapping[str, object] | None = None
) -> Decimal:
    """``charge`` for whoever has locked the holds and seen that they are neither charged nor released."""
    check_amount(cost)
    _locked(one.budget_id for one in holds)
    held = holds[0].amount
    charged = min(cost, held)
    _balances_of(holds).update(held=F("held") - held, spent=F("spent") + charged)
    LedgerEntry.objects.bulk_create(
        _entries(holds, Kind.RELEASE, held, at=at) + _entries(holds, Kind.CHARGE, charged, at=at, details=details)
    )
    return charged


@transaction.atomic
def release(reference: UUID, *, at: datetime) -> None:
    """Give back what is held for a call that never rang; nothing where nothing is held any more."""
    holds = _locked_with_budgets(reference)
    if not holds or RELEASE in booked_for(holds):
        return
    _balances_of(holds).update(held=F("held") - holds[0].amount)
    LedgerEntry.objects.bulk_create(_entries(holds, Kind.RELEASE, holds[0].amount, at=at))


@transaction.atomic
def correct(
    reference: UUID, amount: Decimal, *, cause: str, at: datetime, details: Mapping[str, object] | None = None
) -> Decimal:
    """Change what a call was charged by ``amount``, which may be negative, once per ``cause``; the change made.

    More is charged only as far as every budget has room and allows for one call; less, only down to nothing. A cause
    that comes again returns what it changed the first time. Raises NotHeld for a call that was not charged and
    BadAmount.
    """
    check_amount(abs(amount))
    holds = _locked_with_budgets(reference)
    booked = booked_for(holds)
    if (before := booked.get((Kind.CORRECTION, cause))) is not None:
        return before
    if CHARGE not in booked:
        raise NotHeld(f"The call {reference} was not charged, so its cost cannot be corrected: settle it first.")
    charged = _charged(booked)
    change = max(amount, -charged) if amount < 0 else min(amount, _room_to_correct(holds, charged))
    _balances_of(holds).update(spent=F("spent") + change)
    LedgerEntry.objects.bulk_create(_entries(holds, Kind.CORRECTION, change, at=at, cause=cause, details=details))
    return change


def room_to_correct(reference: UUID) -> Decimal:
    """What more a settled call may be charged by now, 0 or more; nothing is locked and nothing changes."""
    holds = LedgerEntry.objects.select_related("budget").filter(reference=reference, kind=Kind.HOLD)
    found = list(holds.order_by("budget_id"))
    return _room_to_correct(found, _charged(booked_for(found))) if found else _NOTHING


def lock(references: Iterable[UUID]) -> None:
    """Lock the money of several calls at once, before the first of them moves; calls that hold nothing do no harm.

    One after the other, two transactions could each have a budget that the other waits for.
    """
    holds = LedgerEntry.objects.select_for_update(no_key=True).filter(reference__in=set(references), kind=Kind.HOLD)
    if budget_ids := set(holds.order_by("reference", "budget_id").values_list("budget_id", flat=True)):
        _locked(budget_ids)


def locked_holds(reference: UUID) -> list[LedgerEntry]:
    """The call's holds, locked: whoever meters, settles, releases or corrects the same call waits here."""
    holds = LedgerEntry.objects.select_for_update(no_key=True, of=("self",)).select_related("budget")
    return list(holds.filter(reference=reference, kind=Kind.HOLD).order_by("budget_id"))


def is_released(reference: UUID) -> bool:
    """Whether the call's hold was given back, by a charge or because it never rang."""
    return LedgerEntry.objects.filter(reference=reference, kind=Kind.RELEASE).exists()


def _locked_with_budgets(reference: UUID) -> list[LedgerEntry]:
    """The call's holds and, in the order of their keys, its budgets, locked in one statement."""
    holds = LedgerEntry.objects.select_for_update(no_key=True, of=("self", "budget")).select_related("budget")
    return list(holds.filter(reference=reference, kind=Kind.HOLD).order_by("budget_id"))


def booked_for(holds: list[LedgerEntry]) -> dict[tuple[str, str], Decimal]:
    """What was booked for the locked call, by kind and cause, on its first budget; on the others it is the same.

    A statement of its own after the lock, so that it sees what was committed while it waited.
    """
    if not holds:
        return {}
    entries = LedgerEntry.objects.filter(reference=holds[0].reference, budget_id=holds[0].budget_id)
    return {(kind, cause): amount for kind, cause, amount in entries.values_list("kind", "cause", "amount")}


def _charged(booked: Mapping[tuple[str, str], Decimal]) -> Decimal:
    """What a call was charged in all, by what was booked for it."""
    return sum((one for (kind, _), one in booked.items() if kind in (Kind.CHARGE, Kind.CORRECTION)), Decimal(0))


def _room_to_correct(holds: list[LedgerEntry], charged: Decimal) -> Decimal:
    """What more the call may be charged, 0 or more: a limit for one call may have been lowered meanwhile."""
    limits = [one.budget.call_limit for one in holds if one.budget.call_limit is not None]
    free: Decimal = _balances_of(holds).aggregate(least=Min(_FREE))["least"]
    return max(Decimal(0), min([free, *(limit - charged for limit in limits)]))


def _locked(budget_ids: Iterable[int]) -> list[Budget]:
    """The budgets' rows, locked in the order of their keys."""
    wanted = sorted(set(budget_ids))
    if not wanted:
        raise Budget.DoesNotExist(_NO_BUDGET)
    budgets = list(Budget.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk"))
    if len(budgets) != len(wanted):
        missing = sorted(set(wanted) - {budget.pk for budget in budgets})
        raise Budget.DoesNotExist(f"There is no budget {missing[0]}: choose another for the campaign.")
    return budgets


def _check_may_hold(budget: Budget, amount: Decimal, currency: str, at: datetime) -> None:
    if budget.currency != currency:
        raise ForeignBudget(
            f"Budget {budget.name!r} is in {budget.currency} and the call is priced in {currency}: "
            f"use a budget in {currency}, or enter the rates in {budget.currency}.",
            budget,
        )
    check_dialed_on(budget, at=at)
    if budget.call_limit is not None and amount > budget.call_limit:
        raise BudgetExhausted(
            f"A call could cost {shown(amount, currency)}, and budget {budget.name!r} allows "
            f"{shown(budget.call_limit, currency)} for one: raise that limit, or shorten the longest call.",
            budget,
        )


def check_dialed_on(budget: Budget, *, at: datetime) -> None:
    """Raises BudgetStopped where an alert or a person stopped dialing on it, or where it is retired."""
    if budget.retired_at is not None:
        raise BudgetStopped(
            f"Budget {budget.name!r} is retired and pays for no new call: choose another, or bring it back.", budget
        )
    if is_stopped(budget, at=at):
        raise BudgetStopped(f"Dialing on budget {budget.name!r} is stopped: {budget.stopped_reason}", budget)


def is_stopped(budget: Budget, *, at: datetime) -> bool:
    return budget.stopped_at is not None and (budget.stopped_until is None or at < budget.stopped_until)


def _balances_at(budgets: list[Budget], at: datetime) -> list[Balance]:
    """Those of the periods that ``at`` falls into, unsaved where a period has none yet.

    Every budget has all four, limited or not, so a limit that comes later finds what was spent before it.
    """
    there = list(Balance.objects.filter(budget__in=budgets, window__contains=at))
    found = {(balance.budget_id, balance.period) for balance in there}
    by_key = {budget.pk: budget for budget in budgets}
    for balance in there:
        balance.budget = by_key[balance.budget_id]
    missing = {
        (budget, period): window_of(period, budget.zone, at)
        for budget in budgets
        for period in Period
        if (budget.pk, period.value) not in found
    }
    return there + [
        Balance(budget=budget, period=period.value, window=window, limit=budget.limit_of(period))
        for (budget, period), window in _cut(missing, at).items()
    ]


def _cut(windows: dict[tuple[Budget, Period], Window], at: datetime) -> dict[tuple[Budget, Period], Window]:
    """The windows, each cut where a neighbour overlaps it made by other rules of the zone: those change by law."""
    bounded = [window for window in windows.values() if window[0] and window[1]]
    if not bounded:
        return windows
    widest = min(since for since, _ in bounded if since), max(until for _, until in bounded if until)
    mine = {budget.pk for budget, _ in windows}
    near = Balance.objects.filter(budget__in=mine, window__overlap=widest).exclude(period=Period.TOTAL.value)
    by_period: dict[tuple[int, str], list[Balance]] = defaultdict(list)
    for neighbour in near:
        by_period[neighbour.budget_id, neighbour.period].append(neighbour)
    return {
        (budget, period): _between(window, by_period[budget.pk, period.value], at)
        for (budget, period), window in windows.items()
    }


def _between(window: Window, neighbours: Iterable[Balance], at: datetime) -> Window:
    """The part of the window around ``at`` that no neighbour has."""
    since, until = window
    for neighbour in neighbours:
        if since and neighbour.window.upper <= at:
            since = max(since, neighbour.window.upper)
        elif until and neighbour.window.lower > at:
            until = min(until, neighbour.window.lower)
    return since, until


def _free(balance: Balance) -> Decimal:
    return LARGEST - balance.used if balance.free is None else balance.free


def _no_room(full: Balance, amount: Decimal, currency: str) -> str:
    period = "" if full.period == Period.TOTAL else f" {IN_WORDS[Period(full.period)]}"
    advice = "use a new budget" if full.limit is None else "raise its limit or wait for calls to settle"
    return f"Budget {full.budget.name!r} cannot hold {shown(amount, currency)} more{period}: {advice}."


def _balances_of(holds: list[LedgerEntry]) -> QuerySet[Balance]:
    """The balances that the holds counted in. All holds of a call have one amount and one instant."""
    ids = [one.budget_id for one in holds]
    return Balance.objects.filter(budget_id__in=ids, window__contains=holds[0].booked_at)


def _entries(
    holds: list[LedgerEntry],
    kind: str,
    amount: Decimal,
    *,
    at: datetime,
    cause: str = "",
    details: Mapping[str, object] | None = None,
) -> list[LedgerEntry]:
    return [
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
    ]
