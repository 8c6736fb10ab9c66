"""The kill switch while eight workers dispatch and dial: nothing begins to ring once it is on."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from agents.domain.types import Disposition
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call, CallEvent, Halt
from calls.services import doorbell, halting
from calls.services.dispatching import dispatch
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, FakePlane, ended
from tests.calls.race.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER


@pytest.mark.parametrize("after_rings", [1, 3, 10])
def test_nothing_rings_after_the_commit(after_rings: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda *_: True)
    campaign = make.campaign(max_concurrency=500)
    for _ in range(60):
        make.lead(campaign)
    reached, lock = threading.Event(), threading.Lock()
    rings = 0

    def count() -> None:
        nonlocal rings
        with lock:
            rings += 1
            if rings >= after_rings:
                reached.set()

    dialer, plane = FakeDialer(before=count), FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW))
    began: set[str] = set()

    def work(number: int) -> None:
        if number == 8:
            assert reached.wait(30)
            assert halting.halt(by=None, reason="stop", now=NOW)
            events = CallEvent.objects.filter(kind="call.dialing")
            began.update(str(pk) for pk in events.values_list("call_id", flat=True))
            return
        for _ in range(30):
            dispatch(now=NOW)
            for call_id in Call.objects.filter(status="queued").values_list("pk", flat=True)[number : number + 3]:
                place(call_id, plane=plane, dialer=dialer, owner=f"w{number}", clock=lambda: NOW)
            if Halt.objects.exists():
                return
        connection.close()

    at_once(9, work)
    dialed = [request.call_id for request in dialer.dialed]
    assert len(dialed) == len(set(dialed)) >= after_rings
    assert set(dialed) <= began
    assert began == {
        str(pk) for pk in CallEvent.objects.filter(kind="call.dialing").values_list("call_id", flat=True)
    }
    for call_id in Call.objects.filter(status="queued").values_list("pk", flat=True):
        place(call_id, plane=plane, dialer=dialer, owner="late", clock=lambda: NOW + timedelta(minutes=1))
    assert len(dialer.dialed) == len(dialed)
    assert not Call.objects.filter(status__in=[CallStatus.QUEUED, CallStatus.CLAIMED]).exists()
    assert audit() == []
