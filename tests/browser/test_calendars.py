"""A manager sets up a calendar and looks at an appointment."""

from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from calls.domain.status import CallStatus
from calls.models import Calendar
from tests.calls import factories as make


def test_a_calendar_is_made_and_a_mistake_is_told_at_its_field(page: Page) -> None:
    page.goto("/admin/calls/calendar/add/")
    page.get_by_label("Name:").fill("Maria Lopez")
    page.get_by_label("Time zone:").fill("Denver")
    page.get_by_label("Closes at").first.fill("08:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("There is no time zone 'Denver'")).to_be_visible()
    expect(page.get_by_text("end before they start: let them close later.")).to_be_visible()
    page.get_by_label("Time zone:").fill("America/Denver")
    page.get_by_label("Closes at").first.fill("17:00")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/calls/calendar/")
    expect(page.get_by_text("Mon to Fri 09:00 to 17:00")).to_be_visible()
    assert Calendar.objects.get().zone == "America/Denver"


def test_an_appointment_shows_both_zones_and_gives_its_invitation(page: Page) -> None:
    calendar = make.calendar(name="Maria Lopez", zone="America/New_York")
    call = make.call(make.lead(make.campaign(calendar=calendar)), CallStatus.DONE)
    made = make.appointment(call, datetime(2026, 11, 11, 17, tzinfo=UTC), confirmed=False)
    page.goto("/admin/calls/appointment/")
    expect(page.get_by_text("Wed 12:00 in America/New_York, Maria Lopez")).to_be_visible()
    page.goto(f"/admin/calls/appointment/{made.pk}/change/")
    link = page.get_by_role("link", name="Download the invitation").get_attribute("href")
    assert link is not None
    assert f"UID:{made.uid}" in page.request.get(link).text()
