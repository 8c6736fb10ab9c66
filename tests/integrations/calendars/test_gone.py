"""An event of ours that somebody moves or removes in the calendar is noticed and told, and nothing is called off."""

from collections.abc import Collection
from datetime import datetime

import httpx
import pytest

from agents.domain.types import History
from billing.models import Alert
from calls.domain.availability import Span
from calls.domain.invitation import invitation
from calls.domain.status import CallStatus
from calls.models import Appointment, Calendar, Call, Reservation
from calls.services import booking, recordings
from calls.services.briefing import brief_of
from calls.services.meetings import invitation_of, meeting_uid
from integrations import secrets, services
from integrations.calendars import keeping, marking
from integrations.calendars.ports import CalendarAway
from integrations.models import CalendarEvent, CalendarLink
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.integrations.calendars.conftest import PASSWORD, USER, stored
from tests.integrations.calendars.fakes import HOUR, TEN, Fake, booked

pytestmark = pytest.mark.django_db
SOON = NOW + keeping.READ_EVERY
LATER = SOON + keeping.READ_EVERY


@pytest.fixture
def there(link: CalendarLink) -> Fake:
    return Fake()


@pytest.fixture
def made(calendar: Calendar, there: Fake) -> Appointment:
    """It was written."""
    made = booked(calendar)
    keeping.keep(now=NOW, open_=there)
    return made


def state(made: Appointment) -> tuple[str, str, str]:
    made.refresh_from_db()
    assert made.status == "booked"
    return made.calendar_state, made.calendar_note, made.task


def told() -> list[tuple[str, str]]:
    return list(Alert.objects.values_list("kind", "text"))


def history(made: Appointment) -> History:
    again = make.call(make.lead(made.campaign), CallStatus.LIVE)
    again.lead = made.call.lead
    return brief_of(again, (), now=LATER).history


def test_what_stands_as_it_was_written_is_nobodys_matter(made: Appointment, there: Fake) -> None:
    keeping.keep(now=SOON, open_=there)
    assert (state(made), told()) == (("written", "", ""), [])


def test_one_that_was_removed_is_told_once_and_stands_with_us(made: Appointment, there: Fake) -> None:
    there.events.clear()
    for now in (SOON, LATER):
        keeping.keep(now=now, open_=there)
        assert state(made) == ("gone", "It is not there any more.", marking.GONE)
    assert told() == [
        (
            "appointment_gone",
            f"{made.calendar}: an appointment at 2026-11-11 17:00 UTC was moved or removed in the calendar. It is "
            "not there any more. Find out why there, and call the lead.",
        )
    ]
    assert Reservation.objects.filter(call=made.call, expires_at=None).exists()
    assert [what for what, _ in there.done] == ["put"]


def test_one_that_was_moved_is_told_with_its_new_time(made: Appointment, there: Fake) -> None:
    for hours, now in ((1, SOON), (2, LATER)):
        there.events[meeting_uid(made.uid)] = Span(TEN + hours * HOUR, TEN + (hours + 1) * HOUR)
        keeping.keep(now=now, open_=there)
        assert state(made) == ("gone", f"It begins at 2026-11-11 {17 + hours}:00 UTC there.", marking.GONE)
    assert len(told()) == 1


def test_the_next_call_does_not_read_a_vanished_time_back_as_sure(made: Appointment, there: Fake) -> None:
    assert history(made).appointment_sure
    there.events.clear()
    keeping.keep(now=SOON, open_=there)
    assert (history(made).appointment_at, history(made).appointment_sure) == (TEN, False)
    booking.done(made, by="mia", now=SOON)  # which puts nothing back
    keeping.keep(now=LATER, open_=there)
    assert (state(made)[2], history(made).appointment_sure) == ("", False)
    assert b"STATUS:TENTATIVE" in invitation(invitation_of(made), now=LATER)
    assert services.data_of(made.call)["appointment_confirmed"] is False


def test_one_that_is_put_back_is_sure_again(made: Appointment, there: Fake) -> None:
    before = there.events.copy()
    there.events.clear()
    keeping.keep(now=SOON, open_=there)
    there.events = before
    keeping.keep(now=LATER, open_=there)
    assert state(made) == ("written", "", "")
    assert history(made).appointment_sure


def test_what_was_promised_to_the_lead_is_still_to_be_done(calendar: Calendar, there: Fake) -> None:
    made = booked(calendar, confirmed=False)
    keeping.keep(now=NOW, open_=there)
    there.events, before = {}, there.events
    keeping.keep(now=SOON, open_=there)
    assert state(made)[2] == f"{booking.TO_CONFIRM} {marking.GONE}"
    there.events = before
    keeping.keep(now=LATER, open_=there)
    assert state(made)[2] == booking.TO_CONFIRM


def test_another_time_is_written_anew(made: Appointment, there: Fake) -> None:
    there.events.clear()
    keeping.keep(now=SOON, open_=there)
    booking.book(make.call(made.call.lead, CallStatus.LIVE), TEN + HOUR, confirmed=True, now=SOON)
    keeping.keep(now=LATER, open_=there)
    assert state(Appointment.objects.get()) == ("written", "", "")
    assert {uid: span.start for uid, span in there.events.items()} == {meeting_uid(made.uid): TEN + HOUR}


def test_its_words_are_erased_by_a_person_and_it_is_not_put_back(made: Appointment, there: Fake) -> None:
    there.events.clear()
    keeping.keep(now=SOON, open_=there)
    recordings.erase_talk(Call.objects.filter(pk=made.call_id), why="Asked.", by="mia", now=SOON)
    keeping.keep(now=LATER, open_=there)
    assert state(made)[::2] == ("gone", f"{marking.GONE} {marking.NOT_ERASED}")
    assert there.events == {}
    assert CalendarEvent.objects.get().next_attempt_at is None


def test_what_is_called_off_while_the_calendar_is_asked_is_not_marked(made: Appointment, there: Fake) -> None:
    asked_about = Appointment.objects.get()
    booking.cancel(made, now=SOON)
    marking.compared(asked_about, None, now=SOON)
    made.refresh_from_db()
    assert (made.status, made.calendar_state, made.task, told()) == ("canceled", "waiting", "", [])


def test_only_what_lies_ahead_and_within_sight_is_looked_for(made: Appointment, there: Fake) -> None:
    there.events.clear()
    keeping.keep(now=TEN, open_=there)
    assert state(made)[0] == "written"
    Appointment.objects.update(start_at=TEN + 20 * 24 * HOUR)
    keeping.keep(now=TEN + HOUR, open_=there)
    assert (state(made)[0], told()) == ("written", [])


def test_a_calendar_that_does_not_tell_marks_nothing(made: Appointment, link: CalendarLink) -> None:
    class Silent(Fake):
        async def standing(self, uids: Collection[str], within: Span) -> dict[str, datetime]:
            raise CalendarAway("It tells half of it.")

    keeping.keep(now=SOON, open_=Silent())
    link.refresh_from_db()
    assert (state(made)[0], link.last_error, told()) == ("written", "It tells half of it.", [])


def test_by_hand_in_radicale(calendar: Calendar, remote: str) -> None:
    keeping.save(
        CalendarLink(calendar=calendar, address=remote, username=USER, sealed=secrets.seal(PASSWORD)), now=NOW
    )
    moved, removed, kept = booked(calendar), booked(calendar, TEN + HOUR), booked(calendar, TEN + 2 * HOUR)
    keeping.keep(now=NOW)
    name = meeting_uid(moved.uid)
    before = stored(remote, name)
    with httpx.Client(trust_env=False, auth=(USER, PASSWORD), base_url=remote) as client:
        client.put(f"{name}.ics", content=before.replace("T100000", "T130000")).raise_for_status()
        client.delete(f"{meeting_uid(removed.uid)}.ics").raise_for_status()
        keeping.keep(now=SOON)
        assert state(moved) == ("gone", "It begins at 2026-11-11 20:00 UTC there.", marking.GONE)
        assert state(removed) == ("gone", "It is not there any more.", marking.GONE)
        assert state(kept) == ("written", "", "")
        client.put(f"{name}.ics", content=before).raise_for_status()
    keeping.keep(now=LATER)
    assert state(moved) == ("written", "", "")
