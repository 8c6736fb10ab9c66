"""A calendar elsewhere that is switched off, and on again, is told of what was agreed on meanwhile; one at a new
address of all that lies ahead.
"""

from datetime import datetime, timedelta

import pytest

from billing.models import Alert
from calls.domain.availability import Span
from calls.domain.status import CallStatus
from calls.models import Appointment, Calendar
from calls.services import booking, reserving
from integrations import secrets
from integrations.calendars import keeping, marking
from integrations.calendars.ports import CalendarAway
from integrations.models import CalendarEvent, CalendarLink
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.integrations.calendars.conftest import PASSWORD, USER, stored
from tests.integrations.calendars.fakes import HOUR, TEN, Fake, Remembering, booked

pytestmark = pytest.mark.django_db
LATER = NOW + HOUR


def switch(link: CalendarLink, *, on: bool, now: datetime = NOW) -> None:
    link.active = on
    keeping.save(link, now=now)


def move(made: Appointment, start_at: datetime) -> None:
    booking.book(make.call(made.call.lead, CallStatus.LIVE), start_at, confirmed=True, now=NOW)


def test_while_it_is_off_it_is_not_asked_and_keeps_no_time_from_being_promised(
    link: CalendarLink, calendar: Calendar
) -> None:
    switch(link, on=False)
    made = booked(calendar)
    keeping.keep(now=NOW, open_=Fake(away="Nobody may ask this."))
    calendar.refresh_from_db()
    assert (calendar.linked, reserving.is_known(calendar, now=NOW)) == (False, True)
    assert (made.calendar_state, made.task, CalendarEvent.objects.get().attempts) == ("waiting", "", 0)
    assert not Alert.objects.exists()


def test_what_was_made_moved_and_called_off_meanwhile_is_written_once_it_is_on(
    link: CalendarLink, calendar: Calendar
) -> None:
    there = Remembering()
    moved, canceled = booked(calendar), booked(calendar, TEN + HOUR)
    keeping.keep(now=NOW, open_=there)
    switch(link, on=False)
    made = booked(calendar, TEN + 2 * HOUR)
    move(moved, TEN + 3 * HOUR)
    booking.cancel(canceled, now=NOW)
    keeping.keep(now=NOW, open_=there)
    assert len(there.done) == 2
    switch(link, on=True, now=LATER)
    keeping.keep(now=LATER, open_=there)
    assert {uid: span.start for uid, span in there.events.items()} == {
        f"{made.uid}@reautomation": TEN + 2 * HOUR,
        f"{moved.uid}@reautomation": TEN + 3 * HOUR,
    }
    states = Appointment.objects.order_by("start_at").values_list("calendar_state", "task")
    assert list(states) == [("", ""), ("written", ""), ("written", "")]
    assert not CalendarEvent.objects.exclude(next_attempt_at=None).exists()


def test_a_time_that_was_given_away_there_meanwhile_is_a_matter_for_a_person(
    link: CalendarLink, calendar: Calendar
) -> None:
    switch(link, on=False)
    made, there = booked(calendar), Fake(Span(TEN, TEN + HOUR))
    switch(link, on=True, now=LATER)
    keeping.keep(now=LATER, open_=there)
    made.refresh_from_db()
    assert (made.calendar_state, made.task, there.done) == ("conflict", marking.TAKEN, [])


def test_what_is_over_by_then_is_closed_and_not_sent(link: CalendarLink, calendar: Calendar) -> None:
    switch(link, on=False)
    made, there = booked(calendar), Fake()
    switch(link, on=True, now=TEN)
    keeping.keep(now=TEN, open_=there)
    made.refresh_from_db()
    assert there.done == []
    assert (made.status, made.calendar_state, made.task) == ("booked", "", "")
    assert CalendarEvent.objects.get().next_attempt_at is None


def test_what_stands_ahead_from_before_a_move_into_what_is_over_is_removed(
    link: CalendarLink, calendar: Calendar
) -> None:
    there, made = Remembering(), booked(calendar, TEN + 5 * HOUR)
    keeping.keep(now=NOW, open_=there)
    switch(link, on=False)
    move(made, TEN)
    switch(link, on=True, now=LATER)
    keeping.keep(now=TEN + HOUR, open_=there)
    assert (there.events, len(there.done)) == ({}, 2)
    moved = Appointment.objects.get()
    assert (moved.start_at, moved.status, moved.calendar_state) == (TEN, "booked", "")


def test_what_an_attempt_may_have_left_there_whose_answer_was_lost_is_removed(
    link: CalendarLink, calendar: Calendar
) -> None:
    class Losing(Remembering):
        async def put(self, *given: object, **named: object) -> None:
            await super().put(*given, **named)  # type: ignore[arg-type]
            raise CalendarAway("Its answer was lost.")

    there = Losing()
    booked(calendar)
    keeping.keep(now=TEN - timedelta(seconds=1), open_=there)
    assert len(there.events) == 1
    switch(link, on=False)
    switch(link, on=True)
    keeping.keep(now=TEN + HOUR, open_=there)
    assert there.events == {}


def test_a_new_address_is_told_of_what_lies_ahead(link: CalendarLink, calendar: Calendar) -> None:
    kept, off = booked(calendar, TEN + HOUR), booked(calendar, TEN + 2 * HOUR)
    booked(calendar)
    booking.cancel(off, now=NOW)
    keeping.keep(now=NOW, open_=Fake())
    link.address, there = "http://127.0.0.1:9/d/", Fake()
    keeping.save(link, now=TEN)
    keeping.keep(now=TEN, open_=there)
    assert there.done == [("put", (f"{kept.uid}@reautomation", 0, TEN + HOUR))]
    states = Appointment.objects.order_by("start_at").values_list("calendar_state", flat=True)
    assert list(states) == ["written", "written", ""]
    switch(link, on=True, now=TEN)  # the address is as it was
    keeping.keep(now=TEN, open_=there)
    assert len(there.done) == 1


def test_a_calendar_that_gets_its_first_link_is_told_of_what_lies_ahead(calendar: Calendar, remote: str) -> None:
    made = booked(calendar)
    link = CalendarLink(calendar=calendar, address=remote, username=USER, sealed=secrets.seal(PASSWORD))
    keeping.save(link, now=NOW)
    keeping.keep(now=NOW)
    made.refresh_from_db()
    assert made.calendar_state == "written"
    name = f"{made.uid}@reautomation"
    switch(link, on=False, now=NOW)
    booking.cancel(made, now=NOW)
    keeping.keep(now=NOW)
    assert f"UID:{name}" in stored(remote, name)
    switch(link, on=True, now=NOW)
    keeping.keep(now=NOW)
    assert stored(remote, name) == ""
