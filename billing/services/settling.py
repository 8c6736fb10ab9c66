"""The end of a call's money: its bill, the charge, and later the carrier's own price."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from billing.domain.card import RateCard
from billing.domain.costing import Bill, CallUsage, misfit, price_call
from billing.domain.money import LARGEST, shown
from billing.models import CallCost, Review
from billing.services import ledger, meter
from billing.services.card import card_at
from billing.services.carrier_price import FIRST_ASK
from billing.services.reviews import set_aside


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended for the carrier's bill. ``answered_s`` None: nobody answered."""

    answered_s: int | None
    detected_machine: bool = True
    carrier: str = "twilio"


@transaction.atomic
def settle(reference: UUID, ending: Ending, *, at: datetime) -> Decimal:
    """Price the call's measured use by the card of its hold and charge it; the amount charged. Once, like ``charge``.

    Use without a rate costs nothing for now and is set aside for review, and so is a cost above the hold.
    Raises NotHeld.
    """
    holds = ledger.locked_holds(reference)
    booked = ledger.booked_for(holds)
    if ledger.CHARGE in booked:
        before = CallCost.objects.filter(reference=reference).first()
        return before.charged if before else booked[ledger.CHARGE]  # of a call from before there were bills
    if not holds or ledger.RELEASE in booked:
        raise ledger.not_held(reference)
    booked_at = holds[0].booked_at
    usage = CallUsage(
        answered_s=None if ending.answered_s is None else Decimal(ending.answered_s),
        detected_machine=ending.detected_machine,
        carrier=ending.carrier,
        used=meter.used_by(reference),
    )
    card = card_at(booked_at)
    bill = price_call(card, usage, currency=holds[0].budget.currency)
    cost = min(bill.total, LARGEST)
    charged = ledger.charge_open(holds, cost, at=at, details=_details(bill))
    CallCost.objects.create(
        reference=reference,
        currency=bill.currency,
        lines=lines_of(bill),
        estimated=cost,
        charged=charged,
        excess=cost - charged,
        booked_at=booked_at,
        settled_at=at,
        answered_s=ending.answered_s,
        carrier_estimate=min(bill.carrier_part, LARGEST),
        carrier_due_at=None if ending.answered_s is None else at + FIRST_ASK,
    )
    _set_aside_doubts(reference, bill, card, charged, at=at)
    return charged


def lines_of(bill: Bill) -> list[dict[str, str]]:
    """The bill's lines for keeping and showing; amounts as text."""
    return [
        {
            "component": line.component,
            "unit": line.unit,
            "quantity": f"{line.quantity:f}",
            "billed": f"{line.billed:f}",
            "amount": f"{line.amount:f}",
            "rate": f"{line.rate.price.normalize():f} / {line.rate.per}" if line.rate else "",
        }
        for line in bill.lines
    ]


def _details(bill: Bill) -> dict[str, object]:
    """What each component cost; one that is counted in two units has two lines on the bill."""
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in bill.lines:
        amounts[line.component] += line.amount
    return {component: f"{amount:f}" for component, amount in amounts.items()}


def _set_aside_doubts(reference: UUID, bill: Bill, card: RateCard, charged: Decimal, *, at: datetime) -> None:
    for line in bill.unpriced:
        used = f"{line.quantity:f} {line.unit} of {line.component}"
        rate = card.get(line.component)
        why = misfit(rate, line.unit, bill.currency) if rate else ""
        set_aside(
            Review.Kind.UNPRICED_USAGE,
            reference,
            key=f"unpriced_usage:{reference}:{line.component}:{line.unit}",
            text=f"{used} was not charged. {why}"
            if why
            else f"{used} has no rate in {bill.currency}: add one to the rate card that counts in {line.unit!r} and "
            f"began by then, and accept this to charge it.",
            data={"component": line.component, "unit": line.unit, "quantity": f"{line.quantity:f}"},
            at=at,
        )
    if bill.total > charged:
        set_aside(
            Review.Kind.EXCESS,
            reference,
            key=f"excess:{reference}",
            text=f"The call cost {shown(bill.total, bill.currency)} and {shown(charged, bill.currency)} was held for "
            f"it: the rest was charged to no budget. Accept this to charge it where there is room.",
            data={"excess": f"{bill.total - charged:f}"},
            at=at,
        )
