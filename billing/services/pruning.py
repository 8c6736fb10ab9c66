"""What nobody needs any more: single usage reports of calls that were settled long ago, whose bills hold the sums."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from billing.models import CallCost, SpendSample, UsageReport

USAGE_KEPT = timedelta(days=30)
SAMPLES_KEPT = timedelta(days=400)
_BATCH = 20_000


def prune(*, now: datetime) -> int:
    """Delete what is older than it is kept, a batch of each; how many rows went. Ledger and bills stay for ever."""
    settled = CallCost.objects.filter(reference=OuterRef("reference"))
    usage = UsageReport.objects.filter(Exists(settled), at__lt=now - USAGE_KEPT)
    samples = SpendSample.objects.filter(at__lt=now - SAMPLES_KEPT)
    return sum(
        old.model.objects.filter(pk__in=list(old.order_by().values_list("pk", flat=True)[:_BATCH])).delete()[0]
        for old in (usage, samples)
    )
