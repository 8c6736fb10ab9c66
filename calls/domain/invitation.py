"""An appointment as iCalendar (RFC 5545, 5546): what a calendar keeps, and what a person is invited by. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

PRODUCT = "-//reautomation//appointments//EN"


@dataclass(frozen=True, slots=True)
class Meeting:
    """``uid`` stays the same while it is moved, and ``sequence`` grows with each change. ``zone`` is the organizer's,
    in which calendars show the time. Empty texts are left out. ``tentative``: a person has still to confirm the time.
    """

    uid: str
    sequence: int
    start_at: datetime
    minutes: int
    zone: str
    title: str
    description: str = ""
    place: str = ""
    organizer_name: str = ""
    organizer_email: str = ""
    attendee_name: str = ""
    attendee_email: str = ""
    canceled: bool = False
    tentative: bool = False

    @property
    def end_at(self) -> datetime:
        return self.start_at + timedelta(minutes=self.minutes)


def event(meeting: Meeting, *, now: datetime) -> bytes:
    """The event as a calendar stores it: without a method (RFC 4791, 4.1), and without an attendee, whom many servers
    would mail it at once, description and all (RFC 6638, 3.2.1).
    """
    return bytes(_wrapped(replace(meeting, attendee_name="", attendee_email=""), now=now).to_ical())


def invitation(meeting: Meeting, *, now: datetime) -> bytes:
    """METHOD:REQUEST, for a new time as well as for a changed one; METHOD:CANCEL for one that was called off."""
    whole = _wrapped(meeting, now=now)
    whole.add("method", "CANCEL" if meeting.canceled else "REQUEST")
    return bytes(whole.to_ical())


def _wrapped(meeting: Meeting, *, now: datetime) -> Calendar:
    whole = Calendar()
    whole.add("prodid", PRODUCT)
    whole.add("version", "2.0")
    whole.add_component(_event(meeting, now=now))
    whole.add_missing_timezones()
    return whole


def _event(meeting: Meeting, *, now: datetime) -> Event:
    made, zone = Event(), ZoneInfo(meeting.zone)
    made.add("uid", meeting.uid)
    made.add("sequence", meeting.sequence)
    made.add("dtstamp", now.astimezone(UTC))
    made.add("dtstart", meeting.start_at.astimezone(zone))
    made.add("dtend", meeting.end_at.astimezone(zone))
    made.add("summary", meeting.title)
    made.add("status", "CANCELLED" if meeting.canceled else "TENTATIVE" if meeting.tentative else "CONFIRMED")
    for name, text in (("description", meeting.description), ("location", meeting.place)):
        if text:
            made.add(name, text)
    if meeting.organizer_email:
        made.add("organizer", _address(meeting.organizer_email, meeting.organizer_name))
    if meeting.attendee_email:
        attendee = _address(meeting.attendee_email, meeting.attendee_name)
        attendee.params["partstat"] = vText("NEEDS-ACTION")
        attendee.params["rsvp"] = vText("TRUE")
        made.add("attendee", attendee, encode=False)
    return made


def _address(email: str, name: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}")
    if name:
        address.params["cn"] = vText(name)
    return address
