"""A lead calls our number: the agent where it can, else the opt-out line with a promise, never nothing."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import TestCase
from structlog.testing import capture_logs

from agents.domain.types import BookAppointment, Disposition, OptOut, ScheduleCallback
from billing.models import Budget, CallCost
from calls.domain.status import CallStatus
from calls.inbound import HOLD
from calls.models import Appointment, Call, CompanySuppression, Decision, Halt, Lead, Suppression
from calls.models.campaign import CampaignStatus
from calls.services import inbound as service
from calls.services import opt_out_line, resuming
from calls.services.opting_out import suppress
from calls.services.placing import place
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.fakes import FakeDialer, FakePlane, ended, turn
from tests.calls.inbound import world
from tests.calls.inbound.conftest import Clock
from tests.calls.inbound.world import (
    FORM,
    NOW,
    OURS,
    PHONE,
    SID,
    VOICE,
    asks,
    called_lead,
    decisions,
    kinds,
    post,
    rang,
    says,
    talks,
    verbs,
    waits,
    waits_for_another_line,
    worker,
)
from voice.domain.types import Acted, Live

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "rung")]
NO_WORKER = "No voice worker has a free line for calls.local."
PROMISE = asks(opt_out_line.promise("Summit Realty"), promised=True)
GREETING = asks(opt_out_line.greeting("Summit Realty"))
TALK_S = 70
FREE = Decimal(0)
SLOT = NOW + timedelta(days=2)
LATER = NOW + timedelta(days=1)


def call_in(form: dict[str, str] = FORM) -> Any:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return verbs(post(VOICE, form))


def take(call: Call, plane: FakePlane, dialer: FakeDialer | None = None, *, at: Any = None) -> bool:
    done = place(
        call.pk,
        plane=plane,
        dialer=dialer or FakeDialer(answer=AssertionError("nobody is rung")),
        owner="worker-1",
        clock=lambda: at or NOW,
    )
    call.refresh_from_db()
    return done


def talk(disposition: Disposition, *acts: Any) -> tuple[Any, ...]:
    over_at = NOW + timedelta(seconds=TALK_S)
    said = [Acted(act) for act in acts]
    return Live(NOW), turn(1), *said, ended(disposition, *acts, answered_at=NOW, ended_at=over_at)


def held(lead: Lead) -> Decimal:
    return Budget.objects.get(pk=lead.campaign.budget_id).total.held


def test_a_lead_reaches_the_agent(rung: list[tuple[UUID, str]]) -> None:
    lead = called_lead()
    worker()
    assert call_in() == waits(1)
    call = world.inbound()
    assert (call.lead, call.campaign, call.attempt, call.status) == (lead, lead.campaign, 0, "queued")
    assert (call.to_number, call.from_number, call.carrier_call_id) == (PHONE, OURS, SID)
    assert (call.queued_at, call.dialed_at, call.max_length_s, call.queue) == (NOW, None, 300, "calls.local")
    assert held(lead) == make.WORST_CASE
    assert rung == [(call.pk, "calls.local")]
    assert decisions(lead) == [("answer", f"The lead called {OURS}.")]
    assert Decision.objects.get().call_id == call.pk

    seen: list[Any] = []
    plane = FakePlane(lambda: seen.append(verbs(post(f"{VOICE}/wait?asked=1"))), *talk(Disposition.QUALIFIED))
    assert take(call, plane)
    assert seen == [talks()]
    [(brief, ring_timeout_s, max_length_s)] = plane.opened
    assert (brief.inbound, ring_timeout_s, max_length_s) == (True, 5, 300)
    assert [(past.disposition, past.talked) for past in brief.history.calls] == [("no_answer", False)]
    assert (call.status, call.answered_at, call.billed_s, call.disposition) == ("done", NOW, TALK_S, "qualified")
    expected = ["call.queued", "call.claimed", "call.offered", "call.live", "call.finished", "lead.closed"]
    assert kinds(call) == expected
    lead.refresh_from_db()
    assert (lead.attempts, lead.status, lead.disposition) == (1, "closed", "qualified")
    assert held(lead) == 0
    assert {line["component"] for line in CallCost.objects.get(reference=call.pk).lines}.isdisjoint({"twilio.amd"})
    assert verbs(post(f"{VOICE}/talked?asked=0")) == [("Hangup", "")]
    assert decisions(lead) == [("answer", f"The lead called {OURS}.")]


def test_a_request_that_comes_twice_is_one_call(rung: list[tuple[UUID, str]]) -> None:
    lead = called_lead()
    worker()
    assert [call_in(), call_in()] == [waits(1)] * 2
    assert (Call.objects.filter(direction="inbound").count(), len(rung), len(decisions(lead))) == (1, 1, 1)
    assert held(lead) == make.WORST_CASE


def test_while_nobody_claims_the_caller_hears_something_every_three_seconds(clock: Clock) -> None:
    called_lead()
    worker()
    call_in()
    heard = []
    for second in range(1, 8):
        clock.at = NOW + timedelta(seconds=second)
        heard.append(verbs(post(f"{VOICE}/wait?asked={second}")))
    assert heard == [waits(second + 1, HOLD if second % 3 == 0 else "") for second in range(1, 8)]


@pytest.mark.parametrize("claimed", [False, True])
def test_nobody_opens_a_line_in_time(clock: Clock, claimed: bool) -> None:
    """The worker may be lost after its claim."""
    lead = called_lead()
    worker()
    call_in()
    call = world.inbound()
    if claimed:
        Call.objects.filter(pk=call.pk).update(status="claimed", owner="worker-1", fence=1)
    clock.at = NOW + timedelta(seconds=8)
    assert verbs(post(f"{VOICE}/wait?asked=8")) == PROMISE
    assert verbs(post(f"{VOICE}/wait?asked=8")) == PROMISE
    call.refresh_from_db()
    assert (call.status, held(lead)) == ("canceled", FREE)
    assert kinds(call) == ["call.queued", "call.canceled_no_worker", "inbound.promised"]
    lead.refresh_from_db()
    assert (lead.status, lead.commitment_at, lead.next_attempt_at) == ("open", clock.at, clock.at)
    assert decisions(lead)[1:] == [("line", "No voice worker took the call within 8 s.")]
    assert not take(call, FakePlane())
    assert verbs(post(f"{VOICE}/answer?asked=1&promised=1")) == says(opt_out_line.CALLING_BACK)


def test_a_worker_that_comes_too_late_leaves_the_call() -> None:
    called_lead()
    worker()
    call_in()
    plane = FakePlane()
    assert not take(world.inbound(), plane, at=NOW + timedelta(seconds=8))
    assert (world.inbound().status, plane.opened) == ("canceled", [])


def test_a_worker_without_a_line_hands_the_call_on(rung: list[tuple[UUID, str]]) -> None:
    called_lead()
    worker()
    call_in()
    call = world.inbound()
    assert not take(call, FakePlane(lines=0))
    assert (call.status, len(rung)) == ("queued", 2)
    assert verbs(post(f"{VOICE}/wait?asked=1")) == waits(2)
    assert take(call, FakePlane(*talk(Disposition.QUALIFIED)))


def test_the_line_cannot_be_reached(clock: Clock, taken_over: list[tuple[UUID, str]]) -> None:
    """The worker is gone between its offer and the carrier's media socket, and nobody takes the call over."""
    lead = called_lead()
    worker()
    call_in()
    call = world.inbound()
    stream = {"url": "ws://127.0.0.1:1/media", "token": "token-1"}
    Call.objects.filter(pk=call.pk).update(status="dialing", owner="worker-1", fence=1, stream=stream)
    assert verbs(post(f"{VOICE}/wait?asked=1")) == talks()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert verbs(post(f"{VOICE}/talked?part=1&asked=0")) == waits_for_another_line(1)
    assert taken_over == [(call.pk, "calls.local")]
    clock.at = NOW + timedelta(seconds=8)
    assert verbs(post(f"{VOICE}/talked?part=1&asked=1")) == PROMISE
    call.refresh_from_db()
    assert (call.status, call.disposition, call.ended_by) == ("failed", "failed", "fault")
    lead.refresh_from_db()
    assert (lead.attempts, lead.commitment_at, held(lead)) == (1, clock.at, FREE)


def test_the_media_never_comes_and_the_caller_is_not_hung_up_on() -> None:
    lead = called_lead()
    worker()
    call_in()
    call, dialer = world.inbound(), FakeDialer()
    assert take(call, FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW)), dialer)
    assert (call.status, call.answered_at, dialer.hung_up, dialer.dialed) == ("done", None, [], [])
    assert verbs(post(f"{VOICE}/wait?asked=2")) == PROMISE
    assert Lead.objects.get(pk=lead.pk).commitment_at == NOW


def test_a_conversation_that_breaks_off_is_taken_over(taken_over: list[tuple[UUID, str]]) -> None:
    called_lead()
    worker()
    call_in()
    call = world.inbound()
    Call.objects.filter(pk=call.pk).update(status="live", owner="worker-1", fence=1, answered_at=NOW, stream={})
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert verbs(post(f"{VOICE}/talked?part=1&asked=0")) == waits_for_another_line(1)
    assert taken_over == [(call.pk, "calls.local")]
    seen: list[Any] = []
    plane = FakePlane(
        lambda: seen.append(verbs(post(f"{VOICE}/talked?part=1&asked=1"))),
        ended(Disposition.QUALIFIED, answered_at=NOW, ended_at=NOW + timedelta(seconds=60)),
    )
    assert resuming.resume(call.pk, plane=plane, dialer=FakeDialer(), owner="worker-2", clock=lambda: NOW)
    assert seen == [talks(2)]
    call.refresh_from_db()
    assert (call.status, call.takeovers, call.disposition) == ("done", 1, "qualified")
    assert verbs(post(f"{VOICE}/talked?part=2&asked=0")) == [("Hangup", "")]


def test_a_line_that_closes_by_its_own_will_has_the_caller_hung_up(taken_over: list[tuple[UUID, str]]) -> None:
    called_lead()
    worker()
    call_in()
    call = world.inbound()
    Call.objects.filter(pk=call.pk).update(status="live", answered_at=NOW, closing_at=NOW)
    assert verbs(post(f"{VOICE}/talked?part=1&asked=0")) == [("Hangup", "")]
    assert taken_over == []


def test_a_conversation_that_breaks_off_is_apologised_for(clock: Clock, taken_over: list[tuple[UUID, str]]) -> None:
    lead = called_lead()
    worker()
    call_in()
    call = world.inbound()
    Call.objects.filter(pk=call.pk).update(status="live", owner="worker-1", fence=1, answered_at=NOW, stream={})
    sentence = opt_out_line.promise("Summit Realty", cut_off=True)
    for second in range(8):
        clock.at = NOW + timedelta(seconds=second)
        with TestCase.captureOnCommitCallbacks(execute=True):
            assert verbs(post(f"{VOICE}/talked?part=1&asked={second}")) == waits_for_another_line(second + 1)
    assert taken_over == [(call.pk, "calls.local")] * 8
    clock.at = NOW + timedelta(seconds=8)
    assert verbs(post(f"{VOICE}/talked?part=1&asked=8")) == asks(sentence, promised=True)
    call.refresh_from_db()
    assert (call.status, call.billed_s, call.ended_by) == ("done", 8, "fault")
    lead.refresh_from_db()
    assert (lead.attempts, lead.commitment_at) == (1, clock.at)


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("no worker", NO_WORKER),
        ("full", NO_WORKER),
        ("halted", "All dialing is stopped: a storm"),
        ("money", "It cannot be paid for: Budget"),
        ("ringing", "Another call with this number is under way."),
        ("live", "Another call with this number is under way."),
    ],
)
def test_whom_the_agent_cannot_take_is_promised_a_call(why: str, reason: str) -> None:
    lead = called_lead(of=make.campaign(budget=make.budget(limit="0.01")) if why == "money" else None)
    if why != "no worker":
        worker(0 if why == "full" else 2)
    if why == "halted":
        Halt.objects.create(at=NOW, reason="a storm")
    if why in ("ringing", "live"):
        status = CallStatus.DIALING if why == "ringing" else CallStatus.LIVE
        make.call(lead, status, carrier_call_id="CA" + "2" * 32)
    before = Call.objects.count()
    assert call_in() == PROMISE
    assert Call.objects.count() == before
    [(result, told)] = decisions(lead)
    assert (result, told.startswith(reason)) == ("line", True)
    lead.refresh_from_db()
    assert (lead.status, lead.commitment_at, lead.attempts) == ("open", NOW, 1)


@pytest.mark.parametrize("what", ["closed for good", "no consent", "paused"])
def test_who_may_not_be_called_is_promised_nothing(what: str) -> None:
    closed = {"status": "closed", "disposition": "not_interested"} if what == "closed for good" else {}
    of = make.campaign(status=CampaignStatus.PAUSED) if what == "paused" else None
    lead = called_lead(of=of, consent="" if what == "no consent" else "written", **closed)
    assert call_in() == GREETING
    lead.refresh_from_db()
    assert (lead.commitment_at, lead.status) == (None, closed.get("status", "open"))
    assert decisions(lead) == [("line", NO_WORKER)]


def test_a_lead_that_was_given_up_is_opened_again_by_its_own_call() -> None:
    lead = called_lead(status="closed", closed_reason="All 6 attempts are used.", attempts=6)
    assert call_in() == PROMISE
    lead.refresh_from_db()
    assert (lead.status, lead.closed_reason, lead.commitment_at) == ("open", "", NOW)


@pytest.mark.parametrize("how", ["everywhere", "by the company"])
def test_who_opted_out_hears_so(how: str) -> None:
    lead = called_lead()
    worker()
    if how == "everywhere":
        suppress(PHONE, source="sms", said="STOP", now=NOW)
    else:
        CompanySuppression.objects.create(phone=PHONE, company="SUMMIT realty", created_at=NOW)
    assert call_in() == says(opt_out_line.listed("Summit Realty"))
    assert not Call.objects.filter(direction="inbound").exists()
    assert decisions(lead) == [("line", "The number is on the do-not-call list.")]


def test_an_unknown_number_on_the_list_hears_so() -> None:
    suppress(PHONE, source="sms", said="STOP", now=NOW)
    assert call_in() == says(opt_out_line.listed("Summit Realty"))


@pytest.mark.parametrize("caller", ["anonymous", "+266696687", ""])
def test_a_hidden_number_reaches_the_opt_out_line(caller: str) -> None:
    called_lead()
    worker()
    assert call_in({**FORM, "From": caller}) == GREETING
    assert not Call.objects.filter(direction="inbound").exists()


@pytest.mark.parametrize("who", ["stranger", "never rung", "long ago", "draft"])
def test_whom_we_did_not_call_lately_reaches_the_opt_out_line(who: str) -> None:
    worker()
    if who == "never rung":
        make.lead(phone=PHONE)
    if who == "long ago":
        rang(make.lead(phone=PHONE), dialed_at=NOW - timedelta(days=91))
    if who == "draft":
        called_lead(of=make.campaign(status=CampaignStatus.DRAFT))
    assert call_in() == GREETING
    assert not Call.objects.filter(direction="inbound").exists()
    assert not Decision.objects.exists()


def test_the_number_dialed_tells_the_campaign() -> None:
    hour = timedelta(hours=1)
    first, second = (make.lead(make.campaign(company_name=name), phone=PHONE) for name in ("Oak", "Elm"))
    rang(first, dialed_at=NOW - 3 * hour, from_number="+12125550111")
    rang(second, dialed_at=NOW - 2 * hour, from_number="+12125550122")
    for dialed, lead in (("+12125550111", first), ("+12125550122", second), (OURS, second)):
        assert service.lead_of(PHONE, dialed=dialed, now=NOW) == lead


@pytest.mark.parametrize("status", [CallStatus.QUEUED, CallStatus.CLAIMED])
def test_a_call_of_ours_that_has_not_rung_gives_way(status: CallStatus) -> None:
    lead = called_lead()
    worker()
    ours = make.call(lead, status)
    assert call_in() == waits(1)
    ours.refresh_from_db()
    assert (ours.status, kinds(ours)) == ("canceled", ["call.canceled_lead_called"])
    assert (world.inbound().status, held(lead)) == ("queued", make.WORST_CASE)


def test_an_opt_out_while_the_caller_waits() -> None:
    lead = called_lead()
    worker()
    call_in()
    suppress(PHONE, source="sms", said="STOP", now=NOW)
    assert verbs(post(f"{VOICE}/wait?asked=1")) == says(opt_out_line.listed("Summit Realty"))
    assert (world.inbound().status, held(lead)) == ("canceled", FREE)


@pytest.mark.parametrize("how", ["opt-out", "halt"])
def test_what_comes_between_claim_and_offer_counts(how: str) -> None:
    lead = called_lead()
    worker()
    call_in()

    def meanwhile() -> None:
        if how == "halt":
            Halt.objects.create(at=NOW, reason="a storm")
        else:
            Suppression.objects.create(phone=PHONE, source="sms", said="STOP", created_at=NOW)

    call = world.inbound()
    assert not take(call, FakePlane(on_open=meanwhile))
    assert (call.status, call.stream, held(lead)) == ("canceled", None, FREE)
    expected = PROMISE if how == "halt" else says(opt_out_line.listed("Summit Realty"))
    assert verbs(post(f"{VOICE}/wait?asked=1")) == expected


@pytest.mark.parametrize(("said", "source"), [("9", "key"), ("stop calling me", "voice")])
def test_an_opt_out_on_the_call(said: str, source: str) -> None:
    lead = called_lead()
    worker()
    call_in()
    call = world.inbound()
    assert take(call, FakePlane(*talk(Disposition.DO_NOT_CALL, OptOut(said))))
    entry = Suppression.objects.get()
    assert (entry.phone, entry.source, entry.said, entry.call_id) == (PHONE, source, said, call.pk)
    lead.refresh_from_db()
    assert (lead.status, lead.disposition) == ("closed", "do_not_call")
    assert call_in({**FORM, "CallSid": "CA" + "3" * 32}) == says(opt_out_line.listed("Summit Realty"))


def test_an_appointment_takes_the_place_of_the_one_before() -> None:
    lead = called_lead(status="closed", disposition="appointment")
    half_past = NOW - timedelta(minutes=30)
    first = rang(lead, at=half_past, disposition="appointment", facts={"timeline": "3"}, answered_at=half_past)
    Appointment.objects.create(call=first, campaign=lead.campaign, start_at=SLOT)
    worker()
    call_in()
    call = world.inbound()
    plane = FakePlane(*talk(Disposition.APPOINTMENT, BookAppointment(SLOT + timedelta(hours=1))))
    assert take(call, plane)
    [(brief, _, _)] = plane.opened
    assert (brief.history.appointment_at, brief.history.facts) == (SLOT, {"timeline": "3"})
    assert [(past.disposition, past.talked) for past in brief.history.calls] == [
        ("appointment", True),
        ("no_answer", False),
    ]
    [appointment] = Appointment.objects.all()
    assert (appointment.call, appointment.start_at) == (call, SLOT + timedelta(hours=1))
    event = call.events.get(kind="appointment.booked")
    assert event.fields == {
        "start_at": (SLOT + timedelta(hours=1)).isoformat(),
        "instead_of": SLOT.isoformat(),
    }


def test_a_closed_lead_that_asks_to_be_called_is_open_again() -> None:
    lead = called_lead(status="closed", disposition="not_interested", closed_reason="The person is not interested.")
    worker()
    call_in()
    assert take(
        world.inbound(), FakePlane(*talk(Disposition.CALLBACK_REQUESTED, ScheduleCallback(LATER, "tomorrow")))
    )
    lead.refresh_from_db()
    assert (lead.status, lead.commitment_at, lead.attempts) == ("open", LATER, 1)


def test_a_caller_who_hangs_up_early_leaves_nothing_behind() -> None:
    lead = called_lead()
    worker()
    call_in()
    done = {**FORM, "CallStatus": "completed", "CallDuration": "0"}
    assert verbs(post(f"{VOICE}/status", done)) == []
    assert (world.inbound().status, held(lead)) == ("canceled", FREE)
    assert kinds(world.inbound()) == ["call.queued", "call.canceled_caller_gone"]
    lead.refresh_from_db()
    assert lead.commitment_at is None


def test_the_end_that_the_carrier_tells_reaches_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    called_lead()
    worker()
    call_in()
    call, told = world.inbound(), []
    Call.objects.filter(pk=call.pk).update(status="live", answered_at=NOW)
    monkeypatch.setattr(
        "calls.webhooks.bell.publish", lambda _url, signal: told.append((signal.call_id, signal.value))
    )
    done = {**FORM, "CallStatus": "completed", "CallDuration": "9"}
    assert [verbs(post(f"{VOICE}/status", done)) for _ in range(2)] == [[], []]
    assert told == [(str(call.pk), "completed")]
    assert world.inbound().status == "live"


@pytest.mark.parametrize("status", ["ringing", "completed"])
def test_the_status_of_a_call_that_nobody_knows_changes_nothing(status: str) -> None:
    assert verbs(post(f"{VOICE}/status", {**FORM, "CallStatus": status})) == []
    assert not Call.objects.exists()


@pytest.mark.parametrize("page", ["wait", "talked"])
def test_a_call_that_nobody_knows_reaches_the_opt_out_line(page: str) -> None:
    assert verbs(post(f"{VOICE}/{page}?asked=x")) == GREETING


def test_a_caller_who_left_without_a_word_is_forgotten_by_the_sweep() -> None:
    lead = called_lead()
    worker()
    call_in()
    sweep(dialer=FakeDialer(), now=NOW + timedelta(seconds=30))
    assert world.inbound().status == "queued"
    sweep(dialer=FakeDialer(), now=NOW + timedelta(seconds=31))
    assert (world.inbound().status, held(lead)) == ("canceled", FREE)


@pytest.mark.parametrize("path", [VOICE, f"{VOICE}/wait", f"{VOICE}/talked", f"{VOICE}/status", f"{VOICE}/answer"])
def test_a_request_about_another_account_is_refused(path: str) -> None:
    called_lead()
    worker()
    with capture_logs() as logs:
        response = post(path, {**FORM, "AccountSid": "AC" + "9" * 32, "Digits": "9"})
    assert (response.status_code, response.content.decode()) == (
        403,
        "AccountSid is of another account: check TWILIO_ACCOUNT_SID, and the webhooks set at the carrier.",
    )
    assert logs == [{"event": "webhook.refused", "reason": "account", "log_level": "warning"}]
    assert not Call.objects.filter(direction="inbound").exists()
    assert not Suppression.objects.exists()
