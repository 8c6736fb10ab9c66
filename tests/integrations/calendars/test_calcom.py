"""Cal.com against a server that speaks its published API."""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import time
from typing import Any, TypeVar

import httpx
import pytest

from calls.domain.availability import Availability, Hours, Span
from integrations.adapters import http
from integrations.calendars import calcom as adapter
from integrations.calendars.calcom import CalComCalendar
from integrations.calendars.ports import CalendarAway, CalendarCannot, CalendarError, CalendarRefused, CalendarTaken
from tests.integrations.calendars.calcom import KEY, NUMBER, CalCom
from tests.integrations.calendars.server import Asked, Said, serving
from tests.integrations.calendars.test_caldav import MEETING, NOW, at

T = TypeVar("T")
RULES = Availability("America/Denver", (Hours(frozenset(range(7)), time(9), time(11)),), every_min=30)
"""16:00 to 18:00 UTC."""
OURS = replace(MEETING, minutes=30, start_at=at(11, 16, 30), attendee_name="Dana Reed", description="Phone: +1")
DAYS = Span(at(11, 16), at(12, 18))
MORNING = Span(at(11, 16), at(11, 18))


@pytest.fixture
def calcom() -> CalCom:
    return CalCom([MORNING, Span(at(12, 16), at(12, 18))])


@pytest.fixture
def server(calcom: CalCom) -> Iterator[str]:
    with serving(calcom) as url:
        yield url


async def using(
    server: str,
    do: Callable[[CalComCalendar], Awaitable[T]],
    *,
    key: str = KEY,
    number: int = NUMBER,
    rules: Availability = RULES,
    email: str = "maria@example.com",
) -> T:
    url = f"{server}/v2/event-types/{number}"
    async with http.client(any_address=False) as client:
        return await do(CalComCalendar(client, url=url, key=key, rules=rules, email=email))


async def busy(server: str, *but: str, within: Span = DAYS) -> list[Span]:
    return await using(server, lambda one: one.busy(within, but=but))


async def put(server: str, meeting: Any = OURS) -> None:
    await using(server, lambda one: one.put(meeting, now=NOW))


async def test_what_no_slot_covers_is_busy(calcom: CalCom, server: str) -> None:
    calcom.busy = [Span(at(11, 16, 40), at(11, 17))]
    assert await busy(server) == [Span(at(11, 16, 30), at(11, 17)), Span(at(11, 18), at(12, 16))]
    assert calcom.told() == [f"GET /v2/event-types/{NUMBER}", "GET /v2/slots"]
    assert "start=2026-11-10&end=2026-11-13&timeZone=UTC&format=range" in calcom.asked[1].path


async def test_a_start_that_no_slot_has_is_not_offered(calcom: CalCom, server: str) -> None:
    calcom.open = [Span(at(11, 16, 15), at(11, 17, 45))]
    taken = await busy(server, within=MORNING)
    for start in (at(11, 16), at(11, 16, 30), at(11, 17), at(11, 17, 30)):
        assert any(RULES.span(start).overlaps(span) for span in taken)


async def test_a_booking_is_made_once_for_the_calendars_own_address(calcom: CalCom, server: str) -> None:
    for _ in range(2):
        await put(server)
    assert calcom.told("POST") == ["POST /v2/bookings"]
    [made] = calcom.bookings
    assert made["asked"] == {
        "eventTypeId": NUMBER,
        "start": "2026-11-11T16:30:00Z",
        "attendee": {"name": "Dana Reed", "email": "maria@example.com", "timeZone": "America/Denver"},
        "metadata": {"reautomation_uid": OURS.uid},
        "bookingFieldsResponses": {"notes": "Phone: +1\n12 Maple St"},
    }
    assert Span(at(11, 16, 30), at(11, 17)) in await busy(server)
    assert await busy(server, OURS.uid) == [Span(at(11, 18), at(12, 16))]


async def test_a_booking_is_moved_also_to_a_time_that_touches_its_own(calcom: CalCom, server: str) -> None:
    calcom.settings = {"lengthInMinutes": 60, "lengthInMinutesOptions": [30, 60], "slotInterval": 15}
    rules, later = replace(RULES, every_min=15), replace(OURS, sequence=1, start_at=at(11, 16, 45))
    for meeting in (OURS, later, later):
        await using(server, lambda one, it=meeting: one.put(it, now=NOW), rules=rules)  # type: ignore[misc]
    assert calcom.told("POST") == ["POST /v2/bookings", "POST /v2/bookings/booking1/reschedule"]
    [moved] = calcom.standing()
    assert (moved["start"], moved["rescheduledFromUid"]) == ("2026-11-11T16:45:00.000Z", "booking1")
    assert moved["duration"] == 30
    within = Span(later.start_at, later.end_at)
    assert await using(server, lambda one: one.busy(within, but=[OURS.uid]), rules=rules) == []


async def test_it_is_found_on_a_later_page_and_called_off(calcom: CalCom, server: str) -> None:
    for minute, uid in enumerate(("a", "b", "c", OURS.uid)):
        start = at(11, 16 + minute // 2, 30 * (minute % 2))
        await put(server, replace(OURS, uid=uid, start_at=start))
    for _ in range(2):
        await using(server, lambda one: one.cancel(OURS.uid))
    assert calcom.told("POST")[4:] == ["POST /v2/bookings/booking4/cancel"]
    assert [one["metadata"]["reautomation_uid"] for one in calcom.standing()] == ["a", "b", "c"]
    assert calcom.bookings[3]["cancellationReason"] == "Called off."


async def test_what_an_attempt_left_behind_whose_answer_was_lost_is_called_off(calcom: CalCom, server: str) -> None:
    await put(server, replace(OURS, uid="another"))
    await put(server, replace(OURS, start_at=at(11, 17)))
    calcom.bookings[0]["metadata"] = {"reautomation_uid": OURS.uid}
    await put(server, replace(OURS, start_at=at(11, 17)))
    [left] = calcom.standing()
    assert left["uid"] == "booking2"


async def test_what_an_attempt_left_behind_is_not_in_the_way_of_another_time(calcom: CalCom, server: str) -> None:
    calcom.settings = {"lengthInMinutes": 30, "slotInterval": 15}
    rules, later = replace(RULES, every_min=15), replace(OURS, sequence=1, start_at=at(11, 17, 15))
    await put(server)
    await put(server, replace(OURS, uid="another", start_at=at(11, 17)))
    calcom.bookings[1]["metadata"] = {"reautomation_uid": OURS.uid}
    await using(server, lambda one: one.put(later, now=NOW), rules=rules)
    [left] = calcom.standing()
    assert (left["start"], left["rescheduledFromUid"]) == ("2026-11-11T17:15:00.000Z", "booking1")


def overtaken(calcom: CalCom, path: str, **by: str) -> Callable[[Asked], Said]:
    """An earlier attempt arrives when ours is asked at ``path``; ``by`` is what it has otherwise."""

    def behave(asked: Asked) -> Said:
        if asked.method == "POST" and asked.path.endswith(path) and len(calcom.told("POST")) < 2:
            calcom(replace(asked, body=json.dumps({**json.loads(asked.body), **by}).encode()))
        return calcom(asked)

    return behave


async def test_an_earlier_attempt_of_ours_has_not_taken_the_time(calcom: CalCom) -> None:
    with serving(overtaken(calcom, "/bookings")) as server:
        await put(server)
    assert [one["status"] for one in calcom.bookings] == ["accepted"]


async def test_nor_does_it_take_the_time_while_one_looks_what_is_free(calcom: CalCom, server: str) -> None:
    await put(server)
    [late] = calcom.bookings
    calcom.bookings = []

    def behave(asked: Asked) -> Said:
        if "/v2/slots" in asked.path:
            calcom.bookings = [late]
        return calcom(asked)

    with serving(behave) as busy_server:
        within = Span(OURS.start_at, OURS.end_at)
        assert await busy(busy_server, OURS.uid, within=within) == []


async def test_nor_has_an_earlier_attempt_to_move_it(calcom: CalCom, server: str) -> None:
    await put(server)
    later = replace(OURS, sequence=1, start_at=at(11, 17))
    with serving(overtaken(calcom, "/reschedule")) as busy_server:
        await put(busy_server, later)
    assert [one["start"] for one in calcom.standing()] == ["2026-11-11T17:00:00.000Z"]


async def test_one_that_an_earlier_attempt_moves_elsewhere_meanwhile_is_moved_later(
    calcom: CalCom, server: str
) -> None:
    await put(server)
    later = replace(OURS, sequence=2, start_at=at(11, 17))
    with serving(overtaken(calcom, "/reschedule", start="2026-11-11T17:30:00Z")) as busy_server:
        with pytest.raises(CalendarAway, match="has just changed this booking: it is moved later"):
            await put(busy_server, later)
        await put(busy_server, later)
    assert [one["start"] for one in calcom.standing()] == ["2026-11-11T17:00:00.000Z"]


async def test_where_ours_stand_is_told_also_where_they_were_changed(calcom: CalCom, server: str) -> None:
    gone = replace(OURS, uid="gone", start_at=at(11, 17))
    for meeting in (OURS, gone, replace(OURS, uid="another", start_at=at(11, 17, 30))):
        await put(server, meeting)
    calcom.bookings[0] |= {"start": "2026-11-12T17:00:00.000Z", "end": "2026-11-12T17:30:00.000Z"}
    calcom.bookings[1]["status"] = "cancelled"
    found = await using(server, lambda one: one.standing([OURS.uid, gone.uid], DAYS))
    assert found == {OURS.uid: at(12, 17)}
    assert await using(server, lambda one: one.standing([OURS.uid], MORNING)) == {}


async def test_the_notes_of_a_booking_stay_as_they_are(calcom: CalCom, server: str) -> None:
    await put(server)
    with pytest.raises(CalendarCannot, match="lets nobody change the notes of a booking"):
        await using(server, lambda one: one.rewrite(OURS, now=NOW))
    assert len(calcom.standing()) == 1


async def test_a_slot_that_is_gone_is_taken(calcom: CalCom, server: str) -> None:
    calcom.busy = [Span(at(11, 16, 30), at(11, 17))]
    with pytest.raises(CalendarTaken, match=r"^127\.0\.0\.1 has no free slot at this time\.$"):
        await put(server)
    assert calcom.bookings == []
    calcom.busy = []
    await put(server, replace(OURS, start_at=at(11, 17)))
    calcom.busy = [Span(at(11, 16, 30), at(11, 17))]
    with pytest.raises(CalendarTaken):
        await put(server)
    [kept] = calcom.standing()
    assert kept["start"] == "2026-11-11T17:00:00.000Z"


async def test_another_refusal_is_told_in_their_words(calcom: CalCom, server: str) -> None:
    calcom.refuses = "Missing attendee phone number - it is required by the event type."
    with pytest.raises(CalendarRefused) as refused:
        await put(server)
    assert str(refused.value) == f"127.0.0.1 does not accept the request (HTTP 400): {calcom.refuses}"


async def test_a_booking_that_waits_for_a_yes_is_none(calcom: CalCom, server: str) -> None:
    calcom.status = "pending"
    for _ in range(2):
        with pytest.raises(CalendarRefused, match=r"has the booking as pending at 2026-11-11 16:30 UTC: confirm it"):
            await put(server)
    assert calcom.told("POST") == ["POST /v2/bookings"]


@pytest.mark.parametrize(
    ("settings", "rules", "sentence"),
    [
        (
            {"lengthInMinutes": 45},
            {},
            "lasts 45 minutes, and an appointment of the calendar 30: give both the same length.",
        ),
        (
            {"slotInterval": 20},
            {},
            "begins every 20 minutes, and an appointment of the calendar every 30: let the calendar's begin every "
            "20, or a multiple of it.",
        ),
        (
            {},
            {"before_min": 10},
            "has buffers of its own: set the time that is free before and after an appointment to 0 here.",
        ),
        (
            {"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": True}},
            {},
            "waits for a confirmation of each booking: turn that off there.",
        ),
        ({"seats": {"seatsPerTimeSlot": 4}}, {}, "gives one time to several people: turn the seats off there."),
        (
            {"recurrence": {"interval": 1, "occurrences": 4, "frequency": "weekly"}},
            {},
            "books a row of times at once: turn the recurrence off there.",
        ),
        (
            {"requiresBookerEmailVerification": True},
            {},
            "wants e-mail addresses verified by a code: turn that off there.",
        ),
        (
            {"bookingFields": [{"type": "text", "slug": "budget", "required": True, "isDefault": False}]},
            {},
            "requires an answer to budget: make the question optional there.",
        ),
    ],
)
async def test_an_event_type_that_does_not_fit_is_not_read(
    calcom: CalCom, server: str, settings: dict[str, Any], rules: dict[str, Any], sentence: str
) -> None:
    calcom.settings = settings
    for what in (lambda one: one.check(), lambda one: one.busy(DAYS, but=[]), lambda one: one.put(OURS, now=NOW)):
        with pytest.raises(CalendarRefused) as refused:
            await using(server, what, rules=replace(RULES, **rules))
        assert str(refused.value) == f"The event type {NUMBER} of 127.0.0.1 {sentence}"
    assert set(calcom.told()) == {f"GET /v2/event-types/{NUMBER}"}


async def test_what_is_switched_off_is_not_in_the_way(calcom: CalCom, server: str) -> None:
    calcom.settings = {"seats": {"disabled": True}, "confirmationPolicy": {"disabled": True}, "slotInterval": 15}
    await using(server, lambda one: one.check())
    assert calcom.told() == [f"GET /v2/event-types/{NUMBER}", "GET /v2/bookings"]


async def test_what_to_change_is_named(server: str) -> None:
    for given, sentence in (
        ({"key": "cal_live_other"}, "127.0.0.1 refuses the API key (HTTP 401): make one in Cal.com under settings, "),
        ({"number": 9}, "127.0.0.1 shows us no event type 9 (HTTP 404): check the address, and that the API key "),
        ({"email": ""}, "Cal.com books for somebody with an e-mail address, to which it writes: enter the e-mail "),
    ):
        with pytest.raises(CalendarRefused) as refused:
            await using(server, lambda one: one.check(), **given)
        assert str(refused.value).startswith(sentence)
    async with http.client(any_address=False) as client:
        with pytest.raises(CalendarRefused, match="This is no address of an event type: enter it as https://api"):
            await CalComCalendar(client, url="x", key=KEY, rules=RULES, email="m@example.com").cancel("1")


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("https://api.cal.com/v2/event-types/123", ("https://api.cal.com/v2", 123)),
        (" https://cal.example.com/api/v2/event-types/7/ ", ("https://cal.example.com/api/v2", 7)),
        ("https://app.cal.com/event-types/123", None),
        ("https://api.cal.com/v1/event-types/123", None),
        ("https://api.cal.com/v2/event-types/123?x=1", None),
        ("123", None),
    ],
)
def test_addresses(url: str, there: tuple[str, int] | None) -> None:
    assert adapter.address_of(url) == there


def nonsense(path: str, said: Said, calcom: CalCom) -> Callable[[Asked], Said]:
    return lambda asked: said if f"/v2/{path}" in asked.path else calcom(asked)


@pytest.mark.parametrize(
    ("path", "said", "kind", "sentence"),
    [
        ("event-types", Said(200, b"<html>Hello"), CalendarAway, "check that the address is that of the API"),
        ("slots", Said(200, b'{"status":"success"}'), CalendarAway, "answered 1 things that cannot be read"),
        ("slots", Said(200, b'{"data":{"x":[{"start":"soon","end":"later"}]}}'), CalendarAway, "answered 2 things"),
        ("slots", Said(200, b'{"data":{"x":[{"start":"2026-11-11T16:00:00"}]}}'), CalendarAway, "cannot be read"),
        ("slots", Said(400, b"{}"), CalendarRefused, "(HTTP 400): check the settings of the event type."),
        ("slots", Said(400, b'{"error":[]}'), CalendarRefused, "(HTTP 400): check the settings of the event type."),
        ("slots", Said(429), CalendarAway, "is not able to answer now (HTTP 429)."),
        ("slots", Said(500), CalendarAway, "is not able to answer now (HTTP 500)."),
        ("bookings", Said(200, b'{"data":[{"uid":""}]}'), CalendarAway, "that cannot be read"),
        ("bookings", Said(403), CalendarRefused, "refuses the API key (HTTP 403)"),
        (
            "bookings",
            Said(302, headers=(("location", "https://x.example"),)),
            CalendarRefused,
            "sends us to https://",
        ),
    ],
)
async def test_nonsense_is_said_in_a_sentence(
    calcom: CalCom, path: str, said: Said, kind: type[CalendarError], sentence: str
) -> None:
    with serving(nonsense(path, said, calcom)) as server, pytest.raises(kind) as told:
        await busy(server, OURS.uid)
    assert sentence in str(told.value)
    assert calcom.bookings == []


async def test_an_answer_to_a_booking_that_says_nothing_is_no_booking(calcom: CalCom) -> None:
    def behave(asked: Asked) -> Said:
        said = calcom(asked)
        return Said(201, b'{"status":"success","data":{}}') if asked.method == "POST" else said

    with serving(behave) as server, pytest.raises(CalendarAway, match="cannot be read"):
        await put(server)
    with serving(calcom) as server:  # it was made all the same, and is found
        await put(server)
    assert len(calcom.bookings) == 1


async def test_one_that_was_called_off_over_there_meanwhile_is_called_off(calcom: CalCom) -> None:
    said = nonsense("bookings/booking1/cancel", Said(404, b"{}"), calcom)
    with serving(said) as server:
        await put(server)
        await using(server, lambda one: one.cancel(OURS.uid))
    said = nonsense("bookings/booking1/cancel", Said(400, b"{}"), calcom)
    with serving(said) as server, pytest.raises(CalendarRefused, match=r"accept the request \(HTTP 400\)"):
        await using(server, lambda one: one.cancel(OURS.uid))


async def test_pages_without_an_end_are_given_up(calcom: CalCom) -> None:
    endless = {"status": "success", "data": [], "pagination": {"hasNextPage": True}}
    said = nonsense("bookings", Said(200, json.dumps(endless).encode()), calcom)
    with serving(said) as server, pytest.raises(CalendarAway, match="sent more than 20 pages of bookings"):
        await busy(server, OURS.uid)


async def test_a_server_that_is_too_slow() -> None:
    def hangs(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    url = "https://api.cal.com/v2/event-types/1"
    async with httpx.AsyncClient(transport=httpx.MockTransport(hangs)) as client:
        with pytest.raises(CalendarAway, match=r"^api\.cal\.com did not answer in time\.$"):
            await CalComCalendar(client, url=url, key=KEY, rules=RULES, email="m@example.com").check()
