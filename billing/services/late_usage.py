"""Use that is reported after its call was settled: added up by component for a person, who decides on the sum."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing.models import Review, UsageReport
from billing.services.reviews import set_aside

_SENTENCE = (
    "{quantity} {unit} of {component} was reported after the call had been settled: accept it to charge it as a "
    "correction, or dismiss it."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """``quantity`` units used since the component's last report; ``seq`` counts its reports from 1."""

    component: str
    unit: str
    quantity: Decimal
    seq: int


def set_aside_late(reference: UUID, reports: Iterable[Measured], *, reporter: str, at: datetime) -> None:
    """Add the reports to the call's open reviews of late use, one for each component and unit. Each counts once.

    What was decided stays as it was decided on: use that comes after it opens another review. The caller has locked
    the call's holds, as whoever accepts a review has, so that the sum stands still while it is priced.
    """
    found = Review.objects.select_for_update().filter(reference=reference, kind=Review.Kind.LATE_USAGE)
    reviews = list(found.order_by("pk"))
    taken = _taken(reference, reporter, reviews)
    fresh: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    for report in reports:
        if (report.component, report.seq) not in taken:
            taken.add((report.component, report.seq))
            fresh[report.component, report.unit].append(report)
    still_open = {(one.data["component"], one.data["unit"]): one for one in reviews if not one.decision}
    for used, late in fresh.items():
        if review := still_open.get(used):
            _add(review, late, reporter)
        else:
            _open(reference, late, reporter, at=at)


def _taken(reference: UUID, reporter: str, reviews: list[Review]) -> set[tuple[str, int]]:
    """Component and number of the reports that were counted before: in time, or late."""
    in_time = UsageReport.objects.filter(reference=reference, reporter=reporter).values_list("component", "seq")
    late = {(one.data["component"], seq) for one in reviews for seq in one.data.get("reports", {}).get(reporter, [])}
    return {*in_time, *late}


def _add(review: Review, late: list[Measured], reporter: str) -> None:
    review.data = _data(late, reporter, before=review.data)
    review.text = _SENTENCE.format_map(review.data)
    review.save(update_fields=["data", "text"])


def _open(reference: UUID, late: list[Measured], reporter: str, *, at: datetime) -> None:
    data, first = _data(late, reporter), late[0]
    set_aside(
        Review.Kind.LATE_USAGE,
        reference,
        key=f"{Review.Kind.LATE_USAGE}:{reference}:{reporter}:{first.component}:{first.seq}",
        text=_SENTENCE.format_map(data),
        data=data,
        at=at,
    )


def _data(late: list[Measured], reporter: str, before: dict[str, object] | None = None) -> dict[str, object]:
    """``reports`` are the numbers of those in the sum, by who reported them."""
    kept: dict[str, object] = before or {"component": late[0].component, "unit": late[0].unit, "quantity": "0"}
    quantity = sum((report.quantity for report in late), Decimal(str(kept["quantity"])))
    reports = kept.get("reports", {})
    assert isinstance(reports, dict)
    numbers = sorted({*reports.get(reporter, []), *(report.seq for report in late)})
    return {**kept, "quantity": f"{quantity:f}", "reports": {**reports, reporter: numbers}}
