"""How many more calls a campaign may queue now: the smallest of its limits, with a sentence that names it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from calls.domain.pacing import Limit, allowance, smallest
from calls.domain.status import CallStatus
from calls.models import Call, Campaign
from calls.services import carrier_pace
from calls.services.caller_ids import Pool

DISPATCH_INTERVAL_S = 2.0


@dataclass(frozen=True, slots=True)
class Room:
    """``calls`` more may be queued now; ``why`` is a sentence that names what keeps it from being more."""

    calls: int
    why: str


def room(campaign: Campaign, *, now: datetime) -> Room:
    """The smallest of the limits. A look without locks: the pool of caller IDs holds its caps by itself."""
    least = smallest(_limits(campaign, now=now))
    return Room(least.calls, least.why)


def _limits(campaign: Campaign, *, now: datetime) -> list[Limit]:
    unfinished = Call.objects.unfinished()
    taken = unfinished.filter(campaign=campaign).count()
    limits = [Limit(campaign.max_concurrency - taken, "the campaign's calls at a time")]
    if settings.CARRIER_MAX_CALLS:
        limits.append(Limit(settings.CARRIER_MAX_CALLS - unfinished.count(), "the calls at a time of all campaigns"))
    pool = Pool.seen(campaign, now=now)
    limits.append(Limit(pool.left, pool.why))
    waiting = unfinished.filter(status__in=[CallStatus.QUEUED, CallStatus.CLAIMED]).count()
    ahead = allowance(carrier_pace.interval_ms(), ahead_s=DISPATCH_INTERVAL_S, waiting=waiting)
    limits.append(Limit(ahead, "the carrier's calls per second"))
    return limits
