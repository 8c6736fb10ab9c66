"""Calendars and appointments in the admin: rules with each mistake at its field, tasks, calling off, invitations."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from calls.domain.status import CallStatus
from calls.models import Appointment, Calendar, Campaign, Reservation
from calls.services import booking
from tests.calls import factories as make

URL, BOOKED = "/admin/calls/calendar/", "/admin/calls/appointment/"
TEN = datetime(2026, 11, 11, 17, tzinfo=UTC)


def form(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "name": "Maria Lopez", "email": "maria@example.com", "place": "", "zone": "America/Denver", "minutes": 45,
        "every_min": 30, "before_min": 15, "after_min": 15, "notice_min": 60, "horizon_days": 14, "most_per_day": "",
        "days_off": "2026-12-24, 2026-12-25", "hours-TOTAL_FORMS": 1, "hours-INITIAL_FORMS": 0,
        "hours-0-weekdays": ["0", "2"], "hours-0-opens_at": "09:00", "hours-0-closes_at": "17:00",
    }  # fmt: skip
    return {**usual, **changes}


def errors(client: Client, **changes: object) -> dict[str, Any]:
    page = client.post(f"{URL}add/", form(**changes))
    assert page.status_code == 200
    assert not Calendar.objects.exists()
    formset = page.context["inline_admin_formsets"][0].formset
    told = {name: list(texts) for name, texts in page.context["adminform"].form.errors.items()}
    rows = {name: list(texts) for row in formset.errors for name, texts in row.items()}
    return {**told, **rows, **({"week": list(formset.non_form_errors())} if formset.non_form_errors() else {})}


def test_a_calendar_is_made_and_a_campaign_uses_it(as_manager: Client, campaign: Campaign) -> None:
    assert "There is no calendar yet." in as_manager.get(URL).content.decode()
    assert as_manager.post(f"{URL}add/", form()).status_code == 302
    made = Calendar.objects.get()
    [hours] = made.hours.all()
    assert (made.minutes, made.every_min, made.before_min, made.notice_min, made.zone) == (
        *(45, 30, 15, 60),
        "America/Denver",
    )
    assert (hours.weekdays, hours.opens_at.hour, hours.closes_at.hour) == ([0, 2], 9, 17)
    assert "Mon, Wed 09:00 to 17:00" in as_manager.get(URL).content.decode()
    page = as_manager.get(f"/admin/calls/campaign/{campaign.pk}/change/").content.decode()
    assert f'<option value="{made.pk}">Maria Lopez</option>' in page


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"zone": "Mars/Olympus"},
            {"zone": ["There is no time zone 'Mars/Olympus': enter an IANA name such as America/Denver."]},
        ),
        (
            {"hours-0-closes_at": "08:00"},
            {"closes_at": ["The hours 09:00 to 08:00 end before they start: let them close later."]},
        ),
        (
            {"hours-0-closes_at": "09:30"},
            {"week": ["No hour is left for an appointment of 45 minutes: add a day with hours at least that long."]},
        ),
        (
            {"hours-TOTAL_FORMS": 0},
            {"week": ["No hour is left for an appointment of 45 minutes: add a day with hours at least that long."]},
        ),
        (
            {"notice_min": 20160},
            {
                "notice_min": [
                    "A notice of 20160 minutes leaves nothing of 14 days: make it shorter, or look further ahead."
                ]
            },
        ),
        ({"days_off": "Christmas"}, {"days_off": ["'Christmas' is no date: write days as 2026-12-24, 2026-12-31."]}),
        ({"minutes": 1}, {"minutes": ["Ensure this value is greater than or equal to 5."]}),
    ],
)
def test_a_mistake_is_told_at_its_field(
    as_manager: Client, changes: dict[str, object], told: dict[str, object]
) -> None:
    assert errors(as_manager, **changes) == told


@pytest.fixture
def appointment(db: None) -> Appointment:
    calendar = make.calendar(name="Maria Lopez", zone="America/New_York", email="maria@example.com")
    lead = make.lead(make.campaign(calendar=calendar), email="dana@example.com", address="12 Maple St")
    return make.appointment(make.call(lead, CallStatus.DONE, summary="Owes the bank."), TEN, confirmed=False)


def test_an_appointment_is_shown_in_both_zones_with_what_is_to_do(
    as_manager: Client, appointment: Appointment
) -> None:
    for page in (BOOKED, f"{BOOKED}{appointment.pk}/change/"):
        text = as_manager.get(page).content.decode()
        assert "Wed 10:00 in America/Denver" in text
        assert "Wed 12:00 in America/New_York, Maria Lopez" in text
        assert "The lead was told that a colleague will confirm the time" in text
    assert "Dana Reed" in as_manager.get(f"{BOOKED}?task=open").content.decode()


def test_a_task_is_done(as_manager: Client, appointment: Appointment) -> None:
    chosen = {"action": "mark_done", "_selected_action": [appointment.pk]}
    page = as_manager.post(BOOKED, chosen, follow=True).content.decode()
    assert "1 appointment has nothing left to do." in page
    assert not Appointment.objects.exclude(task="").exists()
    assert "Dana Reed" not in as_manager.get(f"{BOOKED}?task=open").content.decode()


def test_an_appointment_is_called_off(as_manager: Client, appointment: Appointment) -> None:
    chosen = {"action": "cancel_selected", "_selected_action": [appointment.pk]}
    page = as_manager.post(BOOKED, chosen, follow=True).content.decode()
    assert "1 appointment is called off. The lead is not told: call them." in page
    appointment.refresh_from_db()
    assert (appointment.status, Reservation.objects.exists()) == ("canceled", False)
    text = as_manager.get(f"{BOOKED}{appointment.pk}/invitation.ics").content.decode()
    assert "METHOD:CANCEL" in text


def test_the_invitation_is_for_the_lead(as_manager: Client, appointment: Appointment) -> None:
    answer = as_manager.get(f"{BOOKED}{appointment.pk}/invitation.ics")
    assert answer["Content-Type"] == "text/calendar; method=REQUEST; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="appointment-{appointment.pk}.ics"'
    text = answer.content.decode().replace("\r\n ", "")
    assert f"UID:{appointment.uid}@reautomation" in text
    assert "SUMMARY:Appointment with Summit Realty" in text
    assert "mailto:dana@example.com" in text
    assert "Owes the bank" not in text  # what was noted is not for the lead
    assert as_manager.get(f"{BOOKED}0/invitation.ics").status_code == 404


def test_who_may_not_see_appointments_gets_no_invitation(client: Client, appointment: Appointment) -> None:
    assert client.get(f"{BOOKED}{appointment.pk}/invitation.ics").status_code == 302
    from django.contrib.auth.models import User

    client.force_login(User.objects.create_user("sam", is_staff=True))
    assert client.get(f"{BOOKED}{appointment.pk}/invitation.ics").status_code == 403


def test_what_is_to_be_confirmed_is_seen_everywhere(as_manager: Client) -> None:
    campaign = make.campaign(calendar=make.calendar())
    calls = [make.call(make.lead(campaign), CallStatus.DONE) for _ in range(2)]
    open_, done = (make.appointment(one, TEN.replace(hour=17 + n), confirmed=bool(n)) for n, one in enumerate(calls))

    def page(url: str) -> str:
        return as_manager.get(url).content.decode()

    to_do = f'2, <a href="{BOOKED}?campaign__id__exact={campaign.pk}&amp;task=open" class="tone-bad">1 to do</a>'
    assert to_do in page(f"/admin/calls/campaign/{campaign.pk}/change/").replace("&task", "&amp;task")
    assert booking.TO_CONFIRM in page(f"/admin/calls/call/{calls[0].pk}/change/")
    assert booking.TO_CONFIRM not in page(f"/admin/calls/call/{calls[1].pk}/change/")
    listed = page(f"{BOOKED}?campaign__id__exact={campaign.pk}&task=open")
    assert f"{BOOKED}{open_.pk}/change/" in listed
    assert f"{BOOKED}{done.pk}/change/" not in listed
    assert "as tentative until it is confirmed" in page(f"{BOOKED}{open_.pk}/change/")
    assert "to send it to the lead" in page(f"{BOOKED}{done.pk}/change/")
    booking.done(open_, by="mia", now=TEN)
    assert "to do</a>" not in page(f"/admin/calls/campaign/{campaign.pk}/change/")


def test_a_calendar_that_turned_away_is_seen_in_the_list(as_manager: Client) -> None:
    make.calendar(linked=True, busy_read_at=TEN, away=True)
    assert "read 2026-11-11 17:00 UTC, away since" in as_manager.get(URL).content.decode()
