"""The end of a call: outcome, lead, list, appointment, money and news, once and together."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents.domain.types import (
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    MarkWrongNumber,
    OptOut,
    Outcome,
    ScheduleCallback,
)
from billing.models import LedgerEntry
from billing.services import meter
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, CallEvent, Lead, Suppression
from calls.services.finishing import finish, meter_usage
from calls.signals import call_finished
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from tests.calls.fakes import report
from voice.domain.types import Recording, Report, Usage

pytestmark = pytest.mark.django_db
ANSWERED = NOON_IN_DENVER + timedelta(seconds=8)
ENDED = ANSWERED + timedelta(seconds=61)
NOW = ENDED + timedelta(milliseconds=200)
TWO_P_M = NOON_IN_DENVER + timedelta(hours=2)
SLOT = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
FREE = Decimal(0)
PRICE_OF_61_S = Decimal("0.04873")
"""By hand: 2 minutes of voice at 0.0140, 2 of media stream at 0.0044, one machine detection at 0.0075; 10 % tax."""


@pytest.fixture(autouse=True)
def news() -> Iterator[list[dict[str, Any]]]:
    """What ``call_finished`` told, and whether a transaction was open."""
    told: list[dict[str, Any]] = []

    def listen(sender: type[Call], *, call: Call, now: datetime, **_: object) -> None:
        told.append({"call": call, "now": now, "inside": connection.in_atomic_block})

    call_finished.connect(listen)
    yield told
    call_finished.disconnect(listen)


def test_a_models_tokens_are_part_of_what_the_call_costs() -> None:
    """500,000 in at 0.40 USD a million and 10,000 out at 1.60; told again, they count once."""
    of = live_call(held=Decimal("0.5"))
    told = [
        Usage("openai.gpt-4.1-mini.in", "token", Decimal(500_000)),
        Usage("openai.gpt-4.1-mini.out", "token", Decimal(10_000)),
    ]
    meter_usage(of, told, now=NOW)
    meter_usage(of, told, now=NOW)
    over = replace(report(answered_at=ANSWERED, ended_at=ENDED), usage=tuple(told))
    finish(of.pk, over, now=NOW, fence=1)
    assert Call.objects.get(pk=of.pk).cost == PRICE_OF_61_S + Decimal("0.216")


def live_call(lead: Lead | None = None, **fields: Any) -> Call:
    made = make.call(lead or make.lead(attempts=1), CallStatus.LIVE, **fields)
    return made


def talked(disposition: Disposition, *acts: Any) -> Report:
    return report(disposition, *acts, answered_at=ANSWERED, ended_at=ENDED)


def entries(call: Call) -> list[tuple[str, Decimal]]:
    return list(LedgerEntry.objects.filter(reference=call.pk).order_by("pk").values_list("kind", "amount"))


def everything() -> list[list[tuple[Any, ...]]]:
    tables = (Call, CallEvent, Lead, Suppression, Appointment, LedgerEntry)
    return [list(table.objects.order_by("pk").values_list()) for table in tables]


def test_a_talk_of_61_seconds(news: list[dict[str, Any]]) -> None:
    call = live_call()
    assert finish(call.pk, talked(Disposition.QUALIFIED), now=NOW)
    call.refresh_from_db()
    assert (call.status, call.status_at, call.lease_until) == ("done", NOW, None)
    assert (call.answered_at, call.ended_at, call.billed_s) == (ANSWERED, ENDED, 61)
    assert (call.disposition, call.ended_by, call.summary) == ("qualified", "agent", "It came to qualified.")
    assert (call.facts, call.score) == ({"timeline": "spring"}, 40)
    assert meter.used_by(call.pk) == {("tts.local", "char"): Decimal(120)}
    assert (call.cost, call.recordings.exists(), call.disclosed_at) == (PRICE_OF_61_S, False, None)
    assert entries(call) == [("hold", WORST_CASE), ("release", WORST_CASE), ("charge", PRICE_OF_61_S)]
    budget = call.campaign.budget
    budget.refresh_from_db()
    assert (budget.total.held, budget.total.spent) == (Decimal(0), PRICE_OF_61_S)
    events = CallEvent.objects.order_by("pk").values_list("kind", "status", "fields")
    assert list(events) == [
        ("call.finished", "done", {"disposition": "qualified"}),
        ("lead.closed", "", {"reason": "The lead is qualified."}),
    ]
    (told,) = news
    assert (told["call"], told["now"], told["inside"]) == (call, NOW, True)
    assert (told["call"].cost, told["call"].lead.status) == (PRICE_OF_61_S, "closed")


def test_a_second_finish_changes_nothing(news: list[dict[str, Any]]) -> None:
    call = live_call()
    finish(call.pk, talked(Disposition.QUALIFIED), now=NOW)
    was = everything()
    late = talked(Disposition.APPOINTMENT, OptOut("stop"), BookAppointment(SLOT))
    assert not finish(call.pk, late, now=NOW + timedelta(seconds=9))
    assert everything() == was
    assert len(news) == 1


def test_an_older_claim_cannot_finish(news: list[dict[str, Any]]) -> None:
    call = live_call(fence=2)
    was = everything()
    assert not finish(call.pk, talked(Disposition.QUALIFIED), now=NOW, fence=1)
    assert everything() == was
    assert news == []
    assert finish(call.pk, talked(Disposition.QUALIFIED), now=NOW, fence=2)


@pytest.mark.parametrize(
    ("disposition", "closed_reason"),
    [
        (Disposition.APPOINTMENT, "An appointment is booked."),
        (Disposition.QUALIFIED, "The lead is qualified."),
        (Disposition.NOT_INTERESTED, "The person is not interested."),
        (Disposition.WRONG_NUMBER, "The number belongs to somebody else."),
        (Disposition.HAS_AGENT, "The person has signed with another agent."),
    ],
)
def test_a_talk_that_closes_the_lead(disposition: Disposition, closed_reason: str) -> None:
    lead = make.lead(attempts=1, commitment_at=NOON_IN_DENVER)
    assert finish(live_call(lead).pk, talked(disposition), now=NOW)
    lead.refresh_from_db()
    assert (lead.status, lead.closed_reason, lead.disposition) == ("closed", closed_reason, disposition.value)
    assert (lead.attempts, lead.commitment_at, lead.next_attempt_at) == (1, None, NOON_IN_DENVER)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("disposition", "at", "why"),
    [
        (Disposition.VOICEMAIL, NOW + timedelta(hours=4), "1st voicemail of 2: in 4 h"),
        (Disposition.HUNG_UP, TWO_P_M + timedelta(days=1), "1st hang-up of 2: in 1 day, moved to the afternoon"),
    ],
)
def test_a_talk_after_which_the_lead_is_called_again(disposition: Disposition, at: datetime, why: str) -> None:
    lead = make.lead(attempts=1)
    finish(live_call(lead).pk, talked(disposition), now=NOW)
    lead.refresh_from_db()
    assert (lead.status, lead.disposition, lead.attempts) == ("open", disposition.value, 1)
    assert (lead.next_attempt_at, lead.commitment_at) == (at, None)
    assert CallEvent.objects.get(kind="lead.next_attempt").fields == {"at": at.isoformat(), "why": why}


@pytest.mark.parametrize(
    ("disposition", "status", "next_at"),
    [
        (Disposition.NO_ANSWER, "done", TWO_P_M),
        (Disposition.BUSY, "done", NOW + timedelta(minutes=10)),
        (Disposition.FAILED, "failed", NOW + timedelta(minutes=5)),
        (Disposition.BAD_NUMBER, "failed", NOON_IN_DENVER),
    ],
)
def test_a_call_that_nobody_answered_costs_nothing(disposition: Disposition, status: str, next_at: datetime) -> None:
    lead = make.lead(attempts=1)
    call = make.call(lead, CallStatus.DIALING)
    assert finish(call.pk, report(disposition, ended_at=ENDED), now=NOW)
    call.refresh_from_db()
    assert (call.status, call.disposition, call.billed_s, call.cost) == (status, disposition.value, None, FREE)
    assert (call.answered_at, call.ended_at) == (None, ENDED)
    assert entries(call) == [("hold", WORST_CASE), ("release", WORST_CASE), ("charge", Decimal(0))]
    lead.refresh_from_db()
    bad = disposition is Disposition.BAD_NUMBER
    assert (lead.status, lead.closed_reason) == (("closed", "The number cannot be reached.") if bad else ("open", ""))
    assert lead.next_attempt_at == next_at


def test_a_fault_in_a_talk_is_a_talk_that_is_paid() -> None:
    call = live_call()
    finish(call.pk, talked(Disposition.FAILED), now=NOW)
    call.refresh_from_db()
    assert (call.status, call.cost) == ("done", PRICE_OF_61_S)


def test_the_last_attempt_closes_the_lead() -> None:
    lead = make.lead(make.campaign(max_attempts=2), attempts=2)
    finish(live_call(lead).pk, talked(Disposition.VOICEMAIL), now=NOW)
    lead.refresh_from_db()
    assert (lead.status, lead.closed_reason) == (
        "closed",
        "All 2 attempts are used; the last one ended with: voicemail.",
    )


def test_an_attempt_that_never_rang_is_given_back() -> None:
    lead = make.lead(make.campaign(max_attempts=2), attempts=2)
    call = make.call(lead, CallStatus.DIALING)
    again_at = NOW + timedelta(seconds=30)
    finish(call.pk, report(Disposition.FAILED, ended_at=NOW), now=NOW, again_at=again_at)
    lead.refresh_from_db()
    assert (lead.status, lead.attempts, lead.next_attempt_at) == ("open", 1, again_at)


def test_a_promise_is_kept_in_mind() -> None:
    lead, at = make.lead(make.campaign(max_attempts=1), attempts=1), NOW + timedelta(days=2)
    finish(
        live_call(lead).pk,
        talked(
            Disposition.CALLBACK_REQUESTED,
            ScheduleCallback(NOW + timedelta(days=1), "tomorrow"),
            ScheduleCallback(at, "no, in two days"),
        ),
        now=NOW,
    )
    lead.refresh_from_db()
    assert (lead.status, lead.next_attempt_at, lead.commitment_at) == ("open", at, at)


def test_whoever_says_stop_is_called_by_nobody_any_more() -> None:
    lead = make.lead(phone="+13035550142")
    elsewhere, other = make.lead(phone="+13035550142"), make.lead()
    call = live_call(lead)
    finish(call.pk, talked(Disposition.DO_NOT_CALL, OptOut("take me off your list"), EndCall("opt-out")), now=NOW)
    entry = Suppression.objects.get()
    assert (entry.phone, entry.source, entry.said) == ("+13035550142", "voice", "take me off your list")
    assert (entry.call_id, entry.created_at) == (call.pk, NOW)
    for closed, reason in (
        (lead, "The person asked not to be called again."),
        (elsewhere, "The number is on the do-not-call list."),
    ):
        closed.refresh_from_db()
        assert (closed.status, closed.closed_reason) == ("closed", reason)
    other.refresh_from_db()
    assert other.status == "open"


def test_the_disposition_alone_is_enough_to_stop() -> None:
    call = live_call()
    finish(call.pk, talked(Disposition.DO_NOT_CALL), now=NOW)
    assert Suppression.objects.get().said == "It came to do_not_call."


def test_stop_goes_before_any_other_disposition() -> None:
    lead = make.lead(attempts=1)
    finish(live_call(lead).pk, talked(Disposition.HUNG_UP, OptOut("9")), now=NOW)
    lead.refresh_from_db()
    assert (lead.status, lead.closed_reason) == ("closed", "The number is on the do-not-call list.")
    assert Suppression.objects.get().source == "key"


def test_a_wrong_number_is_put_on_the_list() -> None:
    call = live_call()
    finish(call.pk, talked(Disposition.WRONG_NUMBER, MarkWrongNumber("no Dana here")), now=NOW)
    entry = Suppression.objects.get()
    assert (entry.phone, entry.source, entry.said) == (call.to_number, "wrong_number", "no Dana here")


def test_an_appointment_is_booked() -> None:
    call = live_call()
    finish(call.pk, talked(Disposition.APPOINTMENT, BookAppointment(SLOT)), now=NOW)
    appointment = Appointment.objects.get()
    assert (appointment.call, appointment.campaign, appointment.start_at, appointment.minutes) == (
        call,
        call.campaign,
        SLOT,
        30,
    )
    assert [(event.kind, event.fields) for event in call.events.filter(kind__startswith="appointment.")] == [
        ("appointment.booked", {"start_at": "2026-11-12T17:00:00+00:00"})
    ]


def test_a_changed_mind_has_one_appointment() -> None:
    call = live_call()
    later = SLOT + timedelta(days=1)
    finish(call.pk, talked(Disposition.APPOINTMENT, BookAppointment(SLOT), BookAppointment(later)), now=NOW)
    assert Appointment.objects.get().start_at == later
    assert not call.events.filter(kind="appointment.conflict").exists()


def test_a_slot_that_somebody_took_is_told_and_the_call_is_finished() -> None:
    campaign = make.campaign()
    first, second = (live_call(make.lead(campaign)) for _ in range(2))
    for call in (first, second):
        assert finish(call.pk, talked(Disposition.APPOINTMENT, BookAppointment(SLOT)), now=NOW)
    assert Appointment.objects.get().call == first
    kinds = second.events.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["call.finished", "appointment.conflict", "lead.closed"]
    second.refresh_from_db()
    assert (second.status, second.disposition, second.cost) == ("done", "appointment", PRICE_OF_61_S)


def test_two_campaigns_may_book_the_same_hour() -> None:
    for _ in range(2):
        finish(live_call().pk, talked(Disposition.APPOINTMENT, BookAppointment(SLOT)), now=NOW)
    assert Appointment.objects.count() == 2


def test_a_recording_gets_a_row_with_the_report() -> None:
    began_at = ANSWERED + timedelta(seconds=6)
    recording = Recording(Path("anywhere") / "a-2.rec", began_at, 61_000, part=2, bytes=1234)
    usage = (Usage("stt.local", "s", Decimal("12.5")),)
    whole = Report(
        Outcome(Disposition.QUALIFIED, "Fine."),
        EndedBy.LEAD,
        ended_at=ENDED,
        answered_at=ANSWERED,
        disclosed_at=ANSWERED + timedelta(seconds=4),
        usage=usage,
        recording=recording,
    )
    call = live_call()
    finish(call.pk, whole, now=NOW)
    call.refresh_from_db()
    [row] = call.recordings.all()
    assert (row.part, row.name, row.started_at, row.duration_ms) == (2, "2026/11/a-2.rec", began_at, 61_000)
    assert (row.bytes, row.stored_at, row.erased_at) == (1234, None, None)
    assert (call.ended_by, call.disclosed_at) == ("lead", ANSWERED + timedelta(seconds=4))
    assert meter.used_by(call.pk) == {("stt.local", "s"): Decimal("12.5")}


def test_a_listener_that_fails_undoes_the_finish(news: list[dict[str, Any]]) -> None:
    call = live_call()
    was = everything()

    def fail(**_: object) -> None:
        raise RuntimeError("broken")

    call_finished.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="broken"):
            finish(call.pk, talked(Disposition.APPOINTMENT, OptOut("stop"), BookAppointment(SLOT)), now=NOW)
    finally:
        call_finished.disconnect(fail)
    assert everything() == was
    assert finish(call.pk, talked(Disposition.QUALIFIED), now=NOW)


def test_a_call_that_talked_far_beyond_its_cap_costs_no_more_than_was_held() -> None:
    call = live_call()
    endless = report(Disposition.HUNG_UP, answered_at=ANSWERED, ended_at=ANSWERED + timedelta(seconds=4591))
    finish(call.pk, endless, now=NOW)
    call.refresh_from_db()
    assert (call.billed_s, call.cost) == (4591, WORST_CASE)


def test_clocks_that_disagree_make_no_negative_talk() -> None:
    call = live_call()
    finish(call.pk, report(Disposition.HUNG_UP, answered_at=ENDED, ended_at=ANSWERED), now=NOW)
    call.refresh_from_db()
    assert (call.billed_s, call.cost) == (0, Decimal("0.02849"))  # a call of a second
