"""Opt-outs by text message and by a call to our number, from the simulated carrier over real HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from calls.domain.status import CallStatus
from calls.models import Call, Lead, Suppression, SuppressionEntry
from tests.calls import factories as make
from tests.simulator.world import OURS, SID, Carrier, everybody, human
from tests.simulator.world import carrier as carrier_of

pytestmark = pytest.mark.django_db(transaction=True)
THEIRS = "+13035550101"
RETRIED = "#rc=5&rp=all"


@pytest.fixture
def url(live_server: LiveServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    settings.PUBLIC_URL = live_server.url
    settings.TWILIO_ACCOUNT_SID = SID
    monkeypatch.setattr("tests.simulator.world.TOKEN", settings.TWILIO_AUTH_TOKEN)
    return str(live_server.url)


def on_carrier(act: Callable[[Carrier], Awaitable[None]], url: str, *people: dict[str, Any], **more: Any) -> None:
    """Run ``act`` with a carrier that has our number, whose webhooks are ours."""

    async def run() -> None:
        async with carrier_of(everybody(*people), **more) as on:
            await asyncio.to_thread(
                on.twilio.incoming_phone_numbers.create,
                phone_number=OURS,
                sms_url=f"{url}/webhooks/twilio/messages{RETRIED}",
                voice_url=f"{url}/webhooks/twilio/voice{RETRIED}",
            )
            await act(on)

    asyncio.run(run())


def entry() -> tuple[str, str, str]:
    assert SuppressionEntry.objects.count() == 1
    one = Suppression.objects.get()
    return one.phone, one.source, one.said


@pytest.mark.parametrize("doubled", [0, 1])
def test_stop_by_text(url: str, doubled: int) -> None:
    call = make.call(make.lead(phone=THEIRS))
    told: list[dict[str, Any]] = []

    async def act(on: Carrier) -> None:
        sent = {"from": THEIRS, "to": OURS, "body": "Please stop calling me"}
        told.append((await on.http.post("/simulator/messages", json=sent)).json())

    on_carrier(act, url, human(), callbacks={"doubled": doubled})
    assert [answer["status"] for answer in told[0]["answers"]] == [200] * (1 + doubled)
    assert told[0]["replies"] == []
    assert entry() == (THEIRS, "sms", "Please stop calling me")
    assert (Call.objects.get().status, Lead.objects.get().status) == (CallStatus.CANCELED, "closed")
    assert Call.objects.get() == call


def test_a_text_that_another_signed_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulator.world.TOKEN", "another-token")
    told: list[dict[str, Any]] = []

    async def act(on: Carrier) -> None:
        sent = {"from": THEIRS, "to": OURS, "body": "STOP"}
        told.append((await on.http.post("/simulator/messages", json=sent)).json())

    on_carrier(act, url, human())
    assert [answer["status"] for answer in told[0]["answers"]] == [403]
    assert not Suppression.objects.exists()


def test_a_text_that_comes_while_the_database_is_away_comes_again_and_is_kept(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two requests find no PostgreSQL."""
    reachable, tried = BaseDatabaseWrapper.connect, []
    nowhere = {"host": "/nowhere", "dbname": "nowhere"}

    def connect(self: Any) -> None:
        tried.append(self)
        if len(tried) <= 2:
            self.get_new_connection(nowhere)
        reachable(self)

    told: list[dict[str, Any]] = []

    async def act(on: Carrier) -> None:
        monkeypatch.setattr(BaseDatabaseWrapper, "connect", connect)
        sent = {"from": THEIRS, "to": OURS, "body": "STOP"}
        told.append((await on.http.post("/simulator/messages", json=sent)).json())

    on_carrier(act, url, human())
    monkeypatch.undo()
    assert len(tried) >= 3
    assert [answer["status"] for answer in told[0]["answers"]] == [200]
    assert entry() == (THEIRS, "sms", "STOP")


@pytest.mark.parametrize(
    ("rule", "heard", "said"),
    [
        ({"hears": "press 9", "presses": "9"}, ["press 9 or say stop"], "9"),
        (
            {"hears": "press 9", "says": "Stop calling me."},
            ["press 9 or say stop", "Stop calling me.", "You will not be called again."],
            "Stop calling me.",
        ),
    ],
)
def test_a_call_to_our_number(url: str, rule: dict[str, str], heard: list[str], said: str) -> None:
    lead = make.lead(phone=THEIRS)
    seen: list[dict[str, Any]] = []

    async def act(on: Carrier) -> None:
        answer = await on.http.post("/simulator/calls", json={"from": THEIRS, "to": OURS})
        seen.append(await on.over(answer.json()["sid"]))

    on_carrier(act, url, human(rules=[rule]), understands=heard)
    assert (seen[0]["status"], seen[0]["ended_by"], seen[0]["errors"]) == ("completed", "application", [])
    assert entry() == (THEIRS, "inbound_call", said)
    lead.refresh_from_db()
    assert lead.status == "closed"
