"""What the carrier's pace and its word on caller IDs do to a call that is about to ring."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings

from agents.domain.types import Disposition
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call, CallerId, CarrierPace, Decision
from calls.services import carrier_pace, doorbell
from calls.services.carrier_pace import Standing
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import FakeDialer, FakePlane, ended
from voice.ports import Busy, Refused

pytestmark = pytest.mark.django_db
OURS = "+12125550199"
NOT_VERIFIED = "Twilio refused the call: the number is not yet verified."


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    ids: list[str] = []
    monkeypatch.setattr(doorbell, "ring", lambda call_id, _queue: ids.append(str(call_id)))
    return ids


def run(call: Call, dialer: FakeDialer, stop: threading.Event | None = None) -> FakePlane:
    plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW))
    place(call.pk, plane=plane, dialer=dialer, owner="worker-1", clock=lambda: NOW, stop=stop)
    call.refresh_from_db()
    call.lead.refresh_from_db()
    assert [line.closed for line in plane.lines] in ([], [1])
    return plane


def kinds(call: Call) -> list[str]:
    return list(call.events.order_by("pk").values_list("kind", flat=True))


def waits_again(call: Call, rung: list[str]) -> None:
    assert (call.status, call.owner, call.dialed_at, call.lead.attempts) == ("queued", "", None, 0)
    assert kinds(call) == ["call.claimed", "call.no_line"]
    assert rung == [str(call.pk)]


def test_a_turn_too_far_ahead_sends_the_call_back_to_the_queue(settings: LazySettings, rung: list[str]) -> None:
    settings.CARRIER_CPS = 0.1
    carrier_pace.take_turn()
    call, dialer = make.call(), FakeDialer()
    run(call, dialer)
    waits_again(call, rung)
    assert dialer.dialed == []


def test_a_drain_while_it_waits_sends_the_call_back_to_the_queue(rung: list[str]) -> None:
    stop, call, dialer = threading.Event(), make.call(), FakeDialer()
    stop.set()
    run(call, dialer, stop)
    waits_again(call, rung)
    assert dialer.dialed == []


@pytest.mark.parametrize("code", ["429", "20429", "22005"])
def test_too_much_slows_everybody_and_costs_the_lead_nothing(settings: LazySettings, code: str) -> None:
    settings.CARRIER_CPS = 1.0
    call = make.call()
    run(call, FakeDialer(Busy(f"Twilio has no room for a call now: {code}", code=code)))
    assert carrier_pace.standing() == Standing(2000, f"Twilio has no room for a call now: {code}")
    assert (call.status, call.lead.status, call.lead.attempts) == ("failed", "open", 0)
    assert call.lead.next_attempt_at == NOW + timedelta(seconds=30)


def test_a_call_that_the_carrier_takes_brings_the_speed_back(settings: LazySettings) -> None:
    settings.CARRIER_CPS = 1.0
    carrier_pace.take_turn()
    carrier_pace.too_much("429")
    long_ago = CarrierPace.objects.get().slowed_at
    assert long_ago is not None
    CarrierPace.objects.update(slowed_at=long_ago - timedelta(minutes=1), next_at=long_ago)
    run(make.call(), FakeDialer())
    assert CarrierPace.objects.get().interval_ms == 1924


def test_a_call_at_the_usual_pace_leaves_it_alone() -> None:
    run(make.call(), FakeDialer())
    pace = CarrierPace.objects.get()
    assert (pace.interval_ms, pace.slowed_at) == (1, None)


@pytest.mark.parametrize("code", ["21210", "21212"])
def test_a_refused_caller_id_is_deactivated_and_the_lead_is_due_again(code: str) -> None:
    other = CallerId.objects.create(number="+13035550150")
    CallerId.objects.create(number=OURS)
    call = make.call()
    run(call, FakeDialer(Refused(NOT_VERIFIED, code=code)))
    refused = CallerId.objects.get(number=OURS)
    assert (refused.active, refused.inactive_why) == (False, NOT_VERIFIED)
    other.refresh_from_db()
    assert other.active
    assert (call.status, call.lead.status, call.lead.attempts) == ("failed", "open", 0)
    assert call.lead.next_attempt_at == NOW + timedelta(seconds=30)


def test_another_refusal_is_no_matter_of_the_caller_id() -> None:
    CallerId.objects.create(number=OURS)
    call = make.call()
    run(call, FakeDialer(Refused("Twilio refused the call: not reachable.", code="21214")))
    assert CallerId.objects.get().active
    assert (call.disposition, call.lead.attempts) == ("bad_number", 1)


@pytest.mark.parametrize(
    "stopped", [{"active": False}, {"rests_until": NOW + timedelta(hours=1), "rests_why": "2 of 60"}]
)
def test_a_waiting_call_with_a_number_that_was_stopped_is_canceled_and_its_lead_stays_due(
    stopped: dict[str, object],
) -> None:
    CallerId.objects.create(number=OURS, **stopped)
    call, dialer = make.call(), FakeDialer()
    plane = run(call, dialer)
    assert (call.status, call.lead.attempts, call.lead.next_attempt_at) == (CallStatus.CANCELED, 0, NOW)
    assert kinds(call) == ["call.claimed", "call.canceled_caller_id_stopped"]
    assert (dialer.dialed, plane.opened) == ([], [])
    call.campaign.budget.refresh_from_db()
    assert call.campaign.budget.total.held == 0


def test_a_call_that_waits_past_the_hour_is_not_rung() -> None:
    """It is 21:00 in Colorado after the gates were asked, when the call has its line and its turn."""
    at = [datetime(2026, 11, 11, 3, 59, 59, tzinfo=UTC)]
    call, dialer = make.call(at=at[0]), FakeDialer()
    plane = FakePlane(on_open=lambda: at.append(at[0] + timedelta(seconds=1)))
    assert not place(call.pk, plane=plane, dialer=dialer, owner="worker-1", clock=lambda: at[-1])
    call.refresh_from_db()
    assert (call.status, call.dialed_at, dialer.dialed, plane.lines[0].closed) == ("canceled", None, [], 1)
    assert kinds(call) == ["call.claimed", "call.canceled_by_gate"]
    assert list(Decision.objects.order_by("pk").values_list("result", flat=True)) == ["dial", "wait"]
    assert audit() == []
