"""The alert of a time that another got before it was booked ends when the lead has another, or when it is over."""

from datetime import timedelta

import pytest

from billing.models import Alert
from calls.domain.status import CallStatus
from calls.models import Calendar, Call
from calls.services import booking, conflicts
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW

pytestmark = pytest.mark.django_db
TEN = NOW + timedelta(hours=22)
HOUR = timedelta(hours=1)


@pytest.fixture
def calendar() -> Calendar:
    return make.calendar()


@pytest.fixture
def lost(calendar: Calendar) -> Call:
    """The lead has an appointment of before, and agreed to ten o'clock, which another has."""
    other, lead = (make.lead(make.campaign(calendar=calendar)) for _ in range(2))
    make.appointment(make.call(lead, CallStatus.DONE, at=NOW - HOUR), TEN + 3 * HOUR)
    make.appointment(make.call(other, CallStatus.DONE), TEN)
    call = make.call(lead, CallStatus.DONE)
    booking.book(call, TEN, confirmed=True, now=NOW)
    return call


def is_open() -> bool:
    return Alert.objects.get(kind="appointment_conflict").ended_at is None


def test_it_lasts_until_the_lead_has_another_time(lost: Call) -> None:
    conflicts.end_settled(now=NOW)
    assert is_open()
    booking.book(make.call(lost.lead, CallStatus.DONE, at=NOW + HOUR), TEN + HOUR, confirmed=True, now=NOW + HOUR)
    conflicts.end_settled(now=NOW + HOUR)
    assert not is_open()


def test_it_is_over_with_the_time(lost: Call) -> None:
    conflicts.end_settled(now=TEN - timedelta(seconds=1))
    assert is_open()
    conflicts.end_settled(now=TEN)
    assert not is_open()


def test_it_goes_with_its_call(lost: Call) -> None:
    lost.events.all().delete()
    conflicts.end_settled(now=NOW)
    assert not is_open()


def test_other_alerts_are_left_alone(lost: Call) -> None:
    Alert.objects.update(kind="calendar_away", crossing="calendar_away calendar 1")
    conflicts.end_settled(now=TEN)
    assert Alert.objects.get().ended_at is None
