"""A manager writes a script in a real browser: rehearses it, is told what is wrong, saves it."""

from playwright.sync_api import Page, expect

from calls.models import Campaign, Script
from tests.calls.admin import world


def test_a_script_is_written_rehearsed_and_spoken_by_a_campaign(page: Page) -> None:
    world.campaign()
    page.goto("/admin/calls/script/")
    page.get_by_role("link", name="Add script").first.click()
    page.get_by_label("Name:").fill("Short talk")
    body = page.get_by_label("Script:")
    body.fill(body.input_value().replace("Are you still thinking about selling?", "Is it 400 thousand dollars?"))
    page.get_by_role("button", name="Rehearse this text").click()
    expect(page.locator("#rehearsal .errorlist")).to_contain_text("It names a price or a rate")

    body.fill(body.input_value().replace("Is it 400 thousand dollars?", "Is a sale still on your mind?"))
    page.get_by_role("button", name="Rehearse this text").click()
    expect(page.locator("#rehearsal .ours").first).to_contain_text("Is a sale still on your mind?")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Short talk, version 1 is saved.")

    page.goto(f"/admin/calls/campaign/{Campaign.objects.get().pk}/change/")
    page.get_by_label("Script:").select_option(label="Short talk, version 1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    assert Campaign.objects.get().script == Script.objects.get()
