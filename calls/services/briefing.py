"""What the conversation is told about the person, and which appointments it may offer."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from agents.domain.types import Brief
from calls.domain.slots import free_slots
from calls.models import Appointment, Call, Campaign, Lead
from calls.services.gates import zones_of


def zone_of(lead: Lead) -> str:
    """The IANA zone in which times are spoken: the first of those in which the gates judge the lead."""
    return next(iter(zones_of(lead)), "UTC")


@transaction.atomic
def reserve_slots(call: Call, *, now: datetime) -> tuple[datetime, ...]:
    """Slots that no appointment and no other unfinished call of the campaign has; kept on the call.

    The campaign's row is the lock, so two calls never offer the same hour.
    """
    Campaign.objects.select_for_update(no_key=True).get(pk=call.campaign_id)
    booked = Appointment.objects.filter(campaign_id=call.campaign_id, start_at__gt=now)
    others = call.campaign.calls.unfinished().exclude(pk=call.pk).values_list("offered_slots", flat=True)
    offered = {datetime.fromisoformat(slot) for slots in others for slot in slots}
    taken = offered | set(booked.values_list("start_at", flat=True))
    slots = free_slots(zone_of(call.lead), now=now, taken=taken)
    Call.objects.filter(pk=call.pk).update(offered_slots=[slot.isoformat() for slot in slots])
    return slots


def brief_of(call: Call, slots: tuple[datetime, ...]) -> Brief:
    """What the conversation may know; ``slots`` are those it may offer."""
    lead, campaign = call.lead, call.campaign
    consent = lead.consents.filter(kind="written").first()
    return Brief(
        call_id=str(call.pk),
        company=campaign.company_name or settings.COMPANY_NAME,
        agent_name=campaign.agent_name or settings.AGENT_NAME,
        callback_number=call.from_number,
        lead_name=lead.name,
        lead_zone=zone_of(lead),
        interest=lead.interest,
        property_address=lead.address,
        consent_source=consent.source if consent else "",
        consent_at=consent.given_at if consent else None,
        slots=slots,
    )
