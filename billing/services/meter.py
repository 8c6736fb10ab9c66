"""Takes in what components used: once, whoever tells it how often, and as long as the call is open."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from billing.domain.costing import Used
from billing.models import Review, UsageReport
from billing.services import late_usage, ledger
from billing.services.late_usage import Measured
from billing.services.reviews import set_aside

__all__ = ["Measured", "keep", "record", "used_by"]
Finding = Review.Kind
_MOST = Decimal(1_000_000_000)
"""Of one component, in one report: seconds of thirty years, tokens of a library. More is a mistake."""
_COMPONENT, _UNIT, _LAST_SEQ = 60, 8, 2**31 - 1
"""What the columns take: characters, and the last number."""


@transaction.atomic
def record(reference: UUID, reports: Iterable[Measured], *, reporter: str, at: datetime) -> None:
    """Keep the reports of an open call. One that came before changes nothing.

    What cannot be taken in is set aside for review with a sentence, and changes no balance: use of a call that
    nothing was held for, use that comes after the call was settled (all of a component together, until a person
    decides on it), a quantity that is no number, negative or absurd, and names that are none.
    """
    holds = ledger.locked_holds(reference)
    over = bool(holds) and ledger.is_released(reference)
    accepted, late = list[Measured](), list[Measured]()
    for report in reports:
        if not _is_sound(report):
            _aside(Finding.BAD_USAGE, reference, report, reporter, at)
        elif not holds:
            _aside(Finding.UNKNOWN_USAGE, reference, report, reporter, at)
        elif not over:
            accepted.append(report)
        else:
            late.append(report)
    keep(reference, accepted, reporter=reporter, at=at)
    if late:
        late_usage.set_aside_late(reference, late, reporter=reporter, at=at)


def keep(reference: UUID, reports: Iterable[Measured], *, reporter: str, at: datetime) -> None:
    """Write the reports of a call whose money is locked; one that came before changes nothing."""
    rows = [
        UsageReport(
            reference=reference,
            reporter=reporter,
            component=report.component,
            seq=report.seq,
            unit=report.unit,
            quantity=report.quantity,
            at=at,
        )
        for report in reports
    ]
    UsageReport.objects.bulk_create(rows, ignore_conflicts=True)


def used_by(reference: UUID) -> dict[Used, Decimal]:
    """All that the call used, by component and unit."""
    rows = UsageReport.objects.filter(reference=reference).values_list("component", "unit")
    used: defaultdict[Used, Decimal] = defaultdict(Decimal)
    for component, unit, quantity in rows.annotate(used=Sum("quantity")).order_by("component", "unit"):
        used[component, unit] += quantity
    return dict(used)


def _is_sound(report: Measured) -> bool:
    """Whether it can be counted and kept. Names come from settings and providers, so they may be anything."""
    return (
        report.quantity.is_finite()
        and 0 <= report.quantity <= _MOST
        and 1 <= report.seq <= _LAST_SEQ
        and _is_name(report.component, _COMPONENT)
        and _is_name(report.unit, _UNIT)
    )


def _is_name(name: str, longest: int) -> bool:
    return name.isprintable() and 0 < len(name) <= longest


_SENTENCES = {
    Finding.BAD_USAGE: "{what} cannot have been used: a quantity is from 0 to a thousand million, a component "
    "has at most 60 characters and a unit 8, and reports count from 1. Correct what reported it.",
    Finding.UNKNOWN_USAGE: "{what} was reported for a call that nothing was held for: find out who reported it. "
    "It was not charged.",
}


def _aside(kind: Finding, reference: UUID, report: Measured, reporter: str, at: datetime) -> None:
    component, unit = (ascii(name)[1:-1][:80] for name in (report.component, report.unit))
    what = f"{report.quantity} {unit} of {component}"
    set_aside(
        kind,
        reference,
        key=f"{kind}:{reference}:{reporter}:{component}:{report.seq}",
        text=_SENTENCES[kind].format(what=what),
        data={"component": component, "unit": unit, "quantity": str(report.quantity)},
        at=at,
    )
