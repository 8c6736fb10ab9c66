"""The page on which a manager talks with a campaign's agent, and what its script asks."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from calls.models import Campaign
from calls.services import talking
from calls.services.talking import Person, TalkRefused
from tests.calls.admin import world

TYPED = {"name": "Maria", "address": "12 Maple Street", "interest": "sell", "zone": "Europe/Berlin", "sdp": "v=0"}


def page_of(campaign: Campaign) -> str:
    return reverse("admin:calls_campaign_talk", args=[campaign.pk])


def offer_of(campaign: Campaign) -> str:
    return reverse("admin:calls_campaign_talk_offer", args=[campaign.pk])


class Talking:
    """``calls.services.talking``, as far as the page asks it."""

    def __init__(self) -> None:
        self.begun: list[tuple[Campaign, Person, str]] = []
        self.ways: list[tuple[str, list[dict[str, Any]]]] = []
        self.refusal: TalkRefused | None = None

    def begin(self, campaign: Campaign, person: Person, sdp: str, *, now: datetime) -> dict[str, str]:
        assert now.tzinfo is not None
        if self.refusal:
            raise self.refusal
        self.begun.append((campaign, person, sdp))
        return {"sdp": "v=0 answer", "type": "answer", "talk": "way"}

    def find_way(self, talk: str, candidates: list[dict[str, Any]]) -> None:
        if self.refusal:
            raise self.refusal
        self.ways.append((talk, candidates))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Talking:
    service = Talking()
    monkeypatch.setattr(talking, "begin", service.begin)
    monkeypatch.setattr(talking, "find_way", service.find_way)
    return service


def test_the_page_is_linked_and_says_what_it_does(as_manager: Client, campaign: Campaign) -> None:
    change = as_manager.get(reverse("admin:calls_campaign_change", args=[campaign.pk])).content.decode()
    assert f'href="{page_of(campaign)}"' in change
    page = as_manager.get(page_of(campaign)).content.decode()
    assert "Only a test: nobody is dialed" in page
    assert f'data-offer-url="{offer_of(campaign)}"' in page
    assert 'value="Maria Lopez"' in page
    assert "csrfmiddlewaretoken" in page


def test_it_greets_who_is_logged_in_and_names_the_agent(
    as_manager: Client, manager: User, settings: Settings
) -> None:
    settings.VOICE = replace(settings.VOICE, max_call_s=1200)
    User.objects.filter(pk=manager.pk).update(first_name="Mia", last_name="Stone")
    campaign = world.campaign(agent_name="<Ava>", max_call_s=900)
    page = as_manager.get(page_of(campaign)).content.decode()
    assert 'value="Mia Stone"' in page
    assert 'data-agent="&lt;Ava&gt;"' in page
    assert "<Ava>" not in page
    assert "It ends after 10 minutes." in page


def test_servers_for_the_browser_are_told_to_it(as_manager: Client, campaign: Campaign, settings: Settings) -> None:
    servers = ("stun:stun.example.com:3478", "turn:user:p%3Aw@turn.example.com:3478?transport=udp")
    settings.VOICE = replace(settings.VOICE, ice_servers=servers, max_call_s=60)
    page = as_manager.get(page_of(campaign)).content.decode()
    told = page.split('<script id="talk-ice" type="application/json">')[1].split("</script>")[0]
    assert json.loads(told) == [
        {"urls": "stun:stun.example.com:3478"},
        {"urls": "turn:turn.example.com:3478?transport=udp", "username": "user", "credential": "p:w"},
    ]
    assert "It ends after 1 minute." in page


@pytest.mark.parametrize("granted", [(), ("view_campaign",)])
def test_only_who_may_change_the_campaign(
    client: Client, campaign: Campaign, service: Talking, granted: tuple[str, ...]
) -> None:
    user = User.objects.create_user("ben", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=granted))
    client.force_login(user)
    assert client.get(page_of(campaign)).status_code == 403
    assert client.post(offer_of(campaign), TYPED, content_type="application/json").status_code == 403
    assert client.patch(offer_of(campaign), {"talk": "x"}, content_type="application/json").status_code == 403
    assert (service.begun, service.ways) == ([], [])


def test_nobody_without_a_login_or_a_csrf_token(campaign: Campaign, manager: User, service: Talking) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(page_of(campaign)).status_code == 302
    client.force_login(manager)
    assert client.post(offer_of(campaign), TYPED, content_type="application/json").status_code == 403
    assert service.begun == []


@pytest.mark.parametrize("key", ["999999", "x", "-1", "1" * 30])
def test_a_campaign_that_is_not_there(as_manager: Client, key: str, service: Talking) -> None:
    assert as_manager.get(f"/admin/calls/campaign/{key}/talk/").status_code == 404
    offer = f"/admin/calls/campaign/{key}/talk/offer/"
    assert as_manager.post(offer, TYPED, content_type="application/json").status_code == 404
    assert service.begun == []


def test_the_offer_is_handed_on(as_manager: Client, campaign: Campaign, service: Talking) -> None:
    answer = as_manager.post(offer_of(campaign), TYPED, content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"sdp": "v=0 answer", "type": "answer", "talk": "way"})
    assert service.begun == [(campaign, Person("Maria", "12 Maple Street", "sell", "Europe/Berlin"), "v=0")]


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", None, ["UTC"]])
def test_a_zone_that_is_none_is_the_usual_one(
    as_manager: Client, campaign: Campaign, service: Talking, zone: Any
) -> None:
    answer = as_manager.post(offer_of(campaign), {**TYPED, "zone": zone}, content_type="application/json")
    assert answer.status_code == 200
    assert service.begun[0][1].zone == "America/New_York"


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "null", b"\xff"])
def test_what_is_no_json_object(as_manager: Client, campaign: Campaign, service: Talking, body: Any) -> None:
    for ask in (as_manager.post, as_manager.patch):
        answer = ask(offer_of(campaign), body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (400, {"error": "That is no JSON object."})
    assert (service.begun, service.ways) == ([], [])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"sdp": None}, "The browser's offer is missing."),
        ({"sdp": ""}, "The browser's offer is missing."),
        ({"sdp": 5}, "The browser's offer is missing."),
        ({"sdp": "x" * 60_001}, "The browser's offer is missing."),
        ({"name": "x" * 81}, "Your name: Ensure this value has at most 80 characters (it has 81)."),
        ({"name": "x\0"}, "Your name: Null characters are not allowed."),
        (
            {"interest": "rent"},
            "Wants to: Select a valid choice. rent is not one of the available choices.",
        ),
    ],
)
def test_what_is_wrong_with_an_offer_is_said(
    as_manager: Client, campaign: Campaign, service: Talking, typed: dict[str, Any], says: str
) -> None:
    answer = as_manager.post(offer_of(campaign), {**TYPED, **typed}, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"error": says})
    assert service.begun == []


def test_candidates_are_handed_on_where_they_are_well_formed(
    as_manager: Client, campaign: Campaign, service: Talking
) -> None:
    candidates = [
        {"candidate": "candidate:1", "sdpMid": "1", "sdpMLineIndex": 1, "usernameFragment": "x"},
        {"candidate": "candidate:2", "sdpMid": None, "sdpMLineIndex": None},
        {"candidate": 5},
        {"candidate": "x" * 1001},
        {"candidate": "candidate:3", "sdpMLineIndex": "0"},
        "candidate",
    ]
    answer = as_manager.patch(
        offer_of(campaign), {"talk": "way", "candidates": candidates}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()) == (200, {})
    assert service.ways == [
        (
            "way",
            [
                {"candidate": "candidate:1", "sdp_mid": "1", "sdp_mline_index": 1},
                {"candidate": "candidate:2", "sdp_mid": "0", "sdp_mline_index": 0},
            ],
        )
    ]


def test_no_candidates_are_none(as_manager: Client, campaign: Campaign, service: Talking) -> None:
    answer = as_manager.patch(offer_of(campaign), {"talk": 5, "candidates": "x"}, content_type="application/json")
    assert answer.status_code == 200
    assert service.ways == [("5", [])]


def test_a_refusal_is_a_sentence(as_manager: Client, campaign: Campaign, service: Talking) -> None:
    service.refusal = TalkRefused("Every voice worker is busy.")
    for ask in (as_manager.post, as_manager.patch):
        answer = ask(offer_of(campaign), TYPED, content_type="application/json")
        assert (answer.status_code, answer.json()) == (409, {"error": "Every voice worker is busy."})


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods_are_not_allowed(as_manager: Client, campaign: Campaign, service: Talking, method: str) -> None:
    answer = getattr(as_manager, method)(offer_of(campaign))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, PATCH")
