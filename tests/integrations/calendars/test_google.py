"""Google Calendar against a server that speaks its published API."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from calls.domain.availability import Span
from calls.domain.invitation import Meeting
from integrations.adapters import http
from integrations.calendars.google import GoogleCalendar
from integrations.calendars.ports import CalendarAway, CalendarRefused
from tests.integrations.calendars.google import CALENDAR, Google, new_key
from tests.integrations.calendars.server import Asked, Said, serving
from tests.integrations.calendars.test_caldav import MEETING, NOW, WEEK, at

T = TypeVar("T")
OURS = replace(MEETING, uid="6f1a2b3c-0000-4000-8000-000000000001@reautomation")
ID = "6f1a2b3c000040008000000000000001"


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def server(google: Google) -> Iterator[str]:
    with serving(google) as url:
        yield url


async def using(
    url: str, do: Callable[[GoogleCalendar], Awaitable[T]], *, key: str = "", calendar: str = CALENDAR
) -> T:
    async with http.client(any_address=False) as client:
        key = key or new_key(url)
        return await do(GoogleCalendar(client, calendar_id=calendar, key=key, zone="America/Denver", api=url))


async def test_events_are_read_page_by_page(google: Google, server: str) -> None:
    when = {"dateTime": "2026-11-11T09:00:00-07:00"}, {"dateTime": "2026-11-11T09:30:00-07:00"}
    google.events = {
        "a": {"id": "a", "start": when[0], "end": when[1]},
        "b": {"id": "b", "start": when[0], "end": when[1], "transparency": "transparent"},
        "c": {"id": "c", "status": "cancelled"},
        "d": {"id": "d", "start": {"date": "2026-11-13"}, "end": {"date": "2026-11-14"}},
        ID: {"id": ID, "start": when[0], "end": when[1]},
    }
    found = await using(server, lambda one: one.busy(WEEK, but=[OURS.uid]))
    assert found == [Span(at(11, 16), at(11, 16, 30)), Span(at(13, 7), at(14, 7))]
    assert [one.method for one in google.asked] == ["POST", "GET", "GET", "GET"]
    assert "singleEvents=true" in google.asked[1].path


async def test_where_ours_stand_is_told_also_where_they_were_changed(google: Google, server: str) -> None:
    gone, off = (replace(OURS, uid=OURS.uid.replace("0001@", f"000{n}@")) for n in (2, 3))
    for meeting in (OURS, gone, off):
        await using(server, lambda one, it=meeting: one.put(it, now=NOW))  # type: ignore[misc]
    google.edit(ID, start={"dateTime": "2026-11-12T09:00:00-07:00"}, transparency="transparent")
    google.edit(ID.replace("0001", "0003"), status="cancelled")
    del google.events[ID.replace("0001", "0002")]
    found = await using(server, lambda one: one.standing([OURS.uid, gone.uid, off.uid], WEEK))
    assert found == {OURS.uid: at(12, 16)}


async def test_an_event_is_written_once_moved_and_removed(google: Google, server: str) -> None:
    for _ in range(2):
        await using(server, lambda one: one.put(OURS, now=NOW))
    [made] = google.events.values()
    assert (made["id"], made["iCalUID"], made["sequence"], made["summary"]) == (ID, OURS.uid, 0, OURS.title)
    assert made["start"] == {"dateTime": "2026-11-11T17:00:00+00:00", "timeZone": "America/Denver"}
    assert made["end"]["dateTime"] == "2026-11-11T17:45:00+00:00"
    moved: Meeting = replace(OURS, sequence=1, start_at=OURS.start_at + timedelta(days=1))
    await using(server, lambda one: one.put(moved, now=NOW))
    assert google.events[ID]["start"]["dateTime"] == "2026-11-12T17:00:00+00:00"
    for _ in range(2):
        await using(server, lambda one: one.cancel(OURS.uid))
    assert google.standing() == {}


async def test_an_event_that_appears_while_it_is_made_is_brought_up_to_date(google: Google, server: str) -> None:
    def racing(asked: Asked) -> Said:
        if asked.method == "POST" and asked.path.endswith("/events"):
            google.events[ID] = {"id": ID}
        return google(asked)

    with serving(racing) as url:
        await using(url, lambda one: one.put(OURS, now=NOW))
    assert google.events[ID]["summary"] == OURS.title


async def test_one_that_is_there_and_not_shown_is_written_later(google: Google) -> None:
    def hiding(asked: Asked) -> Said:
        if asked.path == "/token":
            return google(asked)
        return Said(409) if asked.method == "POST" else Said(404)

    with serving(hiding) as url, pytest.raises(CalendarAway, match="has the event and does not show it"):
        await using(url, lambda one: one.put(OURS, now=NOW))


@pytest.mark.parametrize("changes", [{"summary": "Dana"}, {"status": "cancelled"}])
async def test_one_that_somebody_edited_or_removed_there_is_brought_up_to_date(
    google: Google, server: str, changes: dict[str, str]
) -> None:
    await using(server, lambda one: one.put(OURS, now=NOW))
    for _ in range(3):
        google.edit(ID, **changes)
    moved = replace(OURS, sequence=1, start_at=at(12, 17))
    await using(server, lambda one: one.put(moved, now=NOW))
    event = google.standing()[ID]
    assert (event["summary"], event["start"]["dateTime"]) == (OURS.title, "2026-11-12T17:00:00+00:00")
    assert event["sequence"] == 3


async def test_an_event_that_cannot_be_read_is_not_written_over(google: Google, server: str) -> None:
    google.events[ID] = {"id": ID, "sequence": "many"}
    with pytest.raises(CalendarAway, match="1 things that cannot be read"):
        await using(server, lambda one: one.put(OURS, now=NOW))
    assert "summary" not in google.events[ID]


async def test_a_calendar_that_may_be_written_is_fine(server: str) -> None:
    await using(server, lambda one: one.check())


async def test_a_calendar_that_may_only_be_read_is_named(google: Google, server: str) -> None:
    google.role = "reader"
    with pytest.raises(CalendarRefused, match="share it with the right to make changes to events"):
        await using(server, lambda one: one.check())


async def test_a_calendar_that_is_not_shared_is_named(server: str) -> None:
    with pytest.raises(CalendarRefused, match=r"has no calendar at this address \(HTTP 404\)"):
        await using(server, lambda one: one.check(), calendar="somebody@example.com")


@pytest.mark.parametrize("key", ["not json", "[]", "{}", '{"type": "service_account", "private_key": "x"}'])
async def test_a_key_that_is_none_is_named(server: str, key: str) -> None:
    with pytest.raises(CalendarRefused, match=r"^This is no key of a service account: paste the JSON file"):
        await using(server, lambda one: one.check(), key=key)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Said(200, b"<html>"), "Google Calendar answered"),
        (Said(200, b'{"items": [{"start": 5}]}'), "Google Calendar answered 2 things that cannot be read"),
        (Said(500), r"is not able to answer now \(HTTP 500\)"),
    ],
)
async def test_nonsense_is_said_in_a_sentence(google: Google, said: Said, sentence: str) -> None:
    server = serving(lambda asked: google(asked) if asked.path == "/token" else said)
    with server as url, pytest.raises(CalendarAway, match=sentence):
        await using(url, lambda one: one.busy(WEEK, but=()))


async def test_pages_without_end_are_given_up() -> None:
    google = Google()

    def endless(asked: Asked) -> Said:
        return google(asked) if asked.path == "/token" else Said(200, b'{"items": [], "nextPageToken": "x"}')

    with serving(endless) as url, pytest.raises(CalendarAway, match="more than 20 pages"):
        await using(url, lambda one: one.busy(WEEK, but=()))


async def test_without_a_token_nothing_is_asked() -> None:
    with serving(lambda _: Said(400, b"{}")) as url, pytest.raises(CalendarAway, match="gave no access token"):
        await using(url, lambda one: one.check())


async def test_why_there_is_no_token_is_told_in_its_code_alone() -> None:
    refusal = b'{"error": "invalid_grant", "error_description": "root:x:0:0"}'
    with serving(lambda _: Said(400, refusal)) as url, pytest.raises(CalendarAway) as told:
        await using(url, lambda one: one.check())
    assert str(told.value) == (
        "Google gave no access token (HTTP 400, invalid_grant): check the key, and the clock of this server."
    )


async def test_a_key_that_names_a_clouds_metadata_has_nobody_asked(server: str) -> None:
    with pytest.raises(CalendarAway, match="cloud metadata address"):
        await using(server, lambda one: one.check(), key=new_key("http://169.254.169.254"))


async def test_no_json_is_named(google: Google) -> None:
    server = serving(lambda asked: google(asked) if asked.path == "/token" else Said(200, b"<html>"))
    with server as url, pytest.raises(CalendarAway, match="something else than JSON"):
        await using(url, lambda one: one.check())
