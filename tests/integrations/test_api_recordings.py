"""Recordings over the REST API, with bad input."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from calls.models import Call, Recording, Turn
from calls.services import recordings
from integrations import tokens
from integrations.models import ApiToken
from tests.calls.admin import world
from voice.domain.types import Signal, SignalKind

pytestmark = pytest.mark.django_db
NOBODYS = uuid4()


@pytest.fixture
def call(settings: Settings, tmp_path: Path) -> Call:
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    settings.RECORDINGS_LIVE_DIR = tmp_path / "live"
    [made] = world.calls(world.leads(world.campaign(), 1))
    world.recording(made, settings.RECORDINGS_DIR)
    return made


@pytest.fixture
def token() -> str:
    scope = ApiToken.Scope.RECORDINGS
    return tokens.make(ApiToken(name="Vault", scope=scope), by="mia", now=timezone.now())


def post(path: str, body: object, token: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, str) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post(f"/api/v1/{path}", data, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def sound(call: Call) -> bytes:
    reader = recordings.opened(call.recordings.get())
    return reader.sound(0, reader.sound_bytes)


def test_a_span_is_redacted(call: Call, token: str) -> None:
    path = f"calls/{call.pk}/recording/redact"
    assert post(path, {"from_ms": 3000, "to_ms": 4000}, token) == (200, {"recordings": 1})
    assert sound(call) == world.pcm(3)[:32_000] + bytes(32_000) + world.pcm(3)[64_000:]
    assert call.turns.get(seq=1).text == "[redacted]"
    event = call.events.get(kind="recording.redacted")
    assert event.fields["by"] == "API token Vault"


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ("{", 400, "The body is not JSON"),
        ({}, 422, "The field from_ms is wrong: field required."),
        ([], 422, "The body is not a JSON object"),
        ({"from_ms": 5, "to_ms": 5}, 422, "The span ends before it begins: to_ms must be greater than from_ms."),
        ({"from_ms": -1, "to_ms": 5}, 422, "The field from_ms is wrong"),
        ({"from_ms": 1, "to_ms": 10**12}, 422, "The field to_ms is wrong"),
        ({"from_ms": "1", "to_ms": 5}, 422, "The field from_ms is wrong"),
        ({"from_ms": 1, "to_ms": 5, "track": 0}, 422, "The field track is wrong"),
    ],
)
def test_spans_that_are_none(call: Call, token: str, body: object, status: int, sentence: str) -> None:
    answered, told = post(f"calls/{call.pk}/recording/redact", body, token)
    assert (answered, told["error"].startswith(sentence)) == (status, True)
    assert sound(call) == world.pcm(3)


def test_where_it_cannot_be(call: Call, token: str, settings: Settings) -> None:
    span = {"from_ms": 1, "to_ms": 5000}
    assert post(f"calls/{NOBODYS}/recording/redact", span, token) == (404, {"error": "There is no such call."})
    (settings.RECORDINGS_DIR / call.recordings.get().name).unlink()
    status, told = post(f"calls/{call.pk}/recording/redact", span, token)
    assert (status, told["error"]) == (503, "Nothing was redacted. The recording is no longer on this server.")
    assert not Turn.objects.filter(text="[redacted]").exists()
    Call.objects.update(ended_at=None)
    assert post(f"calls/{call.pk}/recording/redact", span, token)[0] == 409


def test_recordings_of_a_call_are_erased(call: Call, token: str) -> None:
    path = f"calls/{call.pk}/recording/erase"
    assert post(path, {"reason": "asked by e-mail"}, token) == (200, {"recordings": 1})
    row = Recording.objects.get()
    assert (row.name, row.erased_why) == ("", "asked by e-mail")
    assert post(path, {"reason": "asked by e-mail"}, token) == (200, {"recordings": 0})
    for body in ({}, {"reason": ""}, {"reason": "x" * 101}, {"reason": 7}, {"reason": "a\0b"}):
        assert post(path, body, token)[0] == 422
    assert post(f"calls/{NOBODYS}/recording/erase", {"reason": "x"}, token)[0] == 404


def test_a_person_is_erased(call: Call, token: str) -> None:
    asked = {"phone": "(303) 555-0000", "reason": "asked by e-mail"}
    assert post("erasures", asked, token) == (200, {"phone": call.to_number, "calls": 1, "recordings": 1})
    call.refresh_from_db()
    assert (call.summary, call.facts, set(call.turns.values_list("text", flat=True))) == ("", {}, {""})
    assert post("erasures", {**asked, "phone": "555"}, token)[0] == 422
    assert post("erasures", {"phone": "+13035550100"}, token)[0] == 422
    nobody = post("erasures", {**asked, "phone": "+13035559876"}, token)
    assert nobody == (200, {"phone": "+13035559876", "calls": 0, "recordings": 0})


def test_a_call_under_way_is_paused_and_goes_on(call: Call, token: str) -> None:
    with mock.patch("voice.bell.publish") as published:
        status, told = post(f"calls/{call.pk}/recording/pause", {}, token)
        assert (status, told["error"]) == (409, "The call is not live: there is nothing to pause or to resume.")
        assert not published.called
        Call.objects.update(status="live", ended_at=None, answered_at=world.NOW - timedelta(seconds=5))
        assert post(f"calls/{call.pk}/recording/pause", {}, token) == (202, {"asked": "pause"})
        assert post(f"calls/{call.pk}/recording/resume", {}, token) == (202, {"asked": "resume"})
    assert [args[1] for args, _ in published.call_args_list] == [
        Signal(str(call.pk), SignalKind.PAUSE_RECORDING, "Asked for by API token Vault."),
        Signal(str(call.pk), SignalKind.RESUME_RECORDING, "Asked for by API token Vault."),
    ]


def test_another_token_may_not(call: Call) -> None:
    other = tokens.make(ApiToken(name="CRM", scope=ApiToken.Scope.LEADS), by="mia", now=timezone.now())
    for path in ("redact", "erase", "pause", "resume"):
        assert post(f"calls/{call.pk}/recording/{path}", {}, other)[0] == 403
        assert post(f"calls/{call.pk}/recording/{path}", {}, "rea_no")[0] == 401
    assert post("erasures", {}, other)[0] == 403
    assert Client().get(f"/api/v1/calls/{call.pk}/recording/erase").status_code == 405
    assert sound(call) == world.pcm(3)
