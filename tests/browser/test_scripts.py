"""A manager writes a script in a real browser: rehearses it, is told what is wrong, saves it."""

import yaml
from playwright.sync_api import Page, expect

from agents.domain.script import DEFAULT_SCRIPT
from agents.script_document import document_of
from calls.models import Campaign, Script
from calls.services import scripts
from tests.browser.test_widths import PHONE, width
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


def test_points_of_an_answer_are_typed_on_a_phone(page: Page) -> None:
    document = document_of(DEFAULT_SCRIPT)
    document["questions"]["sell"].insert(2, {"ask": "solar_panels", "kind": "yes_no", "wordings": ["Solar panels?"]})
    document["score"]["weights"]["unrepresented"] = 5
    text = yaml.safe_dump(document)
    note = "Shorter, and friendlier, and with a question of our own"
    script = scripts.save("Sellers of the north", text, based_on=0, by=None, now=world.NOW, note=note)
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.goto(f"/admin/calls/script/{script.pk}/change/")
    assert width(page) <= PHONE

    page.goto(f"/admin/calls/script/{script.pk}/texts/")
    assert width(page) <= PHONE
    points = page.locator("textarea[name='questions.sell.solar_panels.points']")
    points.fill("maybe 7")
    expect(page.locator("#sum")).to_have_text("97")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist", has_text="'maybe' is no answer of yes_no")).to_be_visible()
    assert width(page) <= PHONE
    points.fill("yes 7")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("version 2 is saved.")
    assert "points:\n      'yes': 7" in Script.objects.get(number=2).body
