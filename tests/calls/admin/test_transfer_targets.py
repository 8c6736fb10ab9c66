"""Colleagues on a campaign's page, and the button on a live call's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from calls.admin.transfer_targets import TransferTargetForm, told_of
from calls.domain.status import CallStatus
from calls.domain.transfers import State, Target, Transfer
from calls.models import Call, TransferTarget
from calls.services import supervising
from calls.services.transferring import NotPossible
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("kim"))
    return client


def live() -> Call:
    campaign = make.campaign()
    TransferTarget.objects.create(campaign=campaign, name="Maria", number="+13035550123")
    return make.call(make.lead(campaign), status=CallStatus.LIVE, answered_at=NOON_IN_DENVER)


@pytest.mark.parametrize(
    ("typed", "kept", "problem"),
    [
        ("(303) 555-0123", "+13035550123", ""),
        ("+44 20 7946 0000", "", "is in GB, and calls are put through to US only: see TRANSFER_COUNTRIES."),
        ("+1 876 555 0123", "", "put through to US only"),
        ("1-900-555-0123", "", "premium-rate number, which is never called"),
        ("911", "", "too short"),
    ],
)
def test_where_calls_may_be_put_through_to(typed: str, kept: str, problem: str) -> None:
    form = TransferTargetForm({"order": 1, "name": " Maria  Lopez ", "number": typed})
    assert form.is_valid() == bool(kept)
    if kept:
        assert (form.cleaned_data["number"], form.cleaned_data["name"]) == (kept, "Maria Lopez")
    else:
        assert problem in form.errors["number"][0]


def test_more_countries_may_be_allowed(settings: Settings) -> None:
    settings.TRANSFER_COUNTRIES = frozenset({"US", "GB"})
    assert TransferTargetForm({"order": 1, "name": "M", "number": "+44 20 7946 0000"}).is_valid()


def test_the_button_puts_a_live_call_through(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    call, asked = live(), list[tuple[Any, ...]]()

    def transfer(call_id: object, *, by: str, now: object, target: str) -> str:
        asked.append((call_id, by, target))
        return "Maria"

    monkeypatch.setattr(supervising, "transfer", transfer)
    page = client.get(reverse("admin:calls_call_change", args=[call.pk])).content.decode()
    assert "Put through" in page
    assert '<option value="Maria">Maria</option>' in page
    answer = client.post(reverse("admin:calls_call_transfer", args=[call.pk]), {"target": "Maria"}, follow=True)
    assert asked == [(call.pk, "kim", "Maria")]
    assert "The agent tells the person that they are put through to Maria." in answer.content.decode()


def test_why_not_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise NotPossible("The call is coming to its end.")

    monkeypatch.setattr(supervising, "transfer", refuse)
    answer = client.post(reverse("admin:calls_call_transfer", args=[live().pk]), follow=True)
    assert "The call is not put through. The call is coming to its end." in answer.content.decode()


def test_only_who_may(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    client, call = Client(), live()
    client.force_login(viewer)
    assert client.post(reverse("admin:calls_call_transfer", args=[call.pk])).status_code == 403
    assert Call.objects.get(pk=call.pk).transfer is None


@pytest.mark.parametrize(
    ("state", "attempt", "told"),
    [
        (State.ORDERED, 0, "An operator wants this call put through to Maria, Bob."),
        (State.RINGING, 2, "The phone of Bob rings."),
        (State.CONNECTED, 1, "Maria has taken the call."),
        (State.FAILED, 2, "Nobody has taken the call."),
    ],
)
def test_where_it_has_come_to(state: State, attempt: int, told: str) -> None:
    targets = (Target("Maria", "+13035550123"), Target("Bob", "+13035550124"))
    transfer = Transfer(state, True, targets, "kim", NOON_IN_DENVER, attempt=attempt)
    assert told_of(Call(transfer=transfer.kept())) == told
    assert told_of(Call()) == ""
