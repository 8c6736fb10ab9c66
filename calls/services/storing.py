"""Brings recordings from the disk of the machine that made them into the store.

The files on the disk are the outbox: each run takes those of its own machine, as often as it needs. What was moved is
removed; what a killed worker left behind gets its row; what was erased meanwhile is removed.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from billing.models import Trouble
from billing.services import telling
from calls.domain.status import TERMINAL
from calls.models import Call, Recording
from calls.services import recordings
from calls.services.moving import note
from voice.recordings.file import SUFFIX
from voice.recordings.keys import UnknownKey
from voice.recordings.rewriting import mended
from voice.recordings.sealed import Damaged
from voice.recordings.store import StoreError

log = structlog.get_logger(__name__)
_FILE = re.compile(rf"([0-9a-f-]{{36}})-(\d{{1,4}}){re.escape(SUFFIX)}")
_QUIET = timedelta(minutes=1)
"""A worker writes every second, and reports within moments of the end."""
TOLD_AFTER = timedelta(minutes=15)
_PLACE = "store"


def store_recordings(*, now: datetime) -> int:
    """Move what lies on this machine; how many recordings were moved, 0 where another process is at it.

    A store that does not answer costs one process the time of one question, since others have calls to see to.
    """
    moved = 0
    with _alone_here() as alone:
        if not alone:
            return 0
        adopted = list(_adopt_lost(now=now))
        try:
            for recording_id in _waiting():
                moved += _move(recording_id, now=now)
        except StoreError as error:
            log.warning("recording.store_away", error=str(error))
    if adopted:
        log.info("recording.adopted", recordings=len(adopted))
    _watch(now=now)
    return moved


@contextmanager
def _alone_here() -> Iterator[bool]:
    """Whether no other process of this machine is at it; the lock goes with the process."""
    folder = Path(settings.RECORDINGS_LIVE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


def _waiting() -> list[int]:
    """Those whose file lies here: of the others, which may be many, their own machine takes care."""
    rows = Recording.objects.filter(stored_at=None, erased_at=None).exclude(name="").order_by("pk")
    return [pk for pk, name in rows.values_list("pk", "name") if _file_of(name) is not None]


def _move(recording_id: int, *, now: datetime) -> bool:
    """The row is locked until what the store has is written down, so that no redaction, erasure or other process
    changes the recording meanwhile: what they did would be undone by the older sound. Raises StoreError.
    """
    with transaction.atomic():
        here = Recording.objects.select_for_update(skip_locked=True).filter(stored_at=None, erased_at=None)
        row = here.exclude(name="").filter(pk=recording_id).first()
        file = None if row is None else _file_of(row.name)
        if row is None or file is None:
            return False
        try:
            name, size = _put(row, file)
        except (Damaged, UnknownKey, OSError) as error:
            log.warning("recording.not_stored", recording_id=row.pk, error=str(error))
            return False
        Recording.objects.filter(pk=row.pk).update(name=name, stored_at=now, bytes=size)
    file.unlink(missing_ok=True)
    recordings.remove_erased(Recording.objects.filter(pk=row.pk))
    return True


def _file_of(name: str) -> Path | None:
    """What of the recording ``name`` lies here, or where recordings lay before there was a store."""
    local, old = recordings.local_path(name), Path(settings.RECORDINGS_DIR) / name
    if local.is_file():
        return local
    return old if old.suffix != SUFFIX and old.is_file() else None


def _put(row: Recording, file: Path) -> tuple[str, int]:
    """Into the store; the name and the bytes there. A plain WAV of before is sealed on its way."""
    if file.suffix == SUFFIX:
        recordings.store().put(row.name, file)
        return row.name, file.stat().st_size
    name = recordings.name_of(f"{row.call_id}-{row.part}{SUFFIX}", row.started_at)
    fresh = recordings.local_path(name)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    size = recordings.seal_plain(file, fresh, started_at=row.started_at)
    recordings.store().put(name, fresh)
    fresh.unlink()
    return name, size


def _adopt_lost(*, now: datetime) -> Iterator[Recording]:
    """Rows for files that no report told of: their worker was killed. Files of erased recordings are removed."""
    folder = Path(settings.RECORDINGS_LIVE_DIR)
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []:
        found = _FILE.fullmatch(path.name)
        try:
            written_at = datetime.fromtimestamp(path.stat().st_mtime, tz=now.tzinfo)
        except FileNotFoundError:  # its worker has removed it meanwhile
            continue
        if found is None or written_at > now - _QUIET:
            continue
        call_id, part = UUID(found[1]), int(found[2])
        row = Recording.objects.filter(call=call_id, part=part).first()
        if row is not None:
            if row.erased_at is not None:
                path.unlink(missing_ok=True)
            continue
        call = Call.objects.filter(pk=call_id).first()
        if call is None or _was_erased(call):
            path.unlink(missing_ok=True)  # the call was deleted, and its recording with it
        elif call.status in TERMINAL or written_at < now - timedelta(seconds=2 * settings.VOICE.max_call_s):
            if _was_objected_to(call, part):
                path.unlink(missing_ok=True)
            else:
                yield from _adopt(path, call, part, now=now)


def _was_erased(call: Call) -> bool:
    """Whether the call was erased while a part of it lay on a disk, unknown to whoever erased it."""
    erased = call.events.filter(kind__in=(recordings.ERASED, recordings.TALK_ERASED))
    return erased.exclude(fields__by=recordings.CONVERSATION).exists()  # an objection says itself what is to go


def _was_objected_to(call: Call, part: int) -> bool:
    """Whether the person objected on this very line, whose report would tell what is left."""
    return call.events.filter(kind=recordings.STOPPED_EVENT, fields__part=part).exists()


def _adopt(path: Path, call: Call, part: int, *, now: datetime) -> Iterator[Recording]:
    try:
        yield from _row_of(path, call, part, now=now)
    except (Damaged, UnknownKey, OSError) as error:
        log.error("recording.not_adopted", path=path.name, error=str(error))


def _row_of(path: Path, call: Call, part: int, *, now: datetime) -> Iterator[Recording]:
    reader = mended(path, recordings.keys())
    if not reader.sound_bytes:
        path.unlink(missing_ok=True)
        return
    started_at = reader.about.started_at
    duration_ms = reader.sound_bytes * 1000 // reader.about.bytes_per_s
    with transaction.atomic():
        row, created = Recording.objects.get_or_create(
            call=call,
            part=part,
            defaults={
                "name": recordings.name_of(path.name, started_at),
                "started_at": started_at,
                "duration_ms": duration_ms,
                "bytes": path.stat().st_size,
            },
        )
        if created:
            recordings.silence_unwritten(row, call)
            note(call.pk, "recording.adopted", at=now, fields={"part": part, "seconds": duration_ms // 1000})
    recordings.erase_if_objected(call.pk, part, now=now)
    yield row


def _watch(*, now: datetime) -> None:
    """Tell of recordings that wait for long: the store is away, or their machine is."""
    late = Recording.objects.filter(stored_at=None, erased_at=None, call__ended_at__lt=now - TOLD_AFTER)
    waiting = late.exclude(name="").count()
    if waiting:
        text = (
            f"Recordings that wait for their store: {waiting}. See whether it answers, and whether a worker of the "
            "default queue runs on every machine with a voice worker. They are kept on the disk until then."
        )
        telling.tell_trouble(Trouble.RECORDINGS_WAIT, _PLACE, text, value=waiting, at=now)
    telling.end_trouble(Trouble.RECORDINGS_WAIT, besides=[_PLACE] if waiting else [], at=now)
