"""How a conversation worked, as a campaign manager finds it: from the list to the bars on the call's page."""

from playwright.sync_api import Page, expect

from agents.domain.types import ModelUse
from tests.calls.admin import world

USE = ModelUse("llama3.1:8b", "3", "1f2e3d4c" * 8, 812, 40, dropped="deadline")


def test_from_the_list_of_traces_to_a_calls_steps(page: Page) -> None:
    calls = world.calls(world.leads(world.campaign(), 2))
    world.worked(calls[0], replies=12)
    world.worked(calls[1], replies=3, use=USE, agent="objection_handler")
    page.goto("/admin/calls/workflowtrace/")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.get_by_role("link", name="deadline").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text("llama3.1:8b")
    page.locator("#result_list .field-when a").click()
    steps = page.locator("details.steps")
    expect(steps.locator("summary")).to_have_text("How the agent worked: 15 steps, 1.9 s in all")
    expect(steps.locator("tbody tr")).to_have_count(3)
    expect(steps.locator("tbody tr").first).to_be_visible()  # the link has opened it
    expect(steps.locator("rect.dropped")).to_have_count(3)
    page.goto(f"/admin/calls/call/{calls[0].pk}/change/")
    expect(steps.locator("tbody tr").first).not_to_be_visible()
    steps.locator("summary").click()
    expect(steps.locator("tbody tr")).to_have_count(12)
    expect(steps.locator("rect").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
