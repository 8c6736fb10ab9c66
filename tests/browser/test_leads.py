"""Lists, promised times and the upload as a campaign manager sees them."""

from playwright.sync_api import Page, expect

from calls.models import Lead, LeadList
from tests.calls import factories as make


def test_a_list_is_ranked_and_leads_are_moved_and_promised(page: Page) -> None:
    campaign = make.campaign(name="Sellers")
    LeadList.objects.create(campaign=campaign, name="Web form", priority=5)
    lead = make.lead(campaign, name="Dana Reed")
    page.goto("/admin/calls/lead/")
    page.get_by_role("checkbox").nth(1).check()
    page.get_by_label("Action:").select_option(label="Move selected leads to the list chosen beside")
    page.get_by_label("List:").select_option(label="Web form (Sellers)")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("1 lead is in Web form now.")).to_be_visible()
    page.goto(f"/admin/calls/lead/{lead.pk}/change/")
    page.locator("#id_commitment_at_0").fill("2001-01-01")
    page.locator("#id_commitment_at_1").fill("12:00:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("2001-01-01 12:00 UTC has passed")).to_be_visible()
    page.locator("#id_commitment_at_0").fill("2040-01-03")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    lead.refresh_from_db()
    assert lead.commitment_at is not None
    assert lead.next_attempt_at == lead.commitment_at
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    expect(page.get_by_role("link", name="1 open")).to_be_visible()
    page.locator("#id_lists-0-priority").fill("1")
    page.locator("#id_lists-0-active").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    changed = LeadList.objects.get()
    assert (changed.priority, changed.active) == (1, False)
    page.goto(f"/admin/calls/campaign/{campaign.pk}/import/")
    page.get_by_label("CSV file:").set_input_files(
        {"name": "march.csv", "mimeType": "text/csv", "buffer": b"phone\n+4930901820\n"}
    )
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("Calls to DE are not allowed.")).to_be_visible()
    assert Lead.objects.get(phone="+4930901820").list == LeadList.objects.get(name="march")
