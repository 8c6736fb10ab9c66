"""How a campaign's lists stand, and what moving leads between them does."""

from datetime import timedelta

import pytest

from calls.models import Consent, Lead, LeadList
from calls.services import lists
from calls.services.due import next_due
from calls.services.lists import Standing
from calls.services.opting_out import suppress
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
LATER = NOON_IN_DENVER + timedelta(hours=1)


@pytest.fixture
def one() -> LeadList:
    return LeadList.objects.create(campaign=make.campaign(), name="Web")


def standing(of: LeadList) -> Standing:
    return lists.standings(of.campaign_id, now=NOON_IN_DENVER)[of.pk]


def test_leads_that_are_open_and_due_are_counted(one: LeadList) -> None:
    make.lead(one.campaign, list=one)
    make.lead(one.campaign, list=one, next_attempt_at=LATER)
    make.lead(one.campaign, list=one, status="closed")
    make.lead(one.campaign)
    assert standing(one) == Standing(3, 2, 1)


def test_a_list_without_a_lead_that_can_be_called_says_why(one: LeadList) -> None:
    assert standing(one).nobody == "The list is empty: import leads into it, or move some."
    for _ in range(2):
        make.lead(one.campaign, list=one, status="closed")
    for _ in range(3):
        make.lead(one.campaign, list=one, consent="")
    listed = make.lead(one.campaign, list=one)
    suppress(listed.phone, source="admin", said="", now=NOON_IN_DENVER)
    assert standing(one).nobody == (
        "None of its leads can be called: 1 on the do-not-call list, 2 closed, 3 without a consent that is in force."
    )
    make.lead(one.campaign, list=one)
    assert standing(one).nobody == ""


def test_consent_counts_while_it_is_in_force_and_where_it_was_given(one: LeadList) -> None:
    lead = make.lead(one.campaign, list=one)
    Consent.objects.update(revoked_at=NOON_IN_DENVER)
    assert standing(one).nobody != ""
    Consent.objects.update(revoked_at=None, expires_at=NOON_IN_DENVER)
    assert standing(one).nobody != ""
    elsewhere = make.lead(phone=lead.phone)
    assert standing(one).nobody != ""
    elsewhere.consents.update(scope="company")
    assert standing(one).nobody == ""


def test_leads_are_moved_within_their_campaign(one: LeadList) -> None:
    mine, other = make.lead(one.campaign), make.lead()
    assert lists.move([mine.pk, other.pk], one) == 1
    assert dict(Lead.objects.values_list("pk", "list")) == {mine.pk: one.pk, other.pk: None}
    assert lists.move([mine.pk], None) == 1
    assert not one.leads.exists()


def test_priority_and_the_switch_take_effect_on_the_next_decision(one: LeadList) -> None:
    second = LeadList.objects.create(campaign=one.campaign, name="Fair", priority=6)
    first, last = make.lead(one.campaign, list=one), make.lead(one.campaign, list=second)

    def due() -> list[int]:
        return next_due(one.campaign_id, now=NOON_IN_DENVER, count=5)

    assert due() == [first.pk, last.pk]
    LeadList.objects.filter(pk=second.pk).update(priority=1)
    assert due() == [last.pk, first.pk]
    LeadList.objects.filter(pk=second.pk).update(active=False)
    assert due() == [first.pk]
    Lead.objects.filter(pk=last.pk).update(commitment_at=NOON_IN_DENVER)
    LeadList.objects.filter(pk=second.pk).update(active=True, priority=9)
    assert due() == [last.pk, first.pk]
