"""Calendars are read and written beside the calls; one that is away loses nothing and promises nothing."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.models import Alert
from calls.domain.availability import Span
from calls.domain.invitation import Meeting
from calls.domain.status import CallStatus
from calls.models import Appointment, BusyTime, Calendar, Call, Lead
from calls.services import booking, recordings, reserving
from calls.services.meetings import meeting_uid
from integrations import secrets
from integrations.calendars import keeping, marking, opening
from integrations.calendars.ports import CalendarCannot, CalendarTaken
from integrations.models import CalendarEvent, CalendarLink
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.integrations.calendars.calcom import KEY, NUMBER, CalCom
from tests.integrations.calendars.conftest import PASSWORD, USER, store, stored
from tests.integrations.calendars.fakes import HOUR, TEN, Breaking, Fake, Remembering, booked
from tests.integrations.calendars.server import Asked, Said, serving

pytestmark = pytest.mark.django_db


def stays_away() -> None:
    """The calendar, until nothing more is tried."""
    for _ in range(20):
        due = CalendarEvent.objects.get().next_attempt_at
        if due is None:
            return
        keeping.keep(now=due, open_=Fake(away="It is away."))
    pytest.fail("It is tried for ever.")


def test_what_is_busy_elsewhere_is_read_and_replaced(link: CalendarLink, calendar: Calendar) -> None:
    assert not reserving.is_known(calendar, now=NOW)
    keeping.keep(now=NOW, open_=Fake(Span(TEN, TEN + HOUR)))
    calendar.refresh_from_db()
    assert reserving.is_known(calendar, now=NOW)
    assert [(row.span.lower, row.span.upper) for row in BusyTime.objects.all()] == [(TEN, TEN + HOUR)]
    keeping.keep(now=NOW + timedelta(minutes=1), open_=Fake())  # too soon to ask again
    assert BusyTime.objects.count() == 1
    keeping.keep(now=NOW + keeping.READ_EVERY, open_=Fake())
    assert not BusyTime.objects.exists()


def test_an_appointment_is_written_once(link: CalendarLink, calendar: Calendar) -> None:
    made, fake = booked(calendar), Fake()
    assert made.calendar_state == "waiting"
    keeping.keep(now=NOW, open_=fake)
    keeping.keep(now=NOW + HOUR, open_=fake)
    assert fake.done == [("put", (f"{made.uid}@reautomation", 0, TEN))]
    made.refresh_from_db()
    assert (made.calendar_state, made.calendar_note, made.task) == ("written", "", "")
    assert not Alert.objects.exists()


def test_a_move_is_one_event_and_a_cancellation_removes_it(link: CalendarLink, calendar: Calendar) -> None:
    made, fake = booked(calendar), Fake()
    keeping.keep(now=NOW, open_=fake)
    later = make.call(made.call.lead, CallStatus.LIVE)
    booking.book(later, TEN + HOUR, confirmed=True, now=NOW)
    keeping.keep(now=NOW, open_=fake)
    moved = Appointment.objects.get()
    booking.cancel(moved, now=NOW)
    keeping.keep(now=NOW, open_=fake)
    name = f"{made.uid}@reautomation"
    assert fake.done == [("put", (name, 0, TEN)), ("put", (name, 1, TEN + HOUR)), ("cancel", name)]
    moved.refresh_from_db()
    assert (moved.status, moved.calendar_state) == ("canceled", "")
    assert CalendarEvent.objects.count() == 1


def test_a_calendar_that_is_away_is_written_later(link: CalendarLink, calendar: Calendar) -> None:
    made = booked(calendar, confirmed=False)
    keeping.keep(now=NOW, open_=Fake(away="dav.example did not answer in time."))
    event = CalendarEvent.objects.get()
    assert event.attempts == 1
    assert event.next_attempt_at is not None
    assert event.next_attempt_at > NOW
    made.refresh_from_db()
    assert (made.calendar_state, made.calendar_note) == ("waiting", "dav.example did not answer in time.")
    told = Alert.objects.get(kind="calendar_away", ended_at=None)
    assert told.text == (
        f"The calendar {calendar} cannot be read, so its appointments wait to be confirmed: "
        "dav.example did not answer in time."
    )
    fake = Fake()
    keeping.keep(now=event.next_attempt_at + keeping.READ_EVERY, open_=fake)
    made.refresh_from_db()
    assert (made.calendar_state, made.task) == ("written", booking.TO_CONFIRM)
    assert len(fake.done) == 1
    assert not Alert.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    ("confirmed", "task"),
    [(True, f"{booking.UNSURE} {marking.NOT_WRITTEN}"), (False, f"{booking.TO_CONFIRM} {marking.NOT_WRITTEN}")],
)
def test_a_calendar_that_stays_away_is_a_matter_for_a_person(
    link: CalendarLink, calendar: Calendar, confirmed: bool, task: str
) -> None:
    made = booked(calendar, confirmed=confirmed)
    stays_away()
    made.refresh_from_db()
    assert (made.calendar_state, made.task) == ("waiting", task)


def test_one_that_cannot_be_removed_is_removed_by_a_person(link: CalendarLink, calendar: Calendar) -> None:
    made = booked(calendar)
    keeping.keep(now=NOW, open_=Fake())
    booking.cancel(made, now=NOW)
    stays_away()
    made.refresh_from_db()
    assert (made.status, made.task) == ("canceled", marking.NOT_REMOVED)


def test_what_breaks_on_one_calendar_keeps_no_other_waiting(link: CalendarLink, calendar: Calendar) -> None:
    other = CalendarLink(calendar=make.calendar(name="Sam Reed"), address="http://127.0.0.1:9/d/", username=USER)
    other.sealed = secrets.seal(PASSWORD)
    keeping.save(other, now=NOW)
    broken, whole = booked(calendar), booked(other.calendar)
    fake = Fake(Span(TEN + HOUR, TEN + 2 * HOUR))

    def opener(link: CalendarLink) -> Fake:
        return fake if link == other else Breaking()

    keeping.keep(now=NOW, open_=opener)
    link.refresh_from_db()
    assert (link.tried_at, link.last_error) == (
        NOW,
        "The calendar's answer cannot be read (RecursionError, see the log).",
    )
    assert list(BusyTime.objects.values_list("calendar", flat=True)) == [other.calendar.pk]
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.calendar_state, whole.calendar_state) == ("waiting", "written")
    assert CalendarEvent.objects.get(link=link).attempts == 1


def test_a_server_that_fails_is_asked_once_a_round(link: CalendarLink, calendar: Calendar) -> None:
    other = CalendarLink(calendar=make.calendar(name="Sam Reed"), address="http://127.0.0.1:9/d/", username=USER)
    other.sealed = secrets.seal(PASSWORD)
    keeping.save(other, now=NOW)
    for hours in range(3):
        booked(calendar, TEN + hours * HOUR)
    whole, fake, asked = booked(other.calendar), Fake(), list[int]()
    CalendarLink.objects.update(tried_at=NOW)  # nothing is to be read

    def opener(link: CalendarLink) -> Fake:
        asked.append(link.pk)
        return fake if link == other else Fake(away="It is away.")

    keeping.keep(now=NOW, open_=opener)
    assert asked == [link.pk, other.pk]
    whole.refresh_from_db()
    assert whole.calendar_state == "written"
    for _ in range(2):  # the others have their turn
        keeping.keep(now=NOW, open_=opener)
    assert asked == [link.pk, other.pk, link.pk, link.pk]
    assert list(CalendarEvent.objects.filter(link=link).values_list("attempts", flat=True)) == [1, 1, 1]


def test_an_event_of_ours_that_is_still_to_be_removed_is_in_nobodys_way(
    link: CalendarLink, calendar: Calendar
) -> None:
    there = Remembering()
    gone = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    there.away = "dav.example did not answer in time."
    booking.cancel(gone, now=NOW)
    keeping.keep(now=NOW, open_=there)  # it is not removed, and tried again later
    there.away = ""
    made = booked(calendar)
    keeping.keep(now=NOW + timedelta(seconds=1), open_=there)
    made.refresh_from_db()
    assert (made.calendar_state, made.task) == ("written", "")
    assert not Alert.objects.filter(kind="appointment_conflict").exists()


def test_an_event_of_ours_that_somebody_moved_takes_its_new_time(link: CalendarLink, calendar: Calendar) -> None:
    there, made = Remembering(), booked(calendar)
    keeping.keep(now=NOW, open_=there)
    there.events[f"{made.uid}@reautomation"] = Span(TEN + HOUR, TEN + 2 * HOUR)
    keeping.keep(now=NOW + keeping.READ_EVERY, open_=there)
    assert [(row.span.lower, row.span.upper) for row in BusyTime.objects.all()] == [(TEN + HOUR, TEN + 2 * HOUR)]


def test_a_time_that_was_taken_meanwhile_is_told_to_a_person(link: CalendarLink, calendar: Calendar) -> None:
    made, fake = booked(calendar), Fake(Span(TEN - HOUR, TEN + timedelta(minutes=1)))
    keeping.keep(now=NOW, open_=fake)
    made.refresh_from_db()
    assert (made.status, made.calendar_state, made.task) == ("booked", "conflict", marking.TAKEN)
    assert fake.done == []
    told = Alert.objects.get()
    assert (told.kind, told.ended_at) == ("appointment_conflict", None)
    assert told.text == (
        f"{calendar}: an appointment at 2026-11-11 17:00 UTC is at a time that is taken in the calendar. "
        "Call the lead and agree on another."
    )


def test_a_time_that_is_given_away_while_it_is_written_is_told_likewise(
    link: CalendarLink, calendar: Calendar
) -> None:
    class Faster(Fake):
        async def put(self, meeting: Meeting, *, now: datetime) -> None:
            raise CalendarTaken("Somebody was faster.")

    made = booked(calendar)
    keeping.keep(now=NOW, open_=Faster())
    made.refresh_from_db()
    assert (made.calendar_state, made.task) == ("conflict", marking.TAKEN)
    assert CalendarEvent.objects.get().next_attempt_at is None
    assert Alert.objects.get().kind == "appointment_conflict"


def test_what_changes_while_it_is_written_is_written_again(
    link: CalendarLink, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, asked = Fake(), opening.asked
    keeping.keep(now=NOW - timedelta(minutes=1), open_=fake)
    made = booked(calendar)

    def slowly(*given: Any) -> object:
        answer = asked(*given)
        due = CalendarEvent.objects.filter(canceled=False)
        due.update(next_attempt_at=NOW + timedelta(seconds=1), canceled=True)
        return answer

    monkeypatch.setattr(keeping, "asked", slowly)
    keeping.keep(now=NOW, open_=fake)
    keeping.keep(now=NOW + timedelta(seconds=1), open_=fake)
    assert [what for what, _ in fake.done] == ["put", "cancel"]
    assert CalendarEvent.objects.get().next_attempt_at is None
    assert Appointment.objects.get() == made


def erase(appointment: Appointment, *, now: datetime) -> None:
    recordings.erase_talk(Call.objects.filter(pk=appointment.call_id), why="Asked.", by="mia", now=now)


def test_what_was_said_is_erased_from_an_event_of_the_past(link: CalendarLink, calendar: Calendar) -> None:
    made, other = booked(calendar), booked(calendar, TEN + HOUR)
    Call.objects.update(summary="Wants to sell.")
    keeping.keep(now=NOW, open_=Fake())
    later, there = TEN + timedelta(days=3), Fake(Span(TEN, TEN + HOUR))  # by now something else stands there too
    erase(made, now=later)
    keeping.keep(now=later, open_=there)
    keeping.keep(now=later + HOUR, open_=there)
    told = (f"{made.uid}@reautomation", f"Appointment with {made.call.lead.name}", f"Campaign: {made.campaign.name}")
    assert there.done == [("rewrite", told)]
    made.refresh_from_db()
    other.refresh_from_db()
    assert (made.calendar_state, made.calendar_note, made.task) == ("written", "", "")
    assert (other.calendar_state, other.call.summary) == ("written", "Wants to sell.")
    assert not Alert.objects.exists()


def test_without_a_name_the_number_is_erased_from_the_title_too(link: CalendarLink, calendar: Calendar) -> None:
    made, fake = booked(calendar), Fake()
    Lead.objects.update(name="")
    keeping.keep(now=NOW, open_=fake)
    erase(made, now=NOW + HOUR)
    keeping.keep(now=NOW + HOUR, open_=fake)
    assert fake.done[1:] == [
        ("rewrite", (f"{made.uid}@reautomation", "Appointment with a lead", f"Campaign: {made.campaign.name}"))
    ]


def test_what_is_erased_while_the_calendar_is_away_is_erased_later(link: CalendarLink, calendar: Calendar) -> None:
    made, now = booked(calendar), TEN + HOUR
    keeping.keep(now=NOW, open_=Fake())
    erase(made, now=now)
    keeping.keep(now=now, open_=Fake(away="It is away."))
    made.refresh_from_db()
    assert (made.calendar_state, made.calendar_note, made.task) == ("written", "It is away.", "")
    stays_away()
    made.refresh_from_db()
    assert (made.calendar_state, made.task) == ("written", marking.NOT_ERASED)
    assert not Alert.objects.filter(kind="appointment_conflict").exists()


def test_a_calendar_that_cannot_erase_is_a_matter_for_a_person_at_once(
    link: CalendarLink, calendar: Calendar
) -> None:
    class Rigid(Fake):
        async def rewrite(self, meeting: Meeting, *, now: datetime) -> None:
            raise CalendarCannot("It changes no notes.")

    made, rigid = booked(calendar), Rigid()
    keeping.keep(now=NOW, open_=rigid)
    erase(made, now=NOW + HOUR)
    keeping.keep(now=NOW + HOUR, open_=rigid)
    made.refresh_from_db()
    assert (made.calendar_state, made.task) == ("written", marking.NOT_ERASED)
    assert CalendarEvent.objects.get().next_attempt_at is None


def test_what_was_never_written_is_not_written_by_an_erasure(link: CalendarLink, calendar: Calendar) -> None:
    made, fake = booked(calendar), Fake(Span(TEN, TEN + HOUR))
    keeping.keep(now=NOW, open_=fake)
    Alert.objects.all().delete()
    erase(made, now=NOW + HOUR)
    keeping.keep(now=NOW + HOUR, open_=fake)
    made.refresh_from_db()
    assert (fake.done, made.calendar_state, Alert.objects.count()) == ([], "conflict", 0)


def test_without_a_calendar_elsewhere_nothing_is_written(calendar: Calendar) -> None:
    assert booked(calendar).calendar_state == ""
    assert not CalendarEvent.objects.exists()


def test_a_secret_of_another_key_is_named(link: CalendarLink, settings: object) -> None:
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    assert keeping.check(link) == ("SECRET_KEY has changed since the password was entered: enter the password again.")


def test_a_server_that_drips_is_given_up(link: CalendarLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "DEADLINE_S", 0.01)

    class Dripping(Fake):
        async def check(self) -> None:
            import asyncio

            await asyncio.Event().wait()

    assert keeping.check(link, open_=Dripping()) == "The calendar did not answer within 0.01 s."


def test_one_round_at_a_time() -> None:
    assert keeping.keep_alone(now=NOW)


def test_from_the_booking_to_radicale_and_back(calendar: Calendar, remote: str) -> None:
    made = CalendarLink(calendar=calendar, address=remote, username=USER, sealed=secrets.seal(PASSWORD))
    keeping.save(made, now=NOW)
    assert keeping.check(made) == ""
    store(remote, "private", "DTSTART:20261111T180000Z", "DTEND:20261111T190000Z")
    appointment = booked(calendar)
    keeping.keep(now=NOW)
    appointment.refresh_from_db()
    assert appointment.calendar_state == "written"
    assert f"UID:{appointment.uid}@reautomation" in stored(remote, f"{appointment.uid}@reautomation")
    assert [(row.span.lower, row.span.upper) for row in BusyTime.objects.all()] == [(TEN + HOUR, TEN + 2 * HOUR)]
    assert appointment.call.lead.phone in stored(remote, f"{appointment.uid}@reautomation")
    erase(appointment, now=NOW)
    keeping.keep(now=NOW)
    assert "Phone" not in stored(remote, f"{appointment.uid}@reautomation")
    booking.cancel(appointment, now=NOW)
    keeping.keep(now=NOW)
    assert stored(remote, f"{appointment.uid}@reautomation") == ""


def test_from_the_booking_to_cal_com_and_back(calendar: Calendar) -> None:
    Calendar.objects.update(email="maria@example.com")
    calendar.refresh_from_db()
    calcom = CalCom([Span(TEN - HOUR, TEN + 3 * HOUR)], busy=[Span(TEN + HOUR, TEN + 2 * HOUR)])
    with serving(calcom) as server:
        address = f"{server}/v2/event-types/{NUMBER}"
        made = CalendarLink(calendar=calendar, kind="calcom", address=address, sealed=secrets.seal(KEY))
        keeping.save(made, now=NOW)
        first, second = booked(calendar), booked(calendar, TEN + HOUR)
        keeping.keep(now=NOW)
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.calendar_state, first.calendar_note, first.task) == ("written", "", "")
        assert (second.calendar_state, second.task) == ("conflict", marking.TAKEN)
        [written] = calcom.standing()
        assert written["metadata"] == {"reautomation_uid": f"{first.uid}@reautomation"}
        assert written["attendees"][0]["email"] == "maria@example.com"
        booking.book(make.call(first.call.lead, CallStatus.LIVE), TEN + 2 * HOUR, confirmed=True, now=NOW)
        keeping.keep(now=NOW + keeping.READ_EVERY)
        [moved] = calcom.standing()
        assert moved["start"] == f"{TEN + 2 * HOUR:%Y-%m-%dT%H:%M:%S}.000Z"
        assert [row.span.lower for row in BusyTime.objects.all()][-2:] == [TEN + HOUR, TEN + 3 * HOUR]
        booking.cancel(Appointment.objects.get(uid=first.uid), now=NOW)
        keeping.keep(now=NOW + keeping.READ_EVERY)
    assert calcom.standing() == []
    assert Appointment.objects.get(uid=first.uid).calendar_state == ""


def test_what_of_ours_is_still_to_be_called_off_in_cal_com_has_not_taken_the_time(calendar: Calendar) -> None:
    Calendar.objects.update(email="maria@example.com")
    calendar.refresh_from_db()
    calcom, refuses = CalCom([Span(TEN - HOUR, TEN + 3 * HOUR)]), [True]

    def behave(asked: Asked) -> Said:
        return Said(503) if refuses and asked.path.endswith("/cancel") else calcom(asked)

    with serving(behave) as server:
        address = f"{server}/v2/event-types/{NUMBER}"
        link = CalendarLink(calendar=calendar, kind="calcom", address=address, sealed=secrets.seal(KEY))
        keeping.save(link, now=NOW)
        gone = booked(calendar)
        keeping.keep(now=NOW)
        booking.cancel(gone, now=NOW)
        keeping.keep(now=NOW)
        made = booked(calendar)
        keeping.keep(now=NOW + timedelta(seconds=1))
        made.refresh_from_db()
        assert (made.calendar_state, made.task) == ("waiting", "")
        assert made.calendar_note == "Another appointment is still to be removed or moved there."
        refuses.clear()
        keeping.keep(now=NOW + timedelta(hours=1))
        keeping.keep(now=NOW + timedelta(hours=2))
    made.refresh_from_db()
    assert (made.calendar_state, made.calendar_note, made.task) == ("written", "", "")
    assert [one["metadata"]["reautomation_uid"] for one in calcom.standing()] == [meeting_uid(made.uid)]
    assert not Alert.objects.filter(kind="appointment_conflict").exists()
