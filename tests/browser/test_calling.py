"""When a campaign calls, in a real browser: windows, dates and schedules on its page."""

from pathlib import Path

from playwright.sync_api import Page, expect

from calls.models import Campaign, Schedule
from tests.calls.admin import world


def test_windows_dates_and_a_schedule(page: Page, tmp_path: Path) -> None:
    campaign = world.campaign()
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    page.locator("#id_starts_on").fill("2099-01-04")
    page.locator("#id_ends_on").fill("2099-02-26")
    page.locator("#id_closed_on").fill("2099-01-19; 2099-02-16")
    page.get_by_role("button", name="Add another Calling window").click()
    second = page.locator("#windows-1")
    second.get_by_label("Sun").uncheck()
    second.get_by_label("Opens at").fill("02:00")
    second.get_by_label("Closes at").fill("04:00")
    page.get_by_role("button", name="Add another Schedule").click()
    row = page.locator("#schedules-0")
    row.locator("#id_schedules-0-action").select_option("pause")
    row.locator("#id_schedules-0-at").fill("17:30")
    row.locator("#id_schedules-0-zone").fill("Mars/Olympus")
    page.screenshot(path=tmp_path / "typed.png", full_page=True)
    page.get_by_role("button", name="Save", exact=True).click()
    errors = page.locator(".errorlist")
    expect(errors.filter(has_text="No state or country allows calls then")).to_have_count(1)
    expect(errors.filter(has_text="Mars/Olympus is no IANA time zone")).to_have_count(1)
    expect(errors.filter(has_text="Choose at least one day of the week.")).to_have_count(1)
    page.screenshot(path=tmp_path / "wrong.png", full_page=True)

    second.get_by_label("Opens at").fill("18:00")
    second.get_by_label("Closes at").fill("19:30")
    row.get_by_label("Fri").check()
    row.locator("#id_schedules-0-zone").fill("America/Denver")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    page.screenshot(path=tmp_path / "saved.png", full_page=True)
    campaign.refresh_from_db()
    assert (str(campaign.starts_on), str(campaign.ends_on)) == ("2099-01-04", "2099-02-26")
    assert [str(day) for day in campaign.closed_on] == ["2099-01-19", "2099-02-16"]
    assert [str(window) for window in campaign.windows.all()] == ["08:00 to 21:00", "18:00 to 19:30"]
    made = Schedule.objects.get()
    assert (made.action, str(made.at), made.weekdays, made.zone) == ("pause", "17:30:00", [4], "America/Denver")
    assert made.task is not None


def test_a_new_campaign_is_offered_the_usual_window(page: Page, tmp_path: Path) -> None:
    budget = world.campaign().budget
    page.goto("/admin/calls/campaign/add/")
    page.locator("#id_name").fill("Spring")
    page.locator("#id_budget").select_option(str(budget.pk))
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    window = page.locator("#windows-0").bounding_box()
    assert window is not None
    assert window["x"] + window["width"] <= 390
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    made = Campaign.objects.get(name="Spring").windows.get()
    assert (made.weekdays, str(made)) == ([0, 1, 2, 3, 4, 5, 6], "08:00 to 21:00")
