"""Time stands at noon in Denver, and the doorbell is heard by the test."""

from uuid import UUID

import pytest

from calls import inbound
from calls.services import doorbell, resuming
from tests.calls.inbound.world import NOW


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> object:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(inbound, "timezone", clock)
    return clock


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    """The calls and queues for which another line was asked for; nobody waits for one."""
    ids: list[tuple[UUID, str]] = []
    monkeypatch.setattr(doorbell, "resume", lambda call_id, queue: ids.append((call_id, queue)))
    monkeypatch.setattr(resuming, "sleep", lambda _seconds: None)
    return ids


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    """The calls and queues for which the doorbell rang."""
    ids: list[tuple[UUID, str]] = []
    monkeypatch.setattr(doorbell, "ring", lambda call_id, queue: ids.append((call_id, queue)))
    return ids
