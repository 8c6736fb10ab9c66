"""Rules, the kill switch, and why a lead is called or not, as a manager sees them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.models import CompanySuppression, Consent, Decision, Halt, NumberCheck, Rule, Scrub
from calls.services import gates, halting, putting_off
from tests.calls import factories as make

RULE = {
    "key": "hours.US-CO",
    "kind": "hours",
    "place": "US-CO",
    "params": '{"windows": ["Mon-Sun 09:00-20:00"]}',
    "source": "C.R.S. 6-1-904",
    "mark": "P",
    "valid_from_0": "",
    "valid_from_1": "",
    "valid_until_0": "",
    "valid_until_1": "",
}


@pytest.fixture
def chief(client: Client, manager: User) -> Client:
    manager.is_superuser = True
    manager.save()
    client.force_login(manager)
    return client


def text(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(f"admin:{name}", args=args) + query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_rules_in_force_with_what_they_say(as_manager: Client) -> None:
    page = text(as_manager, "calls_rule_changelist")
    assert "96 results" in page or "96 calling rules" in page
    assert "windows Mon-Sun 08:00-20:00" in page
    assert "Fla. Stat. 501.616(6)" in page
    assert "replace" not in page.split("result_list")[1]
    florida = Rule.objects.get(key="hours.US-FL")
    assert "a secondary source: check with counsel" in text(as_manager, "calls_rule_change", florida.pk)


def test_a_rule_is_set_ended_and_withdrawn(chief: Client) -> None:
    add = reverse("admin:calls_rule_add")
    assert chief.post(add, RULE).status_code == 302
    first = Rule.objects.get(key="hours.US-CO")
    assert (first.params, first.valid_until) == ({"windows": ["Mon-Sun 09:00-20:00"]}, None)
    tomorrow = timezone.now() + timedelta(days=1)
    later = {"valid_from_0": f"{tomorrow:%Y-%m-%d}", "valid_from_1": "12:00:00"}
    assert chief.post(add, {**RULE, **later, "params": '{"windows": ["Sun 12:00-13:00"]}'}).status_code == 302
    coming = Rule.objects.get(key="hours.US-CO", valid_until=None)
    first.refresh_from_db()
    assert first.valid_until == coming.valid_from
    assert chief.post(reverse("admin:calls_rule_delete", args=[coming.pk]), {"post": "yes"}).status_code == 302
    first.refresh_from_db()
    assert first.valid_until is None
    assert chief.post(reverse("admin:calls_rule_delete", args=[first.pk]), {"post": "yes"}).status_code == 403
    end = {"valid_until_0": f"{tomorrow:%Y-%m-%d}", "valid_until_1": "00:00:00"}
    change = reverse("admin:calls_rule_change", args=[first.pk])
    assert chief.post(change, end).status_code == 302
    first.refresh_from_db()
    assert f"{first.valid_until:%Y-%m-%d %H:%M}" == f"{tomorrow:%Y-%m-%d} 00:00"
    past = {"valid_until_0": "2020-01-01", "valid_until_1": "00:00:00"}
    assert "let it end now or later" in chief.post(change, past).content.decode()


def test_the_link_fills_in_what_the_rule_says(chief: Client) -> None:
    page = text(chief, "calls_rule_add", query="?key=hours.US-KY")
    assert "Mon-Sun 10:00-21:00" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": ""}, "This field is required"),
        ({"params": "[1]"}, "Write the terms as names with values"),
        ({"params": '{"windows": ["Fri-Mon 09:00-10:00"]}'}, "ends on a day before its first"),
        ({"place": "US-XX"}, "use a country such as US"),
        ({"key": "hours.US-FL", "valid_from_0": "2025-01-01", "valid_from_1": "00:00"}, "was another after"),
    ],
)
def test_what_is_no_rule_is_said_at_its_field(chief: Client, changes: dict[str, str], said: str) -> None:
    answer = chief.post(reverse("admin:calls_rule_add"), {**RULE, **changes})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert Rule.objects.count() == 96


def test_a_manager_stops_all_dialing_and_lets_it_go_on(as_manager: Client, manager: User) -> None:
    switch = reverse("admin:calls_halt_switch")
    assert switch in text(as_manager, "calls_lead_changelist")
    assert "Say why" in as_manager.post(switch, {"reason": ""}).content.decode()
    assert as_manager.post(switch, {"reason": "wrong company"}, follow=True).status_code == 200
    halt = Halt.objects.get()
    assert (halt.by, halt.reason, halt.released_at) == (manager, "wrong company", None)
    for name in ("index", "calls_lead_changelist", "calls_rule_changelist"):
        assert "<strong>All dialing is stopped</strong> by mia since" in text(as_manager, name)
    assert "stopped already" in as_manager.post(switch, {"reason": "again"}, follow=True).content.decode()
    assert "Let dialing go on" in text(as_manager, "calls_halt_switch")
    assert "Dialing goes on" in as_manager.post(switch, {"release": "1"}, follow=True).content.decode()
    assert halting.reason() == ""
    assert "All dialing is stopped" not in text(as_manager, "index")
    assert "wrong company" in text(as_manager, "calls_halt_changelist")


def test_without_the_right_there_is_no_button(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("joe", is_staff=True))
    assert reverse("admin:calls_halt_switch") not in text(client, "index")
    assert client.get(reverse("admin:calls_halt_switch")).status_code == 403
    assert client.post(reverse("admin:calls_halt_switch"), {"reason": "x"}).status_code == 403
    halting.halt(by=None, reason="fire", now=timezone.now())
    page = text(client, "index")
    assert "<strong>All dialing is stopped</strong> since" in page
    assert "Let it go on" not in page


def test_the_leads_page_says_why_with_every_rule(as_manager: Client) -> None:
    now = timezone.now()
    lead = make.lead(consent="oral")
    gates.keep(gates.ask(lead, now=now), lead, now=now)
    page = text(as_manager, "calls_lead_change", lead.pk)
    assert "There is no written consent to calls by an artificial voice." in page
    assert "FCC 24-17; 47 CFR 64.1200(a)(2)" in page
    assert "14 gates, rules 1-" in page


def test_it_shows_decisions_that_it_shares(as_manager: Client) -> None:
    lead = make.lead()
    putting_off.put_off(lead.campaign_id, now=make.NOON_IN_DENVER + timedelta(hours=12))
    assert "1 gate, rules" in text(as_manager, "calls_lead_change", lead.pk)
    assert "Outside the allowed hours." in text(as_manager, "calls_decision_changelist")


@pytest.mark.parametrize(("fields", "said"), [({}, ""), ({"consent": ""}, "No."), ({"attempts": 6}, "No.")])
def test_asking_now_keeps_nothing(as_manager: Client, fields: dict[str, Any], said: str) -> None:
    lead = make.lead(**fields)
    page = text(as_manager, "calls_lead_ask", lead.pk)
    assert f"<strong>{said}" in page
    assert "Nothing was changed or kept." in page
    assert not Decision.objects.exists()


def test_asking_about_nobody_or_without_the_right(as_manager: Client, client: Client) -> None:
    assert as_manager.get("/admin/calls/lead/99999999999999999999/ask/").status_code == 404
    assert as_manager.get("/admin/calls/lead/x/ask/").status_code == 404
    lead = make.lead()
    client.force_login(User.objects.create_user("joe", is_staff=True))
    assert client.get(reverse("admin:calls_lead_ask", args=[lead.pk])).status_code == 403


def test_a_companys_entry_and_a_check_are_evidence(as_manager: Client, manager: User) -> None:
    entry = {"phone": "303-555-0142", "company": "Summit", "said": "mail"}
    assert as_manager.post(reverse("admin:calls_companysuppression_add"), entry).status_code == 302
    listed = CompanySuppression.objects.get()
    assert (listed.phone, listed.company) == ("+13035550142", "Summit")
    check = {"phone": "303-555-0142", "answer": "yes", "source": "database, query 7"}
    assert as_manager.post(reverse("admin:calls_numbercheck_add"), check).status_code == 302
    assert NumberCheck.objects.get().answer == "yes"
    assert (
        "is not a phone number"
        in as_manager.post(reverse("admin:calls_numbercheck_add"), {**check, "phone": "hello"}).content.decode()
    )
    for name in ("companysuppression", "numbercheck"):
        assert "+1 303-555-0142" in text(as_manager, f"calls_{name}_changelist")


def test_scrubs_are_listed(as_manager: Client) -> None:
    covers = [f"+1{area}" for area in range(201, 211)]
    scrub = Scrub.objects.create(
        list="national", as_of=make.NOON_IN_DENVER, covers=covers, count=7, imported_at=make.NOON_IN_DENVER
    )
    assert "+1208 and 2 more" in text(as_manager, "calls_scrub_changelist")
    assert "national" in text(as_manager, "calls_scrub_change", scrub.pk)


def test_consents_are_revoked_once(as_manager: Client) -> None:
    lead = make.lead()
    [consent] = lead.consents.all()
    post = {"action": "revoke", "_selected_action": [consent.pk]}
    page = as_manager.post(reverse("admin:calls_consent_changelist"), post, follow=True).content.decode()
    assert "1 consent was revoked." in page
    consent.refresh_from_db()
    assert consent.revoked_why == "Revoked in the admin by mia"
    at = Consent.objects.get().revoked_at
    as_manager.post(reverse("admin:calls_consent_changelist"), post)
    assert Consent.objects.get().revoked_at == at


def test_a_campaigns_page_says_that_dialing_is_stopped(as_manager: Client) -> None:
    campaign = make.campaign()
    halting.halt(by=None, reason="wrong company", now=timezone.now())
    page = text(as_manager, "calls_campaign_change", campaign.pk)
    assert "<strong>Nothing is dialed:</strong> All dialing is stopped: wrong company" in page
