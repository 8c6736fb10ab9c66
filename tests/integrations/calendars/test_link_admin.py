"""The page of a calendar elsewhere: what is typed is checked, the password is sealed, the connection is tried."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from calls.models import Calendar
from integrations import secrets
from integrations.models import CalendarLink
from tests.calls import factories as make
from tests.integrations.calendars.conftest import PASSWORD, USER

URL = "/admin/integrations/calendarlink/"


@pytest.fixture
def calendar(db: None) -> Calendar:
    return make.calendar(name="Maria Lopez")


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
