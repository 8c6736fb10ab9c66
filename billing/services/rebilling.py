"""A settled call's cost turns out otherwise: the difference is booked as a correction, and told."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from billing.domain.money import shown
from billing.models import CallCost, Review
from billing.services import ledger
from billing.services.reviews import set_aside
from billing.signals import cost_corrected

_FIELDS = ["charged", "excess", "lines", "estimated", "carrier_price", "carrier_priced_at", "carrier_due_at"]


def rebill(
    cost: CallCost, total: Decimal, *, cause: str, at: datetime, details: Mapping[str, object] | None = None
) -> Decimal:
    """Let the call cost ``total`` and save ``cost``; the change made. The caller has locked the call's holds.

    Less is taken off the excess first, which nobody was charged. More is charged as far as there is room; the rest is
    excess, and set aside for a person.
    """
    difference = total - cost.charged - cost.excess
    if difference < 0:
        forgiven = min(cost.excess, -difference)
        cost.excess -= forgiven
        difference += forgiven
    change = charge_more(cost, difference, cause=cause, at=at, details=details)
    if (rest := difference - change) > 0:
        cost.excess += rest
        cost.save(update_fields=_FIELDS)
        set_aside(
            Review.Kind.EXCESS,
            cost.reference,
            key=f"excess:{cost.reference}:{cause}",
            text=f"The call cost {shown(difference, cost.currency)} more than it was charged, and its budgets had "
            f"room for {shown(change, cost.currency)}: the rest was charged to no budget. Raise their limits and "
            f"accept this to charge it.",
            data={"excess": f"{rest:f}"},
            at=at,
        )
    return change


def charge_more(
    cost: CallCost, amount: Decimal, *, cause: str, at: datetime, details: Mapping[str, object] | None = None
) -> Decimal:
    """Charge ``amount`` more, or less if it is negative, as far as there is room, and save ``cost``; the change."""
    change = Decimal(0)
    if amount:
        change = ledger.correct(cost.reference, amount, cause=cause, at=at, details=details)
        cost.charged += change
    cost.save(update_fields=_FIELDS)
    if change:
        cost_corrected.send(CallCost, reference=cost.reference, charged=cost.charged, change=change, at=at)
    return change
