"""What was agreed on a call outlives its worker, and is carried out once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.domain.types import (
    Act,
    BookAppointment,
    Disposition,
    EndCall,
    MarkWrongNumber,
    OptOut,
    Outcome,
    ScheduleCallback,
)
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, Suppression
from calls.services import acts, sweeping
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, FakePlane, Scripted, ended, turn, update
from voice.domain.types import Acted, CarrierStatus, Live

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
SLOT = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 13, 22, 0, tzinfo=UTC)
EVERY_ACT: tuple[Act, ...] = (
    OptOut("stop"),
    MarkWrongNumber("who?"),
    BookAppointment(SLOT),
    ScheduleCallback(LATER, "Friday at three"),
    EndCall("wrapped_up"),
)
COMPLETED = FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=61))


def worker_lost_after(*agreed: Act) -> Call:
    """A call whose line breaks after ``agreed``; its end is the sweep's."""
    call = make.call()
    script: list[Scripted] = [Live(ANSWERED), turn(1), *(Acted(act) for act in agreed), RuntimeError("lost")]
    with pytest.raises(RuntimeError, match="lost"):
        place(call.pk, plane=FakePlane(*script), dialer=FakeDialer(), owner="w", clock=lambda: NOW)
    sweeping.sweep(dialer=COMPLETED, now=NOW)
    call.refresh_from_db()
    assert call.status == "unknown"
    sweeping.sweep(dialer=COMPLETED, now=NOW + timedelta(seconds=16))
    call.refresh_from_db()
    call.lead.refresh_from_db()
    return call


def test_acts_are_kept_in_order_and_each_once() -> None:
    call = make.call(status=CallStatus.LIVE)
    for act in (*EVERY_ACT, *EVERY_ACT):
        acts.keep(call, act, now=NOW)
    assert acts.kept(call.pk) == EVERY_ACT
    assert acts.kept(make.call().pk) == ()


def test_what_no_database_takes_is_left_out() -> None:
    call = make.call(status=CallStatus.LIVE)
    acts.keep(call, MarkWrongNumber("no\0body" + "x" * 400), now=NOW)
    assert acts.kept(call.pk) == (MarkWrongNumber(f"nobody{'x' * 294}"),)


NO_MORE, BROKE_OFF = "Asked not to be called again.", "The call broke off through a fault of ours."
VISIT = "Booked an appointment for Thursday 12 November 2026, 10:00 (America/Denver)."
CALL_BACK = "Asked for a call back for Friday 13 November 2026, 15:00 (America/Denver)."


@pytest.mark.parametrize(
    ("agreed", "disposition", "lead_status", "next_attempt_at", "told"),
    [
        ((BookAppointment(SLOT), EndCall("appointment")), "appointment", "closed", None, VISIT),
        ((ScheduleCallback(LATER, "Friday at three"),), "callback_requested", "open", LATER, CALL_BACK),
        ((MarkWrongNumber("no Dana here"), EndCall("wrong_number")), "wrong_number", "closed", None, "Wrong number."),
        ((OptOut("stop"), EndCall("opt_out")), "do_not_call", "closed", None, NO_MORE),
        ((BookAppointment(SLOT), OptOut("stop")), "do_not_call", "closed", None, NO_MORE),
        ((EndCall("has_agent"),), "has_agent", "closed", None, "Has signed with another agent."),
        ((EndCall("wrapped_up"),), "failed", "open", None, BROKE_OFF),
        ((), "failed", "open", None, BROKE_OFF),
    ],
)
def test_the_loss_of_the_worker_loses_nothing_that_was_agreed(
    agreed: tuple[Act, ...], disposition: str, lead_status: str, next_attempt_at: datetime | None, told: str
) -> None:
    """The state of this call is none that can be read: it comes from what was said and agreed on."""
    call = worker_lost_after(*agreed)
    assert (call.status, call.disposition, call.billed_s, call.ended_by) == ("done", disposition, 61, "fault")
    assert (call.lead.status, call.lead.disposition) == (lead_status, disposition)
    if next_attempt_at:
        assert call.lead.next_attempt_at == next_attempt_at
    assert call.lead.commitment_at == (LATER if disposition == "callback_requested" else None)
    booked = [SLOT] if BookAppointment(SLOT) in agreed else []
    assert list(Appointment.objects.values_list("start_at", flat=True)) == booked
    listed = {"wrong_number": ["wrong_number"], "do_not_call": ["voice"]}.get(disposition, [])
    assert list(Suppression.objects.values_list("source", flat=True)) == listed
    assert call.summary == f"The worker was lost during the call; the turns up to then are kept. {told}"


def test_a_living_worker_carries_everything_out_once() -> None:
    call, book = make.call(), BookAppointment(SLOT)
    bye = ended(Disposition.APPOINTMENT, book, EndCall("appointment"), answered_at=ANSWERED, ended_at=ENDED)
    plane = FakePlane(Live(ANSWERED), Acted(book), Acted(EndCall("appointment")), bye)
    assert place(call.pk, plane=plane, dialer=FakeDialer(), owner="w", clock=lambda: NOW)
    call.refresh_from_db()
    assert (call.disposition, call.summary) == ("appointment", "It came to appointment.")
    assert Appointment.objects.get().start_at == SLOT
    kinds = list(call.events.order_by("pk").values_list("kind", flat=True))
    assert kinds[3:7] == ["conversation.act", "conversation.act", "call.finished", "appointment.booked"]
    sweeping.sweep(dialer=COMPLETED, now=NOW + timedelta(hours=1))
    assert Appointment.objects.count() == 1


def test_a_report_that_knows_its_acts_stands() -> None:
    """The person changed their mind: the conversation says to what it came."""
    call = make.call()
    bye = ended(Disposition.APPOINTMENT, BookAppointment(LATER), answered_at=ANSWERED, ended_at=ENDED)
    plane = FakePlane(Live(ANSWERED), Acted(BookAppointment(SLOT)), Acted(BookAppointment(LATER)), bye)
    place(call.pk, plane=plane, dialer=FakeDialer(), owner="w", clock=lambda: NOW)
    assert Appointment.objects.get().start_at == LATER


def test_a_summary_that_fails_loses_no_booking() -> None:
    call = make.call()
    broken = ended(Disposition.FAILED, answered_at=ANSWERED, ended_at=ENDED)
    plane = FakePlane(Live(ANSWERED), Acted(BookAppointment(SLOT)), broken)
    place(call.pk, plane=plane, dialer=FakeDialer(), owner="w", clock=lambda: NOW)
    call.refresh_from_db()
    assert (call.status, call.disposition) == ("done", "appointment")
    assert Appointment.objects.get().call == call


@pytest.mark.parametrize("act", EVERY_ACT)
def test_what_acts_come_to(act: Act) -> None:
    outcome = acts.completed(Outcome(Disposition.HUNG_UP, "Lost."), (act,))
    expected: dict[type[Any], Disposition] = {
        OptOut: Disposition.DO_NOT_CALL,
        MarkWrongNumber: Disposition.WRONG_NUMBER,
        BookAppointment: Disposition.APPOINTMENT,
        ScheduleCallback: Disposition.CALLBACK_REQUESTED,
        EndCall: Disposition.HUNG_UP,
    }
    assert (outcome.disposition, outcome.acts) == (expected[type(act)], (act,))
