"""A call that lost its line: who may take it, what the line that takes it is told, and what becomes of the rest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import TestCase

from agents.dialogue import start
from agents.domain.types import BookAppointment, Disposition, EndCall, EndedBy, OptOut
from billing.models import LedgerEntry, UsageReport
from billing.services import meter
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, Suppression
from calls.services import acts, doorbell, resuming, workers
from calls.services.briefing import brief_of
from calls.services.finishing import finish
from calls.services.listening import listen
from calls.services.moving import note
from calls.services.resuming import Lost, Over, Talk, Wait, ask, claim_resumption
from calls.services.resuming import resume as resume_call
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import STREAM, FakeDialer, FakePlane, Scripted, report, turn, update
from tests.calls.fakes import ended as bye
from voice.domain.types import Acted, CarrierStatus, Closing, Disclosed, Ended, Live, Usage, Used

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
ANSWERED, CUT = NOW - timedelta(seconds=100), NOW
AGAIN, ENDED = NOW + timedelta(seconds=2), NOW + timedelta(seconds=60)
SLOT = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
SLOTS = [SLOT.isoformat()]
SID = "CA" + "1" * 32


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    """For whom, on which queue, a worker was asked to take a call over."""
    ids: list[tuple[UUID, str]] = []
    monkeypatch.setattr(doorbell, "resume", lambda call_id, queue: ids.append((call_id, queue)))
    return ids


def live(**fields: Any) -> Call:
    """A call of which 100 s were talked and 3 turns kept."""
    defaults = {"answered_at": ANSWERED, "carrier_call_id": SID, "offered_slots": SLOTS, "disclosed_at": ANSWERED}
    call = make.call(**{"status": CallStatus.LIVE, **defaults, **fields})
    for seq in (1, 2, 3):
        call.turns.create(seq=seq, speaker="agent", text="Hello.", start_ms=seq, end_ms=seq + 1)
    return call


def talking(call: Call) -> dict[str, Any]:
    """The state of a conversation whose first question is open."""
    dialogue = start(brief_of(call, (SLOT,), now=NOW))
    dialogue.opening(now=NOW)
    return dict(dialogue.snapshot())


def resume(call: Call, plane: FakePlane, *, owner: str = "worker-2") -> bool:
    took = resume_call(call.pk, plane=plane, dialer=FakeDialer(), owner=owner, clock=lambda: AGAIN)
    call.refresh_from_db()
    return took


def kinds(call: Call) -> list[str]:
    own = call.events.exclude(kind__startswith="lead.")
    return list(own.order_by("pk").values_list("kind", flat=True))


def settled(call: Call) -> bool:
    booked = sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True))
    return booked == ["charge", "hold", "release"] and audit() == []


def test_a_call_is_released_once_and_taken_once(rung: list[tuple[UUID, str]]) -> None:
    call = live()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert ask(call.pk, part=1, now=CUT) == Wait()
    assert rung == [(call.pk, "calls.local")]
    call.refresh_from_db()
    assert (call.status, call.owner, call.fence, call.lease_until) == ("unknown", "", 2, None)
    assert (call.resume_asked_at, call.stream) == (CUT, None)
    assert ask(call.pk, part=1, now=CUT + timedelta(seconds=1)) == Wait()
    taken = [claim_resumption(call.pk, owner=f"worker-{number}", now=AGAIN) for number in (2, 3)]
    assert [one is not None for one in taken] == [True, False]
    call.refresh_from_db()
    assert (call.status, call.owner, call.fence) == ("live", "worker-2", 3)
    assert kinds(call) == ["call.cut_off", "call.taken_over"]


def test_what_the_line_that_takes_over_is_told() -> None:
    call = live()
    snapshot = talking(call)
    Call.objects.filter(pk=call.pk).update(snapshot=snapshot)
    reports = (meter.Measured("tts.local", "char", Decimal(400), 1),)
    meter.record(call.pk, reports, reporter="claim 1", at=NOW)
    ask(call.pk, part=1, now=CUT)
    seen: list[Any] = []
    plane = FakePlane(
        lambda: seen.append(ask(call.pk, part=1, now=AGAIN)),
        Live(AGAIN),
        turn(4),
        Used((Usage("tts.local", "char", Decimal(30), 2),)),
        bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED),
    )
    assert resume(call, plane)
    assert seen == [Talk(STREAM, 2)]
    ((brief, ring_s, max_length_s),) = plane.opened
    assert (brief.slots, ring_s, max_length_s) == ((SLOT,), 5, 300 - 102)
    (plan,) = plane.plans
    assert (plan.snapshot, plan.turns, plan.part, plan.disclosed, plan.answered_at) == (
        snapshot,
        3,
        2,
        True,
        ANSWERED,
    )
    assert (call.status, call.takeovers, call.ended_by, call.disposition) == ("done", 1, "agent", "qualified")
    assert (call.answered_at, call.billed_s, call.disclosed_at) == (ANSWERED, 160, ANSWERED)
    assert list(call.turns.values_list("seq", flat=True)) == [1, 2, 3, 4]
    used = UsageReport.objects.filter(component="tts.local").order_by("reporter", "seq")
    assert list(used.values_list("reporter", "quantity")) == [
        ("claim 1", Decimal(400)),
        ("claim 3", Decimal(120)),
        ("claim 3", Decimal(30)),
    ]
    assert settled(call)
    assert kinds(call) == ["call.cut_off", "call.taken_over", "call.line_offered", "call.resumed", "call.finished"]


def test_what_it_may_cost_counts_what_was_talked_and_used_before() -> None:
    call = live()
    meter.record(
        call.pk, (meter.Measured("elevenlabs.flash_v2_5", "char", Decimal(400), 1),), reporter="claim 1", at=NOW
    )
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    (spending,) = plane.spending
    prospect = start(plane.opened[0][0]).prospect()
    fresh = spending.look(talked_s=0.0, usage=(), prospect=prospect)
    longer = spending.look(talked_s=60.0, usage=(), prospect=prospect)
    assert Decimal(0) < fresh.cost < longer.cost


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"closing_at": NOW}, Over()),
        ({"hang_up_at": NOW}, Over()),
        ({"status": "done"}, Over()),
        ({"status": "canceled"}, Over()),
        ({"status": "unknown"}, Wait()),
        ({"status": "dialing"}, Wait()),
    ],
)
def test_who_is_taken_over(changed: dict[str, Any], expected: object) -> None:
    call = live()
    Call.objects.filter(pk=call.pk).update(**changed)
    assert ask(call.pk, part=1, now=CUT) == expected
    call.refresh_from_db()
    assert (call.resume_asked_at is not None) == (expected == Wait())


def test_a_line_that_is_lost_again_is_taken_over_again_up_to_three_times() -> None:
    call = live()
    for part in (1, 2, 3):
        assert ask(call.pk, part=part, now=CUT) == Wait()
        broken = replace(report(Disposition.FAILED, answered_at=AGAIN, ended_at=ENDED), cut_off=True)
        plane = FakePlane(Live(AGAIN), Ended(broken))
        assert resume(call, plane)
        assert (call.status, call.takeovers, plane.plans[0].part) == ("live", part, part + 1)
        assert ask(call.pk, part=part, now=AGAIN) == Talk(STREAM, part + 1)
    assert ask(call.pk, part=4, now=CUT) == Lost(promised=True)
    call.refresh_from_db()
    assert (call.status, call.disposition, call.ended_by) == ("done", "failed", "fault")
    assert settled(call)


@pytest.mark.parametrize(
    ("told", "paused"),
    [((), False), (("paused",), True), (("paused", "resumed"), False), (("paused", "resumed", "paused"), True)],
)
def test_a_recording_that_a_person_has_paused_stays_so_on_the_next_line(told: tuple[str, ...], paused: bool) -> None:
    call = live()
    for second, state in enumerate(("began", *told)):
        note(call.pk, f"recording.{state}", at=NOW + timedelta(seconds=second))
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(Live(AGAIN), bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    (plan,) = plane.plans
    assert plan.recording_paused is paused


def test_the_old_owner_writes_nothing_any_more_but_what_it_used() -> None:
    call = live()
    Call.objects.filter(pk=call.pk).update(snapshot={"turns": 3})
    old = Call.objects.select_related("lead", "campaign").get(pk=call.pk)

    def heard_late(*script: Scripted) -> None:
        listen(old, FakePlane(*script).open_line(brief_of(call, (), now=NOW), **OPEN), FakeDialer(), clock=clock)

    ask(call.pk, part=1, now=CUT)
    late = replace(report(Disposition.QUALIFIED, answered_at=ANSWERED, ended_at=ENDED), cut_off=False)
    heard_late(Live(ANSWERED), turn(4), Closing(lambda: None), Disclosed(NOW), Ended(late))
    call.refresh_from_db()
    assert (call.status, call.closing_at, call.snapshot) == ("unknown", None, {"turns": 3})
    assert list(call.turns.values_list("seq", flat=True)) == [1, 2, 3]
    assert meter.used_by(call.pk) == {("tts.local", "char"): Decimal(120)}
    assert kinds(call) == ["call.cut_off", "call.resumed"]


OPEN: dict[str, Any] = {"ring_timeout_s": 1, "max_length_s": 1, "spending": None}


def clock() -> datetime:
    return NOW


def test_an_opt_out_told_late_counts_whoever_holds_the_call() -> None:
    call = live()
    old = Call.objects.select_related("lead", "campaign").get(pk=call.pk)
    ask(call.pk, part=1, now=CUT)
    line = FakePlane(Acted(OptOut("stop"), {"turns": 9})).open_line(brief_of(call, (), now=NOW), **OPEN)
    listen(old, line, FakeDialer(), clock=clock)
    call.refresh_from_db()
    assert (Suppression.objects.get().phone, call.snapshot) == (call.to_number, None)
    assert acts.kept(call.pk) == (OptOut("stop"),)


def test_an_end_told_late_by_a_worker_that_stood_still_does_not_end_the_talk_of_another() -> None:
    call = live()
    old = Call.objects.select_related("lead", "campaign").get(pk=call.pk)
    ask(call.pk, part=1, now=CUT)

    def wake() -> None:
        line = FakePlane(Acted(EndCall("not_interested"), {"turns": 9})).open_line(
            brief_of(call, (), now=NOW), **OPEN
        )
        listen(old, line, FakeDialer(), clock=clock)

    plane = FakePlane(Live(AGAIN), wake, bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    assert (call.status, call.disposition, acts.kept(call.pk)) == ("done", "qualified", ())


def test_a_worker_without_a_line_leaves_it_to_the_next(rung: list[tuple[UUID, str]]) -> None:
    call = live()
    ask(call.pk, part=1, now=CUT)
    assert not resume(call, FakePlane(lines=0))
    assert (call.status, call.owner, call.resume_asked_at) == ("unknown", "", CUT)
    assert ask(call.pk, part=1, now=CUT + timedelta(seconds=1)) == Wait()
    assert resume(call, FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED)))
    assert call.status == "done"


def test_whom_nobody_takes_is_told_so_and_called_back() -> None:
    call = live()
    ask(call.pk, part=1, now=CUT)
    assert ask(call.pk, part=1, now=CUT + timedelta(seconds=7.9)) == Wait()
    gone_at = CUT + resuming.PATIENCE
    assert ask(call.pk, part=1, now=gone_at) == Lost(promised=True)
    assert ask(call.pk, part=1, now=gone_at) == Over()
    call.refresh_from_db()
    call.lead.refresh_from_db()
    assert (call.status, call.disposition, call.ended_by, call.billed_s) == ("done", "failed", "fault", 108)
    again_at = gone_at + timedelta(seconds=20)
    assert (call.lead.status, call.lead.commitment_at, call.lead.next_attempt_at) == ("open", again_at, again_at)
    assert settled(call)
    assert claim_resumption(call.pk, owner="late", now=gone_at) is None


def test_whom_nobody_takes_keeps_what_was_agreed_on() -> None:
    call = live()
    acts.keep(call, BookAppointment(SLOT), now=NOW)
    ask(call.pk, part=1, now=CUT)
    assert ask(call.pk, part=1, now=CUT + resuming.PATIENCE) == Lost(promised=False)
    call.refresh_from_db()
    call.lead.refresh_from_db()
    assert (call.disposition, Appointment.objects.get().start_at) == ("appointment", SLOT)
    assert (call.lead.status, call.lead.commitment_at) == ("closed", None)


def test_a_lost_call_is_judged_by_its_last_state_and_by_what_was_agreed_on_since() -> None:
    call = live(status=CallStatus.UNKNOWN, status_at=NOW - timedelta(seconds=30))
    dialogue = start(brief_of(call, (SLOT,), now=NOW))
    dialogue.opening(now=NOW)
    dialogue._state = dialogue._state.learn("timeline", "within 3 months", 0.9)
    Call.objects.filter(pk=call.pk).update(snapshot=dialogue.snapshot())
    acts.keep(call, BookAppointment(SLOT), now=NOW)
    over = update(CarrierStatus.COMPLETED, carrier_call_id=SID, duration_s=61)
    assert sweep(dialer=FakeDialer(knows=over), now=NOW)
    call.refresh_from_db()
    assert (call.status, call.disposition, call.facts) == ("done", "appointment", {"timeline": "within 3 months"})
    assert call.summary.startswith("The worker was lost during the call; the turns up to then are kept. ")
    assert Appointment.objects.get().start_at == SLOT


def test_a_person_who_hung_up_meanwhile_ends_the_call_by_what_is_known() -> None:
    """The line is offered, and its media never comes."""
    call = live()
    Call.objects.filter(pk=call.pk).update(snapshot=talking(call))
    ask(call.pk, part=1, now=CUT)
    gone = replace(report(Disposition.HUNG_UP, ended_at=ENDED, ended_by=EndedBy.CARRIER), usage=())
    assert resume(call, FakePlane(Ended(gone)))
    assert (call.status, call.ended_by, call.answered_at, call.billed_s) == ("done", "carrier", ANSWERED, 160)
    assert settled(call)


@pytest.mark.parametrize(
    ("disclosed_at", "begins"),
    [
        (ANSWERED, "I'm sorry, we were cut off"),
        (None, "I'm sorry, we were cut off for a moment. Hi Dana, this is Ava, an AI assistant"),
    ],
)
def test_whom_the_disclosure_did_not_reach_hears_it(disclosed_at: datetime | None, begins: str) -> None:
    call = live(disclosed_at=disclosed_at)
    Call.objects.filter(pk=call.pk).update(snapshot=talking(call))
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    plan = plane.plans[0]
    assert plan.disclosed == (disclosed_at is not None)
    words = start(plane.opened[0][0], snapshot=plan.snapshot).opening(now=NOW).text
    assert words.startswith(begins)


@pytest.mark.parametrize(
    ("snapshot", "kind", "begins"),
    [
        ({"version": 99}, "call.live", "I'm sorry, we were cut off for a moment. Hi Dana, this is Ava"),
        (None, "call.live", "I'm sorry, we were cut off for a moment. Hi Dana, this is Ava"),
        (None, "call.dialing", "Hi Dana, this is Ava"),
    ],
)
def test_a_conversation_without_a_state_begins_afresh(
    snapshot: dict[str, Any] | None, kind: str, begins: str
) -> None:
    call = live(snapshot=snapshot, disclosed_at=None)
    note(call.pk, kind, at=ANSWERED)
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    dialogue = start(plane.opened[0][0], snapshot=plane.plans[0].snapshot)
    assert dialogue.opening(now=NOW).text.startswith(begins)


@pytest.mark.parametrize(
    ("snapshot", "disclosed_at", "begins", "ends"),
    [
        ({"version": 99}, ANSWERED, "I'm sorry, we were cut off for a moment. How soon", "would you like to move?"),
        (["garbage"], ANSWERED, "I'm sorry, we were cut off for a moment. How soon", "would you like to move?"),
        ({"version": 99}, None, "I'm sorry, we were cut off for a moment. Hi Dana, this is Ava", "would that be?"),
    ],
)
def test_a_state_that_cannot_be_read_is_made_good_from_the_turns(
    snapshot: Any, disclosed_at: datetime | None, begins: str, ends: str
) -> None:
    call = make.call(
        make.lead(interest="sell"), CallStatus.LIVE, answered_at=ANSWERED, carrier_call_id=SID, offered_slots=SLOTS,
        disclosed_at=disclosed_at, snapshot=snapshot,
    )  # fmt: skip
    told = ("agent", "Hi."), ("lead", "yes"), ("agent", "Great. What has you thinking?"), ("lead", "a new job")
    for seq, (speaker, text) in enumerate((*told, ("agent", "How soon would you like to move?")), start=1):
        call.turns.create(seq=seq, speaker=speaker, text=text, start_ms=seq * 1000, end_ms=seq * 1000 + 500)
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    ((brief, *_),), (plan,) = plane.opened, plane.plans
    dialogue = start(brief, snapshot=plan.snapshot)
    words = dialogue.opening(now=NOW).text
    assert words.startswith(begins)
    assert words.endswith(ends)
    assert dialogue.wrap_up(ended_by=EndedBy.LEAD, now=NOW).facts["motivation"] == "job"
    assert plan.turns == 5


def test_what_was_agreed_on_ends_a_call_whose_state_cannot_be_read() -> None:
    call = live(snapshot={"version": 99})
    acts.keep(call, BookAppointment(SLOT), now=NOW)
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    reply = start(plane.opened[0][0], snapshot=plane.plans[0].snapshot).opening(now=NOW)
    assert (reply.text, reply.acts) == ("I'm sorry, we were cut off for a moment. Hello.", (EndCall("over"),))


def test_a_call_at_its_longest_is_taken_over_to_say_goodbye() -> None:
    call = live(answered_at=NOW - timedelta(seconds=299))
    ask(call.pk, part=1, now=CUT)
    plane = FakePlane(bye(Disposition.QUALIFIED, answered_at=AGAIN, ended_at=ENDED))
    assert resume(call, plane)
    assert plane.opened[0][2] == 15


def test_whom_a_colleague_did_not_take_comes_back_without_counting_as_a_loss() -> None:
    call = live()
    assert ask(call.pk, part=1, now=CUT, why="call.back_from_transfer") == Wait()
    assert kinds(call) == ["call.back_from_transfer"]


def test_a_call_that_waits_for_another_line_takes_one_from_those_that_are_to_be_made() -> None:
    call = live()
    assert workers.waiting() == {}
    ask(call.pk, part=1, now=CUT)
    assert workers.waiting() == {call.queue: 1}


def test_a_call_that_is_finished_meanwhile_is_not_offered_a_line() -> None:
    call = live()
    ask(call.pk, part=1, now=CUT)

    def finished() -> None:
        finish(call.pk, report(Disposition.QUALIFIED, EndCall("x"), answered_at=ANSWERED, ended_at=ENDED), now=NOW)

    plane = FakePlane(bye(Disposition.HUNG_UP, answered_at=AGAIN, ended_at=ENDED), on_open=finished)
    assert not resume(call, plane)
    assert (call.disposition, call.takeovers, [line.closed for line in plane.lines]) == ("qualified", 0, [1])


def test_the_closing_of_a_line_is_kept_and_answered() -> None:
    call = live()
    written: list[bool] = []
    holding = Call.objects.select_related("lead", "campaign").get(pk=call.pk)
    script: tuple[Scripted, ...] = (Closing(lambda: written.append(True)),)
    listen(holding, FakePlane(*script).open_line(brief_of(call, (), now=NOW), **OPEN), FakeDialer(), clock=clock)
    call.refresh_from_db()
    assert (written, call.closing_at) == ([True], NOW)
    assert ask(call.pk, part=1, now=CUT) == Over()


def test_patience_of_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is offered within the half second is told at once."""
    call, slept = live(), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            stream = {"url": STREAM.url, "token": STREAM.token}
            Call.objects.filter(pk=call.pk).update(takeovers=1, stream=stream, resume_asked_at=None)

    monkeypatch.setattr(resuming, "sleep", sleep)
    assert resuming.ask_and_wait(call.pk, part=1, now=CUT) == Talk(STREAM, 2)
    assert slept == [0.04, 0.06]
    assert resuming.ask_and_wait(call.pk, part=2, now=CUT) == Wait()
    assert sum(slept[2:]) == pytest.approx(2.0)
