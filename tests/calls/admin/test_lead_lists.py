"""Lists and promised times on the pages of leads, campaigns and imports."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from calls.models import Campaign, Lead, LeadList, RetryRule
from tests.calls import factories as make
from tests.calls.admin.test_editing import LEAD, errors

pytestmark = pytest.mark.django_db
LEADS = "/admin/calls/lead/"


@pytest.fixture
def campaign() -> Campaign:
    return make.campaign(name="Sellers")


@pytest.fixture
def web(campaign: Campaign) -> LeadList:
    return LeadList.objects.create(campaign=campaign, name="Web", priority=2)


def save(client: Client, lead: Lead, **fields: Any) -> Any:
    inline = {"consents-TOTAL_FORMS": 0, "consents-INITIAL_FORMS": 0}
    return client.post(f"{LEADS}{lead.pk}/change/", {**LEAD, **inline, **fields})


def promise(at: Any, was: Any = None) -> dict[str, str]:
    def pair(name: str, when: Any) -> dict[str, str]:
        return {f"{name}_0": f"{when:%Y-%m-%d}" if when else "", f"{name}_1": f"{when:%H:%M:%S}" if when else ""}

    return pair("commitment_at", at) | pair("initial-commitment_at", was)


def test_times_on_a_leads_page_say_that_they_are_utc(as_manager: Client, campaign: Campaign) -> None:
    fields = as_manager.get(f"{LEADS}{make.lead(campaign).pk}/change/").context["adminform"].form.fields
    shown = [fields[name].label for name in ("next_attempt_at", "commitment_at")]
    assert shown == ["Next attempt at (UTC)", "Promised time (UTC)"]


def test_a_manager_promises_a_time_and_takes_it_back(as_manager: Client, campaign: Campaign) -> None:
    lead = make.lead(campaign, consent="")
    at = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    assert save(as_manager, lead, **promise(at)).status_code == 302
    lead.refresh_from_db()
    assert (lead.commitment_at, lead.next_attempt_at) == (at, at)
    assert save(as_manager, lead, **promise(None, was=at)).status_code == 302
    lead.refresh_from_db()
    assert lead.commitment_at is None


def test_a_time_that_has_passed_and_a_closed_lead(as_manager: Client, campaign: Campaign) -> None:
    lead = make.lead(campaign, consent="")
    at = timezone.now() - timedelta(minutes=1)
    assert errors(save(as_manager, lead, **promise(at))) == {
        "commitment_at": [
            f"{at:%Y-%m-%d %H:%M} UTC has passed: enter a time to come, or leave it empty for no promise."
        ]
    }
    Lead.objects.update(status="closed")
    assert errors(save(as_manager, lead, **promise(at + timedelta(days=1)))) == {
        "commitment_at": ["The lead is closed: reopen it, then enter when it is to be called."]
    }
    lead.refresh_from_db()
    assert lead.commitment_at is None


def test_a_promise_that_a_call_made_meanwhile_stays(as_manager: Client, campaign: Campaign) -> None:
    """The form was shown before: what it shows empty was empty then."""
    at = timezone.now() + timedelta(days=1)
    lead = make.lead(campaign, consent="", commitment_at=at)
    assert save(as_manager, lead, name="Renamed", **promise(None)).status_code == 302
    lead.refresh_from_db()
    assert (lead.name, lead.commitment_at) == ("Renamed", at)


def test_leads_are_filtered_by_their_list(as_manager: Client, campaign: Campaign, web: LeadList) -> None:
    make.lead(campaign, list=web, name="Ann Listed")
    make.lead(campaign, name="Bob Free")
    for value, shown, hidden in ((str(web.pk), "Ann Listed", "Bob Free"), ("none", "Bob Free", "Ann Listed")):
        page = as_manager.get(f"{LEADS}?list={value}&campaign__id__exact={campaign.pk}").content.decode()
        assert shown in page
        assert hidden not in page
        assert "Web (Sellers)" in page


def test_leads_are_moved_and_those_of_others_are_told(as_manager: Client, campaign: Campaign, web: LeadList) -> None:
    mine, other = make.lead(campaign), make.lead()
    form = {"action": "move_to_list", "_selected_action": [mine.pk, other.pk], "to_list": web.pk}
    page = as_manager.post(LEADS, form, follow=True).content.decode()
    assert "1 lead is in Web now." in page
    assert "1 lead is of another campaign and stays in its list: Web is of Sellers." in page
    assert dict(Lead.objects.values_list("pk", "list")) == {mine.pk: web.pk, other.pk: None}
    as_manager.post(LEADS, {**form, "to_list": ""})
    assert not web.leads.exists()
    as_manager.post(LEADS, {**form, "to_list": "999999"})
    assert not Lead.objects.exclude(list=None).exists()


def test_a_list_of_another_campaign_is_refused(as_manager: Client, campaign: Campaign, web: LeadList) -> None:
    other = make.campaign()
    added = as_manager.post(f"{LEADS}add/", {**LEAD, "campaign": other.pk, "list": web.pk})
    assert errors(added) == {"list": [f"The list Web is of another campaign: choose one of {other}."]}


def test_the_campaigns_page_counts_its_lists(as_manager: Client, campaign: Campaign, web: LeadList) -> None:
    LeadList.objects.create(campaign=campaign, name="Old")
    make.lead(campaign, list=web)
    RetryRule.objects.create(campaign=campaign, outcome="busy", attempts=2, spacing_min=[7])
    page = as_manager.get(f"/admin/calls/campaign/{campaign.pk}/change/").content.decode()
    assert f'{LEADS}?list={web.pk}&campaign__id__exact={campaign.pk}">1 open</a>, 1 due, 1 in all' in page.replace(
        "&amp;", "&"
    )
    assert "The list is empty: import leads into it, or move some." in page
    assert "Minutes until the next call" in page


@pytest.mark.parametrize(("named", "made"), [("", "march"), ("Fair", "Fair")])
def test_an_upload_goes_into_a_list(as_manager: Client, campaign: Campaign, named: str, made: str) -> None:
    url = f"/admin/calls/campaign/{campaign.pk}/import/"
    file = SimpleUploadedFile("march.csv", b"phone\n3035550100\n")
    assert as_manager.post(url, {"file": file, "list": named}).status_code == 302
    assert Lead.objects.get().list == LeadList.objects.get(name=made)
    assert f'<option value="{made}">' in as_manager.get(url).content.decode()
