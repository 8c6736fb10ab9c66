"""The page of a calendar elsewhere: what is typed is checked, the password is sealed, the connection is tried."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from calls.models import Calendar
from integrations import secrets
from integrations.models import CalendarLink
from tests.calls import factories as make
from tests.integrations.calendars.calcom import KEY, NUMBER, CalCom
from tests.integrations.calendars.conftest import PASSWORD, USER
from tests.integrations.calendars.server import serving

URL = "/admin/integrations/calendarlink/"


@pytest.fixture
def calendar(db: None) -> Calendar:
    return make.calendar(name="Maria Lopez", email="maria@example.com")


def form(calendar: Calendar, **changes: object) -> dict[str, object]:
    usual = {"calendar": calendar.pk, "kind": "caldav", "address": "https://dav.example.com/maria/", "active": "on"}
    return {**usual, "username": USER, "secret": PASSWORD, **changes}


def test_a_password_is_kept_sealed_and_not_shown(admin_client: Client, calendar: Calendar) -> None:
    assert admin_client.post(f"{URL}add/", form(calendar)).status_code == 302
    link = CalendarLink.objects.get()
    assert PASSWORD not in link.sealed
    assert secrets.opened(link.sealed) == PASSWORD
    calendar.refresh_from_db()
    assert (calendar.linked, calendar.busy_read_at) == (True, None)
    page = admin_client.get(f"{URL}{link.pk}/change/").content.decode()
    assert PASSWORD not in page
    assert link.sealed not in page
    assert admin_client.post(f"{URL}{link.pk}/change/", form(calendar, secret="", active="")).status_code == 302
    link.refresh_from_db()
    calendar.refresh_from_db()
    assert (secrets.opened(link.sealed), link.active, calendar.linked) == (PASSWORD, False, False)
    assert admin_client.get(f"{URL}{link.pk}/delete/").status_code == 403


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"secret": ""}, {"secret": ["Without a password or key the calendar does not open: enter it."]}),
        ({"username": ""}, {"username": ["A CalDAV server asks for a user name: enter it."]}),
        (
            {"address": "maria"},
            {"address": ["This is not an http:// or https:// address: enter one such as https://example.com/hooks."]},
        ),
        ({"kind": "google", "address": "maria@example.com", "username": ""}, {}),
        ({"kind": "calcom", "address": "https://api.cal.com/v2/event-types/123", "username": ""}, {}),
        (
            {"kind": "calcom", "address": "https://app.cal.com/event-types/123"},
            {
                "address": [
                    "This is no event type in the API of Cal.com: enter it as "
                    "https://api.cal.com/v2/event-types/123, with the number that stands in the address of the event "
                    "type's page in Cal.com, and the API of your own server where you have one."
                ]
            },
        ),
        (
            {"kind": "calcom", "address": "ftp://api.cal.com/v2/event-types/123"},
            {"address": ["This is not an http:// or https:// address: enter one such as https://example.com/hooks."]},
        ),
    ],
)
def test_what_is_missing_is_named(
    admin_client: Client, calendar: Calendar, changes: dict[str, object], told: dict[str, object]
) -> None:
    answer = admin_client.post(f"{URL}add/", form(calendar, **changes))
    assert answer.status_code == (200 if told else 302)
    if told:
        assert answer.context["adminform"].form.errors == told
    assert CalendarLink.objects.exists() is not bool(told)


def test_the_connection_is_tried(admin_client: Client, calendar: Calendar, remote: str) -> None:
    good = CalendarLink.objects.create(
        calendar=calendar, address=remote, username=USER, sealed=secrets.seal(PASSWORD)
    )
    other = make.calendar(name="Sam Reed")
    bad = CalendarLink.objects.create(calendar=other, address=remote, username=USER, sealed=secrets.seal("wrong"))
    chosen = {"action": "check_connection", "_selected_action": [good.pk, bad.pk]}
    answer = admin_client.post(URL, chosen)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        "Maria Lopez: the calendar answers and may be read and written.",
        "Sam Reed: 127.0.0.1 refuses the sign-in (HTTP 401): check the user name, the password and who may write "
        "there.",
    ]
    assert "not yet" in admin_client.get(URL).content.decode()


def test_cal_com_needs_an_address_to_write_to(admin_client: Client) -> None:
    nobody = make.calendar(name="Sam Reed")
    typed = form(nobody, kind="calcom", address="https://api.cal.com/v2/event-types/123")
    answer = admin_client.post(f"{URL}add/", typed)
    assert answer.context["adminform"].form.errors == {
        "calendar": [
            "Cal.com books for somebody with an e-mail address, to which it writes: enter the e-mail of the "
            "calendar, on the page of the calendar itself."
        ]
    }
    assert not CalendarLink.objects.exists()


def test_a_connection_with_cal_com_is_tried(admin_client: Client, calendar: Calendar) -> None:
    calcom = CalCom([])
    with serving(calcom) as server:
        link = CalendarLink.objects.create(
            calendar=calendar,
            kind="calcom",
            address=f"{server}/v2/event-types/{NUMBER}",
            sealed=secrets.seal(KEY),
        )
        said = []
        for every in (30, 45):
            calcom.settings = {"slotInterval": every}
            answer = admin_client.post(URL, {"action": "check_connection", "_selected_action": [link.pk]})
            said.append([str(message) for message in get_messages(answer.wsgi_request)][-1])
    assert said == [
        "Maria Lopez: the calendar answers and may be read and written.",
        "Maria Lopez: The event type 123 of 127.0.0.1 begins every 45 minutes, and an appointment of the calendar "
        "every 60: let the calendar's begin every 45, or a multiple of it.",
    ]
    assert KEY not in link.sealed


@pytest.mark.parametrize(
    "changes",
    [{"address": "https://elsewhere.example.com/maria/"}, {"kind": "google", "address": "maria@example.com"}],
)
def test_a_password_goes_to_the_address_alone_for_which_it_was_entered(
    admin_client: Client, calendar: Calendar, changes: dict[str, object]
) -> None:
    admin_client.post(f"{URL}add/", form(calendar))
    link = CalendarLink.objects.get()
    answer = admin_client.post(f"{URL}{link.pk}/change/", form(calendar, secret="", **changes))
    told = ["The one that is there was entered for another address: enter it again."]
    assert answer.context["adminform"].form.errors == {"secret": told}
    assert CalendarLink.objects.get().address == link.address
    answer = admin_client.post(f"{URL}{link.pk}/change/", form(calendar, secret="another", **changes))
    assert answer.status_code == 302
    changed = CalendarLink.objects.get()
    assert (changed.address, secrets.opened(changed.sealed)) == (changes["address"], "another")


def test_it_stays_with_the_calendar_for_which_it_was_made(admin_client: Client, calendar: Calendar) -> None:
    """The other would be asked about appointments that it never had, and this one never be read again."""
    admin_client.post(f"{URL}add/", form(calendar))
    link, other = CalendarLink.objects.get(), make.calendar(name="Sam Reed")
    assert admin_client.post(f"{URL}{link.pk}/change/", form(other, secret="")).status_code == 302
    link.refresh_from_db()
    other.refresh_from_db()
    assert (link.calendar, other.linked) == (calendar, False)
