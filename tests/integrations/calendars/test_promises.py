"""A calendar that is away or answers nonsense leads to no promise: not in a word of ours, and in nothing written."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from billing.models import Alert
from calls.domain.availability import Span
from calls.domain.invitation import invitation
from calls.domain.status import CallStatus
from calls.models import Appointment, BusyTime, Calendar, Call
from calls.services import booking, reserving
from calls.services.briefing import brief_of
from calls.services.meetings import invitation_of
from integrations import secrets, services
from integrations.calendars import keeping
from integrations.models import CalendarLink, Delivery, Endpoint
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.integrations.calendars.calcom import KEY
from tests.integrations.calendars.conftest import PASSWORD, USER
from tests.integrations.calendars.fakes import HOUR, TEN, Fake
from tests.integrations.calendars.google import CALENDAR, new_key
from tests.integrations.calendars.server import Said, serving

pytestmark = pytest.mark.django_db
AWAY = Fake(away="dav.example did not answer in time.")
SOON = NOW + timedelta(minutes=5)


@pytest.fixture
def calendar() -> Calendar:
    """It was read just now, and has an hour taken."""
    made = make.calendar(email="maria@example.com")
    link = CalendarLink(calendar=made, address="http://127.0.0.1:9/c/", username=USER, sealed=secrets.seal(PASSWORD))
    keeping.save(link, now=NOW)
    keeping.keep(now=NOW, open_=Fake(Span(TEN + HOUR, TEN + 2 * HOUR)))
    made.refresh_from_db()
    return made


@pytest.fixture
def call(calendar: Calendar) -> Call:
    return make.call(make.lead(make.campaign(calendar=calendar)), CallStatus.LIVE)


def sure(call: Call) -> bool:
    return brief_of(Call.objects.get(pk=call.pk), (), now=SOON).calendar_asked


def test_from_the_first_failure_on_nothing_is_promised_until_it_answers(call: Call, calendar: Calendar) -> None:
    assert sure(call)
    keeping.keep(now=SOON, open_=AWAY)
    assert not sure(call)
    assert BusyTime.objects.count() == 1  # what it said is still not offered
    assert not Alert.objects.exists()  # it may be back in a moment
    keeping.keep(now=SOON + timedelta(minutes=1), open_=Fake())  # too soon to ask again
    assert not sure(call)
    keeping.keep(now=SOON + keeping.READ_AGAIN_EVERY, open_=Fake())
    assert sure(call)
    assert not BusyTime.objects.exists()


@pytest.fixture(params=[b"<html>Hello", b"{}", b"[1]", b""])
def nonsense(request: pytest.FixtureRequest) -> Iterator[str]:
    with serving(lambda _: Said(200, request.param)) as server:
        yield server


def test_an_answer_that_is_nonsense_is_none(call: Call, calendar: Calendar, nonsense: str) -> None:
    for kind, address, secret in (
        ("caldav", f"{nonsense}/maria/", PASSWORD),
        ("google", CALENDAR, new_key(nonsense)),
        ("calcom", f"{nonsense}/v2/event-types/1", KEY),
    ):
        link = CalendarLink.objects.get()
        link.kind, link.address, link.sealed, link.tried_at = kind, address, secrets.seal(secret), None
        keeping.save(link, now=NOW)
        reserving.busy_read(calendar, [], now=NOW)
        assert sure(call)
        keeping.keep(now=SOON)
        assert not sure(call)
        link.refresh_from_db()
        assert link.last_error


def test_one_that_turns_away_between_offer_and_booking_is_a_matter_for_a_person(
    call: Call, calendar: Calendar
) -> None:
    Endpoint.objects.create(url="http://127.0.0.1:9/")
    assert sure(call)
    keeping.keep(now=SOON, open_=AWAY)
    call = Call.objects.get(pk=call.pk)
    booking.book(call, TEN, confirmed=True, now=SOON)
    services.announce(call, now=SOON)
    made = Appointment.objects.get()
    assert (made.task, made.calendar_state) == (booking.UNSURE, "waiting")
    told = Delivery.objects.get().payload["data"]
    assert (told["appointment_at"], told["appointment_confirmed"]) == (TEN.isoformat(), False)
    assert b"STATUS:TENTATIVE" in invitation(invitation_of(made), now=SOON)
    again = make.call(make.lead(call.campaign), CallStatus.LIVE)
    again.lead = call.lead
    history = brief_of(again, (), now=SOON).history
    assert (history.appointment_at, history.appointment_sure) == (TEN, False)

    keeping.keep(now=SOON + HOUR, open_=Fake())
    made.refresh_from_db()
    assert (made.task, made.calendar_state) == ("", "written")
    assert b"STATUS:CONFIRMED" in invitation(invitation_of(made), now=SOON)
    assert brief_of(again, (), now=SOON).history.appointment_sure


def test_what_a_person_promised_to_do_is_not_done_by_the_calendar(call: Call) -> None:
    booking.book(call, TEN, confirmed=False, now=NOW)
    keeping.keep(now=NOW, open_=Fake())
    made = Appointment.objects.get()
    assert (made.task, made.calendar_state) == (booking.TO_CONFIRM, "written")
    assert b"STATUS:TENTATIVE" in invitation(invitation_of(made), now=NOW)
    booking.done(made, by="mia", now=NOW)
    made.refresh_from_db()
    assert b"STATUS:CONFIRMED" in invitation(invitation_of(made), now=NOW)
