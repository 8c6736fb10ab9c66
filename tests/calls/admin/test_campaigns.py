"""The service behind the buttons: what a campaign needs to start, and that only one of two moves wins."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from pytest_django import Settings

from billing.services import ledger
from calls.models import CallerId, CallingWindow, Campaign, Lead
from calls.services import campaigns
from calls.services.campaigns import CampaignError
from tests.calls.admin import world

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def status(of: Campaign) -> str:
    return Campaign.objects.values_list("status", flat=True).get(pk=of.pk)


def test_a_ready_campaign_starts_pauses_starts_again_and_finishes(campaign: Campaign) -> None:
    world.leads(campaign, 1)
    seen = []
    for move in (campaigns.start, campaigns.pause, campaigns.start, campaigns.finish):
        move(campaign.pk, now=NOW)
        seen.append(status(campaign))
    assert seen == ["running", "paused", "running", "finished"]


def test_everything_that_is_missing_is_said_at_once(campaign: Campaign, settings: Settings) -> None:
    settings.TWILIO_FROM_NUMBER = settings.COMPANY_NAME = ""
    ledger.hold(uuid4(), [campaign.budget_id], Decimal(50), currency="USD", at=NOW)
    CallingWindow.objects.all().delete()
    with pytest.raises(CampaignError) as refused:
        campaigns.start(campaign.pk, now=NOW)
    assert str(refused.value) == (
        "'Autumn sellers' cannot start: the budget 'Autumn sellers budget' has no money left: raise its limit; "
        "there is no caller ID: fill in the campaign's, or set TWILIO_FROM_NUMBER; "
        "there is no company name: fill in the campaign's, or set COMPANY_NAME; "
        "it has no calling window: add one; it has no open lead: import some."
    )
    assert status(campaign) == "draft"


def test_the_campaigns_own_name_and_number_are_enough(campaign: Campaign, settings: Settings) -> None:
    settings.TWILIO_FROM_NUMBER = settings.COMPANY_NAME = ""
    campaign.caller_ids.add(CallerId.objects.create(number="+12125550199"))
    Campaign.objects.update(company_name="Summit Realty")
    world.leads(campaign, 1)
    campaigns.start(campaign.pk, now=NOW)
    assert status(campaign) == "running"


def test_closed_leads_do_not_make_a_campaign_ready(campaign: Campaign) -> None:
    world.leads(campaign, 1)
    Lead.objects.update(status="closed")
    with pytest.raises(CampaignError, match="cannot start: it has no open lead: import some"):
        campaigns.start(campaign.pk, now=NOW)


@pytest.mark.parametrize(
    ("now_is", "move", "sentence"),
    [
        (
            "running",
            "start",
            "'Autumn sellers' is running and cannot be started: only draft or paused campaigns can.",
        ),
        ("finished", "start", "'Autumn sellers' is finished and cannot be started"),
        ("draft", "pause", "'Autumn sellers' is draft and cannot be paused: only running campaigns can."),
        ("paused", "pause", "'Autumn sellers' is paused and cannot be paused"),
        ("finished", "finish", "is finished and cannot be finished: only draft or paused or running campaigns can."),
    ],
)
def test_a_move_from_the_wrong_state_changes_nothing(
    campaign: Campaign, now_is: str, move: str, sentence: str
) -> None:
    world.leads(campaign, 1)
    Campaign.objects.update(status=now_is)
    with pytest.raises(CampaignError) as refused:
        getattr(campaigns, move)(campaign.pk, now=NOW)
    assert sentence in str(refused.value)
    assert status(campaign) == now_is


def test_reopening_leaves_the_do_not_call_list_alone(campaign: Campaign) -> None:
    first, second, third = world.leads(campaign, 3)
    Lead.objects.exclude(pk=third.pk).update(status="closed", closed_reason="All 6 attempts are used.", attempts=6)
    world.suppression(second.phone)
    assert campaigns.reopen([first.pk, second.pk, third.pk], now=NOW) == 1
    rows = Lead.objects.order_by("phone").values_list("status", "closed_reason", "next_attempt_at", "attempts")
    assert rows[0] == ("open", "", NOW, 0)
    assert rows[1][:2] == ("closed", "All 6 attempts are used.")
    assert rows[2] == ("open", "", third.next_attempt_at, 0)
