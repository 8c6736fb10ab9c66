"""Appointments as iCalendar, read back by another parser's rules: the lines of RFC 5545 and 5546."""

from dataclasses import replace
from datetime import UTC, datetime

import icalendar
import pytest

from calls.domain.invitation import Meeting, event, invitation

NOW = datetime(2026, 11, 10, 19, tzinfo=UTC)
MEETING = Meeting(
    uid="6f1a@reautomation",
    sequence=2,
    start_at=datetime(2026, 11, 11, 17, tzinfo=UTC),
    minutes=45,
    zone="America/Denver",
    title="Appointment with Summit Realty",
    description="Phone: +13035550123\nAbout: selling",
    place="12 Maple St; Denver",
    organizer_name="Maria Lopez",
    organizer_email="maria@example.com",
    attendee_name="Dana Reed",
    attendee_email="dana@example.com",
)


def lines(data: bytes) -> list[str]:
    """Unfolded."""
    return data.decode().replace("\r\n ", "").splitlines()


def test_an_invitation_asks_for_an_answer() -> None:
    found = lines(invitation(MEETING, now=NOW))
    assert {
        "METHOD:REQUEST",
        "VERSION:2.0",
        "UID:6f1a@reautomation",
        "SEQUENCE:2",
        "DTSTAMP:20261110T190000Z",
        "DTSTART;TZID=America/Denver:20261111T100000",
        "DTEND;TZID=America/Denver:20261111T104500",
        "SUMMARY:Appointment with Summit Realty",
        "STATUS:CONFIRMED",
        "LOCATION:12 Maple St\\; Denver",
        "DESCRIPTION:Phone: +13035550123\\nAbout: selling",
        "TZID:America/Denver",
    } <= set(found)
    [organizer] = [line for line in found if line.startswith("ORGANIZER")]
    [attendee] = [line for line in found if line.startswith("ATTENDEE")]
    assert organizer == 'ORGANIZER;CN="Maria Lopez":mailto:maria@example.com'
    assert attendee.endswith(":mailto:dana@example.com")
    assert "RSVP=TRUE" in attendee
    assert "PARTSTAT=NEEDS-ACTION" in attendee
    assert "BEGIN:VTIMEZONE" in found


def test_one_that_was_called_off_says_so() -> None:
    found = lines(invitation(replace(MEETING, sequence=3, canceled=True), now=NOW))
    assert {"METHOD:CANCEL", "STATUS:CANCELLED", "SEQUENCE:3", "UID:6f1a@reautomation"} <= set(found)


def test_what_a_calendar_stores_has_no_method() -> None:
    found = lines(event(replace(MEETING, organizer_email="", description="", place=""), now=NOW))
    assert not [line for line in found if line.split(":")[0] in ("METHOD", "LOCATION", "DESCRIPTION")]
    assert not [line for line in found if line.startswith("ORGANIZER")]


def test_no_server_mails_the_lead_what_a_calendar_stores() -> None:
    """Servers that schedule (RFC 6638) send a stored event, with its description, to its attendees."""
    assert MEETING.attendee_email
    assert not [line for line in lines(event(MEETING, now=NOW)) if line.startswith("ATTENDEE")]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Kolkata", "UTC"])
def test_the_instant_is_the_same_in_every_zone(zone: str) -> None:
    parsed = icalendar.Calendar.from_ical(event(replace(MEETING, zone=zone), now=NOW))
    [one] = parsed.events
    assert (one.start, one.end) == (MEETING.start_at, MEETING.end_at)
