"""What came of a call, as a manager reads it: on a wide page and on a phone, with an analysis and without."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from calls.domain.status import CallStatus
from calls.services import analysing, doorbell
from tests.browser.test_widths import PHONE, width
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.talks import held


def test_read_what_came_of_a_call(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "analyse", lambda _: True)
    lead = make.lead(make.campaign(agent_name="Ava"), interest="sell", address="12 Elm St, Denver, CO")
    call, _ = held(lead, "yes", "got a new job", "rates are too high", "How big is the yard next door?", at=NOW)
    analysing.analyse(call.pk, now=NOW + timedelta(minutes=1))
    page.goto("/admin/calls/call/?failed_check=questions_answered")
    page.get_by_role("link", name="2026-11-10 19:00").click()
    block = page.get_by_role("region", name="Analysis")
    expect(block.get_by_text("Next step", exact=True)).to_be_visible()
    expect(block.locator(".facts q", has_text="got a new job")).to_be_visible()
    block.get_by_role("row", name="motivation").get_by_role("link", name="turn 4").click()
    expect(page.locator("#turn-4 .said")).to_have_css("outline-style", "solid")
    assert page.url.endswith("#turn-4")
    assert width(page) <= 1280
    page.set_viewport_size({"width": PHONE, "height": 844})
    assert width(page) <= PHONE
    page.goto(f"/admin/calls/lead/{lead.pk}/change/")
    expect(page.locator(".known").get_by_text("interested")).to_be_visible()


def test_a_call_that_nobody_answered(page: Page) -> None:
    call = make.call(make.lead(), CallStatus.DONE, disposition="no_answer", ended_at=NOW)
    page.goto(f"/admin/calls/call/{call.pk}/change/")
    expect(page.get_by_role("region", name="Analysis").get_by_text("nothing to analyse")).to_be_visible()
