"""How many more calls a campaign may queue now: the smallest of its limits, with a sentence that names it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from calls.domain.pacing import Limit, allowance, smallest
from calls.domain.queues import queue_for
from calls.domain.status import CallStatus
from calls.models import Call, Campaign
from calls.models.campaign import VoiceTier
from calls.services import carrier_pace, workers
from calls.services.caller_ids import Pool
from voice.domain.types import Tier

DISPATCH_INTERVAL_S = 2.0
"""How often due leads are looked for."""


@dataclass(frozen=True, slots=True)
class Room:
    """``calls`` more may be queued now; ``why`` is a sentence that names what keeps it from being more."""

    calls: int
    why: str


def room(campaign: Campaign, *, now: datetime) -> Room:
    """The smallest of the limits. A look without locks: the pool of caller IDs holds its caps by itself."""
    least = smallest(_limits(campaign, now=now))
    if least.calls:
        return Room(least.calls, f"{_calls(least.calls)} more may be made now: {least.why}.")
    return Room(0, f"No more calls are made now: {least.why}.")


def _limits(campaign: Campaign, *, now: datetime) -> Iterator[Limit]:
    """What lasts longest comes first: of equal limits it is the one to tell."""
    pool = Pool.seen(campaign, now=now)
    yield Limit(pool.left, pool.why)
    yield _lines(campaign)
    unfinished = Call.objects.unfinished()
    if settings.CARRIER_MAX_CALLS:
        taken, most = unfinished.count(), settings.CARRIER_MAX_CALLS
        yield Limit(most - taken, f"{taken} of the carrier account's {most} calls at a time are taken")
    taken, most = unfinished.filter(campaign=campaign).count(), campaign.max_concurrency
    yield Limit(most - taken, f"{taken} of the campaign's {most} calls at a time are taken")
    yield _calls_per_second()


def _lines(campaign: Campaign) -> Limit:
    """Lines of all queues that the campaign's calls may go into; a line that serves two of them counts once."""
    there, free = workers.Standing(), {}
    names = _queues(campaign)
    for queue in names:
        free[queue] = there.free(queue)
        there.take(queue, free[queue])
    unserved = set(names) - workers.served()
    if unserved == set(names):
        return Limit(0, f"no voice worker serves {' or '.join(names)}")
    told = " and ".join(f"{_lines_free(free[queue])} on {queue}" for queue in names if queue not in unserved)
    return Limit(sum(free.values()), told)


def _queues(campaign: Campaign) -> list[str]:
    tiers = {VoiceTier.LOCAL: [Tier.LOCAL], VoiceTier.PREMIUM: [Tier.PREMIUM]}
    either = [Tier.LOCAL, Tier.PREMIUM]
    wished = tiers.get(VoiceTier(campaign.tier), either) if settings.VOICE.elevenlabs_api_key else [Tier.LOCAL]
    return list(dict.fromkeys(queue_for(campaign.needs, tier) for tier in wished))


def _calls_per_second() -> Limit:
    """The account's calls per second until the next look, less the calls that wait for their turn already."""
    pace = carrier_pace.standing()
    waiting = Call.objects.filter(status__in=[CallStatus.QUEUED.value, CallStatus.CLAIMED.value]).count()
    rate = f"calls begin at {1000 / pace.interval_ms:.2g} a second, and {waiting} in line before"
    slowed = f"; the carrier asked for less: {pace.slowed_why.rstrip('.')}" if pace.slowed_why else ""
    more = allowance(pace.interval_ms, ahead_s=DISPATCH_INTERVAL_S, waiting=waiting)
    return Limit(more, f"{rate}{slowed}")


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _lines_free(count: int) -> str:
    return "1 line is free" if count == 1 else f"{count or 'no'} line{'s are' if count else ' is'} free"
