"""What the premium voice brings, measured against the calls that were held out."""

from datetime import datetime
from decimal import Decimal

from django.db.models import Count, F, Q, Sum

from agents.domain.types import Disposition
from billing.domain import uplift as domain
from billing.domain.uplift import Arm, Uplift
from calls.models import Call, Campaign

_NONE = Arm(0, 0, Decimal(0), Decimal(0), Decimal(0))


def uplift_since(since: datetime, *, campaign: Campaign | None = None, currency: str = "USD") -> Uplift:
    """Over the calls queued since then that are over: of one campaign, or of all that pay in ``currency``."""
    calls = Call.objects.filter(premium_chosen=True, queued_at__gte=since, ended_at__isnull=False)
    if campaign is None:
        calls = calls.filter(campaign__budget__currency=currency)
    else:
        currency = campaign.budget.currency
        calls = calls.filter(campaign=campaign)
    booked = Q(disposition=Disposition.APPOINTMENT)
    rows = (
        calls.values("held_out")
        .annotate(
            calls=Count("pk"),
            appointments=Count("pk", filter=booked),
            total=Sum("cost"),
            total_booked=Sum("cost", filter=booked, default=Decimal(0)),
            squares=Sum(F("cost") * F("cost")),
        )
        .order_by()
    )
    arms = {
        row["held_out"]: Arm(row["calls"], row["appointments"], row["total"], row["total_booked"], row["squares"])
        for row in rows
    }
    return domain.uplift(arms.get(False, _NONE), arms.get(True, _NONE), currency=currency)
