"""From a due lead to a queued call, or nothing at all."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from django.db import OperationalError
from django.db.models.expressions import RawSQL
from django.test import TestCase
from structlog.testing import capture_logs

from billing.models import Budget, LedgerEntry
from billing.services import budgets, ledger
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call, CallerId, CallEvent, Campaign, Decision, Lead, Suppression, VoiceWorker
from calls.models.campaign import CampaignStatus
from calls.services import dispatching, doorbell, facts, gates, queueing, scrubbing
from calls.services.caller_ids import Pool
from calls.services.campaigns import CampaignError, start
from calls.services.dispatching import Batch, Step, dispatch, dispatch_batch
from calls.services.funding import purses, why_not_payable
from calls.services.pacing import Room, room
from calls.services.terms import CampaignTerms
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The ids for which the doorbell rang."""
    ids: list[UUID] = []

    def ring(call_id: UUID, queue: str) -> bool:
        ids.append(call_id)
        return queue == "calls.local"

    monkeypatch.setattr(doorbell, "ring", ring)
    return ids


def look(campaign_id: int, *, now: datetime = NOW) -> Batch:
    """``dispatch_batch``, and then what waits for the commit."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        return dispatch_batch(campaign_id, now=now)


def queued(count: int, *, looked: int | None = None) -> Batch:
    """The batch in which so many calls were queued."""
    return Batch(Step.LOOKED, looked=count if looked is None else looked, queued=count)


def nothing_is_left() -> bool:
    tables = (Call, CallEvent, Decision, LedgerEntry)
    return not any(table.objects.exists() for table in tables)


def test_a_due_lead_gets_a_call_with_its_money_and_its_reasons() -> None:
    lead = make.lead()
    assert dispatch_batch(lead.campaign_id, now=NOW) == queued(1)
    call = Call.objects.get()
    assert (call.lead, call.campaign, call.attempt, call.status) == (lead, lead.campaign, 1, "queued")
    assert (call.to_number, call.from_number) == (lead.phone, "+12125550199")
    assert (call.status_at, call.queued_at, call.rung_at, call.dialed_at) == (NOW, NOW, NOW, None)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.amount, entry.reference, entry.budget) == (
        "hold",
        WORST_CASE,
        call.pk,
        lead.campaign.budget,
    )
    event = CallEvent.objects.get()
    assert (event.call, event.kind, event.at, event.status, event.fields) == (
        call,
        "call.queued",
        NOW,
        "",
        {"held": str(WORST_CASE), "currency": "USD"},
    )
    decision = Decision.objects.get()
    assert (decision.lead, decision.call_id, decision.result, decision.reason) == (lead, call.pk, "dial", "")
    assert [verdict["gate"] for verdict in decision.verdicts] == [
        "kill switch",
        "rules",
        "do not call",
        "consent",
        "public lists",
        "reassigned",
        "country",
        "prefix",
        "attempts",
        "place",
        "frequency",
        "abandonment",
        "hours",
        "notices",
    ]
    assert all(verdict["passed"] for verdict in decision.verdicts)
    assert decision.verdicts[-2]["saw"] == {"America/Denver": "Tue 12:00"}
    lead.refresh_from_db()
    assert (lead.status, lead.attempts, lead.next_attempt_at) == ("open", 0, NOW)


def test_the_doorbell_rings_after_the_commit(rung: list[UUID]) -> None:
    lead = make.lead()
    with TestCase.captureOnCommitCallbacks(execute=True):
        dispatch_batch(lead.campaign_id, now=NOW)
        assert rung == []
    assert rung == [Call.objects.get().pk]


def test_leads_are_called_by_priority_then_by_age() -> None:
    campaign = make.campaign(max_concurrency=9)
    late = make.lead(campaign, priority=5)
    early = make.lead(campaign, priority=5, next_attempt_at=NOW - timedelta(hours=1))
    first = make.lead(campaign, priority=1)
    last = make.lead(campaign, priority=9, next_attempt_at=NOW - timedelta(days=9))
    assert dispatch_batch(campaign.pk, now=NOW) == queued(4)
    assert dispatch_batch(campaign.pk, now=NOW) == Batch(Step.NOTHING_DUE)
    order = CallEvent.objects.order_by("pk").values_list("call__lead", flat=True)
    assert list(order) == [first.pk, early.pk, late.pk, last.pk]


def test_the_campaigns_own_caller_id_goes_before_that_of_the_settings() -> None:
    lead = make.lead(make.campaign(from_number="+13035550111"))
    dispatch_batch(lead.campaign_id, now=NOW)
    assert Call.objects.get().from_number == "+13035550111"


def test_outside_the_hours_the_lead_waits_and_nothing_is_held(rung: list[UUID]) -> None:
    lead = make.lead(next_attempt_at=NOW - timedelta(days=1))
    five_am = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
    assert look(lead.campaign_id, now=five_am) == Batch(Step.LOOKED, looked=1, closed=1)
    lead.refresh_from_db()
    assert (lead.status, lead.next_attempt_at) == ("open", datetime(2026, 11, 10, 15, 0, tzinfo=UTC))
    decision = Decision.objects.get()
    assert (decision.result, decision.reason, decision.call_id) == ("wait", "Outside the allowed hours.", None)
    assert not Call.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert look(lead.campaign_id, now=five_am) == Batch(Step.NOTHING_DUE)
    assert rung == []


def test_without_consent_the_lead_is_closed_with_the_reason() -> None:
    lead = make.lead(consent="oral")
    assert dispatch_batch(lead.campaign_id, now=NOW) == queued(0, looked=1)
    lead.refresh_from_db()
    reason = "There is no written consent to calls by an artificial voice."
    assert (lead.status, lead.closed_reason, lead.attempts) == ("closed", reason, 0)
    assert Decision.objects.get().result == "never"
    assert not Call.objects.exists()


def test_a_budget_that_is_used_up_leaves_nothing_behind(rung: list[UUID]) -> None:
    lead = make.lead(make.campaign(budget=make.budget(limit="0.1178", name="Small")))
    batch = look(lead.campaign_id)
    why = "Budget 'Small' cannot hold 0.12969 USD more: raise its limit or wait for calls to settle."
    assert batch == Batch(Step.NOT_PAYABLE, why, looked=1)
    assert nothing_is_left()
    lead.refresh_from_db()
    assert (lead.status, lead.next_attempt_at, lead.campaign.budget.total.held) == ("open", NOW, Decimal(0))
    assert rung == []


def test_a_budget_that_is_used_up_stops_its_campaign_and_no_other() -> None:
    poor = make.campaign(name="A poor", budget=make.budget(limit="0.2"))
    rich = make.campaign(name="B rich")
    for _ in range(2):
        make.lead(poor)
        make.lead(rich)
    with capture_logs() as logs:
        assert dispatch(now=NOW) == 3
    assert [call.campaign_id for call in Call.objects.order_by("campaign_id")] == [poor.pk, rich.pk, rich.pk]
    assert [(line["event"], line["campaign_id"]) for line in logs] == [("dispatch.not_payable", poor.pk)]


def test_why_a_campaign_cannot_pay_is_logged_once_until_it_can() -> None:
    poor = make.campaign(budget=make.budget(limit="0.1"))
    make.lead(poor)
    with capture_logs() as logs:
        for _ in range(3):
            assert dispatch(now=NOW) == 0
        budgets.change_limits(poor.budget_id, budgets.Limits(total=Decimal("0.15")), at=NOW)
        assert dispatch(now=NOW) == 1
        make.lead(poor)
        assert dispatch(now=NOW) == 0
    reasons = [line["reason"] for line in logs if line["event"] == "dispatch.not_payable"]
    advice = "raise its limit or wait for calls to settle."
    assert reasons == [f"Budget '{poor.budget}' cannot hold 0.12969 USD more: {advice}"] * 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"limit": Decimal("0.1")}, "Budget 'Zillow' cannot hold 0.12969 USD more: "),
        ({"call_limit": Decimal("0.01")}, "Budget 'Zillow' allows 0.01 USD for one call, "),
        ({"stopped_at": NOW, "stopped_reason": "Enough."}, "Dialing on budget 'Zillow' is stopped: Enough."),
        ({"currency": "EUR"}, "Budget 'Zillow' is in EUR and the call is priced in USD: "),
    ],
)
def test_a_source_whose_budget_cannot_pay_makes_room_for_the_others(fields: dict[str, Any], reason: str) -> None:
    Budget.objects.create(name="Zillow", scope="source", source="zillow", **fields)
    campaign = make.campaign()
    first = make.lead(campaign, source="zillow", priority=1)
    other = make.lead(campaign, source="web", priority=2)
    with capture_logs() as logs:
        assert dispatch(now=NOW) == 1
    assert [call.lead for call in Call.objects.all()] == [other]
    first.refresh_from_db()
    assert (first.status, first.next_attempt_at) == ("open", NOW + timedelta(minutes=15))
    [put_off] = [log for log in logs if log["event"] == "dispatch.put_off"]
    assert put_off["lead_id"] == first.pk
    assert put_off["reason"].startswith(reason)
    assert [entry.kind for entry in LedgerEntry.objects.all()] == ["hold"]


def test_a_campaign_whose_budget_is_retired_does_not_dial_and_says_so() -> None:
    campaign = make.campaign(budget=make.budget(name="Old"))
    Budget.objects.create(name="Company", scope="company")
    lead = make.lead(campaign)
    Budget.objects.filter(name="Old").update(retired_at=NOW)  # between its choice and the campaign's start
    reason = "Budget 'Old' is retired and pays for no new call: choose another, or bring it back."
    with capture_logs() as logs:
        assert dispatch(now=NOW) == 0
    assert [log["reason"] for log in logs if log["event"] == "dispatch.not_payable"] == [reason]
    assert why_not_payable(campaign, now=NOW) == reason
    campaign.refresh_from_db()
    with pytest.raises(CampaignError, match="the budget 'Old' is retired: choose another, or bring it back"):
        start(campaign.pk, now=NOW)
    lead.refresh_from_db()
    assert lead.next_attempt_at <= NOW
    assert not Call.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_retired_budgets_of_the_company_and_of_a_source_pay_no_more() -> None:
    campaign = make.campaign()
    for fields in ({"scope": "company"}, {"scope": "source", "source": "zillow"}):
        Budget.objects.create(name=fields["scope"], limit=Decimal(0), retired_at=NOW, **fields)
    make.lead(campaign, source="zillow")
    assert [purse.budget for purse in purses(campaign, now=NOW)] == [campaign.budget]
    assert dispatch(now=NOW) == 1
    assert [entry.budget for entry in LedgerEntry.objects.all()] == [campaign.budget]


def test_a_campaign_has_no_more_calls_at_a_time_than_it_may() -> None:
    campaign = make.campaign(max_concurrency=2)
    for _ in range(3):
        make.lead(campaign)
    make.call(make.lead(campaign), CallStatus.LIVE)
    make.call(make.lead(campaign), CallStatus.DONE)
    assert dispatch(now=NOW) == 1
    full = "No more calls are made now: 2 of the campaign's 2 calls at a time are taken."
    assert dispatch_batch(campaign.pk, now=NOW) == Batch(Step.FULL, full)
    assert campaign.calls.unfinished().count() == 2


@pytest.mark.parametrize("status", [CampaignStatus.DRAFT, CampaignStatus.PAUSED, CampaignStatus.FINISHED])
def test_a_campaign_that_does_not_run_calls_nobody(status: str) -> None:
    lead = make.lead(make.campaign(status=status))
    assert dispatch_batch(lead.campaign_id, now=NOW) == Batch(Step.NOTHING_DUE)
    assert dispatch(now=NOW) == 0
    assert nothing_is_left()


def test_a_number_on_the_do_not_call_list_is_looked_at_once_and_closed() -> None:
    lead = make.lead()
    Suppression.objects.create(phone=lead.phone, source="admin", created_at=NOW)
    assert dispatch_batch(lead.campaign_id, now=NOW) == queued(0, looked=1)
    lead.refresh_from_db()
    assert (lead.status, lead.closed_reason) == ("closed", "The number is on the do-not-call list.")
    assert (Decision.objects.get().lead, Decision.objects.get().result) == (lead, "never")
    assert not Call.objects.exists()
    assert dispatch_batch(lead.campaign_id, now=NOW) == Batch(Step.NOTHING_DUE)


@pytest.mark.parametrize(
    "fields", [{"next_attempt_at": NOW + timedelta(microseconds=1)}, {"status": "closed"}], ids=["not due", "closed"]
)
def test_a_lead_that_is_not_to_be_called_is_left_alone(fields: dict[str, Any]) -> None:
    lead = make.lead(**fields)
    assert dispatch_batch(lead.campaign_id, now=NOW) == Batch(Step.NOTHING_DUE)
    assert nothing_is_left()


def test_one_number_in_two_campaigns_has_one_call_at_a_time() -> None:
    first, second = make.lead(phone="+13035550123"), make.lead(phone="+13035550123")
    assert dispatch(now=NOW) == 1
    assert dispatch(now=NOW) == 0
    Call.objects.update(status=CallStatus.DONE.value, dialed_at=NOW)
    Lead.objects.filter(pk=Call.objects.get().lead_id).update(next_attempt_at=NOW + timedelta(days=1))
    assert dispatch(now=NOW) == 1
    assert {call.lead_id for call in Call.objects.all()} == {first.pk, second.pk}


def test_losing_the_race_for_a_number_spoils_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = make.lead(phone="+13035550123", priority=1), make.lead()
    Lead.objects.filter(pk=free.pk).update(campaign=taken.campaign)
    make.call(make.lead(phone=taken.phone))
    monkeypatch.setattr(dispatching, "next_due", lambda *_, **__: [taken.pk, free.pk])
    with capture_logs() as logs:
        assert dispatch_batch(taken.campaign_id, now=NOW) == queued(1, looked=2)
    assert [(line["event"], line["lead_id"]) for line in logs] == [("dispatch.lost_race", taken.pk)]
    call = free.calls.get()
    assert taken.calls.count() == 0
    assert Decision.objects.get().call_id == CallEvent.objects.get().call_id == call.pk
    assert LedgerEntry.objects.filter(reference=call.pk).count() == 1
    assert LedgerEntry.objects.count() == 2


def test_an_attempt_that_was_canceled_keeps_its_number() -> None:
    lead = make.lead()
    make.call(lead, CallStatus.CANCELED)
    make.call(lead, CallStatus.CANCELED).delete()
    make.call(lead, CallStatus.CANCELED, attempt=4)
    assert dispatch(now=NOW) == 1
    assert lead.calls.unfinished().get().attempt == 5


def test_a_promised_call_is_made_although_all_attempts_are_used() -> None:
    campaign = make.campaign(max_attempts=2)
    promised = make.lead(campaign, attempts=2, commitment_at=NOW)
    used_up = make.lead(campaign, attempts=2)
    assert dispatch(now=NOW) == 1
    assert Call.objects.get().lead == promised
    used_up.refresh_from_db()
    assert (used_up.status, used_up.closed_reason) == ("closed", "All 2 attempts are used.")


@pytest.mark.parametrize(
    "step",
    [
        (gates, "keep_all"),
        (queueing, "queue_for"),
        (queueing, "_events"),
        (queueing, "partial"),
        (Pool, "take"),
        (ledger, "would_refuse"),
        (ledger, "hold_all"),
    ],
    ids=lambda step: step[1],
)
def test_a_failure_at_any_step_leaves_nothing(
    step: tuple[Any, str], monkeypatch: pytest.MonkeyPatch, rung: list[UUID]
) -> None:
    lead = make.lead()
    with monkeypatch.context() as patch:
        patch.setattr(*step, Mock(side_effect=RuntimeError("broken")))
        with pytest.raises(RuntimeError, match="broken"):
            look(lead.campaign_id)
    assert nothing_is_left()
    lead.refresh_from_db()
    assert (lead.status, lead.next_attempt_at, lead.campaign.budget.total.held) == ("open", NOW, Decimal(0))
    assert rung == []
    assert dispatch_batch(lead.campaign_id, now=NOW) == queued(1)


def test_one_broken_campaign_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = make.lead(make.campaign(name="A broken")), make.lead(make.campaign(name="B sound"))

    def fail(campaign: Campaign, *, now: datetime) -> Room:
        if campaign == broken.campaign:
            raise RuntimeError("broken")
        return room(campaign, now=now)

    monkeypatch.setattr(dispatching, "room", fail)
    with capture_logs() as logs:
        assert dispatch(now=NOW) == 1
    assert Call.objects.get().lead == sound
    assert [(line["event"], line["campaign_id"]) for line in logs] == [("dispatch.failed", broken.campaign_id)]


@pytest.mark.parametrize("where", ["calls.services.facts.place_of", "calls.services.terms.CampaignTerms.of"])
def test_a_lead_that_cannot_be_judged_is_put_off_alone(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make.campaign()
    broken, *sound = (make.lead(campaign, priority=number) for number in (1, 2, 3))
    module, _, name = where.rpartition(".")
    owner = CampaignTerms if module.endswith("CampaignTerms") else facts
    real = getattr(owner, name)

    def fail(*arguments: Any) -> Any:
        if arguments[-1] == broken:
            raise ZeroDivisionError("broken")
        return real(*arguments)

    monkeypatch.setattr(owner, name, fail)
    with capture_logs() as logs:
        assert dispatch(now=NOW) == 2
    assert {call.lead for call in Call.objects.all()} == set(sound)
    broken.refresh_from_db()
    later = NOW + timedelta(hours=1)
    assert (broken.status, broken.next_attempt_at, broken.put_off_until) == ("open", later, later)
    decision = Decision.objects.get(lead=broken)
    reason = "This lead could not be judged: ZeroDivisionError: broken"
    assert (decision.result, decision.reason, decision.call_id) == ("wait", reason, None)
    assert decision.verdicts == [
        {"gate": "judgement", "passed": False, "reason": reason, "saw": {}, "until": later.isoformat()}
    ]
    assert [(line["event"], line["lead_id"]) for line in logs] == [("dispatch.not_judged", broken.pk)]


def test_a_statement_that_fails_for_one_lead_spoils_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends a transaction at the first failed statement, but for its savepoints."""
    campaign = make.campaign()
    broken, sound = make.lead(campaign), make.lead(campaign)
    real = scrubbing.newest_of

    def fail(asked: Iterable[tuple[str, str]]) -> Any:
        pairs = list(asked)
        if any(number == broken.phone for _, number in pairs):
            Lead.objects.filter(pk__in=RawSQL("SELECT 1 / 0", [])).exists()
        return real(pairs)

    monkeypatch.setattr(scrubbing, "newest_of", fail)
    with capture_logs() as logs:
        assert dispatch(now=NOW) == 1
    assert Call.objects.get().lead == sound
    assert [line["event"] for line in logs] == ["dispatch.not_judged"]


def test_without_a_database_the_round_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    make.lead()
    monkeypatch.setattr(gates, "ask_all", Mock(side_effect=OperationalError("the server is away")))
    with pytest.raises(OperationalError):
        dispatch(now=NOW)


def test_a_round_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "_BATCH", 2)
    monkeypatch.setattr(dispatching, "_LOOKS", 3)
    campaign = make.campaign(max_concurrency=9)
    for _ in range(7):
        make.lead(campaign)
    assert (dispatch(now=NOW), dispatch(now=NOW)) == (4, 3)


def test_one_campaign_can_be_looked_at_alone() -> None:
    leads = [make.lead() for _ in range(2)]
    assert dispatch(now=NOW, campaign_id=leads[1].campaign_id) == 1
    assert Call.objects.get().lead == leads[1]


def test_campaigns_share_what_room_there_is(lines: VoiceWorker) -> None:
    VoiceWorker.objects.filter(pk=lines.pk).update(lines=6)
    campaigns = [make.campaign(max_concurrency=9) for _ in range(3)]
    for campaign in campaigns:
        for _ in range(9):
            make.lead(campaign)
    assert dispatch(now=NOW) == 6
    assert [campaign.calls.count() for campaign in campaigns] == [2, 2, 2]
    Call.objects.filter(campaign=campaigns[1]).update(status=CallStatus.DONE.value, ended_at=NOW)
    assert dispatch(now=NOW) == 2
    assert [campaign.calls.unfinished().count() for campaign in campaigns] == [2, 2, 2]


def test_without_a_worker_nothing_is_queued(lines: VoiceWorker) -> None:
    lines.delete()
    lead = make.lead()
    assert look(lead.campaign_id).step is Step.FULL
    assert nothing_is_left()


def test_a_batch_goes_as_far_as_the_money(rung: list[UUID]) -> None:
    campaign = make.campaign(budget=make.budget(limit=str(2 * WORST_CASE), name="Small"), max_concurrency=9)
    leads = [make.lead(campaign, priority=number) for number in (1, 2, 3, 4)]
    why = "Budget 'Small' cannot hold 0.12969 USD more: raise its limit or wait for calls to settle."
    assert look(campaign.pk) == Batch(Step.NOT_PAYABLE, why, looked=4, queued=2)
    assert {call.lead for call in Call.objects.all()} == set(leads[:2])
    assert set(rung) == {entry.reference for entry in LedgerEntry.objects.all()}
    assert (len(rung), CallEvent.objects.count(), Decision.objects.count()) == (2, 2, 2)
    assert {lead.next_attempt_at for lead in Lead.objects.all()} == {NOW}
    assert audit() == []


def test_money_that_another_took_meanwhile_is_missed_by_the_last(
    monkeypatch: pytest.MonkeyPatch, rung: list[UUID]
) -> None:
    campaign = make.campaign(budget=make.budget(limit=str(2 * WORST_CASE)), max_concurrency=9)
    leads = [make.lead(campaign, priority=number) for number in (1, 2, 3)]
    monkeypatch.setattr(ledger, "would_refuse", lambda *_, **__: {})
    batch = look(campaign.pk)
    assert (batch.step, batch.looked, batch.queued) == (Step.NOT_PAYABLE, 3, 2)
    assert {call.lead for call in Call.objects.all()} == set(leads[:2])
    assert set(rung) == {call.pk for call in Call.objects.all()}
    assert (len(rung), CallEvent.objects.count(), Decision.objects.count(), LedgerEntry.objects.count()) == (
        2,
        2,
        2,
        2,
    )
    assert audit() == []


def test_caller_ids_end_a_batch() -> None:
    campaign = make.campaign(from_number="+13035550111", max_concurrency=9)
    CallerId.objects.update(daily_cap=2)
    for _ in range(3):
        make.lead(campaign)
    assert dispatch(now=NOW) == 2
    assert dispatch(now=NOW) == 0
    assert {call.from_number for call in Call.objects.all()} == {"+13035550111"}


def test_calls_wait_in_the_queue_that_can_make_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[UUID, str]] = []

    def ring(call_id: UUID, queue: str) -> bool:
        rung.append((call_id, queue))
        return True

    monkeypatch.setattr(doorbell, "ring", ring)
    lead = make.lead(make.campaign(needs="gpu"))
    assert look(lead.campaign_id) == queued(1)
    call = Call.objects.get()
    assert (call.queue, call.direction) == ("calls.gpu", "outbound")
    assert rung == [(call.pk, "calls.gpu")]


def test_a_broker_that_is_away_is_asked_once_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[UUID] = []
    monkeypatch.setattr(doorbell, "ring", lambda call_id, _: rung.append(call_id))
    campaign = make.campaign()
    for _ in range(3):
        make.lead(campaign)
    assert look(campaign.pk) == queued(3)
    assert len(rung) == 1


def test_a_campaign_without_a_usable_hour_says_so() -> None:
    lead = make.lead(make.campaign(opens_at=time(6), closes_at=time(7)))
    dispatch(now=NOW)
    lead.refresh_from_db()
    assert lead.closed_reason == "No hour of the next four weeks is allowed: widen the campaign's hours."


def test_running_campaigns_are_all_served() -> None:
    leads = [make.lead() for _ in range(3)]
    assert Campaign.objects.running().count() == 3
    assert dispatch(now=NOW) == 3
    assert {call.lead_id for call in Call.objects.all()} == {lead.pk for lead in leads}
