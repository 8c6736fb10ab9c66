"""A settled call's bill: as it was priced by the rate card, and with the carrier's own price where it is known."""

from decimal import Decimal

from billing.domain.card import RateCard
from billing.domain.costing import Bill, Line, at_carrier_price
from billing.domain.money import LARGEST
from billing.models import CallCost
from billing.services.card import card_at


def card_of(cost: CallCost) -> RateCard:
    """The card of the instant at which the call was held for. History is never repriced, so it stays the same."""
    return card_at(cost.booked_at)


def estimate_of(cost: CallCost, card: RateCard) -> Bill:
    """The bill by the rate card, as it was kept. A line that had no rate has none."""
    return Bill(
        cost.currency,
        tuple(
            Line(
                line["component"],
                line["unit"],
                Decimal(line["quantity"]),
                Decimal(line["billed"]),
                Decimal(line["amount"]),
                card.get(line["component"]) if line["rate"] else None,
            )
            for line in cost.lines
        ),
    )


def bill_of(cost: CallCost, card: RateCard) -> Bill:
    """What the call costs by all that is known."""
    bill = estimate_of(cost, card)
    return bill if cost.carrier_price is None else at_carrier_price(card, bill, cost.carrier_price)


def total_of(bill: Bill) -> Decimal:
    """At most what a column holds."""
    return min(bill.total, LARGEST)
