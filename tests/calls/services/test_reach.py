"""Who of a campaign's leads can be called, and what is said where nobody can."""

from datetime import timedelta

import pytest

from calls.models import CallEvent, Campaign, Decision, Halt, LeadList, Suppression
from calls.models.campaign import CampaignStatus
from calls.services import campaigns, reach
from calls.services.reach import Obstacle
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOON

pytestmark = pytest.mark.django_db
NO_CONSENT = "There is no written consent to calls by an artificial voice."


def test_a_lead_that_is_due_can_be_called_and_nothing_is_written_down() -> None:
    campaign = make.campaign()
    make.lead(campaign)
    found = reach.survey(campaign, now=NOON)
    assert (found.asked, found.all, found.dialable, found.obstacles) == (1, True, 1, ())
    assert not found.nobody_ever
    assert (Decision.objects.count(), CallEvent.objects.count()) == (0, 0)


def test_the_commonest_reason_comes_first_with_how_many_leads_have_it() -> None:
    campaign = make.campaign()
    for _ in range(2):
        make.lead(campaign, consent="")
    make.lead(campaign, next_attempt_at=NOON + timedelta(hours=2))
    make.lead(campaign, next_attempt_at=NOON + timedelta(hours=1))
    make.lead(campaign, next_attempt_at=NOON + timedelta(hours=3))
    make.lead(campaign)
    found = reach.survey(campaign, now=NOON)
    assert found.dialable == 1
    assert found.obstacles == (
        (Obstacle("The next attempt is due later.", until=NOON + timedelta(hours=1)), 3),
        (Obstacle(NO_CONSENT, for_good=True), 2),
    )
    assert found.sentences() == [
        "3 of 6 leads: The next attempt is due later. The first may be called at 2026-11-10 20:00 UTC.",
        f"2 of 6 leads: {NO_CONSENT}",
    ]


def test_leads_of_a_list_that_is_switched_off_say_so() -> None:
    campaign = make.campaign()
    asleep = LeadList.objects.create(campaign=campaign, name="March", active=False)
    make.lead(campaign, list=asleep)
    make.lead(campaign, list=asleep, consent="")
    found = reach.survey(campaign, now=NOON)
    assert {one.text: count for one, count in found.obstacles} == {
        "The list 'March' is switched off: switch it on.": 1,
        NO_CONSENT: 1,
    }
    assert not found.nobody_ever


def test_a_lead_that_is_being_called_cannot_be_called_now() -> None:
    campaign = make.campaign()
    make.call(make.lead(campaign))
    assert reach.survey(campaign, now=NOON).obstacles == ((Obstacle("A call to the number is under way."), 1),)


def test_outside_the_hours_it_is_told_when_they_open() -> None:
    campaign = make.campaign()
    make.lead(campaign)
    night = NOON + timedelta(hours=12)
    found = reach.survey(campaign, now=night)
    assert found.obstacles == ((Obstacle("Outside the allowed hours.", until=NOON + timedelta(hours=20)), 1),)


def test_what_stops_all_has_no_end_that_is_known() -> None:
    campaign = make.campaign()
    make.lead(campaign)
    Halt.objects.create(at=NOON, reason="wrong company.")
    assert reach.survey(campaign, now=NOON).obstacles == ((Obstacle("All dialing is stopped: wrong company."), 1),)


def test_only_the_next_leads_are_asked_and_then_nobody_is_given_up() -> None:
    campaign = make.campaign()
    for _ in range(3):
        make.lead(campaign, consent="")
    found = reach.survey(campaign, now=NOON, most=2)
    assert (found.asked, found.all, found.dialable, found.nobody_ever) == (2, False, 0, False)
    assert reach.survey(campaign, now=NOON, most=3).nobody_ever


def test_a_campaign_that_can_dial_nobody_does_not_start_and_says_why() -> None:
    campaign = make.campaign(status=CampaignStatus.DRAFT, name="Spring")
    make.lead(campaign, consent="")
    unlucky = make.lead(campaign)
    Suppression.objects.create(phone=unlucky.phone, source="admin", created_at=NOON)
    with pytest.raises(campaigns.CampaignError) as refused:
        campaigns.start(campaign.pk, now=NOON)
    assert str(refused.value).startswith("'Spring' cannot start: none of its open leads may ever be called (")
    assert f"1 of 2 leads: {NO_CONSENT.rstrip('.')}" in str(refused.value)
    assert "1 of 2 leads: The number is on the do-not-call list" in str(refused.value)
    assert Campaign.objects.get().status == CampaignStatus.DRAFT


def test_one_lead_that_can_be_called_later_is_enough_to_start() -> None:
    campaign = make.campaign(status=CampaignStatus.DRAFT)
    make.lead(campaign, consent="")
    make.lead(campaign, next_attempt_at=NOON + timedelta(days=3))
    campaigns.start(campaign.pk, now=NOON)
    assert Campaign.objects.get().status == CampaignStatus.RUNNING
