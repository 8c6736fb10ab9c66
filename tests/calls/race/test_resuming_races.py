"""Many workers, and many of the carrier's questions, at one moment: one release, one line, one settlement."""

from datetime import timedelta
from typing import Any

import pytest

from agents.domain.types import Disposition
from billing.models import LedgerEntry
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call
from calls.services import doorbell, resuming
from calls.services.resuming import Lost, Over, Wait, ask, resume
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, FakePlane, ended
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
NOW = NOON_IN_DENVER
ANSWERED, ENDED = NOW - timedelta(seconds=60), NOW + timedelta(seconds=30)


@pytest.fixture(autouse=True)
def silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "resume", lambda call_id, queue: True)


def live() -> Call:
    return make.call(status=CallStatus.LIVE, answered_at=ANSWERED, carrier_call_id="CA" + "1" * 32)


def settled_once(call: Call) -> bool:
    booked = sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True))
    return booked == ["charge", "hold", "release"] and audit() == []


def test_a_request_repeated_at_the_same_moment_releases_once() -> None:
    call = live()
    assert at_once(8, lambda _: ask(call.pk, part=1, now=NOW)) == [Wait()] * 8
    call.refresh_from_db()
    assert (call.status, call.fence, call.events.filter(kind="call.cut_off").count()) == ("unknown", 2, 1)


def test_ten_workers_and_one_wins() -> None:
    call = live()
    ask(call.pk, part=1, now=NOW)
    planes = [FakePlane(ended(Disposition.QUALIFIED, answered_at=NOW, ended_at=ENDED)) for _ in range(10)]

    def take(number: int) -> bool:
        return resume(call.pk, plane=planes[number], dialer=FakeDialer(), owner=f"worker-{number}", clock=lambda: NOW)

    assert sorted(at_once(10, take)) == [False] * 9 + [True]
    call.refresh_from_db()
    assert (sum(len(plane.lines) for plane in planes), call.fence, call.takeovers) == (1, 3, 1)
    assert (call.status, settled_once(call)) == ("done", True)


@pytest.mark.parametrize("round", range(4))
def test_a_worker_takes_it_while_the_carrier_gives_up(round: int) -> None:
    """The person hears the sentence or the agent, and the call ends once."""
    call = live()
    ask(call.pk, part=1, now=NOW)
    plane = FakePlane(ended(Disposition.QUALIFIED, answered_at=NOW, ended_at=ENDED))

    def meet(number: int) -> Any:
        if number:
            return ask(call.pk, part=1, now=NOW + resuming.PATIENCE)
        return resume(call.pk, plane=plane, dialer=FakeDialer(), owner="worker-2", clock=lambda: NOW)

    took, told = at_once(2, meet)
    call.refresh_from_db()
    assert (call.status, settled_once(call)) == ("done", True)
    if call.disposition == "qualified":
        assert (took, call.takeovers) == (True, 1)
        assert told == Over() or isinstance(told, resuming.Talk)
    else:
        assert (call.disposition, told) == ("failed", Lost(promised=True))
