"""A conflict with the calendar elsewhere ends when the time is free there, or a person has seen to it; so does its
alert.
"""

import httpx
import pytest

from billing.models import Alert
from calls.domain.availability import Span
from calls.domain.status import CallStatus
from calls.models import Appointment, Calendar
from calls.services import booking
from calls.services.meetings import meeting_uid
from integrations import secrets
from integrations.calendars import keeping, marking
from integrations.models import CalendarLink
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.integrations.calendars.conftest import PASSWORD, USER, store, stored
from tests.integrations.calendars.fakes import HOUR, TEN, Fake, booked

pytestmark = pytest.mark.django_db
SOON = NOW + keeping.READ_EVERY
LATER = SOON + keeping.READ_EVERY


@pytest.fixture
def there(link: CalendarLink) -> Fake:
    """Somebody else has ten o'clock."""
    return Fake(Span(TEN, TEN + HOUR))


def alerts() -> list[tuple[str, bool]]:
    """Kinds, and whether they are open."""
    return [(one.kind, one.ended_at is None) for one in Alert.objects.order_by("pk")]


def standing(made: Appointment) -> tuple[str, str]:
    made.refresh_from_db()
    return made.calendar_state, made.task


def test_it_is_told_once_for_as_long_as_it_lasts(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar)
    for now in (NOW, SOON, LATER):
        keeping.keep(now=now, open_=there)
        assert (standing(made), alerts()) == (("conflict", marking.TAKEN), [("appointment_conflict", True)])
    assert there.done == []


def test_it_ends_when_the_time_is_free_there_and_is_written(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    there.taken.clear()
    keeping.keep(now=SOON, open_=there)
    assert (standing(made), alerts()) == (("written", ""), [("appointment_conflict", False)])
    assert there.done == [("put", (meeting_uid(made.uid), 0, TEN))]
    assert made.is_sure


def test_what_was_promised_to_the_lead_outlasts_it(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar, confirmed=False)
    keeping.keep(now=NOW, open_=there)
    assert standing(made) == ("conflict", f"{marking.TAKEN} {booking.TO_CONFIRM}")
    there.taken.clear()
    keeping.keep(now=SOON, open_=there)
    assert standing(made) == ("written", booking.TO_CONFIRM)


def test_one_that_a_person_saw_to_is_over_and_nothing_is_written(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    booking.done(made, by="mia", now=NOW)
    keeping.keep(now=SOON, open_=there)
    assert (standing(made), alerts()) == (("conflict", ""), [("appointment_conflict", False)])
    there.taken.clear()
    keeping.keep(now=LATER, open_=there)
    assert (standing(made), there.done) == (("conflict", ""), [])
    assert not made.is_sure


def test_one_that_is_called_off_is_over(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    booking.cancel(made, now=NOW)
    keeping.keep(now=NOW, open_=there)
    assert alerts() == [("appointment_conflict", False)]


def test_another_time_ends_it_and_is_told_anew_where_it_is_taken_too(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    booking.book(make.call(made.call.lead, CallStatus.DONE), TEN + HOUR, confirmed=True, now=NOW)
    keeping.keep(now=NOW, open_=there)
    assert alerts() == [("appointment_conflict", False)]
    there.taken.append(Span(TEN + 2 * HOUR, TEN + 3 * HOUR))
    booking.book(make.call(made.call.lead, CallStatus.DONE), TEN + 2 * HOUR, confirmed=True, now=NOW)
    keeping.keep(now=NOW, open_=there)
    assert alerts() == [("appointment_conflict", False), ("appointment_conflict", True)]


def test_one_whose_time_has_come_is_over(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    keeping.keep(now=TEN, open_=there)
    assert (standing(made)[0], alerts()) == ("conflict", [("appointment_conflict", False)])


def test_a_calendar_that_is_away_meanwhile_ends_nothing(calendar: Calendar, there: Fake) -> None:
    class Closing(Fake):
        """It is read, and away when it is to be written."""

        async def put(self, *given: object, **named: object) -> None:
            self.away = "It is away."
            self._answer()

    made, closing = booked(calendar), Closing()
    keeping.keep(now=NOW, open_=there)
    keeping.keep(now=SOON, open_=closing)
    assert (standing(made), alerts()) == (("conflict", marking.TAKEN), [("appointment_conflict", True)])
    keeping.keep(now=LATER, open_=Fake())
    assert (standing(made), alerts()) == (("written", ""), [("appointment_conflict", False)])


@pytest.mark.parametrize("ends", ["back", "done", "called off"])
def test_one_of_a_vanished_event_ends_likewise(calendar: Calendar, link: CalendarLink, ends: str) -> None:
    made, there = booked(calendar), Fake()
    keeping.keep(now=NOW, open_=there)
    before, there.events = there.events, {}
    keeping.keep(now=SOON, open_=there)
    made.refresh_from_db()
    assert alerts() == [("appointment_gone", True)]
    match ends:
        case "back":
            there.events = before
        case "done":
            booking.done(made, by="mia", now=SOON)
        case _:
            booking.cancel(made, now=SOON)
    for now in (LATER, LATER + keeping.READ_EVERY):
        keeping.keep(now=now, open_=there)
        assert alerts() == [("appointment_gone", False)]


def test_in_radicale(calendar: Calendar, remote: str) -> None:
    keeping.save(
        CalendarLink(calendar=calendar, address=remote, username=USER, sealed=secrets.seal(PASSWORD)), now=NOW
    )
    store(remote, "private", "DTSTART:20261111T170000Z", "DTEND:20261111T180000Z")
    made = booked(calendar)
    keeping.keep(now=NOW)
    assert (standing(made)[0], alerts()) == ("conflict", [("appointment_conflict", True)])
    with httpx.Client(trust_env=False, auth=(USER, PASSWORD)) as client:
        client.delete(f"{remote}private.ics").raise_for_status()
    keeping.keep(now=SOON)
    assert (standing(made), alerts()) == (("written", ""), [("appointment_conflict", False)])
    assert stored(remote, meeting_uid(made.uid))
