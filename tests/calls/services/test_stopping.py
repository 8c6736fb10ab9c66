"""Pause, finish and the kill switch with calls under way; hours that are edited hold from the next decision on."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction

from billing.models import LedgerEntry
from calls.domain.compliance import Dial, Wait
from calls.domain.status import CallStatus
from calls.models import Call, CallEvent, CallingWindow, Campaign, Halt, Lead
from calls.models.campaign import CampaignStatus
from calls.services import calendar, campaigns, doorbell, ending, gates, halting
from calls.services.campaigns import CampaignError
from calls.services.putting_off import put_off
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.factories import WORST_CASE

pytestmark = pytest.mark.django_db
UNDER_WAY = (CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN)
Committing = Callable[..., Any]


@pytest.fixture
def hung_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The carrier's ids of the calls that a worker is told to hang up."""
    asked: list[str] = []
    monkeypatch.setattr(doorbell, "hang_up", asked.append)
    return asked


def one_of_each(campaign: Campaign) -> dict[CallStatus, Call]:
    return {
        status: make.call(make.lead(campaign), status, carrier_call_id=f"CA-{status}" if status in UNDER_WAY else "")
        for status in CallStatus
    }


@pytest.mark.parametrize("hang_up", [False, True])
@pytest.mark.parametrize("move", [campaigns.pause, campaigns.finish])
def test_a_stop_cancels_what_waits_and_hangs_up_if_asked(
    move: Any, hang_up: bool, hung_up: list[str], django_capture_on_commit_callbacks: Committing
) -> None:
    campaign = make.campaign()
    calls, others = one_of_each(campaign), one_of_each(make.campaign())
    with django_capture_on_commit_callbacks(execute=True):
        move(campaign.pk, now=NOW, hang_up=hang_up)
        assert hung_up == []  # not before the commit
    now_is = {status: Call.objects.values_list("status", flat=True).get(pk=call.pk) for status, call in calls.items()}
    waiting = {CallStatus.QUEUED, CallStatus.CLAIMED}
    assert now_is == {status: "canceled" if status in waiting else status.value for status in CallStatus}
    assert sorted(hung_up) == (["CA-dialing", "CA-live", "CA-unknown"] if hang_up else [])
    released = LedgerEntry.objects.filter(kind="release").values_list("reference", "amount")
    assert set(released) == {(calls[status].pk, WORST_CASE) for status in waiting}
    wanted = {calls[status].pk for status in UNDER_WAY} if hang_up else set()
    assert set(Call.objects.filter(hang_up_at=NOW).values_list("pk", flat=True)) == wanted
    assert [event.kind for event in CallEvent.objects.all()] == ["call.canceled_campaign_not_running"] * 2
    for status, call in others.items():
        call.refresh_from_db()
        assert call.status == status.value
    assert set(Lead.objects.values_list("status", "next_attempt_at")) == {("open", NOW)}


def test_a_refused_move_ends_no_call(hung_up: list[str], django_capture_on_commit_callbacks: Committing) -> None:
    campaign = make.campaign(status=CampaignStatus.PAUSED)
    call = make.call(make.lead(campaign))
    with (
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(CampaignError, match="cannot be paused"),
    ):
        campaigns.pause(campaign.pk, now=NOW, hang_up=True)
    call.refresh_from_db()
    assert (call.status, call.hang_up_at, hung_up) == ("queued", None, [])


def test_calls_of_a_campaign_that_is_paused_already_can_be_hung_up(
    hung_up: list[str], django_capture_on_commit_callbacks: Committing
) -> None:
    campaign = make.campaign(status=CampaignStatus.PAUSED)
    one_of_each(campaign)
    with django_capture_on_commit_callbacks(execute=True):
        assert campaigns.hang_up(campaign.pk, now=NOW) == 3
    assert sorted(hung_up) == ["CA-dialing", "CA-live", "CA-unknown"]


def test_a_call_whose_carriers_id_comes_later_is_hung_up_then(
    hung_up: list[str], django_capture_on_commit_callbacks: Committing
) -> None:
    call = make.call(status=CallStatus.DIALING)
    with django_capture_on_commit_callbacks(execute=True):
        campaigns.pause(call.campaign_id, now=NOW, hang_up=True)
    assert hung_up == []
    assert ending.is_unwanted(call)
    Call.objects.update(carrier_call_id="CA7")
    calendar.keep(now=NOW)
    assert hung_up == ["CA7"]
    Call.objects.update(status="done")
    calendar.keep(now=NOW)
    assert hung_up == ["CA7"]


@pytest.mark.parametrize("hang_up", [False, True])
def test_the_kill_switch(hang_up: bool, hung_up: list[str], django_capture_on_commit_callbacks: Committing) -> None:
    one_of_each(make.campaign())
    with django_capture_on_commit_callbacks(execute=True):
        assert halting.halt(by=None, reason="wrong company", now=NOW, hang_up=hang_up)
    assert sorted(hung_up) == (["CA-dialing", "CA-live", "CA-unknown"] if hang_up else [])
    assert Call.objects.get(status="queued").hang_up_at is None  # the worker gives it up
    with django_capture_on_commit_callbacks(execute=True):
        assert not halting.halt(by=None, reason="again", now=NOW, hang_up=hang_up)
    assert Halt.objects.count() == 1


def change(campaign: Campaign, now: datetime, **fields: object) -> int:
    """As the admin's page does it."""
    with transaction.atomic():
        windows = {name: fields.pop(name) for name in ("opens_at", "closes_at", "weekdays") if name in fields}
        Campaign.objects.filter(pk=campaign.pk).update(**fields)
        CallingWindow.objects.filter(campaign=campaign).update(**windows)
        return campaigns.hours_changed(campaign.pk, now=now)


def put_off_by(campaign: Campaign, *leads: Lead) -> None:
    assert put_off(campaign.pk, now=NOW) == len(leads)
    for lead in leads:
        lead.refresh_from_db()
        assert lead.next_attempt_at == lead.put_off_until
        assert lead.next_attempt_at > NOW


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"opens_at": time(13)}, {"opens_at": time(9)}),
        ({"weekdays": [4]}, {"weekdays": [1, 4]}),
        ({"starts_on": date(2027, 3, 1)}, {"starts_on": None}),
        ({"closed_on": [date(2026, 11, 10)]}, {"closed_on": []}),
    ],
)
def test_wider_hours_hold_from_the_next_decision_on(before: dict[str, Any], after: dict[str, Any]) -> None:
    campaign = make.campaign(**before)
    lead, later = make.lead(campaign), make.lead(campaign, next_attempt_at=NOW + timedelta(days=9))
    put_off_by(campaign, lead)
    assert isinstance(gates.ask(lead, now=NOW), Wait)
    assert change(campaign, NOW, **after) == 1
    lead = Lead.objects.select_related("campaign").get(pk=lead.pk)
    assert (lead.next_attempt_at, lead.put_off_until) == (NOW, None)
    assert isinstance(gates.ask(lead, now=NOW), Dial)
    later.refresh_from_db()
    assert later.next_attempt_at == NOW + timedelta(days=9)  # of the cadence, not of the hours


def test_narrower_hours_hold_from_the_next_decision_on() -> None:
    campaign = make.campaign()
    lead = make.lead(campaign)
    assert isinstance(gates.ask(lead, now=NOW), Dial)
    change(campaign, NOW, opens_at=time(13))
    decision = gates.ask(Lead.objects.select_related("campaign").get(pk=lead.pk), now=NOW)
    assert isinstance(decision, Wait)
    assert decision.until == NOW + timedelta(hours=1)


def test_leads_that_the_hours_gave_up_are_open_again() -> None:
    campaign = make.campaign()
    reasons = (
        "No hour of the next four weeks is allowed: widen the campaign's hours.",
        "The campaign ended on 2026-11-09: give it a later last day.",
        "No allowed hour is left until the campaign's last day, 2026-11-10: give it a later one.",
        "The person is not interested.",
    )
    leads = [make.lead(campaign, status="closed", closed_reason=reason) for reason in reasons]
    assert change(campaign, NOW, ends_on=date(2027, 1, 1)) == 3
    for lead in leads:
        lead.refresh_from_db()
    assert [lead.status for lead in leads] == ["open", "open", "open", "closed"]


def test_hours_that_change_while_leads_are_put_off_leave_them_due(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make.campaign(opens_at=time(13))
    lead = make.lead(campaign)
    judge = gates.as_kept

    def meanwhile(verdict: Any) -> dict[str, Any]:
        change(campaign, NOW, opens_at=time(9))
        return judge(verdict)

    monkeypatch.setattr(gates, "as_kept", meanwhile)
    assert put_off(campaign.pk, now=NOW) == 0
    lead.refresh_from_db()
    assert lead.next_attempt_at == NOW


def test_a_campaign_is_finished_when_its_last_day_is_over_everywhere() -> None:
    campaign = make.campaign(ends_on=date(2026, 11, 10))
    call = make.call(make.lead(campaign))
    running = make.campaign(ends_on=date(2026, 11, 11))
    endless, paused = make.campaign(), make.campaign(status="paused", ends_on=date(2026, 1, 1))
    over = datetime.fromisoformat("2026-11-11T12:00:00+00:00")
    calendar.keep(now=over - timedelta(seconds=1))
    assert set(Campaign.objects.values_list("status", flat=True)) == {"running", "paused"}
    calendar.keep(now=over)
    found = dict(Campaign.objects.values_list("pk", "status"))
    assert found == {campaign.pk: "finished", running.pk: "running", endless.pk: "running", paused.pk: "paused"}
    call.refresh_from_db()
    assert call.status == "canceled"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"opens_at": time(2), "closes_at": time(4)},
            "its calling windows are never open, since no state or country allows calls then: widen them",
        ),
        (
            {"weekdays": [6], "opens_at": time(10), "closes_at": time(12)},  # Texas opens at noon on Sundays
            "its calling windows hold no hour in which its leads may be called where they live: widen them",
        ),
        ({"ends_on": date(2026, 11, 9)}, "its last day, 2026-11-09, is over: give it a later one"),
    ],
)
def test_a_campaign_whose_hours_call_nobody_does_not_start(fields: dict[str, Any], sentence: str) -> None:
    campaign = make.campaign(name="Autumn", status=CampaignStatus.DRAFT, **fields)
    make.lead(campaign, phone="+12145550142")
    with pytest.raises(CampaignError) as refused:
        campaigns.start(campaign.pk, now=NOW + timedelta(hours=18))
    assert str(refused.value) == f"'Autumn' cannot start: {sentence}."
    assert Campaign.objects.get().status == "draft"


def test_narrow_hours_that_suit_one_lead_are_enough() -> None:
    window = {"weekdays": [6], "opens_at": time(10), "closes_at": time(12)}
    campaign = make.campaign(status=CampaignStatus.DRAFT, **window)
    make.lead(campaign, phone="+12145550142")
    make.lead(campaign, phone="+13035550142")
    campaigns.start(campaign.pk, now=NOW)
    assert Campaign.objects.get().status == "running"


def test_of_very_many_leads_the_rest_is_due_soon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "_AT_ONCE", 2)
    monkeypatch.setattr(campaigns, "_CHUNK", 2)
    campaign = make.campaign(opens_at=time(15), closes_at=time(16))
    leads = [make.lead(campaign) for _ in range(7)]
    put_off_by(campaign, *leads)
    assert change(campaign, NOW, opens_at="08:00", closes_at="21:00") == 2
    assert Lead.objects.due(now=NOW).count() == 2
    assert Campaign.objects.get().hours_changed_at == NOW
    calendar.keep(now=NOW)
    assert Lead.objects.due(now=NOW).count() == 7
    assert Campaign.objects.get().hours_changed_at is None
    assert campaigns.bring_back(now=NOW) == 0
