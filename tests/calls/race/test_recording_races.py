"""A recording on its way into the store, and whoever changes it meanwhile."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from calls.domain.status import CallStatus
from calls.models import Recording
from calls.services import doorbell, recordings, storing
from tests.calls import factories as make
from tests.calls.admin import world
from tests.calls.race.test_lock_order import somebody_waits
from tests.calls.race.threads import at_once
from voice.domain.types import Recording as Recorded
from voice.recordings.sealed import Header, SealedFile
from voice.recordings.store import DiskStore, StoreError

pytestmark = pytest.mark.django_db(transaction=True)
NOW = make.NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RECORDINGS_DIR = tmp_path / "store"
    settings.RECORDINGS_LIVE_DIR = tmp_path / "live"
    settings.RECORDINGS_LIVE_DIR.mkdir()
    monkeypatch.setattr(doorbell, "store_recordings", lambda: True)


@pytest.fixture
def row(settings: Settings) -> Recording:
    """Told of by its worker, and on its disk."""
    call = make.call(make.lead(), CallStatus.DONE, answered_at=NOW, ended_at=NOW + timedelta(seconds=61))
    path = Path(settings.RECORDINGS_LIVE_DIR) / f"{call.pk}-1.rec"
    with path.open("w+b") as file:
        sealed = SealedFile(file, Header.new(recordings.keys(), started_at=NOW), recordings.keys())
        sealed.write(world.pcm(2))
        sealed.close()
    recordings.keep(call.pk, Recorded(path, NOW, 2000, 1, path.stat().st_size))
    return Recording.objects.get()


def while_it_is_moved(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> object:
    """What ``act`` gave that began when the store had half of the recording, and went on before it had the rest."""
    put, half_there, done = DiskStore.put, threading.Event(), threading.Event()

    def slow(store: DiskStore, name: str, path: Path) -> None:
        if threading.current_thread() is not mover:
            put(store, name, path)
            return
        read = path.read_bytes()
        half_there.set()
        try:
            somebody_waits()
        except AssertionError:
            assert done.wait(10)  # nobody waits: whatever was done meanwhile is overwritten now
        fresh = path.with_suffix(".read")
        fresh.write_bytes(read)
        put(store, name, fresh)
        fresh.unlink()

    mover: threading.Thread | None = None
    monkeypatch.setattr(DiskStore, "put", slow)

    def one_of_two(number: int) -> object:
        nonlocal mover
        if number == 0:
            mover = threading.current_thread()
            return storing.store_recordings(now=LATER)
        assert half_there.wait(10)
        try:
            return act()
        finally:
            done.set()

    return at_once(2, one_of_two)[1]


def test_erased_while_it_is_moved(row: Recording, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def erase() -> int:
        return recordings.erase(Recording.objects.all(), why="asked", by="mia", now=LATER)

    assert while_it_is_moved(erase, monkeypatch) == 1
    assert [path for path in Path(settings.RECORDINGS_DIR).rglob("*") if path.is_file()] == []
    row.refresh_from_db()
    assert (row.name, row.erased_at) == ("", LATER)


def test_redacted_while_it_is_moved(row: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    def redact() -> int:
        return recordings.redact(row.call_id, 0, 1000, by="mia", now=LATER)

    assert while_it_is_moved(redact, monkeypatch) == 1
    row.refresh_from_db()
    reader = recordings.opened(row)
    assert reader.sound(0, reader.sound_bytes) == bytes(32_000) + world.pcm(2)[32_000:]


def test_two_processes_of_a_machine_bring_it_once(row: Recording, settings: Settings) -> None:
    assert sorted(at_once(4, lambda _: storing.store_recordings(now=LATER))) == [0, 0, 0, 1]
    row.refresh_from_db()
    assert row.stored_at == LATER
    assert list(Path(settings.RECORDINGS_LIVE_DIR).iterdir()) == []


def test_many_that_lie_on_a_lost_machine_hold_up_none(
    row: Recording, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = make.call(make.lead(), CallStatus.DONE, answered_at=NOW, ended_at=NOW)
    theirs = [
        Recording(pk=-part, call=call, part=part, name=f"2026/11/{part}.rec", started_at=NOW, duration_ms=1)
        for part in range(1, 502)
    ]
    Recording.objects.bulk_create(theirs)  # older than ours
    assert storing.store_recordings(now=LATER) == 1
    monkeypatch.setattr(DiskStore, "put", lambda *_: (_ for _ in ()).throw(StoreError("not again")))
    assert storing.store_recordings(now=LATER) == 0
