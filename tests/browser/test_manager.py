"""A manager's day in a real browser: import leads, start the campaign, read and hear a call."""

from pathlib import Path

from playwright.sync_api import Page, expect
from pytest_django import Settings

from calls.models import Campaign, Lead, LeadImport
from tests.calls.admin import world

CSV = b"""phone,name,interest,consent_kind,consent_source,consent_at
303-555-0100,Maria Lopez,seller,written,Home value form,2026-09-14
303-555-0101,=HYPERLINK(1),seller,,,
911,Police,,,,
303-555-0100,Maria again,seller,,,
"""


def test_import_leads_and_start_the_campaign(page: Page) -> None:
    campaign = world.campaign()
    page.goto("/admin/calls/campaign/")
    page.get_by_role("link", name="Autumn sellers").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".messagelist")).to_have_text(
        "'Autumn sellers' cannot start: it has no open lead: import some."
    )

    page.get_by_role("link", name="Import leads").click()
    page.get_by_label("CSV file").set_input_files({"name": "leads.csv", "mimeType": "text/csv", "buffer": CSV})
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".messagelist")).to_have_text("1 lead was imported into Autumn sellers.")
    assert page.locator(".tabs a").all_inner_texts() == ["all 4", "imported 1", "duplicate 1", "rejected 2"]
    page.get_by_role("link", name="rejected 2").click()
    expect(page.locator(".fates tbody tr")).to_have_count(2)
    expect(page.locator(".fates tbody tr").first).to_contain_text('The name begins with "="')
    done = LeadImport.objects.get()
    assert (done.imported, done.duplicates, done.rejected) == (1, 1, 2)

    page.get_by_role("link", name="Campaign", exact=True).click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".messagelist")).to_contain_text("Autumn sellers is running")
    expect(page.locator(".figures .badge")).to_have_text("running")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert Campaign.objects.get(pk=campaign.pk).status == "running"
    assert Lead.objects.get().name == "Maria Lopez"


def test_a_file_that_cannot_be_used_is_explained(page: Page) -> None:
    campaign = world.campaign()
    page.goto(f"/admin/calls/campaign/{campaign.pk}/import/")
    page.get_by_label("CSV file").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": b"name\nAnn\n"})
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".errorlist")).to_contain_text(
        "No column holds the phone number. The first line names: name."
    )
    assert not LeadImport.objects.exists()


def test_finishing_asks_first(page: Page) -> None:
    campaign = world.campaign()
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Finish").click()
    assert Campaign.objects.get().status == "draft"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Finish").click()
    expect(page.locator(".messagelist")).to_have_text("Autumn sellers is finished.")
    expect(page.get_by_role("button", name="Start")).to_have_count(0)


def test_weekdays_are_chosen_not_typed(page: Page) -> None:
    campaign = world.campaign()
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    window = page.locator("#windows-0")
    window.get_by_label("Sat").uncheck()
    window.get_by_label("Sun").uncheck()
    window.get_by_label("Closes at").fill("07:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_contain_text("enter a later closing time")
    window.get_by_label("Closes at").fill("18:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    kept = campaign.windows.get()
    assert (kept.weekdays, kept.closes_at.hour) == ([0, 1, 2, 3, 4], 18)


def test_read_a_call_and_hear_it(page: Page, settings: Settings, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = tmp_path
    call = world.calls(world.leads(world.campaign(), 3))[0]
    world.recording(call, tmp_path, seconds=3)
    page.goto("/admin/calls/call/")
    with page.expect_response(f"**/calls/{call.pk}/recordings/1.wav") as asked:
        page.get_by_role("link", name="2026-11-20 15:00").click()
    assert asked.value.status == 206
    assert page.locator(".turn-agent .said").count() == 4
    assert page.locator(".turn-lead .said").count() == 3
    agent = page.locator(".turn-agent .said").first.bounding_box()
    lead = page.locator(".turn-lead .said").first.bounding_box()
    assert agent is not None
    assert lead is not None
    assert lead["x"] < agent["x"]

    page.wait_for_function("document.querySelector('audio').readyState >= 1")
    assert page.evaluate("document.querySelector('audio').duration") == 3
    page.evaluate("async () => { const a = document.querySelector('audio'); a.muted = true; await a.play() }")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.2")
    page.evaluate("document.querySelector('audio').currentTime = 2")
    page.wait_for_function("document.querySelector('audio').currentTime >= 2")
    assert page.evaluate("document.querySelector('audio').error") is None


def test_lists_do_not_run_over_the_page(page: Page) -> None:
    """At the width of a small laptop every column of the busy lists can be seen."""
    campaign = world.campaign()
    world.calls(world.leads(campaign, 30)[:20])
    for model in ("campaign", "lead", "call"):
        page.goto(f"/admin/calls/{model}/")
        table = page.locator("#result_list").bounding_box()
        room = page.locator(".changelist-form-container").bounding_box()
        assert table is not None
        assert room is not None
        assert table["x"] + table["width"] <= room["x"] + room["width"] + 1, model
