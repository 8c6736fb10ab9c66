"""Money in a real browser: a budget's page and limits, a call's cost as it grows, and what is to be reviewed."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.domain.types import Disposition
from billing.models import Budget, Review
from billing.services import carrier_price, ledger, meter
from calls.domain.status import CallStatus
from calls.models import Call
from calls.services.finishing import finish
from tests.calls import factories as make
from tests.calls.fakes import report


@pytest.fixture
def chief(page: Page, manager: User) -> Page:
    """The manager's page, who may change everything."""
    manager.is_superuser = True
    manager.save()
    return page


def finished(of: Budget, **fields: Any) -> Call:
    """A call of 61 s from that budget and the company's, just over."""
    now = timezone.now()
    call = make.call(
        make.lead(make.campaign(budget=of)),
        CallStatus.LIVE,
        at=now - timedelta(seconds=70),
        answered_at=now - timedelta(seconds=61),
        **fields,
    )
    finish(call.pk, report(Disposition.QUALIFIED, answered_at=call.answered_at, ended_at=now), now=now)
    return call


def overflows(page: Page, selector: str) -> bool:
    """Whether something is wider than the page's content."""
    return bool(
        page.evaluate("s => [...document.querySelectorAll(s)].some(e => e.scrollWidth > e.clientWidth + 1)", selector)
    )


def test_a_budgets_page_and_its_limits(chief: Page) -> None:
    budget = make.budget(name="Autumn", limit="50")
    finished(budget)
    ledger.hold(UUID(int=1), [budget.pk], Decimal("1.2"), currency="USD", at=timezone.now())
    Budget.objects.create(
        name="Company", scope="company", limit=Decimal(500), day_limit=Decimal("0.5"), zone="America/Denver"
    )
    chief.goto("/admin/billing/budget/")
    expect(chief.locator("#result_list tbody tr")).to_have_count(2)
    expect(chief.locator("#result_list")).to_contain_text("48.75 USD free")
    assert not overflows(chief, ".results")

    chief.get_by_role("link", name="Autumn").click()
    expect(chief.get_by_label("Periods").locator("tbody tr")).to_have_count(4)
    expect(chief.get_by_label("Ledger")).to_contain_text("0.04873 USD")
    assert not overflows(chief, "#content-main")
    chief.get_by_label("A day:").fill("1")
    chief.get_by_role("button", name="Save", exact=True).click()
    expect(chief.locator(".errorlist")).to_have_text(
        "1.00 USD is less than the 0.04873 USD spent and 1.20 USD held today: enter at least 1.24873 USD, or wait "
        "for calls to settle."
    )
    chief.get_by_label("A day:").fill("2.5")
    chief.get_by_label("A day:").press("Enter")  # saves: it must not press the button that stops dialing
    expect(chief.locator(".messagelist")).to_contain_text("was changed successfully")
    budget.refresh_from_db()
    assert (budget.day_limit, budget.stopped_at) == (Decimal("2.5"), None)
    chief.get_by_role("link", name="Autumn").first.click()
    expect(chief.get_by_label("Periods").locator("tbody tr").first).to_contain_text("2.50")
    chief.get_by_role("button", name="Stop dialing").click()
    expect(chief.locator(".stopped")).to_contain_text("Dialing is stopped")


def test_the_cost_of_a_live_call_grows_without_reloading(page: Page) -> None:
    now = timezone.now()
    call = make.call(
        status=CallStatus.LIVE,
        at=now - timedelta(seconds=20),
        answered_at=now - timedelta(seconds=10),
        tier="premium",
        tier_reasons=["The lead is worth it."],
    )
    page.goto(f"/admin/calls/call/{call.pk}/change/")
    shown = page.locator("[data-cost-url]")
    expect(shown).to_have_text("$0.0285")
    page.evaluate("document.title = 'the same page'")
    meter.record(
        call.pk, [meter.Measured("elevenlabs.flash_v2_5", "char", Decimal(900), 1)], reporter="claim 1", at=now
    )
    expect(shown).to_have_text("$0.0735", timeout=4_000)
    assert page.title() == "the same page"


def test_a_finished_calls_bill_with_the_carriers_price(page: Page) -> None:
    call = finished(make.budget(name="Autumn"))
    carrier_price.apply(call.pk, Decimal("0.014"), "USD", at=timezone.now())
    page.goto(f"/admin/calls/call/{call.pk}/change/")
    cost = page.get_by_label("Cost")
    expect(cost.locator(".bill tbody tr").first).to_be_visible()
    expect(cost).to_contain_text("−0.014 USD against the rate card")
    assert not overflows(page, ".call-side section, #content-main")
    expect(page.locator("[data-cost-url]")).to_have_count(0)


def test_why_nothing_is_dialed_is_on_the_campaigns_page(page: Page) -> None:
    campaign = make.campaign(budget=make.budget(limit="0.05", name="Autumn"), name="Sellers")
    make.lead(campaign)
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    expect(page.locator(".not-payable")).to_have_text(
        "Nothing is dialed: Budget 'Autumn' cannot hold 0.12969 USD more: raise its limit or wait for calls to "
        "settle."
    )
    page.get_by_role("link", name="$0.0500 free").click()
    expect(page).to_have_url(re.compile("/admin/billing/budget/"))


def test_money_is_reviewed(chief: Page) -> None:
    call = finished(make.budget(name="Autumn", limit="9"))
    carrier_price.apply(call.pk, Decimal("2.8"), "USD", at=timezone.now())
    chief.goto("/admin/")
    chief.get_by_role("link", name="Money to review").click()
    assert not overflows(chief, ".results")
    chief.locator("input.action-select").check()
    chief.locator("select[name=action]").select_option("accept_selected")
    chief.get_by_role("button", name="Run").or_(chief.get_by_role("button", name="Go")).click()
    expect(chief.locator(".messagelist")).to_contain_text("the charge changed by 3.0492 USD.")
    expect(chief.locator(".empty")).to_contain_text("There is nothing to review")
    assert Review.objects.get().decided_by == "mia"
    assert Call.objects.get().cost == Decimal("3.09793")
