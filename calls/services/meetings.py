"""An appointment in the words of calendars."""

from dataclasses import replace
from uuid import UUID

from django.conf import settings

from calls.domain.invitation import Meeting
from calls.models import Appointment
from calls.services.briefing import zone_of
from calls.services.recordings import TALK_ERASED


def invitation_of(appointment: Appointment) -> Meeting:
    """What the lead is invited by: nothing of what was said or noted about them."""
    company = appointment.campaign.company_name or settings.COMPANY_NAME
    title, tentative = f"Appointment with {company}", not appointment.is_sure
    return replace(meeting_of(appointment), title=title, description="", tentative=tentative)


def meeting_uid(uid: UUID) -> str:
    """What the appointment with this ``uid`` is called in calendars."""
    return f"{uid}@reautomation"


def meeting_of(appointment: Appointment) -> Meeting:
    """What stands in the calendar, in the zone of whose time it is; the lead's own where there is no calendar.

    Once the words of the call were erased, the campaign and the lead's name are all that it tells of them.
    """
    lead, campaign, calendar = appointment.call.lead, appointment.campaign, appointment.calendar
    about = {"sell": "selling", "buy": "buying"}.get(lead.interest, "")
    erased = appointment.call.events.filter(kind=TALK_ERASED).exists()
    told = [
        "" if erased else f"Phone: {lead.phone}",
        f"About: {about} {lead.address}".strip() if (about or lead.address) and not erased else "",
        f"Campaign: {campaign.name}",
        appointment.call.summary,
    ]
    return Meeting(
        uid=meeting_uid(appointment.uid),
        sequence=appointment.sequence,
        start_at=appointment.start_at,
        minutes=appointment.minutes,
        zone=calendar.zone if calendar else zone_of(lead),
        title=f"Appointment with {lead.name or ('a lead' if erased else lead.phone)}",
        description="\n".join(line for line in told if line),
        place=calendar.place if calendar else "",
        organizer_name=calendar.name if calendar else "",
        organizer_email=calendar.email if calendar else "",
        attendee_name=lead.name,
        attendee_email=lead.email,
        canceled=appointment.status == Appointment.Status.CANCELED,
    )
