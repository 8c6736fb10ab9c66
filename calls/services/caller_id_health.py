"""Rests caller IDs that people no longer answer: they may be marked as spam, and more calls would make it worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Q

from agents.domain.types import Disposition
from calls.domain.pacing import REST, Answers, fell, together
from calls.domain.status import CallStatus
from calls.models import Call, CallerId, Campaign
from calls.models.call import Direction
from calls.services.caller_ids import Pool

log = structlog.get_logger(__name__)
LAST, BEFORE = 60, 300
_RECENT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Health:
    """``last`` are the newest calls that rang, since the number's last rest; ``before`` those ahead of them."""

    last: Answers
    before: Answers


def watch(*, now: datetime) -> int:
    """Rest each caller ID in use whose answer rate fell; how many."""
    in_use = list(CallerId.objects.filter(Q(rests_until__isnull=True) | Q(rests_until__lte=now), active=True))
    health = {one.pk: health_of(one, now=now) for one in in_use}
    rested = 0
    for one in in_use:
        mine = health[one.pk]
        others = together(other.last for pk, other in health.items() if pk != one.pk)
        if fell(mine.last, mine.before, others) and _rest(one, mine, others, now=now):
            rested += 1
    if rested:
        _tell_campaigns_that_wait(now=now)
    return rested


def health_of(caller_id: CallerId, *, now: datetime) -> Health:
    """From the number's calls of two weeks that rang. A person answered, not a machine."""
    rang = Call.objects.filter(
        from_number=caller_id.number,
        direction=Direction.OUTBOUND,
        status=CallStatus.DONE,
        queued_at__gt=now - _RECENT,
    ).order_by("-queued_at")
    ends = list(rang.values_list("queued_at", "answered_at", "disposition")[: LAST + BEFORE])
    since = caller_id.rests_until
    last = [end for end in ends[:LAST] if not since or end[0] > since]
    return Health(_answers(last), _answers(ends[len(last) : len(last) + BEFORE]))


def end_rest(caller_id: CallerId, *, now: datetime) -> bool:
    """A person ends the rest: the number is used again, judged by its calls from now on. False: it did not rest."""
    ended = CallerId.objects.filter(pk=caller_id.pk, rests_until__gt=now).update(rests_until=now, rests_why="")
    return bool(ended)


def _answers(ends: Sequence[tuple[datetime, datetime | None, str]]) -> Answers:
    people = [end for end in ends if end[1] and end[2] != Disposition.VOICEMAIL]
    return Answers(len(ends), len(people))


def _rest(one: CallerId, mine: Health, others: Answers, *, now: datetime) -> bool:
    compared = f"{mine.before.rate:.0%} before" if mine.before.rang else f"{others.rate:.0%} from other numbers"
    why = f"{mine.last.answered} of its last {mine.last.rang} calls were answered, {compared}: it may pass for spam"
    awake = Q(rests_until__isnull=True) | Q(rests_until__lte=now)
    if not CallerId.objects.filter(awake, pk=one.pk, active=True).update(rests_until=now + REST, rests_why=why):
        return False
    log.warning("caller_id.rests", caller_id=one.pk, last=mine.last.rate, until=(now + REST).isoformat())
    return True


def _tell_campaigns_that_wait(*, now: datetime) -> None:
    """A campaign whose last number rests waits, and its page says why."""
    for campaign in Campaign.objects.running():
        pool = Pool.seen(campaign, now=now)
        if not pool.left:
            log.warning("campaign.no_caller_id", campaign_id=campaign.pk, pii={"reason": pool.why})
