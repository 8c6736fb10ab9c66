"""CalDAV against Radicale: what is busy, what is written; and servers that answer nonsense."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
import icalendar
import pytest

from calls.domain.availability import Span
from calls.domain.invitation import Meeting
from integrations.adapters import http
from integrations.calendars.caldav import CalDavCalendar
from integrations.calendars.ports import CalendarAway, CalendarError, CalendarRefused
from tests.integrations.calendars.conftest import PASSWORD, USER, store, stored
from tests.integrations.calendars.server import Said, serving

NOW = datetime(2026, 11, 10, 19, tzinfo=UTC)
WEEK = Span(NOW, NOW + timedelta(days=7))
MEETING = Meeting(
    uid="6f1a@reautomation",
    sequence=0,
    start_at=datetime(2026, 11, 11, 17, tzinfo=UTC),
    minutes=45,
    zone="America/Denver",
    title="Appointment with Dana Reed",
    place="12 Maple St",
)
T = TypeVar("T")


async def using(url: str, do: Callable[[CalDavCalendar], Awaitable[T]], *, password: str = PASSWORD) -> T:
    async with http.client(any_address=False) as client:
        return await do(CalDavCalendar(client, url=url, username=USER, password=password, zone="America/Denver"))


async def busy(url: str, *but: str) -> list[Span]:
    return await using(url, lambda one: one.busy(WEEK, but=but))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def test_an_empty_calendar_is_free(remote: str) -> None:
    await using(remote, lambda one: one.check())
    assert await busy(remote) == []


async def test_events_of_every_kind_are_seen(remote: str) -> None:
    store(remote, "timed", "DTSTART:20261111T160000Z", "DTEND:20261111T163000Z")
    store(remote, "zoned", "DTSTART;TZID=America/Denver:20261112T090000", "DURATION:PT1H")
    store(remote, "day", "DTSTART;VALUE=DATE:20261113")
    store(remote, "free", "DTSTART:20261111T180000Z", "DTEND:20261111T190000Z", "TRANSP:TRANSPARENT")
    store(remote, "off", "DTSTART:20261111T200000Z", "DTEND:20261111T210000Z", "STATUS:CANCELLED")
    store(remote, "over", "DTSTART:20261109T160000Z", "DTEND:20261109T163000Z")
    store(remote, "floats", "DTSTART:20261114T080000", "DTEND:20261114T090000")
    assert await busy(remote) == [
        Span(at(11, 16), at(11, 16, 30)),
        Span(at(12, 16), at(12, 17)),
        Span(at(13, 7), at(14, 7)),
        Span(at(14, 15), at(14, 16)),
    ]


async def test_a_repeated_event_is_busy_at_each_of_its_times(remote: str) -> None:
    store(remote, "weekly", "DTSTART:20261001T150000Z", "DTEND:20261001T153000Z", "RRULE:FREQ=DAILY;INTERVAL=2")
    found = await busy(remote)
    assert [span.start for span in found] == [at(12, 15), at(14, 15), at(16, 15)]


async def test_what_is_written_is_busy_but_for_itself(remote: str) -> None:
    await using(remote, lambda one: one.put(MEETING, now=NOW))
    await using(remote, lambda one: one.put(MEETING, now=NOW))
    assert await busy(remote) == [Span(at(11, 17), at(11, 17, 45))]
    assert await busy(remote, MEETING.uid) == []
    [event] = icalendar.Calendar.from_ical(stored(remote, MEETING.uid)).walk("VEVENT")
    assert (str(event["SUMMARY"]), str(event["LOCATION"])) == (MEETING.title, MEETING.place)
    assert event["DTSTART"].params["TZID"] == "America/Denver"


async def test_an_event_is_moved_and_removed(remote: str) -> None:
    await using(remote, lambda one: one.put(MEETING, now=NOW))
    moved = replace(MEETING, sequence=1, start_at=at(12, 17))
    await using(remote, lambda one: one.put(moved, now=NOW))
    assert await busy(remote) == [Span(at(12, 17), at(12, 17, 45))]
    for _ in range(2):
        await using(remote, lambda one: one.cancel(MEETING.uid))
    assert await busy(remote) == []


async def test_where_ours_stand_is_told_also_where_they_were_changed(remote: str) -> None:
    store(remote, "moved", "DTSTART:20261112T160000Z", "DTEND:20261112T163000Z")
    store(remote, "free", "DTSTART:20261111T180000Z", "DTEND:20261111T190000Z", "TRANSP:TRANSPARENT")
    store(remote, "off", "DTSTART:20261111T200000Z", "DTEND:20261111T210000Z", "STATUS:CANCELLED")
    store(remote, "repeated", "DTSTART:20261112T150000Z", "DTEND:20261112T153000Z", "RRULE:FREQ=DAILY;COUNT=4")
    store(remote, "far", "DTSTART:20261212T150000Z", "DTEND:20261212T153000Z")
    store(remote, "another", "DTSTART:20261112T150000Z", "DTEND:20261112T153000Z")
    ours = ("moved", "free", "off", "repeated", "far", "gone")
    found = await using(remote, lambda one: one.standing(ours, WEEK))
    assert found == {"moved": at(12, 16), "free": at(11, 18), "repeated": at(12, 15)}


async def test_a_wrong_password_is_named(remote: str) -> None:
    with pytest.raises(CalendarRefused) as refused:
        await using(remote, lambda one: one.check(), password="wrong")
    assert str(refused.value) == (
        "127.0.0.1 refuses the sign-in (HTTP 401): check the user name, the password and who may write there."
    )


async def test_an_address_without_a_calendar_is_named(radicale: str) -> None:
    with pytest.raises(CalendarRefused, match="has no calendar at this address, but something else"):
        await using(f"{radicale}/{USER}/", lambda one: one.check())
    with pytest.raises(CalendarRefused, match=r"has no calendar at this address \(HTTP 404\): check the address"):
        await using(f"{radicale}/{USER}/nowhere/", lambda one: one.check())


def holding(*lines: str) -> Said:
    event = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"])
    xml = (
        '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
        f"<D:response><C:calendar-data>{event}</C:calendar-data></D:response></D:multistatus>"
    )
    return Said(207, xml.encode())


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        (Said(207, b"<html>Hello"), CalendarAway, "answered no CalDAV: check the address."),
        (Said(207, BOMB), CalendarAway, "answered no CalDAV: check the address."),
        (holding("UID:1", "DTSTART:yesterday"), CalendarAway, "sent an event without a time"),
        (holding("UID:1"), CalendarAway, "sent an event without a time"),
        (
            holding("UID:1", "DTSTART:20261111T160000Z", "RRULE:FREQ=DAILY"),
            CalendarRefused,
            "does not tell when repeated events take place",
        ),
        (Said(503), CalendarAway, "is not able to answer now (HTTP 503)."),
        (
            Said(302, headers=(("location", "https://example.com/dav"),)),
            CalendarRefused,
            "sends us to https://example.com/dav",
        ),
        (Said(400), CalendarRefused, "does not accept the request (HTTP 400)"),
    ],
)
async def test_nonsense_is_said_in_a_sentence(said: Said, kind: type[CalendarError], sentence: str) -> None:
    with serving(lambda _: said) as url, pytest.raises(kind) as told:
        await busy(url)
    assert sentence in str(told.value)


async def test_an_event_without_end_takes_all_time_that_follows(remote: str) -> None:
    store(remote, "ever", "DTSTART:20261111T100000", "DTEND:99991231T235959")
    assert await busy(remote) == [Span(at(11, 17), datetime.max.replace(tzinfo=UTC))]


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(CalendarAway, match=r"^127\.0\.0\.1 was not reached: "):
        await busy("http://127.0.0.1:9/")


async def test_a_clouds_metadata_is_never_asked() -> None:
    with pytest.raises(CalendarAway, match="cloud metadata address"):
        await busy("http://169.254.169.254/latest/")


async def test_a_server_that_is_too_slow() -> None:
    def hangs(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(hangs)) as client:
        remote = CalDavCalendar(client, url="https://dav.example/c", username="", password="", zone="UTC")
        with pytest.raises(CalendarAway, match=r"^dav\.example did not answer in time\.$"):
            await remote.busy(WEEK, but=())
