"""Every list and page: what it shows when empty and when full, and that its queries do not grow with its rows."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from agents.domain.script import DEFAULT_SCRIPT
from agents.script_document import written
from billing.models import Budget
from billing.services import ledger
from calls.admin import base
from calls.models import Appointment, Call, CallEvent, Campaign, Consent, Decision, Lead, Recording, Suppression, Turn
from calls.permissions import MANAGERS
from calls.services import scripts
from tests.calls.admin import world

LISTS = {
    "campaign": "There is no campaign yet.",
    "lead": "There is no lead yet.",
    "leadimport": "Nothing was imported yet.",
    "call": "No call was made yet.",
    "turn": "Nobody has spoken yet.",
    "callevent": "Nothing has happened to a call yet.",
    "decision": "No lead was looked at yet.",
    "appointment": "No lead has agreed to an appointment yet.",
    "consent": "There is no consent yet.",
    "suppression": "Nobody asked not to be called yet.",
    "suppressionentry": "No number was put on the do-not-call list yet",
    "workflowtrace": "No conversation was held yet.",
}


def text(client: Client, url: str) -> str:
    """The page's words, with one space for all that is between them."""
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize(("model", "sentence"), LISTS.items())
def test_an_empty_list_says_what_to_do(as_manager: Client, model: str, sentence: str) -> None:
    assert sentence in text(as_manager, f"/admin/calls/{model}/")


def test_a_search_without_a_match_offers_everything(as_manager: Client, campaign: Campaign) -> None:
    page = text(as_manager, "/admin/calls/campaign/?q=zzz")
    assert "Nothing matches. Show everything" in page
    assert "There is no campaign yet" not in page


def more_of_everything(round: int) -> None:
    campaign = world.campaign(f"Campaign {round}")
    for call in world.calls(world.leads(campaign, 4), attempt=round):
        if not Turn.objects.filter(call=call).exists():
            world.talk(call)
        world.worked(call)
    world.suppression(f"+1303555999{round}")


@pytest.mark.parametrize("model", sorted(set(LISTS) - {"leadimport"}))
def test_a_lists_queries_do_not_grow_with_its_rows(as_manager: Client, model: str) -> None:
    more_of_everything(1)
    url = f"/admin/calls/{model}/"
    queries(as_manager, url)  # fills the cache of content types
    few = queries(as_manager, url)
    more_of_everything(2)
    more_of_everything(3)
    assert queries(as_manager, url) == few


def test_the_lists_themselves_take_few_queries(as_manager: Client) -> None:
    more_of_everything(1)
    counts = {}
    for model in ("campaign", "lead", "call"):
        queries(as_manager, f"/admin/calls/{model}/")
        counts[model] = queries(as_manager, f"/admin/calls/{model}/")
    assert counts == {"campaign": 9, "lead": 14, "call": 11}


def test_a_calls_page_takes_as_many_queries_for_a_long_call(as_manager: Client, campaign: Campaign) -> None:
    first = world.calls(world.leads(campaign, 2))[0]
    url = f"/admin/calls/call/{first.pk}/change/"
    queries(as_manager, url)
    few = queries(as_manager, url)
    for seq in range(100, 140):
        Turn.objects.create(call=first, seq=seq, speaker="lead", text="Yes.", start_ms=0, end_ms=1)
        CallEvent.objects.create(call=first, at=world.NOW, kind="call.note")
    world.worked(first, replies=40)
    assert queries(as_manager, url) == few
    assert few <= 17


def test_the_campaign_list_counts_without_multiplying(as_manager: Client, campaign: Campaign) -> None:
    leads = world.leads(campaign, 5)
    calls = world.calls(leads[:3])
    Lead.objects.filter(pk=leads[4].pk).update(status="closed")
    Call.objects.filter(pk=calls[1].pk).update(status="live")
    spent, held = uuid4(), uuid4()
    for reference, amount in ((spent, "12.5"), (held, "0.05")):
        ledger.hold(reference, [campaign.budget_id], Decimal(amount), currency="USD", at=world.NOW)
    ledger.charge(spent, Decimal("12.5"), at=world.NOW)
    world.campaign("Other")
    page = text(as_manager, "/admin/calls/campaign/")
    assert "Autumn sellers draft 4 1 1 $12.50 of $50.00, $0.0500 held" in page
    assert "Other draft 0 0 0 $0.00 of $50.00" in page


def test_a_calls_cost_is_in_the_currency_of_its_budget(as_manager: Client, campaign: Campaign) -> None:
    [call] = world.calls(world.leads(campaign, 1))
    Call.objects.update(status="done", ended_at=world.NOW, cost=Decimal("0.25"))
    Budget.objects.update(currency="EUR")
    for url in ("/admin/calls/call/", f"/admin/calls/call/{call.pk}/change/"):
        assert "0.25 EUR" in (page := text(as_manager, url))
        assert "$0.25" not in page


def test_numbers_are_found_however_they_are_written(as_manager: Client, campaign: Campaign) -> None:
    world.calls(world.leads(campaign, 2))
    for model in ("lead", "call"):
        page = text(as_manager, f"/admin/calls/{model}/?q=%28303%29+555-0001")
        assert "+1 303-555-0001" in page
        assert "+1 303-555-0000" not in page


def test_the_page_of_a_call(as_manager: Client, campaign: Campaign, settings: Settings, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = tmp_path
    call = world.calls(world.leads(campaign, 1))[0]
    world.recording(call, tmp_path)
    page = text(as_manager, f"/admin/calls/call/{call.pk}/change/")
    for words in (
        "Maria Lopez 0 - Autumn sellers",
        "agreed to a visit on Thursday at ten.",
        "Outcome appointment",
        "Appointment 2026-11-26 15:00 UTC, Thu 08:00 in America/Denver",
        "Score 0 of 100",
        "Phone +1 303-555-0000",
        "Caller ID +1 212-555-0199",
        "Talked 1:03",
        "Ended by agent",
        "Answered by human",
        "Cost $0.0412",
        "Disclosed as AI 2026-11-20 15:00:12 UTC",
        "answered after 1.9 s",
        "I see, and what would the move interrupted 0:18 Qualification",
        "0:07 lead",
        "timeline spring",
        "✓ consent kind: written",
        "✓ place zones: America/Denver; states: CO",
        "dial 2026-11-20 15:00:00 UTC, rules 2026-11",
        "15:00:02 call.finished disposition: appointment done",
    ):
        assert words in page
    html = as_manager.get(f"/admin/calls/call/{call.pk}/change/").content.decode()
    source = f'data-since-ms="2000" src="/calls/{call.pk}/recordings/1.wav"'
    assert f'<audio controls preload="metadata" {source}></audio>' in html
    assert 'title="end of speech heard 210 ms, transcribed 480 ms, first sound 850 ms"' in html


def test_a_call_s_page_links_the_version_of_the_script(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    url = f"/admin/calls/call/{call.pk}/change/"
    Call.objects.update(script_version="1a2b3c4d")
    assert "Script built-in 1a2b3c4d" in text(as_manager, url)
    before = queries(as_manager, url)

    script = scripts.save("Sellers", written(DEFAULT_SCRIPT), based_on=0, by=None, now=world.NOW)
    Call.objects.update(script=script, script_version=f"1a2b3c4d+{script.digest}")
    assert f"Script Sellers, version 1 1a2b3c4d+{script.digest}" in text(as_manager, url)
    assert queries(as_manager, url) == before
    link = f'<a href="/admin/calls/script/{script.pk}/change/">Sellers, version 1</a>'
    assert link in as_manager.get(url).content.decode()

    may_not = Permission.objects.get(codename="view_script")
    Group.objects.get(name=MANAGERS).permissions.remove(may_not)
    page = as_manager.get(url).content.decode()
    assert "Sellers, version 1" in page
    assert link not in page


def test_the_page_of_a_call_without_anything(as_manager: Client, campaign: Campaign) -> None:
    [lead] = world.leads(campaign, 1)
    call = Call.objects.create(
        lead=lead,
        campaign=campaign,
        attempt=1,
        to_number=lead.phone,
        from_number="+12125550199",
        status_at=world.NOW,
        queued_at=world.NOW,
    )
    url = f"/admin/calls/call/{call.pk}/change/"
    page = text(as_manager, url)
    for sentence in (
        "The recording appears here when the call has ended.",
        "Nothing was said yet.",
        "Nothing was learned about the lead on this call.",
        "No decision was recorded for this call.",
        "Nothing has happened yet.",
    ):
        assert sentence in page
    Call.objects.update(status="done")
    assert "This call was not recorded." in text(as_manager, url)
    Recording.objects.create(call=call, name="2026/gone.rec", started_at=world.NOW, duration_ms=1000)
    page = text(as_manager, url)
    assert "The recording is no longer on this server." in page
    assert "Nothing was said on this call." in page
    assert as_manager.get("/admin/calls/call/00000000-0000-0000-0000-000000000009/change/").status_code == 302


def test_what_people_say_is_not_run(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    hostile = "<script>alert(1)</script>"
    Turn.objects.filter(call=call).update(text=hostile, agent=hostile)
    CallEvent.objects.filter(call=call).update(kind=hostile, fields={hostile: hostile})
    Decision.objects.update(verdicts=[{"gate": hostile, "passed": False, "reason": hostile, "saw": {"a": hostile}}])
    Call.objects.update(summary=hostile, facts={hostile: hostile})
    Lead.objects.update(name=hostile)
    for url in (f"call/{call.pk}/change/", "call/", "lead/", f"lead/{call.lead_id}/change/", "turn/"):
        html = as_manager.get(f"/admin/calls/{url}").content.decode()
        assert hostile not in html
        assert "&lt;script&gt;alert(1)" in html


def test_a_gate_that_was_closed_is_marked(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    verdict = {"gate": "consent", "passed": False, "reason": "There is no written consent.", "saw": {"kind": ""}}
    Decision.objects.update(result="never", reason="There is no written consent.", verdicts=[verdict])
    page = text(as_manager, f"/admin/calls/call/{call.pk}/change/")
    assert "✗ consent There is no written consent. kind: -" in page


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Appointment, "Lead: Maria Lopez 0 +1 303-555-0000"),
        (Decision, "Result: dial"),
        (CallEvent, "Kind: call.dialing"),
        (Consent, "Source: Home value form"),
        (Suppression, "Said: Please stop calling me."),
    ],
)
def test_a_record_has_a_page(as_manager: Client, model: type[Model], words: str) -> None:
    more_of_everything(1)
    found = model._default_manager.order_by("pk").first()
    assert found is not None
    assert words in text(as_manager, f"/admin/calls/{model._meta.model_name}/{found.pk}/change/")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0, "0:00"), (59_600, "1:00"), (63_000, "1:03"), (3_600_000, "60:00")],
)
def test_clock(value: int | None, shown: str) -> None:
    assert base.clock(value) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [("0", "$0.00"), ("0.0412", "$0.0412"), ("0.1", "$0.10"), ("1234.5", "$1,234.50")]
)
def test_dollars(amount: str, shown: str) -> None:
    assert base.dollars(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("away", "shown"),
    [
        (timedelta(0), "now"),
        (timedelta(minutes=20), "in 20 min"),
        (timedelta(minutes=-20), "20 min ago"),
        (timedelta(hours=5), "in 5 h"),
        (timedelta(days=3), "2026-11-23"),
    ],
)
def test_ago_or_in(monkeypatch: pytest.MonkeyPatch, away: timedelta, shown: str) -> None:
    monkeypatch.setattr(timezone, "now", lambda: world.NOW)
    assert base.ago_or_in(world.NOW + away) == shown


def test_badges_and_instants() -> None:
    assert base.badge("do_not_call") == '<span class="badge badge-bad">do not call</span>'
    assert base.badge("done") == '<span class="badge badge-plain">done</span>'
    assert base.badge("") == base.instant(None) == "-"
    assert base.instant(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)) == "2026-03-04 05:06"
    assert base.person("", "+13035550100") == '(no name)<br><small class="phone">+1 303-555-0100</small>'


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"price": "450000"}, "price $450,000"),
        ({"budget": "open"}, "budget open"),
        ({"timeline": "1"}, "timeline 1 month"),
        ({"timeline": "2"}, "timeline 2 months"),
        ({"financing": "paid_off"}, "financing paid off"),
        ({"bedrooms": "3"}, "bedrooms 3"),
    ],
)
def test_facts_are_shown_for_reading(
    as_manager: Client, campaign: Campaign, facts: dict[str, str], shown: str
) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    Call.objects.update(facts=facts)
    assert f"What was learned {shown} Why it was dialed" in text(as_manager, f"/admin/calls/call/{call.pk}/change/")


def test_a_decisions_page_shows_every_gate(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    saw = {"attempts": 0, "promised": False, "America/New_York": "Sun 19:44"}
    Decision.objects.update(
        verdicts=[{"gate": "attempts", "passed": True, "reason": "", "saw": saw}], call_id=call.pk
    )
    decision = Decision.objects.get()
    page = text(as_manager, f"/admin/calls/decision/{decision.pk}/change/")
    assert "Gates: ✓ attempts attempts: 0; promised: no; America/New_York: Sun 19:44 Call: open" in page


def test_an_appointment_is_shown_on_the_leads_clock(as_manager: Client, campaign: Campaign) -> None:
    world.calls(world.leads(campaign, 1))
    page = text(as_manager, "/admin/calls/appointment/")
    assert "2026-11-26 15:00 Maria Lopez 0 +1 303-555-0000 - Thu 08:00 in America/Denver" in page


def test_the_page_of_a_call_renews_itself_until_the_call_is_over(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    url = f"/admin/calls/call/{call.pk}/change/"
    refresh = '<meta http-equiv="refresh" content="5">'
    assert refresh not in as_manager.get(url).content.decode()
    Call.objects.update(status="live")
    assert refresh in as_manager.get(url).content.decode()
    assert "renews itself every 5 seconds" in text(as_manager, url)


def test_leads_are_filtered_by_their_last_outcome(as_manager: Client, campaign: Campaign) -> None:
    first, _ = world.leads(campaign, 2)
    Lead.objects.filter(pk=first.pk).update(disposition="do_not_call")
    page = text(as_manager, "/admin/calls/lead/?disposition=do_not_call")
    assert "+1 303-555-0000" in page
    assert "+1 303-555-0001" not in page
    assert "By last outcome All appointment qualified callback requested" in page


def test_a_lead_whose_time_has_come_is_due_now(as_manager: Client, campaign: Campaign) -> None:
    [lead] = world.leads(campaign, 1)
    Lead.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1), status="open")
    assert "Next attempt now" in text(as_manager, f"/admin/calls/lead/{lead.pk}/change/")


def test_what_was_said_is_listed_call_by_call(as_manager: Client, campaign: Campaign) -> None:
    calls = world.calls(world.leads(campaign, 2))
    for call in calls:
        if not Turn.objects.filter(call=call).exists():
            world.talk(call)
    Call.objects.update(queued_at=world.NOW)
    Turn.objects.update(agent="objection_handler")
    shown = as_manager.get("/admin/calls/turn/").context["cl"].result_list
    order = [(turn.call_id, turn.seq) for turn in shown]
    assert order == sorted(order)
    assert len({call_id for call_id, _ in order}) == 2
    assert "objection handler" in text(as_manager, f"/admin/calls/call/{calls[0].pk}/change/")
