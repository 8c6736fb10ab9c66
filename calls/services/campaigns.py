"""What a manager does with a campaign: start, pause, finish. Each is one conditional update."""

from datetime import datetime

import structlog
from django.conf import settings

from calls.models import Campaign, Lead
from calls.models.campaign import CampaignStatus
from calls.models.lead import LeadStatus
from calls.services.reach import why_nobody

log = structlog.get_logger(__name__)

_VERB = {CampaignStatus.RUNNING: "started", CampaignStatus.PAUSED: "paused", CampaignStatus.FINISHED: "finished"}


class CampaignError(Exception):
    """The campaign cannot do that now; the text is a sentence that says what to change."""


def start(campaign_id: int, *, now: datetime) -> None:
    """Draft or paused becomes running: due leads are called from now on. Raises CampaignError."""
    campaign = Campaign.objects.select_related("budget").get(pk=campaign_id)
    _check_ready(campaign, now=now)
    _move(campaign, CampaignStatus.RUNNING, {CampaignStatus.DRAFT, CampaignStatus.PAUSED}, now)


def pause(campaign_id: int, *, now: datetime) -> None:
    """Nothing new is dialed; calls that are live go on. Raises CampaignError."""
    _move(Campaign.objects.get(pk=campaign_id), CampaignStatus.PAUSED, {CampaignStatus.RUNNING}, now)


def finish(campaign_id: int, *, now: datetime) -> None:
    """For good: nothing is dialed or imported any more. Raises CampaignError."""
    unfinished = {CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED}
    _move(Campaign.objects.get(pk=campaign_id), CampaignStatus.FINISHED, unfinished, now)


def reopen(lead_ids: list[int], *, now: datetime) -> int:
    """Closed leads that are not on the do-not-call list are due again; returns how many."""
    closed = Lead.objects.filter(pk__in=lead_ids, status=LeadStatus.CLOSED).reachable()
    count = closed.update(status=LeadStatus.OPEN, closed_reason="", next_attempt_at=now)
    log.info("leads.reopened", count=count)
    return count


def _check_ready(campaign: Campaign, *, now: datetime) -> None:
    """Everything that would stop every call is said at once, before the first one."""
    missing = []
    free = campaign.budget.total.free
    if campaign.budget.retired_at is not None:
        missing.append(f"the budget {campaign.budget.name!r} is retired: choose another, or bring it back")
    if free is not None and free <= 0:
        missing.append(f"the budget {campaign.budget.name!r} has no money left: raise its limit")
    if not (campaign.caller_ids.exists() or settings.TWILIO_FROM_NUMBER):
        missing.append("there is no caller ID: fill in the campaign's, or set TWILIO_FROM_NUMBER")
    if not (campaign.company_name or settings.COMPANY_NAME):
        missing.append("there is no company name: fill in the campaign's, or set COMPANY_NAME")
    if not campaign.windows.exists():
        missing.append("it has no calling window: add one")
    if not Lead.objects.filter(campaign=campaign, status=LeadStatus.OPEN).exists():
        missing.append("it has no open lead: import some")
    if not missing and (nobody := why_nobody(campaign, now=now)):
        missing.append(nobody)
    if missing:
        raise CampaignError(f"{campaign.name!r} cannot start: {'; '.join(missing)}.")


def _move(campaign: Campaign, to: CampaignStatus, sources: set[CampaignStatus], now: datetime) -> None:
    if not Campaign.objects.filter(pk=campaign.pk, status__in=sorted(sources)).update(status=to):
        status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
        allowed = " or ".join(sorted(sources))
        raise CampaignError(f"{campaign.name!r} is {status} and cannot be {_VERB[to]}: only {allowed} campaigns can.")
    log.info("campaign.moved", campaign_id=campaign.pk, to=to.value, at=now.isoformat())
