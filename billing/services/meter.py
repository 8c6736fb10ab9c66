"""Takes in what components used: once, whoever tells it how often, and as long as the call is open."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from billing.domain.costing import Used
from billing.models import Review, UsageReport
from billing.services import ledger
from billing.services.reviews import set_aside

Finding = Review.Kind


@dataclass(frozen=True, slots=True)
class Measured:
    """``quantity`` units used since the component's last report; ``seq`` counts its reports from 1."""

    component: str
    unit: str
    quantity: Decimal
    seq: int


@transaction.atomic
def record(reference: UUID, reports: Iterable[Measured], *, reporter: str, at: datetime) -> None:
    """Keep the reports of an open call. One that came before changes nothing.

    What cannot be taken in is set aside for review with a sentence, and changes no balance: use of a call that
    nothing was held for, use that comes after the call was settled, a quantity that is no number or negative.
    """
    holds = ledger.locked_holds(reference)
    over = bool(holds) and ledger.is_released(reference)
    accepted = []
    for report in reports:
        if not report.quantity.is_finite() or report.quantity < 0 or report.seq < 1:
            _aside(Finding.BAD_USAGE, reference, report, reporter, at)
        elif not holds:
            _aside(Finding.UNKNOWN_USAGE, reference, report, reporter, at)
        elif over and not _known(reference, report, reporter):
            _aside(Finding.LATE_USAGE, reference, report, reporter, at)
        elif not over:
            accepted.append(
                UsageReport(
                    reference=reference,
                    reporter=reporter,
                    component=report.component,
                    seq=report.seq,
                    unit=report.unit,
                    quantity=report.quantity,
                    at=at,
                )
            )
    UsageReport.objects.bulk_create(accepted, ignore_conflicts=True)


def used_by(reference: UUID) -> dict[Used, Decimal]:
    """All that the call used, by component and unit."""
    rows = UsageReport.objects.filter(reference=reference).values_list("component", "unit")
    used: defaultdict[Used, Decimal] = defaultdict(Decimal)
    for component, unit, quantity in rows.annotate(used=Sum("quantity")).order_by("component", "unit"):
        used[component, unit] += quantity
    return dict(used)


def _known(reference: UUID, report: Measured, reporter: str) -> bool:
    same = UsageReport.objects.filter(reference=reference, reporter=reporter, component=report.component)
    return same.filter(seq=report.seq).exists()


_SENTENCES = {
    Finding.BAD_USAGE: "{what} cannot have been used: a quantity is 0 or more and reports count from 1. "
    "Correct the component that reported it.",
    Finding.UNKNOWN_USAGE: "{what} was reported for a call that nothing was held for: find out who reported it. "
    "It was not charged.",
    Finding.LATE_USAGE: "{what} was reported after the call had been settled: accept it to charge it as a "
    "correction, or dismiss it.",
}


def _aside(kind: Finding, reference: UUID, report: Measured, reporter: str, at: datetime) -> None:
    what = f"{report.quantity} {report.unit} of {report.component}"
    set_aside(
        kind,
        reference,
        key=f"{kind}:{reference}:{reporter}:{report.component}:{report.seq}",
        text=_SENTENCES[kind].format(what=what),
        data={"component": report.component, "unit": report.unit, "quantity": str(report.quantity)},
        at=at,
    )
