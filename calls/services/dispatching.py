"""From a due lead to a queued call: one transaction a call, or none of it."""

from datetime import datetime
from enum import StrEnum
from functools import partial

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Max

from billing import services as billing
from calls.domain.compliance import Dial, Never, Wait
from calls.models import Call, Campaign, Lead
from calls.models.lead import LeadStatus
from calls.services import doorbell, gates
from calls.services.moving import note

log = structlog.get_logger(__name__)
_BATCH = 50


class Step(StrEnum):
    """What one look at a campaign came to."""

    QUEUED = "queued"
    DECIDED = "decided"
    NOTHING_DUE = "nothing_due"
    FULL = "full"


def dispatch(*, now: datetime) -> int:
    """Queue calls for the running campaigns until nothing is due or no room is left; how many were queued."""
    queued = 0
    for campaign_id in Campaign.objects.running().values_list("pk", flat=True):
        for _ in range(_BATCH):
            try:
                step = dispatch_next(campaign_id, now=now)
            except billing.BudgetExhausted as exhausted:
                log.warning("dispatch.no_budget", campaign_id=campaign_id, reason=str(exhausted))
                break
            except IntegrityError:
                # Another campaign has just queued a call to the same number; the next look passes this lead over.
                log.info("dispatch.lost_race", campaign_id=campaign_id)
                continue
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                log.exception("dispatch.failed", campaign_id=campaign_id)  # the other campaigns go on
                break
            queued += step is Step.QUEUED
            if step in (Step.NOTHING_DUE, Step.FULL):
                break
    return queued


@transaction.atomic
def dispatch_next(campaign_id: int, *, now: datetime) -> Step:
    """Decide on the campaign's next due lead and queue its call.

    The campaign's row is locked first, so two dispatchers cannot fill the same place; a locked campaign is somebody
    else's. Raises BudgetExhausted, or IntegrityError where another campaign was first with the number; with either
    nothing has changed.
    """
    campaign = (
        Campaign.objects.running()
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("budget")
        .filter(pk=campaign_id)
        .first()
    )
    if campaign is None:
        return Step.NOTHING_DUE
    if campaign.calls.unfinished().count() >= campaign.max_concurrency:
        return Step.FULL
    due = campaign.leads.due(now=now).idle().reachable().in_order_of_calling()
    lead = due.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
    if lead is None:
        return Step.NOTHING_DUE
    lead.campaign = campaign
    match gates.ask(lead, now=now):
        case Wait() as wait:
            gates.keep(wait, lead, now=now)
            Lead.objects.filter(pk=lead.pk).update(next_attempt_at=wait.until)
            return Step.DECIDED
        case Never() as never:
            gates.keep(never, lead, now=now)
            Lead.objects.filter(pk=lead.pk).update(status=LeadStatus.CLOSED, closed_reason=never.reason)
            return Step.DECIDED
        case Dial() as dial:
            call = _queue(lead, campaign, now=now)
            gates.keep(dial, lead, now=now, call_id=call.pk)
            return Step.QUEUED


def _queue(lead: Lead, campaign: Campaign, *, now: datetime) -> Call:
    call = Call.objects.create(
        lead=lead,
        campaign=campaign,
        attempt=(lead.calls.aggregate(last=Max("attempt"))["last"] or 0) + 1,
        to_number=lead.phone,
        from_number=campaign.from_number or settings.TWILIO_FROM_NUMBER,
        status_at=now,
        queued_at=now,
        rung_at=now,
    )
    worst = billing.worst_case(max_length_s=campaign.max_call_s)
    billing.hold(call.pk, campaign.budget_id, worst, at=now)
    note(call.pk, "call.queued", at=now, fields={"held_usd": str(worst)})
    transaction.on_commit(partial(doorbell.ring, call.pk), robust=True)
    return call
