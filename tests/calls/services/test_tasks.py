"""Celery's entry points: each stamps the time and makes its one call."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from celery import current_app
from django.conf import LazySettings

from agents.domain.types import Disposition
from calls import tasks
from calls.carrier import dialer
from calls.domain.compliance import Dial
from calls.domain.status import CallStatus
from calls.models import Call
from calls.services import doorbell
from calls.services.leases import Heartbeat
from tests.calls import factories as make
from tests.calls.fakes import FakeDialer, FakePlane, ended
from voice import worker
from voice.adapters.twilio import TwilioDialer

A_DAY = timedelta(days=1)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> FakeDialer:
    made = FakeDialer()
    monkeypatch.setattr(tasks, "dialer", lambda: made)
    return made


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []

    def ring(call_id: UUID, _queue: str) -> bool:
        ids.append(call_id)
        return True

    monkeypatch.setattr(doorbell, "ring", ring)
    return ids


@pytest.fixture
def fresh_dialer() -> Iterator[None]:
    dialer.cache_clear()
    yield
    dialer.cache_clear()


def test_the_names_are_those_of_the_schedule_and_the_doorbell() -> None:
    assert {"calls.dispatch", "calls.place", "calls.sweep", "calls.hang_up"} <= set(current_app.tasks)


def test_hanging_up_asks_the_carrier(carrier: FakeDialer) -> None:
    tasks.hang_up(carrier_call_id="CA1", newer="x")
    assert (carrier.hung_up, carrier.dialed) == (["CA1"], [])


@pytest.mark.django_db
@pytest.mark.usefixtures("lines")
def test_dispatch_looks_at_what_is_due_now(rung: list[UUID]) -> None:
    make.lead(next_attempt_at=datetime.now(UTC) + A_DAY)
    closed = make.lead(consent="", next_attempt_at=datetime.now(UTC) - A_DAY)
    tasks.dispatch(field_of_a_newer_release=1)
    closed.refresh_from_db()
    assert closed.status == "closed"
    decision = closed.decisions.get()
    assert abs(decision.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert not Call.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_place_takes_the_processes_lines_and_name(carrier: FakeDialer, monkeypatch: pytest.MonkeyPatch) -> None:
    plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=datetime.now(UTC)))
    monkeypatch.setattr(worker, "plane", lambda: plane)
    monkeypatch.setattr("calls.services.gates.ask", lambda lead, now, call_id=None: Dial(()))
    call = make.call()
    heartbeat = Heartbeat()
    monkeypatch.setattr(tasks, "heartbeat", heartbeat)
    try:
        tasks.place(call_id=str(call.pk), field_of_a_newer_release=1)
    finally:
        heartbeat.stop()
    call.refresh_from_db()
    assert (call.status, call.owner, len(carrier.dialed)) == ("done", heartbeat.owner, 1)


@pytest.mark.django_db
def test_sweep_finds_what_hangs_now(carrier: FakeDialer, rung: list[UUID]) -> None:
    lost = make.call(status=CallStatus.CLAIMED, lease_until=datetime.now(UTC) - A_DAY)
    tasks.sweep(field_of_a_newer_release=1)
    assert rung == [lost.pk]
    assert carrier.dialed == []


@pytest.mark.usefixtures("fresh_dialer")
def test_the_phone_company_is_the_one_of_the_settings(settings: LazySettings) -> None:
    settings.TWILIO_API_URL = "http://127.0.0.1:1"
    assert isinstance(dialer(), TwilioDialer)
    assert dialer() is dialer()
