"""Calls of a worker that stands still: the carrier is sent for them, once, and never for those of one that lives."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from structlog.testing import capture_logs

from agents.domain.types import Disposition
from calls.domain.status import CallStatus
from calls.models import Call, Lead, VoiceWorker
from calls.models.call import Direction
from calls.services import doorbell, resuming
from calls.services.finishing import finish
from calls.services.moving import move
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, report, update
from voice.domain.types import CarrierStatus
from voice.ports import CarrierError, DialUnknown, Refused

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
ANSWERED, LATER = NOW - timedelta(seconds=60), NOW + timedelta(seconds=10)
SID = "CA" + "1" * 32
TALKS = update(CarrierStatus.IN_PROGRESS)


@pytest.fixture(autouse=True)
def silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "resume", lambda call_id, queue: True)


def lost(lead: Lead | None = None, **fields: Any) -> Call:
    """A live call of a worker whose lease has run out, and a first round of the sweep."""
    lease_until = Now() - timedelta(seconds=1)
    call = make.call(
        lead,
        **{"status": CallStatus.LIVE, "answered_at": ANSWERED, "carrier_call_id": SID, "owner": "still", **fields},
    )
    Call.objects.filter(pk=call.pk).update(lease_until=lease_until)
    dialer = FakeDialer(knows=TALKS)
    assert sweep(dialer=dialer, now=NOW)
    assert dialer.redirected == []
    call.refresh_from_db()
    assert call.status == "unknown"
    return call


def swept(call: Call, dialer: FakeDialer | None = None, *, after_s: float = 10) -> list[tuple[str, str]]:
    """To where the carrier was sent for the call."""
    dialer = dialer or FakeDialer(knows=TALKS)
    assert sweep(dialer=dialer, now=NOW + timedelta(seconds=after_s))
    call.refresh_from_db()
    return dialer.redirected


def url(call: Call, part: int = 1) -> str:
    return f"http://127.0.0.1:8000/webhooks/twilio/calls/{call.pk}/resume?part={part}"


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"


def test_the_carrier_is_sent_once_and_another_line_takes_the_call() -> None:
    call = lost()
    assert swept(call) == [(SID, url(call))]
    assert (call.status, call.fence, call.lease_until) == ("unknown", 2, None)
    assert swept(call, after_s=20) == []
    assert call.events.filter(kind="call.fetched_back").values_list("fields", flat=True).get() == {"owner": "still"}
    assert resuming.ask(call.pk, part=1, now=LATER) == resuming.Wait()
    taken = resuming.claim_resumption(call.pk, owner="other", now=LATER)
    assert taken is not None
    assert (taken.owner, taken.fence) == ("other", 4)


def test_what_the_worker_tells_when_it_wakes_ends_nothing() -> None:
    """The carrier has told it ``stop``, which is what it tells when a person hangs up."""
    call = lost()
    woken: list[bool] = []

    def wakes() -> None:
        woken.append(
            finish(call.pk, report(Disposition.HUNG_UP, answered_at=ANSWERED, ended_at=NOW), now=NOW, fence=1)
        )
        woken.append(move(call.pk, CallStatus.LIVE, at=NOW, why="call.held_again", fence=1))

    assert swept(call, FakeDialer(knows=TALKS, redirects=wakes)) == [(SID, url(call))]
    assert (woken, call.status, call.ended_at) == ([False, False], "unknown", None)


@pytest.mark.parametrize("error", [DialUnknown("No answer."), Refused("It is over.", code="21220")])
def test_a_carrier_that_does_not_go_leaves_the_call_to_the_sweep(error: CarrierError) -> None:
    def fails() -> None:
        raise error

    call = lost()
    with capture_logs() as logs:
        assert len(swept(call, FakeDialer(knows=TALKS, redirects=fails))) == 1
    told = [line for line in logs if line["event"] == "call.not_fetched_back"]
    assert [line["reason"] for line in told] == [str(error)]
    assert swept(call, after_s=20) == []
    dialer = FakeDialer(knows=TALKS)
    assert (swept(call, dialer, after_s=121), dialer.hung_up) == ([], [SID])
    swept(call, FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=181)), after_s=131)
    assert (call.status, call.disposition, call.ended_by, call.billed_s) == ("done", "hung_up", "fault", 181)


def test_one_that_does_not_answer_is_not_asked_for_every_call() -> None:
    def fails() -> None:
        raise DialUnknown("No answer.")

    calls = [lost(make.lead(), carrier_call_id=f"CA{number:032}") for number in range(5)]
    dialer = FakeDialer(knows=TALKS, redirects=fails)
    assert len(swept(calls[0], dialer)) == 3
    assert Call.objects.filter(fence=1).count() == 2


def test_a_worker_that_was_seen_since_keeps_its_calls() -> None:
    """The database was away, so all leases ran out: whoever talks holds its call again with its next word."""
    call = lost()
    VoiceWorker.objects.create(owner="still", queues=[], lines=1, started_at=NOW, seen_at=Now())
    assert swept(call) == []
    VoiceWorker.objects.update(seen_at=Now() - timedelta(seconds=30))
    assert swept(call, after_s=20) == [(SID, url(call))]


def test_one_that_may_only_be_late_is_waited_for() -> None:
    call = lost()
    assert swept(call, after_s=6) == []
    assert swept(call, after_s=8) == [(SID, url(call))]


@pytest.mark.parametrize(
    "fields",
    [
        {"answered_at": None},
        {"carrier_call_id": ""},
        {"closing_at": NOW},
        {"hang_up_at": NOW},
        {"resume_asked_at": NOW},
        {"owner": ""},
    ],
)
def test_whoever_is_not_talked_with_or_wanted_is_not_fetched(fields: dict[str, Any]) -> None:
    call = lost()
    Call.objects.filter(pk=call.pk).update(**fields)
    assert swept(call, FakeDialer(knows=None)) == []


def test_a_later_line_and_a_call_to_us() -> None:
    call = lost(takeovers=1)
    assert swept(call) == [(SID, url(call, part=2))]
    other = lost(make.lead(), direction=Direction.INBOUND, carrier_call_id="CA" + "2" * 32)
    expected = "http://127.0.0.1:8000/webhooks/twilio/voice/talked?part=1&asked=0"
    assert swept(other) == [("CA" + "2" * 32, expected)]
