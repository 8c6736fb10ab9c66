"""The carrier asks while a call is put through: over HTTP, as it signs it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from calls import putting_through, taking_over
from calls.domain.status import CallStatus
from calls.domain.transfers import State, Target, Transfer
from calls.models import Call
from calls.models.call import Direction
from calls.services import doorbell, resuming, transferring
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import STREAM
from tests.calls.inbound.world import post, verbs

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
SID = "CA" + "1" * 32
FORM = {"CallSid": SID, "From": "+12125550199", "To": "+13035550142", "CallStatus": "in-progress"}
MARIA, BOB = Target("Maria", "+13035550123"), Target("Bob", "+13035550124")


class Clock:
    at = NOW

    def now(self) -> object:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (taking_over, putting_through):
        monkeypatch.setattr(module, "timezone", clock)
    monkeypatch.setattr(resuming, "sleep", lambda _seconds: None)
    monkeypatch.setattr(doorbell, "resume", lambda *_call: True)
    return clock


def asked(*, warm: bool = True, **fields: Any) -> Call:
    transfer = Transfer(State.ASKED, warm, (MARIA, BOB), "conversation", NOW, part=1)
    answered_at = NOW - timedelta(seconds=100)
    defaults = {"answered_at": answered_at, "carrier_call_id": SID, "transfer": transfer.kept()}
    return make.call(status=CallStatus.UNKNOWN, held=make.WORST_CASE_PUT_THROUGH, **{**defaults, **fields})


def path(call: Call, page: str, attempt: int = 1) -> str:
    return f"/webhooks/twilio/calls/{call.pk}/{page}?try={attempt}"


def dials(call: Call, attempt: int, number: str) -> list[tuple[str, str]]:
    return [("Dial", path(call, "transferred", attempt)), ("Number", number)]


def state_of(call: Call) -> str:
    transfer = Call.objects.get(pk=call.pk).transfer
    assert transfer is not None
    return str(transfer["state"])


def ended(call: Call, attempt: int = 1, status: str = "no-answer", **more: str) -> Any:
    return post(path(call, "transferred", attempt), {**FORM, "DialCallStatus": status, **more})


def test_who_talks_on_is_answered_with_the_colleagues_phone() -> None:
    call = asked()
    response = post(f"/webhooks/twilio/calls/{call.pk}/resume?part=1", FORM)
    assert verbs(response) == dials(call, 1, MARIA.number)
    document = response.content.decode()
    assert 'answerOnBridge="true"' in document
    assert 'callerId="+12125550199"' in document
    assert ('timeLimit="200"' in document, 'timeout="20"' in document) == (True, True)
    assert path(call, "whisper") in document


def test_a_colleague_hears_who_it_is_and_presses_one() -> None:
    call = asked()
    post(f"/webhooks/twilio/calls/{call.pk}/resume?part=1", FORM)
    child = {"CallSid": "CA" + "2" * 32, "ParentCallSid": SID, "CallStatus": "in-progress"}
    said = "A call from Dana Reed. Press 1 to take it."
    key = path(call, "whisper/key")
    assert verbs(post(path(call, "whisper"), child)) == [*[("Gather", key), ("Say", said)] * 2, ("Hangup", "")]
    assert verbs(post(key, {**child, "Digits": "5"})) == [("Hangup", "")]
    assert verbs(post(key, {**child, "Digits": "1"})) == []
    assert state_of(call) == "connected"
    assert verbs(ended(call, status="completed", DialCallDuration="30")) == [("Hangup", "")]
    assert Call.objects.get(pk=call.pk).disposition == "transferred"
    too_late = [("Say", putting_through.TOO_LATE), ("Hangup", "")]
    assert verbs(post(path(call, "whisper"), child)) == too_late
    assert verbs(post(key, {**child, "Digits": "1"})) == too_late


def test_cold_whoever_answers_is_put_through() -> None:
    call = asked(warm=False)
    post(f"/webhooks/twilio/calls/{call.pk}/resume?part=1", FORM)
    assert verbs(post(path(call, "whisper"), {"CallSid": SID})) == []
    assert state_of(call) == "connected"


@pytest.mark.parametrize("direction", [Direction.OUTBOUND, Direction.INBOUND])
def test_one_after_the_other_and_back_to_the_agent(direction: str) -> None:
    call = asked(direction=direction)
    post(f"/webhooks/twilio/calls/{call.pk}/resume?part=1", FORM)
    assert verbs(ended(call)) == dials(call, 2, BOB.number)
    back = f"/webhooks/twilio/calls/{call.pk}/resume?part=1"
    if direction == Direction.INBOUND:
        back = "/webhooks/twilio/voice/talked?part=1"
    assert verbs(ended(call, 2, "busy")) == [("Pause", ""), ("Redirect", back)]
    stream = {"url": STREAM.url, "token": STREAM.token}
    Call.objects.filter(pk=call.pk).update(takeovers=1, stream=stream, resume_asked_at=None, status="live")
    onward = back.replace("part=1", "part=2")
    talks = [("Connect", ""), ("Stream", STREAM.url), ("Parameter", STREAM.token), ("Redirect", onward)]
    assert verbs(ended(call, 2, "busy")) == talks  # the carrier asks again


def test_whom_no_agent_takes_back_is_told_so_however_late_the_carrier_asks_again(clock: Clock) -> None:
    call = asked()
    post(f"/webhooks/twilio/calls/{call.pk}/resume?part=1", FORM)
    ended(call, 1)
    assert verbs(ended(call, 2))[0][0] != "Say"
    clock.at = NOW + resuming.PATIENCE
    again = ended(call, 2)
    assert (verbs(again)[0][0], putting_through.LOST_AND_PROMISED in again.content.decode()) == ("Say", True)
    assert Call.objects.get(pk=call.pk).status == "done"


def test_while_the_database_is_away_the_carrier_is_told_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(transferring, "ended", away)
    call = asked()
    response = ended(call)
    assert response.status_code == 503
    assert state_of(call) == "asked"


@pytest.mark.parametrize(
    ("form", "status"), [({"CallSid": "x", "DialCallStatus": "busy"}, 400), ({**FORM, "DialCallStatus": "<b>"}, 400)]
)
def test_what_twilio_does_not_document(form: dict[str, str], status: int) -> None:
    call = asked()
    assert post(path(call, "transferred"), form).status_code == status


def test_what_another_signed_changes_nothing(settings: Any, client: Any) -> None:
    call = asked()
    assert client.post(path(call, "transferred"), {**FORM, "DialCallStatus": "busy"}).status_code == 403
    assert client.post(path(call, "whisper/key"), {**FORM, "Digits": "1"}).status_code == 403
    assert state_of(call) == "asked"


def test_an_unknown_call_is_hung_up() -> None:
    url = f"/webhooks/twilio/calls/{uuid4()}/transferred?try=1"
    assert verbs(post(url, {**FORM, "DialCallStatus": "busy"})) == [("Hangup", "")]
