"""Calls under way over the REST API: what is asked of their lines, and what the caller is told."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from calls.domain.status import CallStatus
from calls.models import Call, TransferTarget
from integrations import tokens
from integrations.models import ApiToken
from tests.calls import factories as make
from voice import bell
from voice.domain.types import Answer, Signal, SignalKind
from voice.passes import Grant, hashed

pytestmark = pytest.mark.django_db
Scope = ApiToken.Scope


class Bell:
    """Stands where lines answer."""

    def __init__(self) -> None:
        self.answer: Answer | None = Answer(True, url="ws://voice.example/supervise")
        self.asked: list[Signal] = []

    def ask(self, _url: str, signal: Signal) -> Answer | None:
        self.asked.append(signal)
        return self.answer


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> Bell:
    stand_in = Bell()
    monkeypatch.setattr(bell, "ask", stand_in.ask)
    return stand_in


@pytest.fixture
def call() -> Call:
    campaign = make.campaign()
    for order, (name, number) in enumerate([("Maria", "+13035550123"), ("Bob", "+13035550124")]):
        TransferTarget.objects.create(campaign=campaign, name=name, number=number, order=order)
    return make.call(make.lead(campaign), status=CallStatus.LIVE, answered_at=timezone.now())


def token(scope: str = Scope.CONTROL) -> str:
    return tokens.make(ApiToken(name=f"Desk {scope}", scope=scope), by="mia", now=timezone.now())


def post(
    call_id: object, what: str, body: object = None, *, scope: str = Scope.CONTROL
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token(scope)}"}
    path = f"/api/v1/calls/{call_id}/{what}"
    answer = Client().post(path, json.dumps(body or {}), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_a_call_is_put_through(call: Call, rung: Bell) -> None:
    assert post(call.pk, "transfer") == (202, {"asked": "transfer", "to": "Maria"})
    assert rung.asked == [Signal(str(call.pk), SignalKind.TRANSFER, "Maria", by="API token Desk control")]
    kept = Call.objects.get(pk=call.pk).transfer or {}
    assert (kept["state"], kept["by"], [one["name"] for one in kept["targets"]]) == (
        "ordered",
        "API token Desk control",
        ["Maria", "Bob"],
    )


def test_to_a_number_and_cold(call: Call, rung: Bell) -> None:
    body = {"number": "303-555-0199", "mode": "cold"}
    assert post(call.pk, "transfer", body) == (202, {"asked": "transfer", "to": "a colleague"})
    kept = Call.objects.get(pk=call.pk).transfer or {}
    assert (kept["warm"], kept["targets"]) == (False, [{"name": "a colleague", "number": "+13035550199"}])


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"target": "Zoe"}, 409, "The campaign has nobody called 'Zoe' to put calls through to."),
        ({"target": "Bob", "number": "+13035550199"}, 422, "Name a target or a number, not both."),
        ({"number": "12"}, 422, "12 is not a phone number: it has too few or too many digits."),
        ({"mode": "hot"}, 422, "The field mode is wrong: input should be '', 'warm' or 'cold'."),
    ],
)
def test_what_cannot_be_done_is_said(call: Call, rung: Bell, body: dict[str, str], status: int, told: str) -> None:
    answered, said = post(call.pk, "transfer", body)
    assert (answered, rung.asked, Call.objects.get(pk=call.pk).transfer) == (status, [], None)
    assert said["error"] == told or status == 422


def test_a_number_abroad_is_never_rung(call: Call, rung: Bell) -> None:
    status, said = post(call.pk, "transfer", {"number": "+18765550123"})
    assert (status, rung.asked) == (409, [])
    assert "calls are put through to US only" in said["error"]


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (None, 503, "No line has answered"),
        (Answer(False, "The call is coming to its end."), 409, "coming to its end"),
    ],
)
def test_an_order_that_no_line_takes_is_taken_back(
    call: Call, rung: Bell, answer: Answer | None, status: int, told: str
) -> None:
    rung.answer = answer
    answered, said = post(call.pk, "transfer")
    assert answered == status
    assert told in said["error"]
    assert (Call.objects.get(pk=call.pk).transfer or {})["state"] == "canceled"


def test_hold_and_back(call: Call, rung: Bell) -> None:
    assert post(call.pk, "hold") == (200, {"held": True})
    ApiToken.objects.all().delete()
    assert post(call.pk, "unhold") == (200, {"held": False})
    assert [signal.kind for signal in rung.asked] == [SignalKind.HOLD, SignalKind.UNHOLD]


def test_a_whisper(call: Call, rung: Bell) -> None:
    body = {"text": "Is the roof new?"}
    assert post(call.pk, "whisper", body, scope=Scope.SUPERVISE) == (202, {"asked": "whisper"})
    assert (rung.asked[0].kind, rung.asked[0].value) == (SignalKind.WHISPER, "Is the roof new?")


def test_a_whisper_that_no_transcript_could_hold(call: Call, rung: Bell) -> None:
    status, said = post(call.pk, "whisper", {"text": "Is the\0roof new?"}, scope=Scope.SUPERVISE)
    assert (status, said["field"]) == (422, "text")
    assert rung.asked == []


def test_a_supervisor_is_let_in_and_it_is_written_down(call: Call, rung: Bell) -> None:
    status, body = post(call.pk, "supervise", {"mode": "takeover"}, scope=Scope.SUPERVISE)
    assert (status, body["url"], body["mode"]) == (201, "ws://voice.example/supervise", "takeover")
    grant = Grant.model_validate_json(rung.asked[0].value)
    assert (grant.sha256, grant.takes_over) == (hashed(body["token"]), True)
    event = call.events.get(kind="control.supervisor_admitted")
    assert event.fields == {"by": "API token Desk supervise", "takes_over": True}


@pytest.mark.parametrize(
    ("what", "scope"), [("transfer", Scope.SUPERVISE), ("hold", Scope.LEADS), ("supervise", Scope.CONTROL)]
)
def test_another_scope_opens_nothing(call: Call, rung: Bell, what: str, scope: str) -> None:
    assert post(call.pk, what, scope=scope)[0] == 403
    assert rung.asked == []


@pytest.mark.parametrize("what", ["transfer", "hold", "unhold"])
def test_a_call_that_is_not_live(call: Call, rung: Bell, what: str) -> None:
    Call.objects.filter(pk=call.pk).update(status=CallStatus.UNKNOWN)
    assert post(call.pk, what)[0] == 409
    ApiToken.objects.all().delete()
    assert post(uuid4(), what)[0] == 404
    assert rung.asked == []
