"""What a manager changes: campaigns and their buttons, uploads, leads, the do-not-call list."""

from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from billing.models import Budget
from calls.models import Call, Campaign, Consent, Lead, LeadImport, Suppression
from tests.calls.admin import world


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def windows(campaign: Campaign, *rows: dict[str, object]) -> dict[str, object]:
    """The rows of the page's windows; the first ones are those that the campaign has."""
    there = [] if campaign.pk is None else list(campaign.windows.values_list("pk", flat=True))
    typed: dict[str, object] = {"windows-TOTAL_FORMS": len(rows), "windows-INITIAL_FORMS": len(there)}
    for place, row in enumerate(rows):
        own = {"id": there[place], "campaign": campaign.pk} if place < len(there) else {}
        typed |= {f"windows-{place}-{name}": value for name, value in {**own, **row}.items()}
    return typed


def form(campaign: Campaign, **changes: object) -> dict[str, object]:
    return {
        "name": campaign.name,
        "budget": campaign.budget_id,
        "company_name": "",
        "agent_name": "",
        **windows(campaign, {"weekdays": ["0", "1", "2", "3", "4"], "opens_at": "09:00", "closes_at": "18:00"}),
        **{
            f"{name}-{kind}_FORMS": 0
            for name in ("schedules", "retry_rules", "words", "transfer_targets", "lists")
            for kind in ("TOTAL", "INITIAL")
        },
        "public_lists": "unless_consent",
        "max_concurrency": 4,
        "max_attempts": 6,
        "max_call_s": 300,
        "tier": "local",
        "records": "announced",
        "transfer_mode": "warm",
        "appointment_value": "50",
        "holdout_percent": 10,
        **changes,
    }


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def test_a_campaign_is_added(as_manager: Client, db: None) -> None:
    budget = Budget.objects.create(name="Autumn", limit=Decimal(50))
    draft = Campaign(name="Autumn sellers", budget=budget)
    response = as_manager.post("/admin/calls/campaign/add/", form(draft))
    assert response.status_code == 302
    made = Campaign.objects.get()
    assert (made.name, made.status) == ("Autumn sellers", "draft")
    window = made.windows.get()
    assert (window.weekdays, window.opens_at, window.closes_at) == ([0, 1, 2, 3, 4], time(9), time(18))


def test_a_campaign_says_that_it_needs_a_gpu(as_manager: Client, campaign: Campaign) -> None:
    url = f"/admin/calls/campaign/{campaign.pk}/change/"
    for typed in ("gpu", ""):
        assert as_manager.post(url, form(campaign, needs=typed)).status_code == 302
        campaign.refresh_from_db()
        assert campaign.needs == typed


def test_a_voicemail_message_is_kept(as_manager: Client, campaign: Campaign) -> None:
    text = "This is {agent_name}, an AI assistant of {company}. Call us at {callback_number}."
    url = f"/admin/calls/campaign/{campaign.pk}/change/"
    assert as_manager.post(url, form(campaign, voicemail_message=f" {text} ")).status_code == 302
    campaign.refresh_from_db()
    assert campaign.voicemail_message == text


@pytest.mark.parametrize(("wish", "key"), [("premium", ""), ("auto", ""), ("premium", "k"), ("local", "")])
def test_who_wants_a_voice_that_is_not_set_up_is_told(
    as_manager: Client, campaign: Campaign, settings: Any, wish: str, key: str
) -> None:
    settings.VOICE = replace(settings.VOICE, elevenlabs_api_key=key)
    reply = as_manager.post(f"/admin/calls/campaign/{campaign.pk}/change/", form(campaign, tier=wish))
    missing = ["No premium voice is set up: set ELEVENLABS_API_KEY. The local voice speaks."]
    warnings = [str(one) for one in get_messages(reply.wsgi_request) if one.level_tag == "warning"]
    assert warnings == (missing if wish != "local" and not key else [])
    campaign.refresh_from_db()
    assert campaign.tier == wish


def test_an_edit_writes_only_what_was_edited(as_manager: Client, campaign: Campaign) -> None:
    url = f"/admin/calls/campaign/{campaign.pk}/change/"
    assert as_manager.get(url).status_code == 200
    Campaign.objects.update(status="running")
    assert as_manager.post(url, form(campaign, name="Renamed", status="finished")).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.status) == ("Renamed", "running")
    window = campaign.windows.get()
    assert (window.weekdays, window.opens_at, window.closes_at) == ([0, 1, 2, 3, 4], time(9), time(18))


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        (
            {"starts_on": "2099-02-01", "ends_on": "2099-01-31"},
            "ends_on",
            "The last day, 2099-01-31, is before the first, 2099-02-01: choose a later one.",
        ),
        ({"ends_on": "2026-01-31"}, "ends_on", "2026-01-31 is over: choose a later day."),
        (
            {"closed_on": "2026-12-24, 2026-13-01"},
            "closed_on",
            "'2026-13-01' is no date: write days as 2026-12-24, 2026-12-31.",
        ),
        (
            {"voicemail_message": "This is {agent_name}, an AI assistant of {company}."},
            "voicemail_message",
            "Say how to reach you and to opt out: add {callback_number}, or a toll-free number.",
        ),
        (
            {"max_call_s": 301},
            "max_call_s",
            "Voice workers end every call after 300 s: choose no more, or have VOICE_MAX_CALL_S raised.",
        ),
        ({"max_concurrency": 0}, "max_concurrency", "Ensure this value is greater than or equal to 1."),
    ],
)
def test_a_wrong_form_says_what_to_change(
    as_manager: Client, campaign: Campaign, changes: dict[str, object], field: str, sentence: str
) -> None:
    response = as_manager.post(f"/admin/calls/campaign/{campaign.pk}/change/", form(campaign, **changes))
    assert errors(response) == {field: [sentence]}
    before = Campaign.objects.values().get()
    assert before == {name: getattr(campaign, name) for name in before}


def test_the_buttons_start_pause_and_finish(as_manager: Client, campaign: Campaign) -> None:
    world.leads(campaign, 1)
    heard = []
    for move in ("start", "pause", "finish"):
        response = as_manager.post(f"/admin/calls/campaign/{campaign.pk}/move/{move}/")
        assert response["Location"] == f"/admin/calls/campaign/{campaign.pk}/change/"
        heard.append(said(response)[-1])
    assert heard == [
        "Autumn sellers is running: leads that are due are called from now on.",
        "Autumn sellers is paused: nothing new is dialed; calls that are live go on.",
        "Autumn sellers is finished.",
    ]
    assert Campaign.objects.get().status == "finished"


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        ("draft", {"Start", "Finish", "Import leads"}),
        ("running", {"Pause", "Finish", "Import leads"}),
        ("paused", {"Start", "Finish", "Import leads"}),
        ("finished", set()),
    ],
)
def test_only_the_buttons_that_work_are_there(
    as_manager: Client, campaign: Campaign, status: str, buttons: set[str]
) -> None:
    Campaign.objects.update(status=status)
    html = as_manager.get(f"/admin/calls/campaign/{campaign.pk}/change/").content.decode()
    assert {name for name in ("Start", "Pause", "Finish", "Import leads") if f">{name}</" in html} == buttons


def test_a_button_that_cannot_says_why(as_manager: Client, campaign: Campaign) -> None:
    response = as_manager.post(f"/admin/calls/campaign/{campaign.pk}/move/start/")
    assert said(response) == ["'Autumn sellers' cannot start: it has no open lead: import some."]
    assert Campaign.objects.get().status == "draft"


def test_buttons_are_no_links(as_manager: Client, campaign: Campaign) -> None:
    world.leads(campaign, 1)
    assert as_manager.get(f"/admin/calls/campaign/{campaign.pk}/move/start/").status_code == 405
    assert as_manager.post(f"/admin/calls/campaign/{campaign.pk}/move/delete/").status_code == 405
    assert as_manager.post("/admin/calls/campaign/999999/move/start/").status_code == 404
    assert as_manager.post("/admin/calls/campaign/abc/move/start/").status_code == 404
    assert Campaign.objects.get().status == "draft"


def test_several_are_started_and_paused_at_once(as_manager: Client, campaign: Campaign) -> None:
    world.leads(campaign, 1)
    empty = world.campaign("Empty")
    chosen = {"_selected_action": [campaign.pk, empty.pk]}
    response = as_manager.post("/admin/calls/campaign/", {"action": "start_selected", **chosen})
    assert said(response) == [
        "Autumn sellers is running: leads that are due are called from now on.",
        "'Empty' cannot start: it has no open lead: import some.",
    ]
    as_manager.post("/admin/calls/campaign/", {"action": "pause_selected", **chosen})
    assert list(Campaign.objects.values_list("name", "status")) == [("Autumn sellers", "paused"), ("Empty", "draft")]


def upload(client: Client, campaign: Campaign, content: bytes, name: str = "leads.csv") -> Any:
    return client.post(f"/admin/calls/campaign/{campaign.pk}/import/", {"file": SimpleUploadedFile(name, content)})


def test_an_upload_ends_on_the_page_of_its_fates(as_manager: Client, campaign: Campaign) -> None:
    content = b"phone,name,zip\n3035550100,Ann,\n911,Police,\n303-555-0100,Ann,\n"
    response = upload(as_manager, campaign, content)
    done = LeadImport.objects.get()
    assert response["Location"] == f"/admin/calls/leadimport/{done.pk}/change/"
    assert said(response) == ["1 lead was imported into Autumn sellers."]
    page = as_manager.get(response["Location"]).content.decode()
    for words in (
        "all <b>3</b>",
        "imported <b>1</b>",
        "duplicate <b>1</b>",
        "rejected <b>1</b>",
        "911 is too short",
        "read: zip.",
    ):
        assert words in page
    again = upload(as_manager, campaign, content)
    assert said(again)[-1] == "This file was imported into this campaign before; nothing was changed."
    assert again["Location"] == response["Location"]
    assert (LeadImport.objects.count(), Lead.objects.count()) == (1, 1)


def test_fates_are_filtered_and_paged(as_manager: Client, campaign: Campaign) -> None:
    good = "".join(f"30355501{n:02},\n" for n in range(100))
    bad = "".join(f"911,{n}\n" for n in range(150))
    upload(as_manager, campaign, f"phone,name\n{good}{bad}".encode())
    url = f"/admin/calls/leadimport/{LeadImport.objects.get().pk}/change/"

    def lines(query: str) -> list[int]:
        return [row.line for row, _ in as_manager.get(f"{url}{query}").context["fates"]]

    assert lines("") == list(range(2, 102))
    assert lines("?page=3") == list(range(202, 252))
    assert lines("?fate=rejected&page=2") == list(range(202, 252))
    assert lines("?fate=imported") == list(range(2, 102))
    assert lines("?fate=duplicate") == []
    assert lines("?fate=nonsense&page=x") == list(range(2, 102))
    assert as_manager.get("/admin/calls/leadimport/999999/change/").status_code == 302


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name\nAnn\n", "No column holds the phone number. The first line names: name."),
        (b"", "The file is empty: its first line must name the columns, one of them phone."),
    ],
)
def test_a_refused_file_is_explained_and_nothing_written(
    as_manager: Client, campaign: Campaign, content: bytes, sentence: str
) -> None:
    response = upload(as_manager, campaign, content)
    assert response.status_code == 200
    assert sentence in response.context["form"].errors["file"][0]
    assert not LeadImport.objects.exists()


def test_no_file_was_chosen(as_manager: Client, campaign: Campaign) -> None:
    response = as_manager.post(f"/admin/calls/campaign/{campaign.pk}/import/", {})
    assert response.context["form"].errors == {"file": ["This field is required."]}


LEAD = {
    "phone": "(303) 555-0100",
    "name": "Ann",
    "email": "",
    "interest": "sell",
    "address": "",
    "state": "co",
    "zone": "",
    "source": "",
    "priority": 5,
    "next_attempt_at_0": "2026-11-20",
    "next_attempt_at_1": "15:00",
    "consents-TOTAL_FORMS": 0,
    "consents-INITIAL_FORMS": 0,
}


def test_a_lead_is_added_with_its_consent(as_manager: Client, campaign: Campaign) -> None:
    page = as_manager.get("/admin/calls/lead/add/")
    assert page.context["adminform"].form.initial["next_attempt_at"] is not None
    consent = {
        "consents-TOTAL_FORMS": 1,
        "consents-0-kind": "written",
        "consents-0-scope": "campaign",
        "consents-0-source": "Home value form",
        "consents-0-given_at_0": "2026-03-04",
        "consents-0-given_at_1": "10:00",
    }
    response = as_manager.post("/admin/calls/lead/add/", {**LEAD, **consent, "campaign": campaign.pk})
    assert response.status_code == 302
    lead = Lead.objects.get()
    assert (lead.phone, lead.state, lead.next_attempt_at) == ("+13035550100", "CO", world.NOW)
    assert Consent.objects.get().lead_id == lead.pk


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("phone", "911", "911 is too short for a phone number: short codes cannot be called."),
        ("state", "XX", "XX is not a state of the US: write its two letters, such as CO."),
        ("zone", "EST", "EST is not an IANA time zone: write one such as America/Denver."),
    ],
)
def test_a_wrong_lead_says_what_to_change(
    as_manager: Client, campaign: Campaign, field: str, value: str, sentence: str
) -> None:
    response = as_manager.post("/admin/calls/lead/add/", {**LEAD, "campaign": campaign.pk, field: value})
    assert errors(response) == {field: [sentence]}
    assert not Lead.objects.exists()


def test_the_same_number_twice_in_a_campaign_is_refused(as_manager: Client, campaign: Campaign) -> None:
    Lead.objects.create(campaign=campaign, phone="+13035550100", next_attempt_at=world.NOW)
    response = as_manager.post("/admin/calls/lead/add/", {**LEAD, "campaign": campaign.pk})
    assert list(errors(response)) == ["__all__"]
    assert Lead.objects.count() == 1


def test_a_lead_keeps_its_number_and_what_calls_wrote(as_manager: Client, campaign: Campaign) -> None:
    [call] = world.calls(world.leads(campaign, 1))
    url = f"/admin/calls/lead/{call.lead_id}/change/"
    page = as_manager.get(url).content.decode()
    assert str(call.pk) in page
    assert "+1 303-555-0000" in page
    Lead.objects.update(status="closed", closed_reason="Appointment.", attempts=2, commitment_at=world.NOW)
    existing = Consent.objects.get()
    inline = {"consents-TOTAL_FORMS": 1, "consents-INITIAL_FORMS": 1, "consents-0-id": existing.pk}
    changed = {**LEAD, **inline, "name": "Renamed", "consents-0-lead": call.lead_id, "consents-0-source": "forged"}
    assert as_manager.post(url, changed).status_code == 302
    lead = Lead.objects.get()
    assert (lead.name, lead.phone, lead.status, lead.attempts) == ("Renamed", "+13035550000", "closed", 2)
    assert Consent.objects.get().source == "Home value form"
    page = as_manager.get(url).content.decode()
    assert "Closed because" in page
    assert "Asked to be called at" in page


def test_chosen_leads_are_reopened_but_not_against_their_will(as_manager: Client, campaign: Campaign) -> None:
    first, second = world.leads(campaign, 2)
    Lead.objects.update(status="closed")
    world.suppression(second.phone)
    chosen = {"action": "reopen", "_selected_action": [first.pk, second.pk]}
    response = as_manager.post("/admin/calls/lead/", chosen)
    assert said(response) == [
        "1 lead is open and due now.",
        "1 lead stays closed: on the do-not-call list.",
    ]
    assert list(Lead.objects.order_by("phone").values_list("status", flat=True)) == ["open", "closed"]


def test_chosen_leads_are_never_called_again(as_manager: Client, campaign: Campaign) -> None:
    first, second = world.leads(campaign, 2)
    waiting = Call.objects.create(
        lead=first,
        campaign=campaign,
        attempt=1,
        to_number=first.phone,
        from_number="+12125550199",
        status_at=world.NOW,
        queued_at=world.NOW,
    )
    world.suppression(second.phone)
    chosen = {"action": "never_call_again", "_selected_action": [first.pk, second.pk]}
    response = as_manager.post("/admin/calls/lead/", chosen)
    assert said(response) == ["1 number was added to the do-not-call list."]
    added = Suppression.objects.get(phone=first.phone)
    assert (added.source, added.said) == ("admin", "Chosen in the admin by mia")
    waiting.refresh_from_db()
    assert waiting.status == "canceled"
    assert set(Lead.objects.values_list("status", flat=True)) == {"closed"}


def test_a_number_is_put_on_the_do_not_call_list(as_manager: Client, campaign: Campaign) -> None:
    [lead] = world.leads(campaign, 1)
    entry = {"phone": "303-555-0000", "said": "E-mail of 3 March"}
    assert as_manager.post("/admin/calls/suppression/add/", entry).status_code == 302
    added = Suppression.objects.get()
    assert (added.phone, added.source, added.said) == ("+13035550000", "admin", "E-mail of 3 March")
    lead.refresh_from_db()
    assert lead.status == "closed"
    again = as_manager.post("/admin/calls/suppression/add/", {**entry, "said": "Again"})
    assert list(errors(again)) == ["phone"]
    bad = as_manager.post("/admin/calls/suppression/add/", {**entry, "phone": "x"})
    assert "'x' is not a phone number" in errors(bad)["phone"][0]
    assert Suppression.objects.get().said == "E-mail of 3 March"
