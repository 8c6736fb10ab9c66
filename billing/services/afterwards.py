"""Use that belongs to a call and comes when it is settled, as that of a model which is asked about it afterwards.

It was not held for, so there has to be room for it before it is used; then it is charged as a correction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from billing.domain.card import RateError
from billing.domain.costing import Bill, Used, misfit, repriced
from billing.domain.money import shown
from billing.domain.rates import price
from billing.models import CallCost, UsageReport
from billing.services import late_usage, ledger, meter
from billing.services.bills import bill_of, card_of, estimate_of, total_of
from billing.services.late_usage import Measured
from billing.services.rebilling import rebill
from billing.services.settling import lines_of


def why_no_room(reference: UUID, most: Mapping[Used, Decimal]) -> str:
    """Why a settled call may not use ``most`` besides, as a sentence; "" where its budgets have room for it.

    Nothing is locked: whoever spends between this and ``charge`` may take the room. What has no price has no room.
    """
    cost = CallCost.objects.filter(reference=reference).first()
    if cost is None:
        return "Nothing was charged for this call, so nothing can be added to it."
    card, amount = card_of(cost), Decimal(0)
    for (component, unit), quantity in most.items():
        rate = card.get(component)
        if rate is None:
            return f"There was no rate {component!r} when the call was held for, so its price is not known."
        if why := misfit(rate, unit, cost.currency):
            return why
        amount += price(rate, quantity)
    if not amount or amount <= (room := ledger.room_to_correct(reference)):
        return ""
    needed, left = shown(amount, cost.currency), shown(room, cost.currency)
    return f"It may cost {needed}, and the call's budgets have {left} left."


@transaction.atomic
def charge(reference: UUID, reports: Sequence[Measured], *, reporter: str, at: datetime) -> Decimal:
    """Charge what a settled call used besides, once a ``reporter``; the change made.

    The reports of one reporter come together. They are priced like the rest of the call, by the card of its hold;
    what goes beyond the room is set aside as an excess, and what the card cannot price as late use. A call that has
    no bill has none after this: there was no room for it.
    """
    cost = CallCost.objects.filter(reference=reference).first() if ledger.locked_holds(reference) else None
    if cost is None or UsageReport.objects.filter(reference=reference, reporter=reporter).exists():
        return Decimal(0)
    card = card_of(cost)
    bill = estimate_of(cost, card)
    priced, unpriced = list[Measured](), list[Measured]()
    for report in reports:
        try:
            bill = repriced(card, bill, (report.component, report.unit), more=report.quantity)
            priced.append(report)
        except RateError:
            unpriced.append(report)
    late_usage.set_aside_late(reference, unpriced, reporter=reporter, at=at)
    meter.keep(reference, priced, reporter=reporter, at=at)
    return _rebilled(cost, bill, cause=reporter, at=at) if priced else Decimal(0)


def _rebilled(cost: CallCost, bill: Bill, *, cause: str, at: datetime) -> Decimal:
    cost.lines, cost.estimated = lines_of(bill), total_of(bill)
    return rebill(cost, total_of(bill_of(cost, card_of(cost))), cause=cause, at=at)
