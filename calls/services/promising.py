"""A lead that is called back at once, since its conversation broke off or nobody could take its call."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from agents.domain.types import Disposition
from calls.domain.compliance import Never
from calls.models import Lead
from calls.models.campaign import CampaignStatus
from calls.models.lead import LeadStatus
from calls.services import gates

log = structlog.get_logger(__name__)
_UNDECIDED = frozenset(
    {
        Disposition.NO_ANSWER,
        Disposition.BUSY,
        Disposition.VOICEMAIL,
        Disposition.HUNG_UP,
        Disposition.FAILED,
        Disposition.CALLBACK_REQUESTED,
    }
)
"""A lead that was closed after one of these never said what it wants, so it may be called again."""


@transaction.atomic
def promise(lead: Lead, *, now: datetime, after: timedelta = timedelta(0)) -> bool:
    """Have the lead called back at once, or ``after`` a while, as far as it may be called at all; whether it will be.

    A lead that was closed only since nobody was reached is opened again.
    """
    lead = Lead.objects.select_for_update(no_key=True, of=("self",)).select_related("campaign").get(pk=lead.pk)
    if lead.status == LeadStatus.CLOSED and lead.disposition not in _UNDECIDED:
        return False
    if lead.campaign.status != CampaignStatus.RUNNING:
        return False
    lead.status, lead.closed_reason = LeadStatus.OPEN, ""
    lead.commitment_at = lead.next_attempt_at = now + after
    if isinstance(gates.ask(lead, now=now), Never):
        return False
    lead.save(update_fields=["status", "closed_reason", "commitment_at", "next_attempt_at"])
    log.info("lead.promised", lead_id=lead.pk)
    return True
