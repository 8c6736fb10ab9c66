"""The carrier asks, behind the media of a call, who talks on: over HTTP, as it signs it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from calls import putting_through, taking_over
from calls.domain.status import CallStatus
from calls.models import Call
from calls.services import doorbell, resuming
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import STREAM
from tests.calls.inbound.world import post, says, verbs

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
SID = "CA" + "1" * 32
FORM = {"CallSid": SID, "From": "+12125550199", "To": "+13035550142", "CallStatus": "in-progress"}


class Clock:
    at = NOW

    def now(self) -> object:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(taking_over, "timezone", clock)
    monkeypatch.setattr(resuming, "sleep", lambda _seconds: None)
    return clock


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []
    monkeypatch.setattr(doorbell, "resume", lambda call_id, _queue: ids.append(call_id))
    return ids


def live(**fields: Any) -> Call:
    return make.call(status=CallStatus.LIVE, **{"answered_at": NOW, "carrier_call_id": SID, **fields})


def path(call_id: object, query: str = "part=1") -> str:
    return f"/webhooks/twilio/calls/{call_id}/resume?{query}"


def waits(call: Call, asked: int, part: int = 1) -> list[tuple[str, str]]:
    return [("Pause", ""), ("Redirect", path(call.pk, f"part={part}&asked={asked}"))]


def test_it_waits_until_a_line_is_offered_and_is_connected_to_it(clock: Clock) -> None:
    call = live()
    assert verbs(post(path(call.pk), FORM)) == waits(call, 1)
    assert verbs(post(path(call.pk, "part=1&asked=1"), FORM)) == waits(call, 2)
    stream = {"url": STREAM.url, "token": STREAM.token}
    Call.objects.filter(pk=call.pk).update(takeovers=1, stream=stream, resume_asked_at=None)
    talks = [
        ("Connect", ""),
        ("Stream", STREAM.url),
        ("Parameter", STREAM.token),
        ("Redirect", path(call.pk, "part=2")),
    ]
    assert verbs(post(path(call.pk, "part=1&asked=2"), FORM)) == talks
    assert verbs(post(path(call.pk, "part=1&asked=2"), FORM)) == talks  # the carrier asks again
    assert verbs(post(path(call.pk, "part=2"), FORM)) == waits(call, 1, part=2)


@pytest.mark.parametrize("fields", [{"status": "done"}, {"closing_at": NOW}])
def test_a_conversation_that_is_over_is_hung_up(fields: dict[str, Any], rung: list[UUID]) -> None:
    call = live()
    Call.objects.filter(pk=call.pk).update(**fields)
    assert verbs(post(path(call.pk), FORM)) == [("Hangup", "")]
    assert rung == []


def test_whom_nobody_takes_hears_a_sentence(clock: Clock) -> None:
    call = live()
    post(path(call.pk), FORM)
    clock.at = NOW + timedelta(seconds=8)
    assert verbs(post(path(call.pk, "part=1&asked=8"), FORM)) == says(putting_through.LOST_AND_PROMISED)


def test_whom_nobody_takes_and_nobody_may_call_hears_another(clock: Clock) -> None:
    call = live()
    call.lead.status, call.lead.disposition = "closed", "not_interested"
    call.lead.save()
    post(path(call.pk), FORM)
    clock.at = NOW + timedelta(seconds=8)
    assert verbs(post(path(call.pk, "part=1&asked=8"), FORM)) == says(putting_through.LOST)


def test_a_call_that_nobody_knows_is_hung_up() -> None:
    assert verbs(post(path(uuid4()), FORM)) == [("Hangup", "")]


def test_the_carriers_id_is_learnt() -> None:
    """The answer to the dial was lost, so the call is unknown, but its media had come."""
    call = live(carrier_call_id="")
    Call.objects.filter(pk=call.pk).update(status="unknown")
    assert verbs(post(path(call.pk), FORM)) == waits(call, 1)
    assert Call.objects.get(pk=call.pk).carrier_call_id == SID


def test_while_the_database_is_away_the_carrier_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server is away")

    call = live()
    monkeypatch.setattr(resuming, "ask_and_wait", away)
    assert verbs(post(path(call.pk), FORM)) == waits(call, 1)
    assert verbs(post(path(call.pk, "part=1&asked=7"), FORM)) == waits(call, 8)
    assert verbs(post(path(call.pk, "part=1&asked=8"), FORM)) == says(putting_through.LOST)


def test_only_what_the_carrier_signed_is_read(client: Any, rung: list[UUID]) -> None:
    call = live()
    with capture_logs() as logs:
        response = client.post(path(call.pk), FORM, headers={"X-Twilio-Signature": "made up"})
    assert response.status_code == 403
    refused = {"event": "webhook.refused", "call_id": str(call.pk), "reason": "signature", "log_level": "warning"}
    assert (logs, rung) == ([refused], [])
    assert post(path(call.pk), {**FORM, "CallSid": "x"}).status_code == 400
    assert post(path(call.pk), {**FORM, "AccountSid": "AC" + "9" * 32}).status_code == 403
    assert Call.objects.get(pk=call.pk).resume_asked_at is None
