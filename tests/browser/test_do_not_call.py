"""The do-not-call list in a real browser: add, look at the history, import a list, take a number off."""

from pathlib import Path

from django.contrib.auth.models import Permission, User
from playwright.sync_api import Page, expect

from calls.models import Lead, Suppression, SuppressionEntry
from calls.services.opting_out import suppress
from tests.calls.admin import world

CSV = b"phone,reason\n303-555-0001,letter of May\nnobody,\n"


def test_a_number_comes_on_the_list_and_off_it(page: Page, manager: User, tmp_path: Path) -> None:
    manager.user_permissions.add(Permission.objects.get(codename="lift_suppression"))
    world.leads(world.campaign(), 3)
    Lead.objects.filter(phone__in=["+13035550000", "+13035550002"]).update(email="maria@example.com")
    page.goto("/admin/calls/suppression/")
    expect(page.locator(".empty")).to_contain_text("Nobody asked not to be called yet.")
    page.get_by_role("link", name="Add do-not-call entry").click()
    page.get_by_label("Phone:").fill("303-555-0000")
    page.get_by_label("Reason:").fill("E-mail of 3 March to the office")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("1 other number of the same person followed.")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.screenshot(path=tmp_path / "list.png", full_page=True)

    page.get_by_role("link", name="Import a list").click()
    page.get_by_label("CSV file").set_input_files({"name": "list.csv", "mimeType": "text/csv", "buffer": CSV})
    page.get_by_label("Reason:").fill("list of the former agency")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#content-main table tbody tr")).to_have_count(1)
    expect(page.locator("#content-main")).to_contain_text("'nobody' is not a phone number")
    page.screenshot(path=tmp_path / "import.png", full_page=True)

    page.goto("/admin/calls/suppression/?q=3035550000")
    page.get_by_role("link", name="+1 303-555-0000").first.click()
    expect(page.locator(".history tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="Delete")).to_have_count(0)
    page.screenshot(path=tmp_path / "entry.png", full_page=True)
    page.get_by_role("link", name="Take off the list").click()
    page.get_by_label("Reason:").fill("signed form of 4 May")
    page.screenshot(path=tmp_path / "lift.png", full_page=True)
    page.get_by_role("button", name="Take off the list").click()
    expect(page.locator(".messagelist")).to_contain_text("Its leads stay closed until somebody reopens them.")
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    page.screenshot(path=tmp_path / "history.png", full_page=True)
    assert page.evaluate("(box => box.scrollWidth - box.clientWidth)(document.querySelector('.results'))") <= 0
    assert set(Suppression.objects.values_list("phone", flat=True)) == {"+13035550001", "+13035550002"}
    assert SuppressionEntry.objects.count() == 4


def test_without_the_right_there_is_no_way_off(page: Page) -> None:
    suppress("+13035550000", source="sms", said="STOP", now=world.NOW)
    page.goto("/admin/calls/suppression/")
    page.get_by_role("link", name="+1 303-555-0000").click()
    expect(page.locator(".history tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="Take off the list")).to_have_count(0)


def test_a_token_is_shown_once(page: Page, manager: User, tmp_path: Path) -> None:
    manager.user_permissions.add(*Permission.objects.filter(content_type__model="apitoken"))
    page.goto("/admin/integrations/apitoken/add/")
    page.get_by_label("Name:").fill("CRM")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#token")).to_contain_text("rea_")
    token = page.locator("#token").inner_text()
    page.screenshot(path=tmp_path / "token.png")
    page.get_by_role("link", name="To the tokens").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert token not in page.content()
