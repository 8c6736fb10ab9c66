"""From due leads to queued calls: a few of one campaign at a time, each batch one transaction or nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, Q

from billing.models import Scope
from billing.services.ledger import BudgetExhausted, ForeignBudget
from calls.domain.compliance import Dial
from calls.domain.status import UNFINISHED
from calls.models import Campaign, Lead
from calls.services import gates
from calls.services.deciding import Judged, Unpaid, judge, write_down
from calls.services.due import next_due
from calls.services.opting_out import hold_off
from calls.services.pacing import Room, room
from calls.services.putting_off import put_off
from calls.services.queueing import Plan, queue
from calls.services.terms import Terms

log = structlog.get_logger(__name__)
_BATCH = 50
_LOOKS = 500
"""So many leads of a campaign are looked at in a round, so that none holds up the others."""
_unpaid: dict[int, str] = {}
"""What was last logged of a campaign whose calls cannot be paid for."""
_CLOSED_IN_A_ROUND = 3
"""After so many leads that only wait for the hour, all like them are put off together."""
_SOURCE_WAIT = timedelta(minutes=15)
_TOTAL_LOCK = 7_201_011


class Step(StrEnum):
    """What one look at a campaign came to."""

    LOOKED = "looked"
    HALTED = "halted"
    NOTHING_DUE = "nothing_due"
    FULL = "full"
    NOT_PAYABLE = "not_payable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of up to a batch of due leads. ``closed`` are those that wait for the hour alone.

    ``why`` is a sentence for people where the step keeps the campaign from calling.
    """

    step: Step
    why: str = ""
    looked: int = 0
    queued: int = 0
    closed: int = 0


@dataclass(frozen=True, slots=True)
class Sharers:
    """How many ``campaigns`` want what they share, with the one that is looked at, and their calls under way."""

    campaigns: int = 1
    under_way: int = 0


@dataclass(slots=True)
class _Turns:
    """What a round came to for one campaign until now, and its calls under way."""

    under_way: int
    looked: int = 0
    closed: int = 0


def dispatch(*, now: datetime, campaign_id: int | None = None) -> int:
    """Queue calls for the running campaigns, or for one, until nothing is due or no room is left; how many.

    The campaigns take turns, a batch each, and those with the fewest calls under way begin. What they share is
    divided among those that still want some of it.
    """
    turns = {pk: _Turns(under_way) for pk, under_way in _by_calls_under_way(campaign_id)}
    queued = 0
    while turns:
        waiting = list(turns.items())
        for number, (pk, turn) in enumerate(waiting):
            left = [other.under_way for _, other in waiting[number:]]
            batch = _look(pk, sharers=Sharers(len(left), sum(left)), now=now)
            queued += batch.queued
            turn.under_way += batch.queued
            turn.looked += batch.looked
            if turn.closed < _CLOSED_IN_A_ROUND <= turn.closed + batch.closed:
                put_off(pk, now=now)
            turn.closed += batch.closed
            if batch.step is not Step.LOOKED or turn.looked >= _LOOKS:
                del turns[pk]
    return queued


def _by_calls_under_way(campaign_id: int | None) -> Iterable[tuple[int, int]]:
    running = Campaign.objects.running()
    if campaign_id is not None:
        running = running.filter(pk=campaign_id)
    under_way = Count("calls", filter=Q(calls__status__in=sorted(UNFINISHED)))
    return running.annotate(under_way=under_way).order_by("under_way", "pk").values_list("pk", "under_way")


def _look(campaign_id: int, *, sharers: Sharers, now: datetime) -> Batch:
    """One batch; trouble is told and ends the campaign's round, not that of the others."""
    try:
        batch = dispatch_batch(campaign_id, sharers=sharers, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("dispatch.failed", campaign_id=campaign_id)
        return Batch(Step.FAILED)
    if batch.queued:
        _unpaid.pop(campaign_id, None)
    if batch.step is Step.NOT_PAYABLE:
        _tell_unpaid(campaign_id, batch.why)
    return batch


def _tell_unpaid(campaign_id: int, reason: str) -> None:
    """Once a reason and process: the same stands every two seconds, for hours."""
    if _unpaid.get(campaign_id) != reason:
        _unpaid[campaign_id] = reason
        log.warning("dispatch.not_payable", campaign_id=campaign_id, reason=reason)


@transaction.atomic
def dispatch_batch(campaign_id: int, *, now: datetime, sharers: Sharers = Sharers()) -> Batch:
    """Decide on the campaign's next due leads, up to a batch of them, and queue the calls that may be made.

    The campaign's row is locked first, so two dispatchers cannot fill the same place; a locked campaign is somebody
    else's. ``sharers`` want what room the campaigns share.
    """
    campaign = (
        Campaign.objects.running()
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("budget")
        .filter(pk=campaign_id)
        .first()
    )
    if campaign is None:
        return Batch(Step.NOTHING_DUE)
    if settings.CARRIER_MAX_CALLS:
        _one_at_a_time()
    free = room(campaign, now=now)
    if not free.calls:
        return Batch(Step.FULL, free.why)
    if waits := gates.ask_campaign(campaign, now=now):
        return Batch(Step.HALTED, " ".join(verdict.reason for verdict in waits))
    hold_off()  # before leads are locked, as an opt-out does: none comes between the gates and the commit
    leads = _due(campaign, count=_share(free, campaign, sharers), now=now)
    if not leads:
        return Batch(Step.NOTHING_DUE)
    return _decided(judge(leads, campaign, now=now), campaign, now=now)


def _one_at_a_time() -> None:
    """What is left of the calls of all campaigns is seen by one dispatcher at a time, until its commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TOTAL_LOCK])


def _share(free: Room, campaign: Campaign, sharers: Sharers) -> int:
    """All of a room that is the campaign's own; of one that others want too, up to as many calls as they have."""
    if sharers.campaigns == 1:
        return min(_BATCH, free.calls)
    mine = campaign.calls.unfinished().count()
    if free.calls >= campaign.max_concurrency - mine:
        return min(_BATCH, free.calls)
    level = -(-(free.calls + sharers.under_way) // sharers.campaigns)
    return min(_BATCH, free.calls, max(1, level - mine))


def _due(campaign: Campaign, *, count: int, now: datetime) -> list[Lead]:
    """The next leads, locked, in the order of calling."""
    ids = next_due(campaign.pk, now=now, count=count)
    leads = Lead.objects.in_bulk(ids)
    for lead in leads.values():
        lead.campaign = campaign
    return [leads[pk] for pk in ids]


def _decided(judged: list[Judged], campaign: Campaign, *, now: datetime) -> Batch:
    plans, refused = [], list[tuple[Lead, Unpaid]]()
    for one in judged:
        if isinstance(one.terms, Terms):
            plans.append(Plan(one.lead, one.decision, one.terms))
        elif one.terms is not None:
            refused.append((one.lead, one.terms))
            if not _of_source(one.terms):
                break  # whoever comes after cannot be paid for either
    write_down([one for one in judged if not isinstance(one.decision, Dial)], now=now)
    done = queue(plans, campaign, now=now)
    refused += [(plan.lead, why) for plan, why in done.refused]
    _wait_for_source([(lead, why) for lead, why in refused if _of_source(why)], now=now)
    unpaid = next((why for _, why in refused if not _of_source(why)), None)
    return Batch(
        Step.LOOKED if unpaid is None else Step.NOT_PAYABLE,
        "" if unpaid is None else str(unpaid),
        looked=len(judged),
        queued=done.calls,
        closed=sum(one.for_hours_alone for one in judged),
    )


def _of_source(why: Unpaid) -> bool:
    """Whether the budget of the lead's source alone is in the way."""
    return isinstance(why, BudgetExhausted | ForeignBudget) and why.budget.scope == Scope.SOURCE


def _wait_for_source(refused: list[tuple[Lead, Unpaid]], *, now: datetime) -> None:
    """Leads whose source's budget cannot pay make room for those of other sources."""
    for lead, why in refused:
        log.info("dispatch.put_off", lead_id=lead.pk, reason=str(why))
    Lead.objects.filter(pk__in=[lead.pk for lead, _ in refused]).update(next_attempt_at=now + _SOURCE_WAIT)
