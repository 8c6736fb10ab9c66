"""Money for calls: hold it before the ring, settle it after the end, and prove that the books agree.

A hold and a settlement belong into the caller's transaction, so that a call and its money appear and change together.
Several budgets may hold for one call: take their holds in ascending order of ``budget_id``, as ``settle`` and
``release`` do, and no two calls can wait for each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from billing.domain.rates import AMD, MICRO, RATES, STREAM, TIERS, VOICE, price, price_of_time
from billing.models import Budget, LedgerEntry

log = structlog.get_logger(__name__)
Kind = LedgerEntry.Kind

HANG_UP_GRACE_S = 30
"""A call at its cap is hung up a moment later; that moment may begin another billed minute, so it is held for too."""


class BudgetExhausted(Exception):
    """The budget has no room for the hold. Nothing was changed; try again later or with another budget."""


class NotHeld(Exception):
    """A cost came for a call that holds no money: it was never held for, or was released as never rung."""


def usd(amount: Decimal) -> str:
    """``0.25 USD``: all the places that say something, at least two."""
    text = f"{amount:.6f}".rstrip("0")
    whole, _, places = text.partition(".")
    return f"{whole}.{places:0<2} USD"


def worst_case(*, max_length_s: int, tier: str = "local", detect_machine: bool = True) -> Decimal:
    """USD that a call of at most ``max_length_s`` seconds can cost: carrier, speech, and the time to hang up.

    Raises ValueError for a tier without a rate.
    """
    if tier not in TIERS:
        raise ValueError(f"There is no tier {tier!r}: use one of {', '.join(TIERS)}.")
    longest_s = max_length_s + HANG_UP_GRACE_S
    usage = [(key, RATES[key].unit, per_s * longest_s) for key, per_s in TIERS[tier].items()]
    return sum(price_call(answered_s=longest_s, detected_machine=detect_machine, usage=usage).values(), Decimal(0))


def price_call(
    *, answered_s: int | None, detected_machine: bool, usage: Iterable[tuple[str, str, Decimal]]
) -> dict[str, Decimal]:
    """USD per component, by the rate card.

    ``answered_s`` is the time from the answer to the end, None for a call that nobody answered, which the carrier
    does not bill; a call that ended in the second of its answer is billed like one of a second. ``detected_machine``
    says that answering machine detection was asked for. ``usage`` has (component, unit, quantity); a component is a
    key of the rate card, and one that the card does not know costs 0 and is logged as ``billing.unpriced``.
    """
    charges: dict[str, Decimal] = {}
    if answered_s is not None:
        for key in (VOICE, STREAM):
            charges[key] = price_of_time(RATES[key], max(answered_s, 1))
        if detected_machine:
            charges[AMD] = price(RATES[AMD], Decimal(1))
    quantities: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for component, unit, quantity in usage:
        quantities[component, unit] += quantity
    for (component, unit), quantity in quantities.items():
        rate = RATES.get(component)
        if rate is None or rate.unit != unit:
            log.warning("billing.unpriced", component=component, unit=unit, quantity=str(quantity))
            charges.setdefault(component, Decimal(0))
            continue
        charges[component] = charges.get(component, Decimal(0)) + price(rate, quantity)
    return charges


@transaction.atomic
def hold(reference: UUID, budget_id: int, amount: Decimal, *, at: datetime) -> None:
    """Set ``amount`` USD of the budget aside for the call ``reference``.

    Raises BudgetExhausted where the budget has no room, ValueError for an amount that is not whole micro-dollars,
    Budget.DoesNotExist, and IntegrityError for a second hold of the same call on the same budget.
    """
    _check_amount(amount)
    held = Budget.objects.filter(pk=budget_id, limit__gte=F("spent") + F("held") + amount).update(
        held=F("held") + amount
    )
    if not held:
        budget = Budget.objects.get(pk=budget_id)
        raise BudgetExhausted(
            f"Budget {budget.name!r} cannot hold {usd(amount)} more: raise its limit or wait for calls to settle."
        )
    LedgerEntry.objects.create(budget_id=budget_id, reference=reference, kind=Kind.HOLD, amount=amount, at=at)


@transaction.atomic
def settle(reference: UUID, charges: Mapping[str, Decimal], *, at: datetime) -> Decimal:
    """Release the call's hold and charge its cost on every budget that held for it; the USD that were charged.

    Only the first call does something; a later one returns what the first charged, whatever its charges.

    A cost above the hold is charged up to the hold: the limit is a promise to the operator, and what lies above the
    hold may belong to other calls that are talking now. The rest is never silent: it stands in the entry's details
    as ``excess`` and is logged as ``billing.excess``, to be raised by hand.

    Raises NotHeld where nothing is held, ValueError for an amount that is not whole micro-dollars.
    """
    for amount in charges.values():
        _check_amount(amount)
    cost = sum(charges.values(), Decimal(0))
    holds = _locked_holds(reference)
    if charged := _entries(reference, Kind.CHARGE):
        return max(charged)
    if not holds or _entries(reference, Kind.RELEASE):
        raise NotHeld(
            f"Nothing is held for {reference}, so {usd(cost)} cannot be charged: hold for a call before it rings, "
            f"and release only calls that never rang."
        )
    for held in holds:
        _move(held, charge=min(cost, held.amount), cost=cost, charges=charges, at=at)
    return max(min(cost, held.amount) for held in holds)


@transaction.atomic
def release(reference: UUID, *, at: datetime) -> None:
    """Give back what is held for a call that never rang; nothing where nothing is held any more."""
    holds = _locked_holds(reference)
    if _entries(reference, Kind.RELEASE):
        return
    for held in holds:
        Budget.objects.filter(pk=held.budget_id).update(held=F("held") - held.amount)
        _enter(held, Kind.RELEASE, held.amount, at=at)


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance (``spent`` or ``held``) that is not the sum of the budget's entries. Both are USD."""

    budget: str
    balance: str
    booked: Decimal
    entries: Decimal

    def __str__(self) -> str:
        return (
            f"Budget {self.budget!r}: {self.balance} is {usd(self.booked)}, its entries say {usd(self.entries)} "
            f"(difference {usd(self.booked - self.entries)})."
        )


def audit() -> list[Difference]:
    """Every balance that is not the sum of its entries. One statement, so calls may go on meanwhile."""

    def total(kind: str) -> Coalesce:
        return Coalesce(Sum("entries__amount", filter=Q(entries__kind=kind)), Decimal(0))

    budgets = Budget.objects.annotate(
        entries_spent=total(Kind.CHARGE), entries_held=total(Kind.HOLD) - total(Kind.RELEASE)
    )
    return [
        Difference(budget=budget.name, balance=balance, booked=booked, entries=entries)
        for budget in budgets.order_by("name")
        for balance, booked, entries in (
            ("spent", budget.spent, budget.entries_spent),
            ("held", budget.held, budget.entries_held),
        )
        if booked != entries
    ]


def _check_amount(amount: Decimal) -> None:
    if amount < 0 or amount != amount.quantize(MICRO):
        raise ValueError(f"{amount} USD is not an amount: it must be 0 or more, with at most 6 places.")


def _locked_holds(reference: UUID) -> list[LedgerEntry]:
    """The call's holds, locked: whoever settles or releases the same call waits here."""
    holds = LedgerEntry.objects.select_for_update().filter(reference=reference, kind=Kind.HOLD)
    return list(holds.order_by("budget_id"))


def _entries(reference: UUID, kind: str) -> list[Decimal]:
    return list(LedgerEntry.objects.filter(reference=reference, kind=kind).values_list("amount", flat=True))


def _move(held: LedgerEntry, *, charge: Decimal, cost: Decimal, charges: Mapping[str, Decimal], at: datetime) -> None:
    Budget.objects.filter(pk=held.budget_id).update(held=F("held") - held.amount, spent=F("spent") + charge)
    _enter(held, Kind.RELEASE, held.amount, at=at)
    details: dict[str, object] = {key: str(amount) for key, amount in charges.items()}
    if cost > charge:
        details = {**details, "excess": str(cost - charge)}
        log.error(
            "billing.excess",
            reference=str(held.reference),
            budget_id=held.budget_id,
            cost=str(cost),
            held=str(held.amount),
            excess=str(cost - charge),
        )
    _enter(held, Kind.CHARGE, charge, at=at, details=details)


def _enter(
    held: LedgerEntry, kind: str, amount: Decimal, *, at: datetime, details: Mapping[str, object] | None = None
) -> None:
    LedgerEntry.objects.create(
        budget_id=held.budget_id,
        reference=held.reference,
        kind=kind,
        amount=amount,
        at=at,
        details=dict(details or {}),
    )
