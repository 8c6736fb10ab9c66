"""A price in a real browser: set from the list, told what it ends, withdrawn again."""

from decimal import Decimal

from django.contrib.auth.models import Permission, User
from playwright.sync_api import Page, expect

from billing.models import Rate


def test_a_price_is_set_and_withdrawn(page: Page, manager: User) -> None:
    manager.user_permissions.set(Permission.objects.filter(content_type__model="rate"))
    page.goto("/admin/billing/rate/")
    expect(page.locator("#result_list tbody tr")).to_have_count(26)
    table = page.locator("#result_list").bounding_box()
    room = page.locator(".changelist-form-container").bounding_box()
    assert table is not None
    assert room is not None
    assert table["x"] + table["width"] <= room["x"] + room["width"] + 1

    page.get_by_role("row", name="twilio.amd").get_by_role("link", name="new price").click()
    expect(page.get_by_label("Unit:")).to_have_value("call")
    page.get_by_label("Price:", exact=True).fill("0.008")
    page.get_by_label("Source:").fill("our contract")
    page.locator("#id_valid_from_0").fill("2026-11-02")
    page.locator("#id_valid_from_1").fill("00:00")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_contain_text("calls were priced by it: let the new one begin now or later")
    page.locator("#id_valid_from_0").fill("2126-12-01")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_have_text(
        "The price of twilio.amd is 0.008 USD per call, from 2126-12-01 00:00 UTC. "
        "The price before it, 0.0075 USD per call, ends then."
    )

    page.get_by_role("link", name="Coming").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="twilio.amd").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator(".messagelist")).to_contain_text("0.0075 USD per call, goes on in its place.")
    left = Rate.objects.get(key="twilio.amd")
    assert (left.price, left.valid_until) == (Decimal("0.0075"), None)
