"""Many calls at once want one calendar: nobody is offered, and nobody gets, what another has."""

from datetime import timedelta
from itertools import pairwise

import pytest

from calls.domain.status import CallStatus
from calls.models import Appointment, Calendar, Call, Reservation
from calls.services import booking, reserving
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def calls_of(calendar: Calendar, count: int) -> list[Call]:
    campaigns = [make.campaign(calendar=calendar) for _ in range(2)]
    return [make.call(make.lead(campaigns[n % 2]), CallStatus.LIVE, held=None) for n in range(count)]


def test_calls_at_once_are_offered_different_times() -> None:
    calls = calls_of(make.calendar(before_min=10, after_min=10), THREADS)
    offered = at_once(THREADS, lambda n: reserving.hold(calls[n], "America/Denver", now=NOW))
    given = [slot for slots in offered for slot in slots]
    assert len(given) == len(set(given)) == 4 * THREADS
    assert Reservation.objects.count() == 4 * THREADS


def test_one_time_that_nobody_holds_is_booked_once() -> None:
    calls = calls_of(make.calendar(), THREADS)
    slot = NOW + timedelta(days=1)
    at_once(THREADS, lambda n: booking.book(calls[n], slot, confirmed=True, now=NOW))
    assert Appointment.objects.count() == 1
    assert Reservation.objects.get().call == Appointment.objects.get().call


@pytest.mark.slow
def test_no_time_is_given_twice_in_160_attempts() -> None:
    """In each of 20 rounds eight calls hold what they can, or grab a time that they saw free and never held."""
    calendar = make.calendar(every_min=15, before_min=5, after_min=5, horizon_days=60)
    calls = calls_of(calendar, 160)

    def attempt(call: Call, *, grabs: bool) -> None:
        held = () if grabs else reserving.hold(call, "America/Denver", now=NOW)
        slots = held or reserving.free(call.campaign, "America/Denver", now=NOW)
        if slots:
            booking.book(call, slots[0], confirmed=True, now=NOW)
        reserving.release(call)

    for first in range(0, len(calls), THREADS):
        wave = calls[first : first + THREADS]
        at_once(len(wave), lambda n, wave=wave: attempt(wave[n], grabs=bool(n % 2)))  # type: ignore[misc]
    booked = [one.start_at for one in Appointment.objects.order_by("start_at")]
    assert len(booked) >= 80
    assert all(after - before >= timedelta(minutes=calendar.minutes + 10) for before, after in pairwise(booked))
    assert Reservation.objects.count() == len(booked)
