"""The carrier's own price of a call takes the place of our estimate of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from billing.domain.money import LARGEST, MICRO, shown
from billing.models import CallCost, LedgerEntry, Review
from billing.services import ledger
from billing.services.bills import bill_of, card_of, total_of
from billing.services.rebilling import rebill
from billing.services.reviews import set_aside

log = structlog.get_logger(__name__)
CAUSE = "carrier_price"
FAR_TIMES = 5
"""A price so many times the estimate is a mistake of somebody's, and a person decides on it."""
FAR_APART = Decimal("0.05")
"""Where it is no more than this above it, it is taken all the same: such a sum is not worth a person's time."""
FIRST_ASK = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
ASKED_FOR = timedelta(days=3)
"""A price that does not come in so long does not come."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the carrier reports."""

    reference: UUID
    price: Decimal
    currency: str
    at: datetime


@transaction.atomic
def apply(reference: UUID, price: Decimal, currency: str, *, at: datetime, sure: bool = False) -> bool:
    """Take the price, a positive amount, that the carrier reports for a call; whether it changed anything.

    The tax on it follows, and the difference is booked as a correction, once a price: an equal one changes nothing, a
    later one is booked against the last. What cannot be right is set aside for review and changes no balance: a price
    in another currency, of a call that was not settled, that is no amount, or that is far above the estimate, unless
    a person is ``sure``.
    """
    told = _Told(reference, price, currency, at)
    held = bool(ledger.locked_holds(reference))
    cost = CallCost.objects.filter(reference=reference).first() if held else None
    if cost is None:
        _aside(Review.Kind.CARRIER_UNKNOWN, told, _UNKNOWN)
        return False
    if not price.is_finite() or not 0 <= price <= LARGEST:
        _aside(Review.Kind.CARRIER_PRICE, told, _NO_AMOUNT)
        return False
    if currency != cost.currency:
        _aside(Review.Kind.CARRIER_CURRENCY, told, _CURRENCY, ours=cost.currency)
        return False
    price = price.quantize(MICRO, rounding=ROUND_UP)
    if price == cost.carrier_price:
        return False
    if is_far(price, cost.carrier_estimate) and not sure:
        _aside(Review.Kind.CARRIER_PRICE, told, _FAR, expected=shown(cost.carrier_estimate, cost.currency))
        return False
    _take(cost, price, at=at)
    return True


def is_far(price: Decimal, estimate: Decimal) -> bool:
    return price > FAR_TIMES * estimate and price - estimate > FAR_APART


def _take(cost: CallCost, price: Decimal, *, at: datetime) -> None:
    before = cost.carrier_estimate if cost.carrier_price is None else cost.carrier_price
    cost.carrier_price, cost.carrier_priced_at, cost.carrier_due_at = price, at, None
    total = total_of(bill_of(cost, card_of(cost)))
    details = {"before": f"{before:f}", "price": f"{price:f}"}
    change = rebill(cost, total, cause=_next_cause(cost.reference), at=at, details=details)
    log.info("billing.carrier_price", reference=str(cost.reference), price=f"{price:f}", change=f"{change:f}")


def _next_cause(reference: UUID) -> str:
    """``carrier_price``, then ``carrier_price:2`` and so on. The call is locked."""
    booked = LedgerEntry.objects.filter(reference=reference, cause__startswith=CAUSE).values("cause").distinct()
    return CAUSE if not (count := booked.count()) else f"{CAUSE}:{count + 1}"


_UNKNOWN = "The carrier reports {price} for a call that was not charged: find out whose it is. It changed nothing."
_NO_AMOUNT = "The carrier reports {price}, which is no price. It changed nothing; look the call up at the carrier."
_CURRENCY = (
    "The carrier reports {price}, and the call's budgets are in {ours}: nothing is converted here. Let the carrier "
    "bill in {ours}, or enter rates and budgets in its currency; then dismiss this. The estimate stands."
)
_FAR = (
    "The carrier reports {price} where the rate card expects {expected}: look the call up at the carrier. Accept "
    "this to charge it, and correct the rate card; or dismiss it, and the estimate stands."
)


def _aside(kind: Review.Kind, told: _Told, sentence: str, **words: str) -> None:
    currency = ascii(told.currency)[1:-1][:20]
    amount = str(told.price.normalize()) if told.price.is_finite() else str(told.price)
    readable = told.price.is_finite() and abs(told.price) <= LARGEST
    price = shown(told.price, currency) if readable else f"{amount} {currency}"
    set_aside(
        kind,
        told.reference,
        key=f"{kind}:{told.reference}:{currency}:{amount}",
        text=sentence.format(price=price, **words),
        data={"price": amount, "currency": currency},
        at=told.at,
    )


def due(*, at: datetime, limit: int) -> list[UUID]:
    """Calls of whose price the carrier is to be asked now, those that wait longest first."""
    waiting = CallCost.objects.filter(carrier_due_at__lte=at).order_by("carrier_due_at")
    return list(waiting.values_list("reference", flat=True)[:limit])


def expect(reference: UUID, *, at: datetime) -> None:
    """The carrier says that it charges for a call that nobody answered by our books: ask for its price as well."""
    unasked = CallCost.objects.filter(reference=reference, carrier_price__isnull=True, carrier_asks=0)
    unasked.filter(carrier_due_at__isnull=True).update(carrier_due_at=at + FIRST_ASK)


def ask_later(reference: UUID, *, at: datetime) -> None:
    """The carrier told no price yet. After some days it is not asked any more, and a person is told."""
    cost = CallCost.objects.filter(reference=reference, carrier_due_at__isnull=False).first()
    if cost is None:
        return
    if at - cost.settled_at < ASKED_FOR:
        wait = min(FIRST_ASK * 2 ** min(cost.carrier_asks + 1, 10), LONGEST_WAIT)
        changes = {"carrier_due_at": at + wait, "carrier_asks": F("carrier_asks") + 1}
        CallCost.objects.filter(reference=reference, carrier_due_at=cost.carrier_due_at).update(**changes)
        return
    if not CallCost.objects.filter(reference=reference, carrier_price__isnull=True).update(carrier_due_at=None):
        return
    if not Review.objects.filter(reference=reference, kind__startswith="carrier").exists():
        set_aside(
            Review.Kind.CARRIER_SILENT,
            reference,
            key=f"{Review.Kind.CARRIER_SILENT}:{reference}",
            text=f"The carrier told no price of this call in {ASKED_FOR.days} days: the estimate of "
            f"{shown(cost.carrier_estimate, cost.currency)} stands. Accept this to ask again, or dismiss it.",
            data={},
            at=at,
        )


def ask_again(reference: UUID, *, at: datetime) -> None:
    """Once more, now; without an answer it is given up at once."""
    CallCost.objects.filter(reference=reference, carrier_price__isnull=True).update(carrier_due_at=at)
