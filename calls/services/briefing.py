"""What the conversation is told about the person, and which appointments it may offer."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from agents.domain.types import Brief
from calls.models import Call, Lead
from calls.models.call import Direction
from calls.models.campaign import TransferMode
from calls.services import legs, recording_consent, reserving, scripts, voicemail
from calls.services.facts import clock_of
from calls.services.remembering import history_of
from voice.domain.types import Colleague, TalkPlan


def zone_of(lead: Lead) -> str:
    """The IANA zone in which times are spoken: the first of those in which the gates judge the lead."""
    return clock_of(lead) or "UTC"


@transaction.atomic
def reserve_slots(call: Call, *, now: datetime) -> tuple[datetime, ...]:
    """The times that this call may offer, held for it; kept on the call."""
    slots = reserving.hold(call, zone_of(call.lead), now=now)
    Call.objects.filter(pk=call.pk).update(offered_slots=[slot.isoformat() for slot in slots])
    return slots


def offered_slots(call: Call) -> tuple[datetime, ...]:
    """Those that the call was given when its conversation began."""
    return tuple(datetime.fromisoformat(slot) for slot in call.offered_slots)


def plan_of(call: Call, *, now: datetime) -> TalkPlan:
    """How the call is to be heard, spoken, recorded and handed on."""
    campaign = call.campaign
    words = list(campaign.words.all())
    lead, recording = call.lead, recording_consent.terms_of(call, now=now)
    hints = [word.written for word in words] + [part for part in (lead.name, lead.address) if part]
    return TalkPlan(
        lexicon={word.written: word.spoken for word in words if word.spoken},
        hints=tuple(hints),
        records=recording.records,
        erases_on_objection=recording.erases_on_objection,
        answered_at=call.answered_at,
        voicemail_message=voicemail.message_of(call, now=now),
        machines=call.direction == Direction.OUTBOUND,
        colleagues=_colleagues(call, now=now),
        warm=campaign.transfer_mode == TransferMode.WARM,
    )


def _colleagues(call: Call, *, now: datetime) -> tuple[Colleague, ...]:
    """To whom a way may be promised: to nobody where the call has no money or time for it."""
    found = tuple(Colleague(one.name, one.number) for one in call.campaign.transfer_targets.all())
    return () if found and legs.room_of(call, at=now).why else found


def brief_of(call: Call, slots: tuple[datetime, ...], *, now: datetime) -> Brief:
    """What the conversation may know; ``slots`` are those it may offer."""
    inbound = call.direction == Direction.INBOUND
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
        inbound=inbound,
        history=history_of(call, now=now),
        recorded=recording_consent.terms_of(call, now=now).records,
        script=scripts.spoken(call.script),
        calendar_asked=reserving.is_known(campaign.calendar, now=now),
    )
