"""Leases: renewed together on the database's clock, let go one by one, never given back to life."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connections
from structlog.testing import capture_logs

from calls.domain.status import OWNED, CallStatus
from calls.services import leases
from calls.services.leases import Heartbeat, let_go, renew
from tests.calls import factories as make

SOON = timedelta(seconds=2)


def healthy() -> bool:
    return True


def database_now() -> datetime:
    """The test's clock and the embedded database's are the same machine's."""
    return datetime.now(UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("status", sorted(OWNED))
def test_a_held_call_is_renewed(status: CallStatus, settings: LazySettings) -> None:
    settings.CALL_LEASE_S = 20
    mine = make.call(status=status, lease_until=database_now() + timedelta(minutes=1))
    others = make.call(status=status, owner="worker-2")
    assert renew("worker-1") == 1
    mine.refresh_from_db()
    assert mine.lease_until
    assert timedelta(0) < mine.lease_until - database_now() <= timedelta(seconds=20)
    was = others.lease_until
    others.refresh_from_db()
    assert others.lease_until == was


@pytest.mark.django_db
def test_a_lease_that_ran_out_stays_so() -> None:
    call = make.call(status=CallStatus.CLAIMED, lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert renew("worker-1") == 0
    call.refresh_from_db()
    assert call.lease_until == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("status", sorted(set(CallStatus) - OWNED))
def test_a_call_that_nobody_holds_is_not_renewed(status: CallStatus) -> None:
    make.call(status=status, owner="worker-1", lease_until=database_now() + timedelta(minutes=1))
    assert renew("worker-1") == 0


@pytest.mark.django_db
def test_letting_go_ends_the_lease_of_this_claim_only() -> None:
    mine, theirs = (make.call(status=CallStatus.CLAIMED, fence=fence) for fence in (1, 2))
    theirs.fence = 1  # what a worker knows whose claim was taken over
    assert let_go(mine)
    assert not let_go(theirs)
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert mine.lease_until is not None
    assert theirs.lease_until is not None
    assert mine.lease_until <= database_now() < theirs.lease_until


@pytest.mark.django_db
def test_letting_go_of_what_is_over_changes_nothing() -> None:
    call = make.call(status=CallStatus.DONE, fence=1)
    assert not let_go(call)
    call.refresh_from_db()
    assert call.lease_until is None


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_renews_until_it_is_stopped(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CALL_LEASE_S = 0.2
    beats, three = [], threading.Event()

    def beat(owner: str) -> int:
        beats.append(owner)
        if len(beats) == 1:
            raise OperationalError("the server is away")
        if len(beats) == 3:
            three.set()
        return renew(owner)

    monkeypatch.setattr(leases, "renew", beat)
    heartbeat = Heartbeat()
    with capture_logs() as logs:
        assert heartbeat.start(healthy) == heartbeat.start(healthy) == heartbeat.owner
        call = make.call(
            status=CallStatus.LIVE, owner=heartbeat.owner, lease_until=database_now() + timedelta(seconds=30)
        )
        try:
            assert three.wait(10)
        finally:
            heartbeat.stop()
            connections.close_all()
    assert set(beats) == {heartbeat.owner}
    assert [(line["event"], line["error"]) for line in logs] == [("lease.not_renewed", "the server is away")]
    call.refresh_from_db()
    assert call.lease_until
    assert call.lease_until < database_now() + SOON


def test_leases_of_calls_that_nobody_serves_run_out(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the process hang for three beats, then answer again."""
    settings.CALL_LEASE_S = 0.2
    asked, beaten, order = 0, threading.Event(), list[str]()

    def hung() -> bool:
        nonlocal asked
        asked += 1
        order.append("asked")
        return asked > 3

    def beat(owner: str) -> int:
        order.append("renewed")
        beaten.set()
        return 0

    monkeypatch.setattr(leases, "renew", beat)
    heartbeat = Heartbeat()
    with capture_logs() as logs:
        heartbeat.start(hung)
        try:
            assert beaten.wait(10)
        finally:
            heartbeat.stop()
    assert order[:5] == ["asked", "asked", "asked", "asked", "renewed"]
    told = ("lease.not_renewed", "The lines of this process do not answer.")
    assert [(line["event"], line["error"]) for line in logs] == [told] * 3


def test_a_heartbeat_that_never_began_can_be_stopped() -> None:
    Heartbeat().stop()


def test_every_process_has_a_name_of_its_own() -> None:
    assert Heartbeat().owner != Heartbeat().owner
