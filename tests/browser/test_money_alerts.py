"""A manager sees that a budget is almost spent, looks at the alert, acknowledges it and lets dialing go on."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.models import AlertRule, Budget
from billing.services import alerts
from tests.billing.money import budget, spend


@pytest.fixture
def november(manager: User) -> Budget:
    """Almost spent, watched, and its dialing stopped."""
    manager.is_superuser = True
    manager.save()
    AlertRule.objects.filter(kind="call_cost").delete()
    almost, half = budget("November", limit="10"), budget("Open houses", day_limit="20")
    spend("9.85", almost, at=timezone.now())
    spend("16", half, at=timezone.now())
    alerts.watch(timezone.now(), {})
    return almost


def test_an_emergency_is_seen_acknowledged_and_resumed(page: Page, november: Budget, tmp_path: Path) -> None:
    page.goto("/admin/calls/campaign/")
    banner = page.locator(".money-alerts li")
    expect(banner).to_have_count(1)
    expect(banner).to_contain_text(
        "98.5 % of what budget 'November' may spend in all is spent: 9.85 USD of 10.00 USD."
    )
    page.screenshot(path=tmp_path / "banner.png")
    banner.get_by_role("link", name="See the alert").click()
    page.screenshot(path=tmp_path / "alert.png")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".messagelist")).to_have_text("1 alert acknowledged.")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)

    page.goto("/admin/billing/alert/")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    expect(page.locator("#result_list .badge").first).to_be_visible()
    page.screenshot(path=tmp_path / "alerts.png")
    page.goto("/admin/billing/alertrule/")
    page.screenshot(path=tmp_path / "rules.png")

    page.goto(f"/admin/billing/budget/{november.pk}/change/")
    page.screenshot(path=tmp_path / "budget.png", full_page=True)
    page.get_by_role("button", name="Resume dialing").click()
    expect(page.locator(".messagelist")).to_have_text("Dialing on November goes on.")
    november.refresh_from_db()
    assert november.stopped_at is None

    page.get_by_label("Reason of the stop").fill("the list is wrong")
    page.get_by_role("button", name="Stop dialing").click()
    expect(page.locator(".messagelist")).to_contain_text("Dialing on November is stopped")
    november.refresh_from_db()
    assert (november.stopped_reason, november.limit) == ("mia stopped it: the list is wrong", Decimal(10))


def test_a_rule_of_a_budgets_own_is_added_on_its_page(page: Page, november: Budget, tmp_path: Path) -> None:
    page.goto(f"/admin/billing/budget/{november.pk}/change/")
    page.get_by_role("button", name="Add another Alert rule of its own").click()
    page.locator("#id_alert_rules-0-kind").select_option("share")
    page.locator("#id_alert_rules-0-level").select_option("warning")
    page.locator("#id_alert_rules-0-threshold").fill("80")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist").first).to_contain_text("enter 0.8 for 80 %")
    page.screenshot(path=tmp_path / "refused.png", full_page=True)
    page.locator("#id_alert_rules-0-threshold").fill("0.8")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_have_count(1)
    assert november.alert_rules.get().threshold == Decimal("0.8")
