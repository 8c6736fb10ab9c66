"""Caller IDs in the admin: adding many, what their list and page tell, the buttons, and who may press them."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.admin import caller_id as page
from calls.domain.status import CallStatus
from calls.models import CallerId, Campaign
from tests.calls import factories
from tests.calls.fakes import FakeDialer

LIST, ADD = reverse("admin:calls_callerid_changelist"), reverse("admin:calls_callerid_add")
DENVER, NEW_YORK = "+13035550150", "+12125550150"
STRANGE = f"{NEW_YORK} is not a number of this carrier account: buy or verify it there first, or remove it here."


@pytest.fixture(autouse=True)
def carrier(monkeypatch: pytest.MonkeyPatch) -> FakeDialer:
    dialer = FakeDialer()
    monkeypatch.setattr(page, "dialer", lambda: dialer)
    return dialer


def one(number: str = DENVER, **fields: object) -> CallerId:
    return CallerId.objects.create(number=number, **fields)


def text(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def act(client: Client, what: CallerId, name: str) -> str:
    url = reverse("admin:calls_callerid_act", args=[what.pk, name])
    return client.post(url, follow=True).content.decode()


def test_an_empty_list_says_which_number_leads_see(as_manager: Client) -> None:
    assert "There is no caller ID yet: leads see TWILIO_FROM_NUMBER" in text(as_manager, LIST)


def test_many_numbers_are_added_by_lines_with_labels(as_manager: Client, carrier: FakeDialer) -> None:
    one(DENVER, label="as it was")
    lines = "303-555-0150\n\n(719) 555-0150, Springs office\n+1 212 555 0150\n"
    answer = as_manager.post(ADD, {"numbers": lines, "daily_cap": 40}, follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    assert list(CallerId.objects.values_list("number", "label", "daily_cap")) == [
        (NEW_YORK, "", 40),
        (DENVER, "as it was", 100),
        ("+17195550150", "Springs office", 40),
    ]
    assert CallerId.objects.filter(owned_at__isnull=True).get().number == DENVER
    assert "2 caller IDs were added." in answer.content.decode()
    assert f"{DENVER}: there already, not changed." in answer.content.decode()
    assert LogEntry.objects.count() == 2
    assert carrier.asked == [("owns", "+17195550150"), ("owns", NEW_YORK)]


def test_a_number_of_another_account_and_what_is_no_number_are_not_added(
    as_manager: Client, carrier: FakeDialer
) -> None:
    carrier.owned = False
    answer = as_manager.post(ADD, {"numbers": f"{NEW_YORK}\nhello", "daily_cap": 40})
    assert STRANGE in answer.content.decode()
    assert "&#x27;hello&#x27; is not a phone number" in answer.content.decode()
    assert not CallerId.objects.exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"numbers": " ", "daily_cap": 5}, "Write at least one number."),
        ({"numbers": DENVER, "daily_cap": 0}, "Allow at least one call a day, or deactivate the number."),
    ],
)
def test_an_empty_form_and_a_cap_of_nothing_say_what_to_write(
    as_manager: Client, typed: dict[str, object], sentence: str
) -> None:
    assert sentence in as_manager.post(ADD, typed).content.decode()
    assert not CallerId.objects.exists()


def test_a_silent_carrier_is_asked_once_and_the_numbers_are_added_with_a_warning(
    as_manager: Client, carrier: FakeDialer
) -> None:
    carrier.owned = None
    answer = as_manager.post(ADD, {"numbers": f"{NEW_YORK}\n{DENVER}", "daily_cap": 40}, follow=True)
    assert CallerId.objects.filter(owned_at__isnull=True).count() == 2
    assert answer.content.decode().count("The carrier did not answer: whether") == 2
    assert len(carrier.asked) == 1


def test_the_list_tells_todays_calls_the_answers_and_the_state(as_manager: Client) -> None:
    one(DENVER, daily_cap=1, label="Denver office")
    one(NEW_YORK, active=False, inactive_why="Not verified.")
    later = timezone.now() + timedelta(hours=3)
    resting = one("+17195550150", rests_until=later, rests_why="2 of its last 60 calls were answered")
    at = timezone.now()
    factories.call(
        factories.lead(), CallStatus.DONE, from_number=DENVER, at=at, answered_at=at, disposition="qualified"
    )
    html = text(as_manager, LIST)
    for shown in (
        "0 of 100",
        "1 of 1",
        ">CO<",
        ">NY<",
        "Denver office",
        "in use",
        "inactive",
    ):
        assert shown in html
    assert f"until {later:%Y-%m-%d %H:%M} UTC" in html
    html = text(as_manager, reverse("admin:calls_callerid_change", args=[resting.pk]))
    assert f"Until {later:%Y-%m-%d %H:%M} UTC. 2 of its last 60 calls were answered." in html
    closed = CallerId.objects.get(active=False)
    assert "Not verified." in text(as_manager, reverse("admin:calls_callerid_change", args=[closed.pk]))


def test_the_page_tells_the_campaigns_and_changes_label_and_cap_alone(as_manager: Client, campaign: Campaign) -> None:
    number = one()
    url = reverse("admin:calls_callerid_change", args=[number.pk])
    assert "Campaigns that have chosen none." in text(as_manager, url)
    campaign.caller_ids.add(number)
    assert f">{campaign.name}</a>" in text(as_manager, url)
    as_manager.post(url, {"label": "Office", "daily_cap": "60", "active": "", "number": NEW_YORK})
    number.refresh_from_db()
    assert (number.number, number.label, number.daily_cap, number.active) == (DENVER, "Office", 60, True)


def test_deactivate_and_activate(as_manager: Client, carrier: FakeDialer) -> None:
    number = one(NEW_YORK)
    assert f"{NEW_YORK} is not used any more." in act(as_manager, number, "deactivate")
    number.refresh_from_db()
    assert (number.active, number.inactive_why) == (False, "Deactivated by mia.")
    carrier.owned = False
    assert STRANGE in act(as_manager, number, "activate")
    number.refresh_from_db()
    assert number.active is False
    carrier.owned = None
    html = act(as_manager, number, "activate")
    assert f"{NEW_YORK} is used from now on." in html
    assert "The carrier did not answer: whether" in html
    number.refresh_from_db()
    assert (number.active, number.inactive_why) == (True, "")


def test_ending_a_rest(as_manager: Client) -> None:
    number = one(rests_until=timezone.now() + timedelta(hours=3), rests_why="2 of 60")
    url = reverse("admin:calls_callerid_change", args=[number.pk])
    assert "End rest" in text(as_manager, url)
    assert "is used again, and judged by its calls from now on." in act(as_manager, number, "end_rest")
    number.refresh_from_db()
    assert number.rests_until is not None
    assert number.rests_until <= timezone.now()
    assert "End rest" not in text(as_manager, url)
    assert LogEntry.objects.get().get_change_message() == "Rest ended."


def test_the_actions_of_the_list_do_the_same_for_many(as_manager: Client) -> None:
    chosen = [one(DENVER).pk, one(NEW_YORK).pk]
    as_manager.post(LIST, {"action": "deactivate", "_selected_action": chosen})
    assert not CallerId.objects.filter(active=True).exists()


def test_only_those_with_the_right_and_only_by_post(client: Client, as_manager: Client, carrier: FakeDialer) -> None:
    number = one()
    url = reverse("admin:calls_callerid_act", args=[number.pk, "deactivate"])
    assert as_manager.get(url).status_code == 405
    assert as_manager.post(reverse("admin:calls_callerid_act", args=[number.pk, "save_model"])).status_code == 405
    stranger = Client()
    stranger.force_login(User.objects.create_user("sam", password="x", is_staff=True))
    assert [stranger.post(url).status_code, stranger.get(ADD).status_code] == [403, 403]
    assert CallerId.objects.get().active
    assert carrier.asked == []


def test_a_campaign_chooses_among_them_and_keeps_the_choice(as_manager: Client) -> None:
    campaign = factories.campaign()
    number = one(label="Denver office")
    url = reverse("admin:calls_campaign_change", args=[campaign.pk])
    answer = as_manager.get(url)
    assert f"{DENVER} Denver office" in answer.content.decode()
    assert ADD not in answer.context["adminform"].form["caller_ids"].as_widget()
    form = answer.context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    data = {name: value for name, value in data.items() if value not in (None, False, [])}
    for inline in answer.context["inline_admin_formsets"]:
        for field in inline.formset.management_form:
            data[field.html_name] = field.value()
        for row in inline.formset.initial_forms:
            for field in row:
                data[field.html_name] = field.value()
    data = {name: "" if value is None else value for name, value in data.items()}
    answer = as_manager.post(url, {**data, "caller_ids": [number.pk]})
    assert answer.status_code == 302, answer.context["errors"]
    assert list(campaign.caller_ids.all()) == [number]


def test_the_page_of_a_running_campaign_says_what_keeps_it_from_more_calls(as_manager: Client) -> None:
    campaign = factories.campaign()
    url = reverse("admin:calls_campaign_change", args=[campaign.pk])
    assert "No more calls are made now: no voice worker serves calls.local." in text(as_manager, url)
    Campaign.objects.update(status="paused")
    assert "No more calls are made now" not in text(as_manager, url)
