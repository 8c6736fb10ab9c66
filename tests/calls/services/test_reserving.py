"""What a call may offer is held for it; what was agreed on is booked, moved and called off."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models.functions import Now
from django.utils import timezone

from agents.domain.types import BookAppointment, Disposition
from billing.models import Alert
from calls.domain.status import CallStatus
from calls.models import Appointment, BusyTime, Calendar, Call, Campaign, Reservation
from calls.services import booking, ending, reserving
from calls.services.briefing import brief_of, reserve_slots
from calls.services.finishing import finish
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import report

pytestmark = pytest.mark.django_db
TEN = datetime(2026, 11, 11, 17, tzinfo=UTC)
"""Wednesday at ten in Denver, the first time that is offered."""


def live(calendar: Calendar | None) -> Call:
    return make.call(make.lead(make.campaign(calendar=calendar)), CallStatus.LIVE)


def booked(call: Call, *starts: datetime, confirmed: bool = True) -> None:
    acts = [BookAppointment(start, confirmed) for start in starts]
    talked = report(Disposition.APPOINTMENT, *acts, answered_at=NOW, ended_at=NOW + timedelta(minutes=1))
    assert finish(call.pk, talked, now=NOW + timedelta(minutes=1))


def test_two_campaigns_of_one_calendar_are_offered_different_times() -> None:
    calendar = make.calendar()
    first, second = live(calendar), live(calendar)
    one, other = reserve_slots(first, now=NOW), reserve_slots(second, now=NOW)
    assert one[0] == TEN
    assert len({*one, *other}) == 8
    assert [row.start_at for row in first.reservations.order_by("pk")] == list(one)
    first.refresh_from_db()
    assert first.offered_slots == [slot.isoformat() for slot in one]


def test_times_are_held_for_as_long_as_the_call_may_last_and_an_hour() -> None:
    call = live(make.calendar())
    reserve_slots(call, now=NOW)
    left = {row.expires_at - timezone.now() for row in call.reservations.all() if row.expires_at}
    lasting = timedelta(seconds=call.max_length_s, hours=1)
    assert all(lasting - timedelta(minutes=1) < one <= lasting for one in left)


def test_a_call_that_asks_again_gives_back_what_it_held() -> None:
    call = live(make.calendar())
    assert reserve_slots(call, now=NOW) == reserve_slots(call, now=NOW)
    assert Reservation.objects.count() == 4


def test_lapsed_holds_are_free_and_are_cleared() -> None:
    calendar = make.calendar()
    first, second = live(calendar), live(calendar)
    offered = reserve_slots(first, now=NOW)
    first.reservations.update(expires_at=Now() - timedelta(seconds=1))
    assert reserving.free(second.campaign, "America/Denver", now=NOW) == offered
    assert reserve_slots(second, now=NOW) == offered
    assert not first.reservations.exists()


def test_what_was_held_for_a_call_that_never_rang_is_free() -> None:
    calendar = make.calendar()
    first, second = make.call(make.lead(make.campaign(calendar=calendar)), CallStatus.CLAIMED), live(calendar)
    offered = reserve_slots(first, now=NOW)
    assert reserving.free(second.campaign, "America/Denver", now=NOW)[0] not in offered
    assert ending.cancel_waiting(Call.objects.filter(pk=first.pk), at=NOW, why="call.canceled_by_pause") == 1
    assert reserving.free(second.campaign, "America/Denver", now=NOW) == offered
    assert reserve_slots(second, now=NOW) == offered
    assert not first.reservations.exists()


def test_the_end_of_a_call_frees_what_it_did_not_book() -> None:
    calendar = make.calendar(minutes=45, before_min=15, after_min=15)
    call = live(calendar)
    first, *_ = reserve_slots(call, now=NOW)
    booked(call, first)
    [kept] = Reservation.objects.all()
    assert (kept.call, kept.start_at, kept.expires_at) == (call, TEN, None)
    assert kept.span == DateTimeTZRange(TEN - timedelta(minutes=15), TEN + timedelta(minutes=60))
    made = Appointment.objects.get()
    assert (made.calendar, made.start_at, made.minutes, made.status) == (calendar, TEN, 45, "booked")
    assert (made.sequence, made.task, made.calendar_state) == (0, "", "")


@pytest.mark.parametrize("before", [True, False])
def test_the_time_is_booked_of_whom_it_was_agreed_on(before: bool) -> None:
    """Also where the campaign got its first calendar, or another, while they talked."""
    calendar = make.calendar() if before else None
    call = live(calendar)
    slot, *_ = reserve_slots(call, now=NOW)
    other = make.calendar(name="Sam Reed")
    Campaign.objects.filter(pk=call.campaign_id).update(calendar=other)
    booked(call, slot)
    made, kept = Appointment.objects.get(), Reservation.objects.get()
    assert (made.calendar, made.minutes, kept.calendar, kept.start_at) == (calendar, 30, calendar, slot)


def test_what_another_has_by_now_is_not_booked_and_a_person_is_told() -> None:
    calendar = make.calendar()
    first, second = live(calendar), live(calendar)
    slot, *_ = reserve_slots(first, now=NOW)
    first.reservations.update(expires_at=Now() - timedelta(seconds=1))  # the database was away for hours
    booked(second, slot)
    booked(first, slot)
    assert Appointment.objects.get().call == second
    assert [event.fields for event in first.events.filter(kind="appointment.conflict")] == [
        {"start_at": "2026-11-11T17:00:00+00:00"}
    ]
    told = Alert.objects.get()
    assert (told.kind, told.level, told.budget) == ("appointment_conflict", "critical", None)
    assert told.text == (
        f"{first.campaign}: a lead agreed to 2026-11-11 17:00 UTC, which another has by now. "
        "Call them and agree on another time."
    )


def test_a_hold_that_lapsed_is_still_booked_while_nobody_took_it() -> None:
    call = live(make.calendar())
    slot, *_ = reserve_slots(call, now=NOW)
    call.reservations.update(expires_at=Now() - timedelta(seconds=1))
    booked(call, slot)
    assert Appointment.objects.get().start_at == slot


def test_the_last_word_of_a_call_counts_and_the_first_time_is_free_again() -> None:
    call = live(make.calendar())
    first, second, *_ = reserve_slots(call, now=NOW)
    booked(call, first, second)
    assert Appointment.objects.get().start_at == second
    assert [row.start_at for row in Reservation.objects.all()] == [second]


def test_an_appointment_that_is_moved_keeps_its_name_in_the_calendar() -> None:
    lead = make.lead(make.campaign(calendar=make.calendar()))
    before = make.appointment(make.call(lead, CallStatus.DONE), TEN)
    call = make.call(lead, CallStatus.LIVE)
    later = TEN + timedelta(days=1)
    booked(call, later)
    moved = Appointment.objects.get()
    assert (moved.start_at, moved.uid, moved.sequence) == (later, before.uid, 1)
    assert [row.start_at for row in Reservation.objects.all()] == [later]


def test_a_move_to_another_calendar_calls_the_first_off() -> None:
    lead = make.lead(make.campaign(calendar=make.calendar()))
    before = make.appointment(make.call(lead, CallStatus.DONE), TEN)
    lead.campaign.calendar = make.calendar()
    lead.campaign.save()
    booked(make.call(lead, CallStatus.LIVE), TEN)
    moved = Appointment.objects.get()
    assert (moved.calendar, moved.sequence) == (lead.campaign.calendar, 0)
    assert moved.uid != before.uid


def test_what_is_called_off_is_free_and_is_no_appointment_of_the_lead() -> None:
    call = make.call(make.lead(make.campaign(calendar=make.calendar())), CallStatus.DONE)
    made = make.appointment(call, TEN, confirmed=False)
    assert made.task == booking.TO_CONFIRM
    assert booking.cancel(made, now=NOW)
    assert not booking.cancel(made, now=NOW)
    made.refresh_from_db()
    assert (made.status, made.sequence, made.task) == ("canceled", 1, "")
    assert not Reservation.objects.exists()
    assert [event.kind for event in call.events.filter(kind__startswith="appointment")] == [
        "appointment.booked",
        "appointment.canceled",
    ]


def test_what_a_person_had_to_do_is_done_once() -> None:
    call = make.call(status=CallStatus.DONE)
    made = make.appointment(call, TEN, confirmed=False)
    assert booking.done(made, by="mia", now=NOW)
    assert not booking.done(made, by="mia", now=NOW)
    assert [event.fields for event in call.events.filter(kind="appointment.task_done")] == [{"by": "mia"}]


def test_busy_times_days_off_and_bookings_of_before_are_not_offered() -> None:
    campaign = make.campaign()
    make.appointment(make.call(make.lead(campaign), CallStatus.DONE), TEN)
    calendar = make.calendar(days_off=[date(2026, 11, 13)], horizon_days=6)
    campaign.calendar = calendar
    campaign.save()
    thursday = datetime(2026, 11, 12, 7, tzinfo=UTC)
    BusyTime.objects.create(calendar=calendar, span=DateTimeTZRange(thursday, thursday + timedelta(days=1)))
    offered = reserving.free(campaign, "America/Denver", now=NOW, count=100)
    assert {at.day for at in offered} == {11, 16}
    assert TEN not in offered
    assert TEN + timedelta(hours=1) in offered


@pytest.mark.parametrize(
    ("linked", "read_ago", "away", "known"),
    [
        (False, None, False, True),
        (True, None, False, False),
        (True, timedelta(minutes=30), False, True),
        (True, timedelta(minutes=3), True, False),
        (True, timedelta(hours=1), False, False),
    ],
)
def test_a_calendar_that_was_not_read_lately_or_is_away_is_not_relied_on(
    linked: bool, read_ago: timedelta | None, away: bool, known: bool
) -> None:
    read_at = NOW - read_ago if read_ago else None
    call = live(make.calendar(linked=linked, busy_read_at=read_at, away=away))
    assert brief_of(call, (), now=NOW).calendar_asked is known


def test_a_campaign_without_a_calendar_offers_what_it_always_did() -> None:
    call = live(None)
    offered = reserve_slots(call, now=NOW)
    assert [f"{at:%a %d %H:%M}" for at in offered] == ["Wed 11 10:00", "Thu 12 14:00", "Fri 13 11:00", "Mon 16 15:00"]
    assert brief_of(call, offered, now=NOW).calendar_asked
    booked(call, offered[0])
    made = Appointment.objects.get()
    assert (made.calendar, made.minutes, made.start_at) == (None, 30, offered[0])
