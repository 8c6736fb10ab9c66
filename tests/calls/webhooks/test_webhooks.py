"""The carrier's callbacks over HTTP: only what it signed counts, and it counts once."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from calls.domain.status import CallStatus
from calls.models import Call, CallEvent
from tests.calls import factories as make
from voice import bell
from voice.domain.types import Signal, SignalKind

pytestmark = pytest.mark.django_db
SID = "CA" + "1" * 32
STATUS: dict[str, str] = {
    "CallSid": SID,
    "CallStatus": "ringing",
    "SequenceNumber": "1",
    "Timestamp": "Tue, 10 Nov 2026 19:05:00 +0000",
    "To": "+13035550142",
}
MACHINE = {"CallSid": SID, "AnsweredBy": "machine_end_beep", "MachineDetectionDuration": "3400"}


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> list[Signal]:
    """What the lines were told."""
    told: list[Signal] = []
    monkeypatch.setattr(bell, "publish", lambda url, signal: told.append(signal))
    return told


@pytest.fixture
def call() -> Call:
    return make.call(make.lead(attempts=1), CallStatus.DIALING)


def signed(path: str, form: Mapping[str, str], *, token: str = "") -> str:
    validator = RequestValidator(token or settings.TWILIO_AUTH_TOKEN)
    return str(validator.compute_signature(f"{settings.PUBLIC_URL}{path}", dict(form)))


def post(call_id: UUID | str, what: str, form: Mapping[str, str], signature: str | None = None) -> Any:
    path = f"/webhooks/twilio/calls/{call_id}/{what}"
    headers = {"X-Twilio-Signature": signed(path, form) if signature is None else signature}
    return Client(enforce_csrf_checks=True).post(path, dict(form), headers=headers)


def answer(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.content.decode()


def nothing_happened(call: Call, signals: list[Signal]) -> bool:
    was = (call.status, call.carrier_call_id, call.answered_by)
    call.refresh_from_db()
    now = (call.status, call.carrier_call_id, call.answered_by)
    return was == now and signals == [] and not CallEvent.objects.exists()


def test_a_status_is_kept(call: Call, signals: list[Signal]) -> None:
    assert answer(post(call.pk, "status", STATUS)) == (204, "")
    call.refresh_from_db()
    assert (call.status, call.carrier_call_id) == ("dialing", SID)
    event = CallEvent.objects.get()
    assert (event.call, event.kind, event.fields) == (call, "carrier.ringing", {"sequence": 1})
    assert signals == []


@pytest.mark.parametrize(("status", "disposition"), [("busy", "busy"), ("no-answer", "no_answer")])
def test_a_call_that_nobody_answered_is_finished(
    status: str, disposition: str, call: Call, signals: list[Signal]
) -> None:
    assert post(call.pk, "status", {**STATUS, "CallStatus": status}).status_code == 204
    call.refresh_from_db()
    assert (call.status, call.disposition, call.cost) == ("done", disposition, Decimal(0))
    assert signals == [Signal(str(call.pk), SignalKind.CARRIER, status)]


def test_a_number_that_does_not_exist_ends_as_one(call: Call, signals: list[Signal]) -> None:
    assert post(call.pk, "status", {**STATUS, "CallStatus": "failed", "ErrorCode": "21217"}).status_code == 204
    call.refresh_from_db()
    assert (call.status, call.disposition) == ("failed", "bad_number")
    assert signals == [Signal(str(call.pk), SignalKind.CARRIER, "failed:21217")]


def test_the_end_of_a_talk_is_told_to_its_line(call: Call, signals: list[Signal]) -> None:
    form = {**STATUS, "CallStatus": "completed", "CallDuration": "61"}
    assert post(call.pk, "status", form).status_code == 204
    assert signals == [Signal(str(call.pk), SignalKind.CARRIER, "completed")]
    call.refresh_from_db()
    assert call.status == "dialing"  # its line finishes it


def test_a_machine_is_told_to_its_line(call: Call, signals: list[Signal]) -> None:
    assert answer(post(call.pk, "machine", MACHINE)) == (204, "")
    assert signals == [Signal(str(call.pk), SignalKind.MACHINE, "machine_end_beep")]
    call.refresh_from_db()
    assert (call.status, call.answered_by) == ("dialing", "machine_end_beep")


@pytest.mark.parametrize(("what", "form"), [("status", {**STATUS, "CallStatus": "busy"}), ("machine", MACHINE)])
def test_the_same_event_twice_is_one(what: str, form: dict[str, str], call: Call, signals: list[Signal]) -> None:
    assert post(call.pk, what, form).status_code == 204
    was, events = Call.objects.values().get(), CallEvent.objects.count()
    signals.clear()
    assert post(call.pk, what, form).status_code == 204
    assert Call.objects.values().get() == was
    assert CallEvent.objects.count() == events
    assert signals == []


def test_late_news_about_a_call_that_is_over_changes_nothing(call: Call) -> None:
    for status in ("busy", "ringing", "initiated", "completed"):
        assert post(call.pk, "status", {**STATUS, "CallStatus": status}).status_code == 204
    call.refresh_from_db()
    assert (call.status, call.disposition) == ("done", "busy")


@pytest.mark.parametrize("what", ["status", "machine"])
@pytest.mark.parametrize("how", ["none", "junk", "another token", "another call", "another field"])
def test_what_is_not_signed_is_refused(what: str, how: str, call: Call, signals: list[Signal]) -> None:
    form = STATUS if what == "status" else MACHINE
    path = f"/webhooks/twilio/calls/{call.pk}/{what}"
    signature = {
        "none": "",
        "junk": "ü" * 8,
        "another token": signed(path, form, token="other"),
        "another call": signed(path.replace(str(call.pk), str(uuid4())), form),
        "another field": signed(path, {**form, "CallSid": "CA" + "2" * 32}),
    }[how]
    with capture_logs() as logs:
        status, text = answer(post(call.pk, what, form, signature))
    assert (status, text) == (403, "The signature does not match: check TWILIO_AUTH_TOKEN and PUBLIC_URL.")
    assert [(line["event"], line["reason"]) for line in logs] == [("webhook.refused", "signature")]
    assert nothing_happened(call, signals)


def test_without_a_token_of_ours_nothing_is_believed(call: Call, signals: list[Signal], settings: Any) -> None:
    path = f"/webhooks/twilio/calls/{call.pk}/status"
    signature = str(RequestValidator("").compute_signature(f"{settings.PUBLIC_URL}{path}", STATUS))
    settings.TWILIO_AUTH_TOKEN = ""
    assert post(call.pk, "status", STATUS, signature).status_code == 403
    assert nothing_happened(call, signals)


@pytest.mark.parametrize(("what", "form"), [("status", STATUS), ("machine", MACHINE)])
def test_a_call_that_is_not_ours(what: str, form: dict[str, str], signals: list[Signal]) -> None:
    assert answer(post(uuid4(), what, form)) == (404, "There is no such call.")
    assert (signals, CallEvent.objects.count()) == ([], 0)


@pytest.mark.parametrize("call_id", ["none", "1", "%00", "6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f000"])
def test_what_is_no_call_id(call_id: str) -> None:
    assert post(call_id, "status", STATUS).status_code == 404


@pytest.mark.parametrize(
    ("what", "wrong", "field"),
    [
        ("status", {"CallSid": ""}, "CallSid"),
        ("status", {"CallSid": "x" * 500}, "CallSid"),
        ("status", {"CallSid": SID + "\0"}, "CallSid"),
        ("status", {"CallStatus": "dancing"}, "CallStatus"),
        ("status", {"CallStatus": ""}, "CallStatus"),
        ("status", {"SequenceNumber": "-1"}, "SequenceNumber"),
        ("status", {"SequenceNumber": "one"}, "SequenceNumber"),
        ("status", {"CallDuration": "NaN"}, "CallDuration"),
        ("status", {"Timestamp": "yesterday"}, "Timestamp"),
        ("status", {"AnsweredBy": "<script>"}, "AnsweredBy"),
        ("machine", {"AnsweredBy": ""}, "AnsweredBy"),
        ("machine", {"AnsweredBy": "m" * 41}, "AnsweredBy"),
        ("machine", {"CallSid": "CA1"}, "CallSid"),
    ],
)
def test_garbage_is_refused_by_name_and_without_echo(
    what: str, wrong: dict[str, str], field: str, call: Call, signals: list[Signal]
) -> None:
    form = {**(STATUS if what == "status" else MACHINE), **wrong}
    with capture_logs() as logs:
        status, text = answer(post(call.pk, what, form))
    assert status == 400
    assert text.startswith(f"The callback's {field} is not as Twilio documents it")
    assert [(line["event"], line["reason"]) for line in logs] == [("webhook.refused", text)]
    assert "+13035550142" not in str(logs)
    assert nothing_happened(call, signals)


@pytest.mark.parametrize("what", ["status", "machine"])
@pytest.mark.parametrize("method", ["get", "put", "delete", "head", "options"])
def test_other_methods_are_not_allowed(method: str, what: str, call: Call, signals: list[Signal]) -> None:
    response = getattr(Client(), method)(f"/webhooks/twilio/calls/{call.pk}/{what}")
    assert response.status_code == 405
    assert nothing_happened(call, signals)


def test_what_twilio_adds_some_day_is_no_trouble(call: Call) -> None:
    assert post(call.pk, "status", {**STATUS, "NewField": "Zürich\n…", "CallDuration": ""}).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_the_carrier_is_told_that_nothing_was_kept(
    call: Call, signals: list[Signal]
) -> None:
    reachable = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        response = post(call.pk, "status", STATUS)
    finally:
        connection.close()
        connection.settings_dict["HOST"] = reachable
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert (CallEvent.objects.count(), signals) == (0, [])
    assert post(call.pk, "status", STATUS).status_code == 204
    assert CallEvent.objects.get().kind == "carrier.ringing"
