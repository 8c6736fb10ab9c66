"""What a person decides about money that was set aside: accept it, or dismiss it. Each review is decided once."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction

from billing.domain.card import RateError
from billing.domain.costing import Bill, repriced
from billing.domain.money import shown
from billing.models import CallCost, Review
from billing.services import carrier_price, ledger
from billing.services.bills import bill_of, card_of, estimate_of, total_of
from billing.services.rebilling import charge_more, rebill
from billing.services.settling import lines_of

log = structlog.get_logger(__name__)


class ReviewError(Exception):
    """The review cannot be decided so; nothing was changed. The text says what to change."""


@transaction.atomic
def accept(review_id: int, *, by: str, at: datetime) -> str:
    """Charge, or credit, what was set aside; a sentence about what came of it.

    An excess for which there is not enough room is charged as far as there is, and stays open for the rest. Raises
    ReviewError, Review.DoesNotExist.
    """
    review = _open(review_id)
    carry_out = _ACCEPT.get(Review.Kind(review.kind))
    if carry_out is None:
        raise ReviewError(_CANNOT[Review.Kind(review.kind)])
    done, sentence = carry_out(review, at)
    if done:
        _close(review, Review.Decision.ACCEPTED, by=by, at=at)
    return sentence


@transaction.atomic
def dismiss(review_id: int, *, by: str, at: datetime) -> None:
    """Leave the balances as they are, for good. Raises ReviewError where it is decided, Review.DoesNotExist."""
    _close(_open(review_id), Review.Decision.DISMISSED, by=by, at=at)


def _open(review_id: int) -> Review:
    """Locked, so that of two people one decides. The call's money comes first, as for use that is reported late."""
    ledger.locked_holds(Review.objects.values_list("reference", flat=True).get(pk=review_id))
    review = Review.objects.select_for_update().get(pk=review_id)
    if review.decision:
        raise ReviewError(
            f"{review.decided_by} has {review.decision} this already, at {review.decided_at:%H:%M} UTC."
        )
    return review


def _close(review: Review, decision: Review.Decision, *, by: str, at: datetime) -> None:
    review.decision, review.decided_at, review.decided_by = decision, at, by
    review.save(update_fields=["decision", "decided_at", "decided_by"])
    log.info("billing.review_decided", review_id=review.pk, kind=review.kind, decision=decision.value)


def _locked_cost(reference: UUID) -> CallCost:
    """The cost of a call whose money is locked."""
    held = bool(ledger.locked_holds(reference))
    cost = CallCost.objects.filter(reference=reference).first() if held else None
    if cost is None:
        raise ReviewError("Nothing was charged for this call, so nothing can be added to it: dismiss this.")
    return cost


def _charge_usage(review: Review, at: datetime) -> tuple[bool, str]:
    """Priced like the rest of the call, by the card of the instant at which it was held for."""
    cost = _locked_cost(review.reference)
    card, used = card_of(cost), (review.data["component"], review.data["unit"])
    late = Decimal(review.data["quantity"]) if review.kind == Review.Kind.LATE_USAGE else Decimal(0)
    try:
        bill = repriced(card, estimate_of(cost, card), used, more=late)
    except RateError as error:
        raise ReviewError(str(error)) from None
    _keep(cost, bill)
    change = rebill(cost, total_of(bill_of(cost, card)), cause=f"review:{review.pk}", at=at)
    return True, f"{shown(change, cost.currency)} was charged."


def _keep(cost: CallCost, bill: Bill) -> None:
    cost.lines, cost.estimated = lines_of(bill), total_of(bill)


def _charge_excess(review: Review, at: datetime) -> tuple[bool, str]:
    """As far as there is room now; a later price of the carrier may have made the excess smaller."""
    cost = _locked_cost(review.reference)
    due = min(Decimal(review.data["excess"]), cost.excess)
    if not due:
        return True, "Nothing is left of it: the carrier's price was lower."
    attempts = review.data.get("attempts", 0) + 1
    cost.excess -= due
    charged = charge_more(cost, due, cause=f"review:{review.pk}:{attempts}", at=at)
    if not charged:
        raise ReviewError(
            f"The budgets of this call have no room for it: raise their limits by {shown(due, cost.currency)}, or "
            f"dismiss this."
        )
    if charged == due:
        return True, f"{shown(charged, cost.currency)} was charged."
    cost.excess += due - charged
    cost.save(update_fields=["excess"])
    review.data |= {"excess": f"{due - charged:f}", "attempts": attempts}
    review.save(update_fields=["data"])
    left = shown(due - charged, cost.currency)
    return False, f"{shown(charged, cost.currency)} was charged; for {left} there is no room, and it stays open."


def _take_price(review: Review, at: datetime) -> tuple[bool, str]:
    price, currency = Decimal(review.data["price"]), review.data["currency"]
    cost = _locked_cost(review.reference)
    if not price.is_finite() or price < 0:
        raise ReviewError("This is no price: look the call up at the carrier, and dismiss this.")
    if currency != cost.currency:
        raise ReviewError(_CANNOT[Review.Kind.CARRIER_CURRENCY])
    if cost.carrier_priced_at is not None and cost.carrier_priced_at > review.opened_at:
        newer = shown(cost.carrier_price or Decimal(0), cost.currency)
        raise ReviewError(f"The carrier has reported {newer} since: dismiss this.")
    before = cost.charged
    carrier_price.apply(review.reference, price, currency, at=at, sure=True)
    change = CallCost.objects.get(pk=review.reference).charged - before
    return True, f"The carrier's price was taken; the charge changed by {shown(change, cost.currency)}."


def _ask_again(review: Review, at: datetime) -> tuple[bool, str]:
    carrier_price.ask_again(review.reference, at=at)
    return True, "The carrier is asked once more, within a minute."


_ACCEPT: dict[Review.Kind, Callable[[Review, datetime], tuple[bool, str]]] = {
    Review.Kind.LATE_USAGE: _charge_usage,
    Review.Kind.UNPRICED_USAGE: _charge_usage,
    Review.Kind.EXCESS: _charge_excess,
    Review.Kind.CARRIER_PRICE: _take_price,
    Review.Kind.CARRIER_UNKNOWN: _take_price,
    Review.Kind.CARRIER_SILENT: _ask_again,
}
_CANNOT = {
    Review.Kind.CARRIER_CURRENCY: "An amount in another currency cannot be charged, since nothing is converted here: "
    "dismiss this. The estimate stands.",
    Review.Kind.UNKNOWN_USAGE: "Nothing was held for this call, so no budget can be charged: dismiss this.",
    Review.Kind.BAD_USAGE: "This cannot be counted, so it cannot be charged: dismiss this.",
}
