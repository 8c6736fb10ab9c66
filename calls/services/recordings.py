"""The recordings of calls: their rows, how they are opened, redacted and erased."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from calls.models import Call, CallAnalysis, CallEvent, Recording, Turn
from calls.services import acts, adding, doorbell, tracing
from calls.services.moving import note
from calls.signals import words_removed
from voice import bell
from voice.domain.types import Recording as Recorded
from voice.domain.types import RecordingChanged, RecordingState, Signal, SignalKind
from voice.recordings.bucket import Bucket
from voice.recordings.file import Track
from voice.recordings.keys import Keyring, UnknownKey
from voice.recordings.rewriting import Quiet, rewrite
from voice.recordings.sealed import Damaged
from voice.recordings.store import DiskStore, Reader, RecordingStore, StoreError, reader_of

log = structlog.get_logger(__name__)
REDACTED = "[redacted]"
EVENT = "recording."
STOPPED_EVENT = f"{EVENT}{RecordingState.STOPPED.value}"
PLAYED, ERASED, REDACTED_EVENT = "recording.played", "recording.erased", "recording.redacted"
TALK_ERASED = "transcript.erased"
CONVERSATION = "conversation"
"""Who erases what the person objected to."""


class Gone(Exception):
    """The recording is not where its row says; the text is a sentence."""


UNREADABLE = (Gone, StoreError, Damaged, UnknownKey)
"""Why a recording cannot be opened; each has a sentence."""


@cache
def _store(bucket: Bucket | None, folder: Path) -> RecordingStore:
    if bucket is None:
        return DiskStore(folder)
    from voice.recordings.s3 import S3Store  # boto3 takes a second to load

    return S3Store(bucket)


def store() -> RecordingStore:
    """The store that the settings name."""
    return _store(settings.RECORDINGS_BUCKET, Path(settings.RECORDINGS_DIR))


def keys() -> Keyring:
    """The keys that the settings hold. Raises BadKeys."""
    return Keyring.parse(settings.RECORDING_KEYS)


def local_path(name: str) -> Path:
    """Where the worker that made the recording has left it."""
    return Path(settings.RECORDINGS_LIVE_DIR) / Path(name).name


def keep(call_id: UUID, recorded: Recorded) -> None:
    """The row of what a line has recorded, within the transaction of its report. Doubled, it counts once."""
    name = name_of(recorded.path.name, recorded.started_at)
    Recording.objects.bulk_create(
        [
            Recording(
                call_id=call_id,
                part=recorded.part,
                name=name,
                started_at=recorded.started_at,
                duration_ms=recorded.duration_ms,
                bytes=recorded.bytes,
            )
        ],
        ignore_conflicts=True,
    )
    ended_at = recorded.started_at + timedelta(milliseconds=recorded.duration_ms)
    erase_if_objected(call_id, recorded.part, now=ended_at)
    transaction.on_commit(doorbell.store_recordings, robust=True)


def name_of(file: str, started_at: datetime) -> str:
    """The name in the store of a worker's ``file``: by month, so that no folder grows without end."""
    return f"{started_at:%Y/%m}/{file}"


def changed(call: Call, event: RecordingChanged) -> None:
    """Write down what became of the recording of a call under way, and mask what was said of it before."""
    with transaction.atomic():
        for seq, text in event.turns.items():
            Turn.objects.filter(call=call, seq=seq).update(text=text)
        fields: dict[str, object] = {"why": event.why} if event.why else {}
        if event.state is RecordingState.STOPPED:
            fields["part"] = event.part
        note(call.pk, EVENT + event.state.value, at=event.at, fields=fields)
    if event.state is RecordingState.STOPPED:
        for part in call.recordings.values_list("part", flat=True):
            erase_if_objected(call.pk, part, now=event.at)


def is_paused(call: Call) -> bool:
    """Whether what follows on the call is to be left out, whichever line holds it."""
    states = [EVENT + state.value for state in (RecordingState.PAUSED, RecordingState.RESUMED)]
    last = call.events.filter(kind__in=states).last()
    return last is not None and last.kind == states[0]


def erase_if_objected(call_id: UUID, part: int, *, now: datetime) -> None:
    """Erase what one line recorded of a person who objected on another, which sees to its own part: an earlier one,
    or one that had taken the call over before the objection was written down.
    """
    objected = CallEvent.objects.filter(call=call_id, kind=STOPPED_EVENT).exclude(fields__part=part)
    if objected.exists():
        rows = Recording.objects.filter(call=call_id, part=part)
        erase(rows, why="The person objected to the recording.", by=CONVERSATION, now=now)


def opened(recording: Recording) -> Reader:
    """What plays the recording. Raises Gone, StoreError, Damaged and UnknownKey."""
    if recording.erased_at is not None or not recording.name:
        raise Gone("The recording was erased.")
    local = local_path(recording.name)
    found: Reader | None = None
    if recording.stored_at is None and local.is_file():
        found = reader_of(DiskStore(local.parent), local.name, keys())
    if found is None:
        found = reader_of(store(), recording.name, keys())
    if found is None:
        raise Gone("The recording is no longer on this server.")
    return found


def is_there(recording: Recording) -> bool:
    """Whether its file is where its row says; a store that does not answer is believed to have it."""
    if recording.stored_at is None and local_path(recording.name).is_file():
        return True
    try:
        return store().size(recording.name) is not None
    except StoreError:
        return True


def redact(call_id: UUID, from_ms: int, to_ms: int, *, by: str, now: datetime) -> int:
    """Silence the call's recordings from ``from_ms`` to before ``to_ms`` after its answer, on both sides, and mask
    the turns in it; how many recordings were changed.

    Raises as ``opened`` does, with nothing masked then.
    """
    with transaction.atomic():
        call = Call.objects.select_for_update(no_key=True).get(pk=call_id)
        rows = list(call.recordings.select_for_update().filter(erased_at=None))
        changed_rows = [row for row in rows if _redact(row, call, from_ms, to_ms)]
        turns = call.turns.filter(start_ms__lt=to_ms, end_ms__gt=from_ms)
        masked = turns.update(text=REDACTED)
        fields = {"by": by, "from_s": from_ms / 1000, "to_s": to_ms / 1000, "turns": masked}
        note(call.pk, REDACTED_EVENT, at=now, fields=fields)
        if masked:
            adding.forget(call.pk, now=now)
            words_removed.send(sender=Call, call_ids=[call.pk], whole=False, now=now)
    return len(changed_rows)


def silence_unwritten(row: Recording, call: Call) -> None:
    """Silence the lead behind the last words that are written down: nobody has looked for a card number in later
    ones, since their line was killed before they were finished. Raises as ``opened`` does.
    """
    since = _since(row, call)
    written = call.turns.filter(speaker="lead", start_ms__lt=since + row.duration_ms).order_by("end_ms").last()
    from_ms = 0 if written is None else max(0, written.end_ms - since)
    if from_ms < row.duration_ms:
        replace_by(row, quiets=[Quiet(from_ms, row.duration_ms, Track.LEAD)])


def _since(row: Recording, call: Call) -> int:
    """Milliseconds from the call's answer to the recording's beginning."""
    return int((row.started_at - (call.answered_at or row.started_at)) / timedelta(milliseconds=1))


def _redact(row: Recording, call: Call, from_ms: int, to_ms: int) -> bool:
    since = _since(row, call)
    quiet = Quiet(max(0, from_ms - since), max(0, to_ms - since))
    if quiet.from_ms >= quiet.to_ms or quiet.from_ms >= row.duration_ms:
        return False
    replace_by(row, quiets=[quiet])
    return True


def reseal(recording_id: int, newest: str) -> bool:
    """Seal the recording with the newest key; False where it is, or was erased meanwhile. Raises as ``opened``."""
    with transaction.atomic():
        row = Recording.objects.select_for_update().filter(pk=recording_id, erased_at=None).exclude(name="").first()
        if row is None or opened(row).about.key_id == newest:
            return False
        replace_by(row)
        return True


def replace_by(row: Recording, *, quiets: Iterable[Quiet] = ()) -> None:
    """Seal the recording anew with the newest key, ``quiets`` silenced, in place of what is there."""
    reader = opened(row)
    with TemporaryDirectory(prefix="recording-") as folder:
        fresh = Path(folder) / "fresh.rec"
        size = rewrite(reader, fresh, keys(), started_at=row.started_at, quiets=list(quiets))
        if row.stored_at is None and local_path(row.name).is_file():
            DiskStore(local_path(row.name).parent).put(local_path(row.name).name, fresh)
        else:
            store().put(row.name, fresh)
    Recording.objects.filter(pk=row.pk).update(bytes=size)


def erase(rows: QuerySet[Recording], *, why: str, by: str, now: datetime) -> int:
    """From now on none of ``rows`` can be played; how many could until now. What is in the store is removed at once,
    or as soon as it answers again.
    """
    erased = []
    for row in rows.filter(erased_at=None).order_by("pk"):
        with transaction.atomic():
            mine = Recording.objects.filter(pk=row.pk, erased_at=None)
            if mine.update(erased_at=now, erased_why=why[:120]):
                note(row.call_id, ERASED, at=now, fields={"part": row.part, "why": why, "by": by})
                erased.append(row.pk)
    remove_erased(Recording.objects.filter(pk__in=erased))
    return len(erased)


def remove_erased(rows: QuerySet[Recording]) -> int:
    """Remove from the store, and from this machine's disk, what was erased; how many files are left for later.

    A store that does not answer is asked once: each question may cost many seconds.
    """
    left, away = 0, False
    for row in rows.filter(erased_at__isnull=False).exclude(name=""):
        try:
            local_path(row.name).unlink(missing_ok=True)
            if not away:
                store().delete(row.name)
        except (OSError, StoreError) as error:
            away = away or isinstance(error, StoreError)
            log.error("recording.not_removed", recording_id=row.pk, error=str(error))
            left += 1
            continue
        if away:
            left += 1
            continue
        Recording.objects.filter(pk=row.pk).update(name="", bytes=0)
    return left


def erase_talk(calls: QuerySet[Call], *, why: str, by: str, now: datetime) -> int:
    """Erase the recordings of ``calls`` and what was said on them; how many recordings there were.

    The ledger stays: that there was a call, when, with what outcome and cost, and an opt-out's words.
    """
    ids = list(calls.values_list("pk", flat=True))
    erased = erase(Recording.objects.filter(call__in=ids), why=why, by=by, now=now)
    with transaction.atomic():
        for call_id in ids:
            said = Turn.objects.filter(call=call_id).exclude(text="").update(text="")
            Call.objects.filter(pk=call_id).update(
                summary="", facts={}, told=[], objections={}, snapshot=None, analysis_due_at=None
            )
            CallAnalysis.objects.filter(call=call_id).delete()
            acts.forget_words(call_id)
            tracing.forget_decisions(call_id)
            note(call_id, TALK_ERASED, at=now, fields={"turns": said, "why": why, "by": by})
        words_removed.send(sender=Call, call_ids=ids, whole=True, now=now)
    return erased


def over(*, now: datetime) -> QuerySet[Recording]:
    """What is older than its campaign, or else the settings, keeps recordings."""
    days = Coalesce(F("call__campaign__recordings_days"), settings.RECORDINGS_DAYS)
    aged = Recording.objects.filter(erased_at=None).alias(days=days)
    kept: QuerySet[Recording] = aged.filter(Q(started_at__lt=Value(now) - F("days") * timedelta(days=1)))
    return kept


def erase_over(*, now: datetime) -> int:
    """Erase what was kept long enough, and finish what could not be removed before; how many were erased."""
    ids = list(over(now=now).values_list("pk", flat=True)[:1000])
    rows = Recording.objects.filter(pk__in=ids)
    erased = erase(rows, why="It was kept for as long as the campaign keeps recordings.", by="retention", now=now)
    remove_erased(Recording.objects.all())
    return erased


def pause_or_resume(call_id: UUID, *, pause: bool, by: str) -> None:
    """Ask the line of a call under way to leave out what follows, or to go on; its event tells whether it did."""
    kind = SignalKind.PAUSE_RECORDING if pause else SignalKind.RESUME_RECORDING
    bell.publish(settings.REDIS_URL, Signal(str(call_id), kind, f"Asked for by {by}."))


def seal_plain(old: Path, target: Path, *, started_at: datetime) -> int:
    """Seal a plain WAV of before; bytes of the sealed file. Raises Damaged, StoreError and OSError."""
    reader = reader_of(DiskStore(old.parent), old.name, keys())
    assert reader is not None
    return rewrite(reader, target, keys(), started_at=started_at)
