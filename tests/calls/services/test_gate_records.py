"""What the gates read from the records, the kill switch, and leads that are put off together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import TestCase

from agents.domain.types import Disposition
from calls.domain.compliance import Dial, Never, Wait
from calls.domain.status import CallStatus
from calls.models import (
    Call,
    CallEvent,
    Campaign,
    CompanySuppression,
    Consent,
    Decision,
    Halt,
    Lead,
    NumberCheck,
    Scrub,
    SharedDecision,
    Turn,
)
from calls.services import abandoning, doorbell, gates, halting, putting_off
from calls.services.dispatching import Step, dispatch, dispatch_batch
from calls.services.placing import place
from calls.services.rules import book_at
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, FakePlane, ended

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER
NIGHT = datetime(2026, 11, 11, 5, 0, tzinfo=UTC)
"""22:00 in Denver, midnight in New York, 21:00 in Los Angeles, 19:00 in Honolulu."""


@pytest.fixture(autouse=True)
def quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda *_: True)


def closed(lead: Lead, *, now: datetime = NOW) -> list[str]:
    return [verdict.gate for verdict in gates.ask(lead, now=now).verdicts if not verdict.passed]


def consent(lead: Lead, **fields: Any) -> Consent:
    given = {"kind": "written", "source": "form 9", "given_at": NOW - timedelta(days=9)}
    return Consent.objects.create(lead=lead, **{**given, **fields})


@pytest.mark.parametrize(
    ("scope", "seller", "covers"),
    [
        ("campaign", "", False),
        ("seller", "summit realty", True),
        ("seller", "Other Homes", False),
        ("company", "", True),
    ],
)
def test_a_consent_of_another_campaign(scope: str, seller: str, covers: bool) -> None:
    lead = make.lead(phone="+13035550142", consent="")
    consent(make.lead(phone="+13035550142", consent=""), scope=scope, seller=seller)
    assert isinstance(gates.ask(lead, now=NOW), Dial if covers else Never)


def test_a_consent_of_this_campaign_for_another_seller_covers_nothing() -> None:
    lead = make.lead(consent="")
    consent(lead, scope="seller", seller="Other Homes")
    assert closed(lead) == ["consent", "public lists"]


def test_a_revoked_consent_stops_the_next_decision() -> None:
    lead = make.lead()
    assert closed(lead) == []
    lead.consents.update(revoked_at=NOW)
    assert "consent" in closed(lead)


def test_a_companys_own_list_counts_for_its_campaigns_alone() -> None:
    CompanySuppression.objects.create(phone="+13035550142", company="SUMMIT Realty", said="mail", created_at=NOW)
    ours = make.lead(phone="+13035550142")
    theirs = make.lead(make.campaign(company_name="Other"), phone="+13035550142")
    assert (closed(ours), closed(theirs)) == (["do not call"], [])
    decision = gates.ask(ours, now=NOW)
    assert isinstance(decision, Never)
    assert decision.reason == "The number is on the do-not-call list of Summit Realty."


def test_the_campaign_chooses_whether_lists_are_asked() -> None:
    lead = make.lead(make.campaign(public_lists="always"))
    assert closed(lead) == ["public lists"]
    Scrub.objects.create(list="national", as_of=NOW, covers=["+1303"], count=0, imported_at=NOW, sha256="a")
    assert closed(lead) == []
    assert closed(make.lead(make.campaign(public_lists="always"), last_inquiry_at=NOW)) == []


def test_the_newest_check_of_the_owner_counts() -> None:
    lead = make.lead()
    NumberCheck.objects.create(phone=lead.phone, answer="yes", checked_at=NOW - timedelta(hours=2), source="db")
    assert closed(lead) == ["reassigned"]
    NumberCheck.objects.create(phone=lead.phone, answer="no", checked_at=NOW - timedelta(hours=1), source="db")
    assert closed(lead) == []


def test_a_household_shares_its_calls() -> None:
    campaign = make.campaign()
    leads = [make.lead(campaign, address=text, state="CO") for text in ("12 Main St.", "12 MAIN ST", "12 main  st")]
    town = make.lead(campaign, address="Denver", state="CO")
    elsewhere = make.lead(campaign, address="12 Main St", state="FL")
    assert [lead.household for lead in (*leads, town)] == ["12mainstco"] * 3 + [""]
    for lead in leads:
        make.call(lead, CallStatus.DONE, dialed_at=NOW - timedelta(hours=1))
    assert (closed(leads[0]), closed(town), closed(elsewhere)) == (["frequency"], [], [])


def test_calls_that_are_about_to_ring_count_for_their_household() -> None:
    """Of one batch, of another campaign's, and of calls that ask at one moment just before they ring."""
    here = {"address": "12 Main St", "state": "CO"}
    first, second = make.campaign(), make.campaign()
    waiting = make.call(make.lead(first, **here))
    leads = [make.lead(second, **here) for _ in range(4)]
    assert dispatch(now=NOW, campaign_id=second.pk) == 2
    for lead in leads:
        lead.refresh_from_db()
    assert [lead.next_attempt_at == NOW for lead in leads] == [True, True, False, False]
    more = make.call(make.lead(first, **here))
    calls = [*Call.objects.filter(lead__in=leads), waiting, more]
    may_ring = [call for call in calls if isinstance(gates.ask(call.lead, now=NOW, call_id=call.pk), Dial)]
    assert sorted(may_ring, key=lambda call: call.pk) == sorted(calls, key=lambda call: call.pk)[:3]


def answered(campaign: Campaign, heard_ms: int | None, **fields: Any) -> Call:
    at = NOW - timedelta(days=1)
    call = make.call(
        make.lead(campaign),
        CallStatus.DONE,
        **{"answered_at": at, "ended_at": at + timedelta(seconds=9), **fields},
    )
    if heard_ms is not None:
        Turn.objects.create(call=call, seq=1, speaker="agent", text="Hello", start_ms=heard_ms, end_ms=heard_ms + 900)
    return call


def test_which_answers_were_abandoned() -> None:
    campaign, at = make.campaign(), NOW - timedelta(days=1)
    answered(campaign, 2000)
    answered(campaign, 2001)
    answered(campaign, None)
    answered(campaign, 2100)
    answered(campaign, None, ended_at=at + timedelta(seconds=2))  # hung up before the time was over
    answered(campaign, None, answered_by="machine_start")
    answered(campaign, None, answered_at=NOW - timedelta(days=30))
    answered(make.campaign(), None)
    assert abandoning.counts(campaign.pk, now=NOW, book=book_at(NOW)) == (4, 3)


def test_a_campaign_that_abandons_calls_stops_and_its_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lead = make.lead()
    monkeypatch.setattr(abandoning, "counts", lambda *_args, **_fields: (100, 3))
    assert dispatch_batch(lead.campaign_id, now=NOW).step is Step.HALTED
    assert closed(lead) == ["abandonment"]
    assert not Decision.objects.exists()
    lead.refresh_from_db()
    assert (lead.status, lead.next_attempt_at) == ("open", NOW)


def test_a_slow_campaign_does_not_count_the_call_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    call = make.call(make.lead(make.campaign(max_concurrency=1)))
    monkeypatch.setattr(abandoning, "counts", lambda *_args, **_fields: (100, 2))
    assert isinstance(gates.ask(call.lead, now=NOW, call_id=call.pk), Dial)
    assert isinstance(gates.ask(call.lead, now=NOW), Wait)


def test_the_kill_switch_is_one_row_with_who_when_and_why() -> None:
    mia = User.objects.create_user("mia")
    assert halting.halt(by=mia, reason="wrong company", now=NOW) is True
    assert halting.halt(by=None, reason="again", now=NOW) is False
    halt = Halt.objects.get()
    assert (halt.by, halt.at, halt.reason, halt.released_at) == (mia, NOW, "wrong company", None)
    assert halting.reason() == "wrong company"
    assert halting.release(by=mia, now=NOW + timedelta(minutes=1)) is True
    assert halting.release(by=mia, now=NOW) is False
    halt.refresh_from_db()
    assert (halt.released_by, halt.released_at, halting.reason()) == (mia, NOW + timedelta(minutes=1), "")
    assert halting.halt(by=None, reason="once more", now=NOW) is True


def test_while_it_is_on_nothing_is_queued_and_no_lead_changes() -> None:
    lead = make.lead()
    halting.halt(by=None, reason="x", now=NOW)
    assert dispatch(now=NOW) == 0
    assert not Call.objects.exists()
    assert not Decision.objects.exists()
    lead.refresh_from_db()
    assert lead.next_attempt_at == NOW
    halting.release(by=None, now=NOW)
    assert dispatch(now=NOW) == 1


def test_a_queued_call_does_not_ring_and_its_lead_stays_due() -> None:
    call, dialer = make.call(), FakeDialer()
    halting.halt(by=None, reason="x", now=NOW)
    assert place(call.pk, plane=FakePlane(), dialer=dialer, owner="w", clock=lambda: NOW) is False
    call.refresh_from_db()
    assert (call.status, dialer.dialed, call.lead.status) == ("canceled", [], "open")
    assert call.lead.campaign.budget.total.held == 0


def test_a_switch_between_the_gates_and_the_ring_stops_the_ring() -> None:
    def stop() -> None:
        assert halting.halt(by=None, reason="x", now=NOW)

    call, dialer = make.call(), FakeDialer()
    plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW), on_open=stop)
    place(call.pk, plane=plane, dialer=dialer, owner="w", clock=lambda: NOW)
    call.refresh_from_db()
    assert (call.status, dialer.dialed, plane.lines[0].closed) == ("canceled", [], 1)
    assert CallEvent.objects.filter(kind="call.canceled_halted").count() == 1


def due(campaign: Campaign, *numbers: str, **fields: Any) -> list[Lead]:
    return [make.lead(campaign, phone=number, **fields) for number in numbers]


def test_leads_of_closed_places_are_put_off_with_one_decision_a_place() -> None:
    campaign = make.campaign()
    denver = due(campaign, "+13035550101", "+13035550102", "+17205550103")
    york = due(campaign, "+12125550101")
    open_ = due(campaign, "+18085550101")
    nowhere = due(campaign, "+18005550101")
    other = due(make.campaign(), "+13035550104")
    assert putting_off.put_off(campaign.pk, now=NIGHT) == 4
    opens = {lead.pk: lead.next_attempt_at for lead in Lead.objects.all()}
    eight_in_denver, eight_in_york = NIGHT.replace(hour=15), NIGHT.replace(hour=13)
    assert [opens[lead.pk] for lead in denver] == [eight_in_denver] * 3
    assert [opens[lead.pk] for lead in york] == [eight_in_york]
    assert [opens[lead.pk] for lead in (*open_, *nowhere, *other)] == [NOW] * 3
    assert (Decision.objects.count(), SharedDecision.objects.count()) == (2, 4)
    [why] = Decision.objects.about(denver[0])
    assert (why.result, why.reason, why.at, why.lead) == ("wait", "Outside the allowed hours.", NIGHT, None)
    assert why.verdicts[0]["saw"] == {"America/Denver": "Tue 22:00"}
    assert why.verdicts[0]["rules"][0]["key"] == "hours.US"
    assert not Decision.objects.about(open_[0]).exists()
    assert putting_off.put_off(campaign.pk, now=NIGHT) == 0


def test_zones_and_states_of_their_own_are_kept_apart() -> None:
    campaign = make.campaign()
    [moved] = due(campaign, "+13035550101", state="FL")
    [zoned] = due(campaign, "+13035550102", zone="Pacific/Honolulu")
    assert putting_off.put_off(campaign.pk, now=NIGHT) == 1
    moved.refresh_from_db()
    zoned.refresh_from_db()
    assert (moved.next_attempt_at, zoned.next_attempt_at) == (NIGHT.replace(hour=15), NOW)


def test_a_round_puts_off_the_rest_after_three(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make.campaign()
    due(campaign, *(f"+1303555{n:04}" for n in range(120)))
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert dispatch(now=NIGHT) == 0
    assert not Lead.objects.due(now=NIGHT).exists()
    batch = campaign.max_concurrency
    assert (Decision.objects.count(), SharedDecision.objects.count()) == (batch + 1, 120 - batch)


def test_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(putting_off, "_CHUNK", 10)
    campaign = make.campaign()
    due(campaign, *(f"+1303555{n:04}" for n in range(25)))
    assert putting_off.put_off(campaign.pk, now=NIGHT) == 25
    assert SharedDecision.objects.values("lead").distinct().count() == 25


@pytest.mark.parametrize("status", ["paused", "finished"])
def test_a_campaign_that_does_not_run_is_left_alone(status: str) -> None:
    campaign = make.campaign(status=status)
    due(campaign, "+13035550101")
    assert putting_off.put_off(campaign.pk, now=NIGHT) == 0
    assert not Decision.objects.exists()


def test_a_campaign_without_any_hour_is_left_to_be_looked_at_alone() -> None:
    campaign = make.campaign(opens_at=datetime(2026, 1, 1, 6).time(), closes_at=datetime(2026, 1, 1, 7).time())  # noqa: DTZ001
    due(campaign, "+13035550101")
    assert putting_off.put_off(campaign.pk, now=NIGHT) == 0
    assert not Decision.objects.exists()
