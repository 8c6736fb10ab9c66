"""Many watchers, one crossing; many workers, one mail. Real PostgreSQL, real threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections, transaction
from structlog.testing import capture_logs

from billing.models import Alert
from billing.services import stops
from billing.signals import alert_told
from tests.billing.money import LATER, NOW, budget, only, spend, watch

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


def at_once(threads: int, act: Callable[[], T]) -> list[T]:
    start = threading.Barrier(threads)

    def run(_: int) -> T:
        try:
            start.wait(timeout=30)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_eight_watchers_tell_a_crossing_once() -> None:
    only(("share", "emergency", "0.98"))
    november = budget(limit="10", day_limit="10")
    spend("9.9", november)
    told = [alert for found in at_once(8, watch) for alert in found]
    assert told == [("share", "emergency")] * 2  # of the day and of the total
    assert Alert.objects.count() == 2
    november.refresh_from_db()
    assert (november.stopped_at, november.stopped_until) == (NOW, None)
    assert LogEntry.objects.count() in (1, 2)  # the total's stop, and the day's where it came first
    assert at_once(8, lambda: watch(NOW + LATER)) == [[]] * 8


def test_eight_watchers_end_it_and_tell_the_next_once() -> None:
    only(("share", "warning", "0.75"))
    november = budget(limit="10")
    spend("8", november)
    watch()
    november.balances.filter(period="total").update(limit=20)
    assert at_once(8, lambda: watch(NOW + LATER)) == [[]] * 8
    assert Alert.objects.get().ended_at == NOW + LATER
    november.balances.filter(period="total").update(limit=10)
    told = at_once(8, lambda: watch(NOW + 2 * LATER))
    assert sorted(told) == [[]] * 7 + [[("share", "warning")]]
    assert Alert.objects.count() == 2


def test_an_alert_that_cannot_be_followed_up_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    only(("share", "emergency", "0.98"))
    november = budget(limit="10")
    spend("9.9", november)
    seen: list[datetime] = []

    def listener(sender: object, *, alert: Alert, now: datetime, **_: object) -> None:
        assert transaction.get_connection().in_atomic_block
        seen.append(now)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    alert_told.connect(listener)
    try:
        monkeypatch.setattr(stops, "stop", broken)
        with capture_logs() as logs:
            assert watch() == []
        assert [(log["event"], log["budget_id"]) for log in logs] == [
            ("alert.told", november.pk),
            ("alert.watch_failed", november.pk),
        ]
        assert not Alert.objects.exists()
        monkeypatch.undo()
        assert watch(NOW + LATER) == [("share", "emergency")]
    finally:
        alert_told.disconnect(listener)
    assert seen == [NOW, NOW + LATER]
