"""Very long names, and pages as wide as a phone."""

import pytest
from playwright.sync_api import Page, expect

from calls.models import Lead, LeadList, Schedule
from tests.calls import factories as make

LONG = "Maria Consolacion de los Santos y Guerrero-Blaz of the three houses beside the old northern church"
PHONE = 390


def width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_long_names_leave_room_for_the_other_columns(page: Page) -> None:
    campaign = make.campaign(name=LONG[:80])
    lead = make.lead(campaign, name=LONG, list=LeadList.objects.create(campaign=campaign, name=LONG[:100]))
    page.goto("/admin/calls/lead/")
    last = page.get_by_role("columnheader", name="Next attempt").bounding_box()
    table = page.locator("#changelist-form .results").bounding_box()
    assert last is not None
    assert table is not None
    assert last["x"] + last["width"] <= table["x"] + table["width"] + 1
    assert width(page) <= 1280
    make.call(lead)
    page.goto("/admin/calls/call/")
    cost = page.get_by_role("columnheader", name="Cost").bounding_box()
    assert cost is not None
    assert cost["x"] + cost["width"] <= 1280


@pytest.mark.parametrize("listed", [True, False])
def test_importing_fits_a_phone(page: Page, listed: bool) -> None:
    campaign = make.campaign(name="Sellers")
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.goto(f"/admin/calls/campaign/{campaign.pk}/import/")
    assert width(page) <= PHONE
    name = LONG if listed else ""
    data = f"phone,name\n+13035550101,{name}\n12,{name}\n+19005550108,\n".encode()
    page.get_by_label("CSV file:").set_input_files({"name": "march.csv", "mimeType": "text/csv", "buffer": data})
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("+19005550108 is a premium-rate number, which is never called.")).to_be_visible()
    assert width(page) <= PHONE
    assert Lead.objects.get().name == name


def test_a_schedule_within_a_campaign_fits_a_phone(page: Page) -> None:
    campaign = make.campaign(name="Sellers")
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    page.get_by_role("button", name="Add another Schedule").click()
    frame = page.locator("#schedules-0").bounding_box()
    zone = page.locator("#id_schedules-0-zone").bounding_box()
    assert frame is not None
    assert zone is not None
    assert zone["x"] + zone["width"] <= frame["x"] + frame["width"]
    assert not Schedule.objects.exists()
