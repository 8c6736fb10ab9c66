"""One call on one line: every way it can go, with a carrier and a line that do as they are told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from structlog.testing import capture_logs

from agents.domain.types import BookAppointment, Disposition, EndCall, OptOut
from billing.models import LedgerEntry
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, CallEvent, CallingWindow, Campaign, Decision, Lead, Suppression, Turn
from calls.models.campaign import CampaignStatus
from calls.services.finishing import finish
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from tests.calls.fakes import FakeDialer, FakePlane, ended, report, turn
from voice.domain.types import Acted, LineEvent, Live
from voice.ports import Busy, DialUnknown, Refused

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
FREE = Decimal(0)
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
SLOT = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
TALK: tuple[LineEvent, ...] = (
    Live(ANSWERED),
    turn(1),
    turn(2, "Are you thinking of selling?"),
    ended(Disposition.QUALIFIED, answered_at=ANSWERED, ended_at=ENDED),
)
NO_ANSWER = ended(Disposition.NO_ANSWER, ended_at=ENDED)


def clock() -> datetime:
    return NOW


def run(call: Call, plane: FakePlane, dialer: FakeDialer | None = None) -> bool:
    made = place(call.pk, plane=plane, dialer=dialer or FakeDialer(), owner="worker-1", clock=clock)
    call.refresh_from_db()
    assert all(line.closed >= 1 for line in plane.lines)
    return made


def kinds(call: Call) -> list[str]:
    """What happened to the call itself."""
    own = call.events.exclude(kind__startswith="lead.")
    return list(own.order_by("pk").values_list("kind", flat=True))


def held(call: Call) -> Decimal:
    call.campaign.budget.refresh_from_db()
    return call.campaign.budget.total.held


def test_a_turn_said_while_a_reply_may_be_taken_back_leaves_the_state_as_it_was() -> None:
    call = make.call()
    unsettled = replace(turn(3), snapshot=None)
    assert run(call, FakePlane(*TALK[:-1], unsettled, TALK[-1]), FakeDialer())
    assert call.snapshot == {"turns": 2}
    assert list(call.turns.values_list("seq", flat=True)) == [1, 2, 3]


def test_a_call_from_the_queue_to_its_end() -> None:
    call, dialer, plane = make.call(), FakeDialer(), FakePlane(*TALK)
    assert run(call, plane, dialer)
    assert (call.status, call.owner, call.fence, call.lease_until) == ("done", "worker-1", 1, None)
    assert (call.dialed_at, call.answered_at, call.ended_at, call.billed_s) == (NOW, ANSWERED, ENDED, 61)
    assert (call.carrier_call_id, call.disposition) == ("CA" + "1" * 32, "qualified")
    assert call.snapshot == {"turns": 2}
    assert kinds(call) == ["call.claimed", "call.dialing", "call.live", "call.finished"]
    call.lead.refresh_from_db()
    assert (call.lead.attempts, call.lead.status) == (1, "closed")
    assert Decision.objects.get().result == "dial"
    assert [line.closed for line in plane.lines] == [1]


def test_what_the_carrier_is_asked() -> None:
    call, dialer = make.call(make.lead(make.campaign(max_call_s=240))), FakeDialer()
    run(call, FakePlane(NO_ANSWER), dialer)
    (request,) = dialer.dialed
    assert (request.call_id, request.to, request.from_) == (str(call.pk), call.to_number, "+12125550199")
    assert (request.stream.token, request.detect_machine) == ("token-1", True)
    assert (request.ring_timeout_s, request.max_length_s) == (settings.VOICE_RING_TIMEOUT_S, 270)


def test_what_the_conversation_is_told() -> None:
    lead = make.lead(make.campaign(agent_name="Max"), interest="sell", address="12 Elm St")
    call, plane = make.call(lead), FakePlane(NO_ANSWER)
    run(call, plane)
    ((brief, ring_timeout_s, max_length_s),) = plane.opened
    assert (brief.call_id, brief.company, brief.agent_name) == (str(call.pk), "Summit Realty", "Max")
    assert (brief.callback_number, brief.lead_name, brief.lead_zone) == (
        "+12125550199",
        "Dana Reed",
        "America/Denver",
    )
    assert (brief.interest, brief.property_address, brief.consent_source) == ("sell", "12 Elm St", "web form 7")
    assert brief.consent_at == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert [slot.isoformat() for slot in brief.slots] == call.offered_slots
    assert len(brief.slots) == 4
    assert (ring_timeout_s, max_length_s) == (settings.VOICE_RING_TIMEOUT_S, 300)


def test_two_calls_of_a_campaign_never_offer_the_same_hour() -> None:
    campaign = make.campaign()
    booked = make.call(make.lead(campaign), CallStatus.DONE)
    make.appointment(booked, SLOT)
    planes = [FakePlane(DialUnknown("broken")) for _ in range(2)]
    calls = [make.call(make.lead(campaign)) for _ in range(2)]
    for call, plane in zip(calls, planes, strict=True):
        with pytest.raises(DialUnknown):
            run(call, plane)
    offered = [slot for plane in planes for slot in plane.opened[0][0].slots]
    assert len(offered) == len(set(offered)) == 8
    assert SLOT not in offered


@pytest.mark.parametrize("status", sorted(set(CallStatus) - {CallStatus.QUEUED}))
def test_a_call_that_is_not_queued_is_nobodys_to_make(status: CallStatus) -> None:
    call, dialer, plane = make.call(status=status), FakeDialer(), FakePlane(*TALK)
    was = Call.objects.filter(pk=call.pk).values().get()
    assert not run(call, plane, dialer)
    assert Call.objects.filter(pk=call.pk).values().get() == was
    assert (dialer.dialed, plane.lines) == ([], [])
    assert not CallEvent.objects.exists()


def test_a_call_that_is_not_there() -> None:
    plane = FakePlane(*TALK)
    assert not place(uuid4(), plane=plane, dialer=FakeDialer(), owner="worker-1", clock=clock)
    assert plane.lines == []


def opt_out(call: Call) -> None:
    Suppression.objects.create(phone=call.to_number, source="admin", created_at=NOW)


def close_the_hours(call: Call) -> None:
    CallingWindow.objects.filter(campaign=call.campaign_id).update(opens_at="13:00")


def pause(call: Call) -> None:
    Campaign.objects.filter(pk=call.campaign_id).update(status=CampaignStatus.PAUSED)


@pytest.mark.parametrize(
    ("meanwhile", "why", "result"),
    [
        (opt_out, "call.canceled_by_gate", "never"),
        (close_the_hours, "call.canceled_by_gate", "wait"),
        (pause, "call.canceled_campaign_not_running", None),
    ],
)
def test_a_gate_that_closed_between_queue_and_ring(
    meanwhile: Callable[[Call], None], why: str, result: str | None
) -> None:
    call, dialer, plane = make.call(), FakeDialer(), FakePlane(*TALK)
    meanwhile(call)
    assert not run(call, plane, dialer)
    assert (dialer.dialed, plane.lines) == ([], [])
    assert (call.status, call.ended_at, call.dialed_at) == ("canceled", NOW, None)
    assert kinds(call) == ["call.claimed", why]
    assert held(call) == 0
    assert list(LedgerEntry.objects.values_list("kind", "amount")) == [("hold", WORST_CASE), ("release", WORST_CASE)]
    assert list(Decision.objects.values_list("result", "call_id")) == ([(result, call.pk)] if result else [])
    call.lead.refresh_from_db()
    assert (call.lead.status, call.lead.attempts, call.lead.next_attempt_at) == ("open", 0, NOW)


@pytest.mark.parametrize(
    ("code", "disposition", "lead_status"),
    [("21211", "bad_number", "closed"), ("13224", "bad_number", "closed"), ("21215", "failed", "open")],
)
def test_a_refusal(code: str, disposition: str, lead_status: str) -> None:
    call, plane = make.call(), FakePlane(*TALK)
    assert run(call, plane, FakeDialer(Refused("Twilio refused the call: no.", code=code)))
    assert (call.status, call.disposition, call.ended_by) == ("failed", disposition, "carrier")
    assert (call.summary, call.cost, held(call)) == ("Twilio refused the call: no.", FREE, FREE)
    call.lead.refresh_from_db()
    assert (call.lead.status, call.lead.attempts) == (lead_status, 1)
    assert not Turn.objects.exists()


@pytest.mark.parametrize("max_attempts", [1, 6])
def test_a_carrier_without_room_costs_no_attempt(max_attempts: int) -> None:
    call = make.call(make.lead(make.campaign(max_attempts=max_attempts)))
    assert run(call, FakePlane(*TALK), FakeDialer(Busy("429", code="20429")))
    assert (call.status, call.disposition, held(call)) == ("failed", "failed", FREE)
    call.lead.refresh_from_db()
    assert (call.lead.status, call.lead.attempts) == ("open", 0)
    assert call.lead.next_attempt_at == NOW + timedelta(seconds=30)


def test_no_answer_from_the_carrier_and_then_media() -> None:
    seen: list[str] = []
    call = make.call()
    plane = FakePlane(lambda: seen.append(Call.objects.get().status), *TALK)
    assert run(call, plane, FakeDialer(DialUnknown("timed out")))
    assert seen == ["unknown"]
    assert kinds(call) == ["call.claimed", "call.dialing", "call.dial_unknown", "call.live", "call.finished"]
    assert (call.status, call.disposition, call.billed_s) == ("done", "qualified", 61)


def test_no_answer_from_the_carrier_and_no_media() -> None:
    call, dialer = make.call(), FakeDialer(DialUnknown("timed out"))
    assert run(call, FakePlane(NO_ANSWER), dialer)
    assert (call.status, call.disposition) == ("unknown", "")  # the sweep asks the carrier whether it rang
    assert (len(dialer.dialed), dialer.hung_up) == (1, [])


def test_a_phone_that_may_ring_still_is_hung_up_when_its_line_gives_up() -> None:
    call, dialer = make.call(), FakeDialer()
    assert run(call, FakePlane(NO_ANSWER), dialer)
    assert (call.status, call.disposition) == ("done", "no_answer")
    assert dialer.hung_up == ["CA" + "1" * 32]


def test_a_carrier_that_does_not_hang_up_is_told_of() -> None:
    class Deaf(FakeDialer):
        def hang_up(self, carrier_call_id: str) -> None:
            raise DialUnknown("timed out")

    call = make.call()
    with capture_logs() as logs:
        assert run(call, FakePlane(NO_ANSWER), Deaf())
    assert (call.status, call.disposition) == ("done", "no_answer")
    assert [(line["event"], line["call_id"]) for line in logs] == [("call.not_hung_up", str(call.pk))]


def test_a_finish_of_somebody_else_stands() -> None:
    def carrier_ends_it() -> None:
        assert finish(call.pk, report(Disposition.BUSY, ended_at=NOW), now=NOW)

    call, dialer = make.call(), FakeDialer()
    assert run(call, FakePlane(carrier_ends_it, NO_ANSWER), dialer)
    assert dialer.hung_up == []
    assert (call.disposition, call.ended_at) == ("busy", NOW)
    assert kinds(call) == ["call.claimed", "call.dialing", "call.finished"]


def test_the_intent_is_written_before_the_ring() -> None:
    call = make.call()
    seen: list[tuple[str, datetime | None]] = []
    dialer = FakeDialer(before=lambda: seen.append(Call.objects.values_list("status", "dialed_at").get()))
    run(call, FakePlane(NO_ANSWER), dialer)
    assert seen == [("dialing", NOW)]


def test_turns_are_written_once() -> None:
    call = make.call()
    run(call, FakePlane(TALK[0], turn(1), turn(1), turn(2, "Are you thinking of selling?"), TALK[3]))
    rows = call.turns.values_list("seq", "speaker", "text", "start_ms", "end_ms", "interrupted", "agent", "timings")
    assert list(rows) == [
        (1, "agent", "Hello, this is Ava.", 100, 190, False, "Conversation", {}),
        (2, "agent", "Are you thinking of selling?", 200, 290, False, "Conversation", {}),
    ]


def test_stop_counts_before_the_call_is_over() -> None:
    seen: list[tuple[str, str, str]] = []

    def look() -> None:
        entry = Suppression.objects.get()
        seen.append((entry.said, Call.objects.get().status, Lead.objects.get().status))

    call = make.call()
    stop = OptOut("please stop calling")
    bye = ended(Disposition.DO_NOT_CALL, stop, EndCall("opt-out"), answered_at=ANSWERED, ended_at=ENDED)
    run(call, FakePlane(TALK[0], Acted(stop), look, bye))
    assert seen == [("please stop calling", "live", "closed")]
    assert Suppression.objects.count() == 1
    assert (call.status, call.disposition) == ("done", "do_not_call")


def test_stop_counts_although_the_worker_is_lost_right_after() -> None:
    call = make.call()
    with pytest.raises(RuntimeError, match="lost"):
        run(call, FakePlane(TALK[0], Acted(OptOut("9")), RuntimeError("lost")))
    assert Suppression.objects.get().phone == call.to_number


def test_other_acts_wait_for_the_end() -> None:
    call = make.call()
    book = BookAppointment(SLOT)

    def nothing_yet() -> None:
        assert not Appointment.objects.exists()

    last = ended(Disposition.APPOINTMENT, book, answered_at=ANSWERED, ended_at=ENDED)
    run(call, FakePlane(TALK[0], Acted(book), nothing_yet, last))
    assert Appointment.objects.get().start_at == SLOT
