"""From a due lead to a queued call: one transaction a call, or none of it."""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Max

from billing.domain.card import RateError
from billing.domain.money import MixedCurrencies
from billing.models import Scope
from billing.services import ledger
from calls.domain.compliance import Dial, Never, Wait
from calls.domain.queues import queue_for
from calls.models import Call, Campaign, Lead
from calls.models.lead import LeadStatus
from calls.services import doorbell, gates
from calls.services.moving import note
from calls.services.putting_off import put_off
from calls.services.terms import terms_for

log = structlog.get_logger(__name__)
_BATCH = 50
_unpaid: dict[int, str] = {}
"""What was last logged of a campaign whose calls cannot be paid for."""
_CLOSED_IN_A_ROUND = 3
"""After so many leads that only wait for the hour, all like them are put off together."""
_SOURCE_WAIT = timedelta(minutes=15)


class Step(StrEnum):
    """What one look at a campaign came to."""

    QUEUED = "queued"
    DECIDED = "decided"
    OUTSIDE_HOURS = "outside_hours"
    HALTED = "halted"
    NOTHING_DUE = "nothing_due"
    FULL = "full"


def dispatch(*, now: datetime) -> int:
    """Queue calls for the running campaigns until nothing is due or no room is left; how many were queued."""
    queued = 0
    for campaign_id in Campaign.objects.running().values_list("pk", flat=True):
        closed = 0
        for _ in range(_BATCH):
            try:
                step = dispatch_next(campaign_id, now=now)
                if step is Step.OUTSIDE_HOURS:
                    closed += 1
                    if closed == _CLOSED_IN_A_ROUND:
                        put_off(campaign_id, now=now)
            except (ledger.BudgetExhausted, RateError, MixedCurrencies) as unpaid:
                _tell_unpaid(campaign_id, str(unpaid))
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
            if step is Step.QUEUED:
                queued += 1
                _unpaid.pop(campaign_id, None)
            if step in (Step.NOTHING_DUE, Step.FULL, Step.HALTED):
                break
    return queued


def _tell_unpaid(campaign_id: int, reason: str) -> None:
    """Once a reason and process: the same stands every two seconds, for hours."""
    if _unpaid.get(campaign_id) != reason:
        _unpaid[campaign_id] = reason
        log.warning("dispatch.not_payable", campaign_id=campaign_id, reason=reason)


@transaction.atomic
def dispatch_next(campaign_id: int, *, now: datetime) -> Step:
    """Decide on the campaign's next due lead and queue its call.

    The campaign's row is locked first, so two dispatchers cannot fill the same place; a locked campaign is somebody
    else's. Raises what ``terms_for`` raises where the call cannot be paid for, or IntegrityError where another
    campaign was first with the number; with either nothing has changed.
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
    if gates.ask_campaign(campaign, now=now):
        return Step.HALTED
    due = campaign.leads.due(now=now).idle().reachable().in_order_of_calling()
    lead = due.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
    if lead is None:
        return Step.NOTHING_DUE
    lead.campaign = campaign
    match gates.ask(lead, now=now):
        case Wait() as wait:
            gates.keep(wait, lead, now=now)
            Lead.objects.filter(pk=lead.pk).update(next_attempt_at=wait.until)
            return Step.OUTSIDE_HOURS if wait.for_hours_alone else Step.DECIDED
        case Never() as never:
            gates.keep(never, lead, now=now)
            Lead.objects.filter(pk=lead.pk).update(status=LeadStatus.CLOSED, closed_reason=never.reason)
            return Step.DECIDED
        case Dial() as dial:
            return _queue_or_put_off(lead, campaign, dial, now=now)


def _queue_or_put_off(lead: Lead, campaign: Campaign, dial: Dial, *, now: datetime) -> Step:
    """A lead whose source's budget cannot pay makes room for those of other sources."""
    try:
        with transaction.atomic():
            _queue(lead, campaign, dial, now=now)
    except (ledger.BudgetExhausted, ledger.ForeignBudget) as unpaid:
        if unpaid.budget.scope != Scope.SOURCE:
            raise
        log.info("dispatch.put_off", lead_id=lead.pk, reason=str(unpaid))
        Lead.objects.filter(pk=lead.pk).update(next_attempt_at=now + _SOURCE_WAIT)
        return Step.DECIDED
    return Step.QUEUED


def _queue(lead: Lead, campaign: Campaign, dial: Dial, *, now: datetime) -> None:
    terms = terms_for(lead, campaign, now=now)
    call = Call.objects.create(
        lead=lead,
        campaign=campaign,
        attempt=(lead.calls.aggregate(last=Max("attempt"))["last"] or 0) + 1,
        to_number=lead.phone,
        from_number=campaign.caller_ids.values_list("number", flat=True).first() or settings.TWILIO_FROM_NUMBER,
        status_at=now,
        queued_at=now,
        rung_at=now,
        max_length_s=terms.max_length_s,
        queue=queue_for(campaign.needs, terms.tier),
        tier=terms.tier.value,
        tier_reasons=list(terms.reasons),
        premium_chosen=terms.premium_chosen,
        held_out=terms.held_out,
        voice=terms.voice,
        script_version=terms.script_version,
    )
    note(call.pk, "call.queued", at=now, fields={"held": str(terms.hold), "currency": terms.currency})
    gates.keep(dial, lead, now=now, call_id=call.pk)
    transaction.on_commit(partial(doorbell.ring, call.pk, call.queue), robust=True)
    # Last, since every other call of the company waits for these rows until the commit.
    ledger.hold(call.pk, terms.budget_ids, terms.hold, currency=terms.currency, at=now)
