"""Recordings after the call: into the store and out of it, over losses of every part, and erased when their time is
over."""

import os
import struct
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
from django.db.models import QuerySet
from moto.server import ThreadedMotoServer
from pytest_django import Settings
from structlog.testing import capture_logs

from agents.domain.types import Act, Disposition, EndCall, OptOut, Outcome, ScheduleCallback, StopRecording, Transfer
from billing.models import Alert
from calls.domain.status import CallStatus
from calls.models import Call, Recording, Turn
from calls.services import acts, recordings, storing
from calls.services.moving import note
from tests.calls import factories as make
from tests.calls.admin import world
from voice.domain.types import Recording as Recorded
from voice.domain.types import RecordingChanged, RecordingState
from voice.recordings.bucket import Bucket
from voice.recordings.sealed import HEADER_BYTES, Header, SealedFile
from voice.recordings.store import DiskStore, RecordingStore, StoreError

NOW = make.NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = tmp_path / "store"
    settings.RECORDINGS_LIVE_DIR = tmp_path / "live"
    settings.RECORDINGS_LIVE_DIR.mkdir()


def done(**fields: Any) -> Call:
    campaign = make.campaign(recordings_days=fields.pop("recordings_days", None))
    times = {"answered_at": NOW, "ended_at": NOW + timedelta(seconds=61), **fields}
    return make.call(make.lead(campaign), CallStatus.DONE, **times)


def left(
    call: Call, settings: Settings, *, part: int = 1, seconds: int = 1, age_s: int = 0, whole: bool = True
) -> Path:
    """What a worker has left on its disk."""
    path = Path(settings.RECORDINGS_LIVE_DIR) / f"{call.pk}-{part}.rec"
    keys = recordings.keys()
    with path.open("w+b") as file:
        sealed = SealedFile(file, Header.new(keys, started_at=NOW + timedelta(seconds=6)), keys)
        sealed.write(world.pcm(seconds))
        if whole:
            sealed.close()
    written = (LATER - timedelta(seconds=age_s)).timestamp()
    os.utime(path, (written, written))
    return path


def reported(call: Call, settings: Settings, **how: Any) -> Recording:
    """The row of a recording that its worker has told of, whose file lies on the disk still."""
    path = left(call, settings, **how)
    seconds = how.get("seconds", 1)
    recorded = Recorded(path, NOW + timedelta(seconds=6), 1000 * seconds, how.get("part", 1), path.stat().st_size)
    with mock.patch("calls.services.doorbell.store_recordings"):
        recordings.keep(call.pk, recorded)
    return Recording.objects.get(call=call, part=how.get("part", 1))


def sound(row: Recording) -> bytes:
    reader = recordings.opened(row)
    return reader.sound(0, reader.sound_bytes)


def said(call: Call, *, to_s: float) -> None:
    """The lead's last words that were written down ended ``to_s`` after the answer."""
    Turn.objects.create(call=call, seq=1, speaker="lead", text="Yes.", start_ms=0, end_ms=round(1000 * to_s))
    Turn.objects.create(call=call, seq=2, speaker="agent", text="Good.", start_ms=0, end_ms=99_000)


def kinds(call: Call) -> list[str]:
    return list(call.events.order_by("pk").values_list("kind", flat=True))


def every() -> QuerySet[Recording]:
    return Recording.objects.all()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server: Any = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, settings: Settings) -> Bucket:
    made = Bucket("calls", endpoint, "summit/", "us-east-1", "key", "secret")
    options = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=endpoint, **options).create_bucket(Bucket="calls")
    settings.RECORDINGS_BUCKET = made
    return made


@pytest.fixture(params=["disk", "bucket"])
def store(request: pytest.FixtureRequest) -> RecordingStore:
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    return recordings.store()


def test_what_a_store_promises(store: RecordingStore, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert store.size("2026/11/a.rec") is None
    store.put("2026/11/a.rec", path)
    path.write_bytes(b"abcdefghijkl")
    store.put("2026/11/a.rec", path)
    assert (store.size("2026/11/a.rec"), path.exists()) == (12, True)
    assert [store.read("2026/11/a.rec", *span) for span in ((0, 3), (3, 100), (5, 5))] == [b"abc", b"defghijkl", b""]
    store.delete("2026/11/a.rec")
    store.delete("2026/11/a.rec")
    assert store.size("2026/11/a.rec") is None
    with pytest.raises(StoreError):
        store.read("2026/11/a.rec", 0, 3)


def test_a_bucket_that_is_away_or_not_there(settings: Settings, bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    settings.RECORDINGS_BUCKET = Bucket("calls", "http://127.0.0.1:1", "", "us-east-1", "key", "secret")
    with pytest.raises(StoreError, match=r"did not take a recording: EndpointConnectionError\."):
        recordings.store().put("a", tmp_path / "a")
    settings.RECORDINGS_BUCKET = Bucket("nobodys", bucket.endpoint, "", "us-east-1", "key", "secret")
    with pytest.raises(StoreError, match=r"did not take a recording: NoSuchBucket\."):
        recordings.store().put("a", tmp_path / "a")
    assert "secret" not in repr(bucket)


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/etc/passwd", "a/../../b"])
def test_no_name_leads_out_of_a_folder(tmp_path: Path, name: str) -> None:
    folder = DiskStore(tmp_path / "store")
    (tmp_path / "a").write_bytes(b"x")
    attempts: list[Callable[[], object]] = [
        partial(folder.size, name),
        partial(folder.delete, name),
        partial(folder.put, name, tmp_path / "a"),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="leads out of the folder"):
            attempt()


def test_from_the_worker_s_disk_into_the_store(settings: Settings, store: RecordingStore) -> None:
    call = done()
    row = reported(call, settings)
    assert (row.name, row.stored_at) == (f"2026/11/{call.pk}-1.rec", None)
    assert sound(row) == world.pcm(1)
    assert storing.store_recordings(now=LATER) == 1
    row.refresh_from_db()
    assert (row.stored_at, row.bytes) == (LATER, store.size(row.name))
    assert list(Path(settings.RECORDINGS_LIVE_DIR).iterdir()) == []
    assert sound(row) == world.pcm(1)
    assert recordings.is_there(row)
    assert storing.store_recordings(now=LATER) == 0
    assert not Alert.objects.exists()


def test_a_store_that_is_away_loses_nothing_and_is_told_of(settings: Settings) -> None:
    call = done()
    row = reported(call, settings)
    away = mock.patch.object(DiskStore, "put", side_effect=StoreError("away"))
    with away, capture_logs() as logs:
        assert storing.store_recordings(now=LATER) == 0
        assert not Alert.objects.exists()
        assert storing.store_recordings(now=LATER + timedelta(minutes=10)) == 0
    assert [log["event"] for log in logs if log["log_level"] == "warning"][:1] == ["recording.store_away"]
    alert = Alert.objects.get()
    assert (alert.kind, int(alert.value), alert.ended_at) == ("recordings_wait", 1, None)
    assert alert.text.startswith("Recordings that wait for their store: 1.")
    assert sound(row) == world.pcm(1)
    back = LATER + timedelta(minutes=20)
    assert storing.store_recordings(now=back) == 1
    alert.refresh_from_db()
    assert alert.ended_at == back


def test_a_store_that_hangs_is_asked_once_a_round_and_not_by_two_at_a_time(settings: Settings) -> None:
    rows = [reported(done(), settings) for _ in range(3)]
    rounds: list[int] = []

    def hang(_store: DiskStore, name: str, *_path: Path) -> None:
        asked.append(name)
        rounds.append(storing.store_recordings(now=LATER))  # another process, meanwhile
        raise StoreError("no answer")

    asked: list[str] = []
    with mock.patch.object(DiskStore, "put", hang):
        storing.store_recordings(now=LATER)
    assert asked == [rows[0].name]
    with mock.patch.object(DiskStore, "delete", hang):
        recordings.erase(every(), why="asked", by="mia", now=LATER)
    assert len(asked) == 2
    assert rounds == [0, 0]
    assert list(Path(settings.RECORDINGS_LIVE_DIR).iterdir()) == []
    assert recordings.remove_erased(every()) == 0
    assert {row.name for row in every()} == {""}


def test_killed_between_the_store_and_the_row_it_goes_on(settings: Settings) -> None:
    row = reported(done(), settings)
    with (
        mock.patch("pathlib.Path.unlink", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        storing.store_recordings(now=LATER)
    Recording.objects.update(stored_at=None)
    assert storing.store_recordings(now=LATER) == 1
    row.refresh_from_db()
    assert sound(row) == world.pcm(1)


class TestLeftBehind:
    def test_a_killed_worker_s_file_gets_its_row_and_plays_to_its_last_frame(self, settings: Settings) -> None:
        call = done()
        said(call, to_s=9)
        path = left(call, settings, part=2, seconds=3, age_s=61, whole=False)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 100)
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
        assert storing.store_recordings(now=LATER) == 1
        row = Recording.objects.get()
        assert (row.call_id, row.part, row.started_at) == (call.pk, 2, NOW + timedelta(seconds=6))
        assert sound(row) == world.pcm(3)[: 4 * 16_384]
        assert row.duration_ms == 2048
        assert kinds(call) == ["recording.adopted"]

    @pytest.mark.parametrize(("to_s", "heard_s"), [(7.5, 1.5), (3, 0), (None, 0)])
    def test_what_a_killed_worker_did_not_write_down_is_silent(
        self, settings: Settings, to_s: float | None, heard_s: float
    ) -> None:
        """It may be half a card number, which nobody has looked for."""
        call = done()
        if to_s is not None:
            said(call, to_s=to_s)
        left(call, settings, seconds=2, age_s=61)
        assert storing.store_recordings(now=LATER) == 1
        heard, whole = sound(Recording.objects.get()), world.pcm(2)
        at = round(8000 * heard_s) * 4
        assert heard[:at] == whole[:at]
        assert set(struct.unpack("<" + "h" * (len(heard[at:]) // 2), heard[at:])[::2]) == {0}
        assert heard[2::4] == whole[2::4]
        assert heard[3::4] == whole[3::4]

    def test_of_a_call_that_was_taken_over_the_killed_line_s_part_plays_before_the_other(
        self, settings: Settings
    ) -> None:
        call = done(takeovers=1)
        said(call, to_s=9)
        second = reported(call, settings, part=2, seconds=2)
        left(call, settings, part=1, seconds=3, age_s=61, whole=False)
        assert storing.store_recordings(now=LATER) == 2
        first, other = call.recordings.order_by("part")
        assert (first.part, other) == (1, second)
        assert sound(first) == world.pcm(3)[: len(sound(first))]
        assert len(sound(first)) >= len(world.pcm(2))
        assert sound(second) == world.pcm(2)
        assert list(Path(settings.RECORDINGS_LIVE_DIR).iterdir()) == []

    def test_one_that_is_being_written_is_left_alone(self, settings: Settings) -> None:
        call = done()
        paths = [left(call, settings, age_s=30, whole=False)]
        live = make.call(make.lead(), CallStatus.LIVE, answered_at=NOW)
        paths.append(left(live, settings, age_s=300, whole=False))
        (Path(settings.RECORDINGS_LIVE_DIR) / "notes.txt").write_text("")
        (Path(settings.RECORDINGS_LIVE_DIR) / "other.rec").write_text("")
        assert storing.store_recordings(now=LATER) == 0
        assert not Recording.objects.exists()
        assert all(path.exists() for path in paths)

    def test_one_that_vanishes_meanwhile_holds_up_no_other(self, settings: Settings) -> None:
        call = done()
        path = left(call, settings, age_s=61)
        with mock.patch.object(Path, "glob", return_value=[path.with_name(f"{call.pk}-9.rec"), path]):
            assert storing.store_recordings(now=LATER) == 1

    def test_one_of_no_call_or_of_an_erased_recording_is_removed(self, settings: Settings) -> None:
        call, gone = done(), done()
        path, other = left(call, settings, age_s=61), left(gone, settings, age_s=61)
        Recording.objects.create(call=call, started_at=NOW, duration_ms=1, erased_at=NOW)
        gone.delete()
        assert storing.store_recordings(now=LATER) == 0
        assert not path.exists()
        assert not other.exists()

    def test_of_a_call_that_was_erased_meanwhile_it_is_removed(self, settings: Settings) -> None:
        """Its machine was away: whoever erased the call could not know of this part."""
        talk, sound_alone, objected = done(), done(takeovers=1), done(takeovers=1)
        paths = [left(talk, settings, age_s=61), left(sound_alone, settings, age_s=61)]
        recordings.erase_talk(Call.objects.filter(pk=talk.pk), why="asked", by="mia", now=LATER)
        for call, by in ((sound_alone, "mia"), (objected, recordings.CONVERSATION)):
            rows = Recording.objects.filter(pk=reported(call, settings, part=2).pk)
            recordings.erase(rows, why="asked", by=by, now=LATER)
        kept = left(objected, settings, part=3, age_s=61)
        assert storing.store_recordings(now=LATER) == 1
        assert not any(path.exists() for path in (*paths, kept))
        assert Recording.objects.get(erased_at=None).call == objected

    @pytest.mark.parametrize("length", [0, 10, HEADER_BYTES])
    def test_one_without_sound(self, settings: Settings, length: int) -> None:
        call = done()
        path = left(call, settings)
        path.write_bytes(path.read_bytes()[:length])
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
        assert storing.store_recordings(now=LATER) == 0
        assert not Recording.objects.exists()
        assert path.exists() == (length < HEADER_BYTES)  # what cannot be read is for a person to see


def test_what_was_recorded_before_there_were_keys_is_sealed(settings: Settings) -> None:
    call = done()
    folder = Path(settings.RECORDINGS_DIR)
    folder.mkdir()
    import wave

    with wave.open(str(folder / f"{call.pk}.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(world.pcm(1))
    row = Recording.objects.create(call=call, name=f"{call.pk}.wav", started_at=NOW, duration_ms=1000)
    assert sound(row) == world.pcm(1)
    assert storing.store_recordings(now=LATER) == 1
    row.refresh_from_db()
    assert (row.name, row.stored_at) == (f"2026/11/{call.pk}-1.rec", LATER)
    assert sound(row) == world.pcm(1)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [f"{call.pk}-1.rec"]


class TestErasing:
    def test_the_campaign_s_days_go_before_those_of_the_settings(
        self, settings: Settings, store: RecordingStore
    ) -> None:
        settings.RECORDINGS_DAYS = 90
        short, usual = reported(done(recordings_days=3), settings), reported(done(), settings)
        storing.store_recordings(now=LATER)
        assert recordings.erase_over(now=NOW + timedelta(days=3)) == 0
        assert recordings.erase_over(now=NOW + timedelta(days=3, seconds=7)) == 1
        short.refresh_from_db()
        usual.refresh_from_db()
        assert (short.name, short.bytes, usual.erased_at) == ("", 0, None)
        assert short.erased_why == "It was kept for as long as the campaign keeps recordings."
        assert kinds(short.call) == ["recording.erased"]
        with pytest.raises(recordings.Gone):
            recordings.opened(short)
        assert recordings.erase_over(now=NOW + timedelta(days=90, seconds=7)) == 1
        assert store.size(f"2026/11/{usual.call_id}-1.rec") is None

    def test_with_the_store_away_it_cannot_be_played_and_is_removed_later(self, settings: Settings) -> None:
        row = reported(done(), settings)
        storing.store_recordings(now=LATER)
        with mock.patch.object(DiskStore, "delete", side_effect=StoreError("away")):
            assert recordings.erase(every(), why="asked", by="mia", now=LATER) == 1
        row.refresh_from_db()
        assert (row.erased_at, row.name != "") == (LATER, True)
        with pytest.raises(recordings.Gone, match="The recording was erased"):
            recordings.opened(row)
        recordings.erase_over(now=LATER)
        row.refresh_from_db()
        assert row.name == ""
        assert [path for path in Path(settings.RECORDINGS_DIR).rglob("*") if path.is_file()] == []

    def test_before_it_was_stored_it_goes_from_the_worker_s_disk(self, settings: Settings) -> None:
        reported(done(), settings)
        assert recordings.erase(every(), why="asked", by="mia", now=LATER) == 1
        assert recordings.erase(every(), why="asked", by="mia", now=LATER) == 0
        assert list(Path(settings.RECORDINGS_LIVE_DIR).iterdir()) == []
        assert storing.store_recordings(now=LATER) == 0

    def test_erased_while_it_is_moved_it_does_not_stay_in_the_store(self, settings: Settings) -> None:
        row = reported(done(), settings)
        put = DiskStore.put

        def slow(store: DiskStore, name: str, path: Path) -> None:
            put(store, name, path)
            Recording.objects.filter(pk=row.pk).update(erased_at=LATER)

        with mock.patch.object(DiskStore, "put", slow):
            storing.store_recordings(now=LATER)
        assert [path for path in Path(settings.RECORDINGS_DIR).rglob("*") if path.is_file()] == []
        row.refresh_from_db()
        assert row.name == ""

    def test_a_person_s_recordings_and_words(self, settings: Settings) -> None:
        call, other = done(summary="Wants to sell.", facts={"price": "1"}, snapshot={"a": 1}), done(summary="Other.")
        for one in (call, other):
            reported(one, settings)
            Turn.objects.create(call=one, seq=1, speaker="lead", text="I live alone.", start_ms=0, end_ms=900)
        asked = Call.objects.filter(pk=call.pk)
        assert recordings.erase_talk(asked, why="The person asked.", by="mia", now=LATER) == 1
        call.refresh_from_db()
        other.refresh_from_db()
        assert (call.summary, call.facts, call.snapshot) == ("", {}, None)
        assert [turn.text for turn in Turn.objects.order_by("call__summary")] == ["", "I live alone."]
        assert kinds(call) == ["recording.erased", "transcript.erased"]
        assert (other.summary, other.recordings.get().erased_at) == ("Other.", None)


def test_of_what_was_agreed_on_the_words_are_erased_but_those_of_an_opt_out() -> None:
    call = done()
    wished: list[Act] = [
        ScheduleCallback(LATER, "Friday, when my mother is out."),
        Transfer("Give me your boss."),
        StopRecording("Do not record me."),
        OptOut("Never call me again."),
        EndCall("not_interested"),
    ]
    for act in wished:
        acts.keep(call, act, now=NOW)
    recordings.erase_talk(Call.objects.all(), why="asked", by="mia", now=LATER)
    assert acts.kept(call.pk) == (
        ScheduleCallback(LATER, ""),
        Transfer(""),
        StopRecording(""),
        OptOut("Never call me again."),
        EndCall("not_interested"),
    )


def test_what_a_line_tells_of_its_recording_is_written_down() -> None:
    call = done()
    for seq, text in enumerate(("four one one one", "one one one one"), start=1):
        Turn.objects.create(call=call, seq=seq, speaker="lead", text=text, start_ms=0, end_ms=1)
    masked = RecordingChanged(RecordingState.REDACTED, NOW, 1, "Said: card number.", {1: "[card number]", 7: "x"})
    recordings.changed(call, masked)
    recordings.changed(call, RecordingChanged(RecordingState.BEGAN, NOW, 1))
    assert list(call.turns.values_list("text", flat=True)) == ["[card number]", "one one one one"]
    fields = list(call.events.order_by("pk").values_list("kind", "fields"))
    assert fields == [("recording.redacted", {"why": "Said: card number."}), ("recording.began", {})]


def test_an_objection_is_kept_as_an_act() -> None:
    call = done()
    acts.keep(call, StopRecording("Don't record me."), now=NOW)
    assert acts.kept(call.pk) == (StopRecording("Don't record me."),)
    outcome = Outcome(Disposition.HUNG_UP, "Gone.")
    assert acts.completed(outcome, acts.kept(call.pk)).disposition is Disposition.HUNG_UP


def test_a_recording_is_sealed_anew_in_its_place(settings: Settings, store: RecordingStore) -> None:
    row = reported(done(), settings)
    storing.store_recordings(now=LATER)
    row.refresh_from_db()
    before = store.read(row.name, 0, 64)
    recordings.replace_by(row)
    assert store.read(row.name, 0, 64) != before
    assert sound(row) == world.pcm(1)


def test_redacting_a_call_of_several_parts(settings: Settings) -> None:
    call = done()
    for part in (1, 2):
        reported(call, settings, part=part, seconds=2)
    Recording.objects.filter(part=2).update(started_at=NOW + timedelta(seconds=20))
    storing.store_recordings(now=LATER)
    note(call.pk, "call.finished", at=NOW)
    assert recordings.redact(call.pk, 7_000, 21_000, by="mia", now=LATER) == 2
    first, second = Recording.objects.order_by("part")
    assert sound(first) == world.pcm(2)[:32_000] + bytes(32_000)
    assert sound(second) == bytes(32_000) + world.pcm(2)[32_000:]
    assert recordings.redact(call.pk, 100_000, 101_000, by="mia", now=LATER) == 0


class TestAnObjectionOnAnotherLine:
    """The first part was reported before it, is reported after it, or is found on the disk of a killed worker."""

    def objects(self, call: Call, *, part: int = 2) -> None:
        with mock.patch("calls.services.doorbell.store_recordings"):
            recordings.changed(call, RecordingChanged(RecordingState.STOPPED, NOW, part, "They object."))

    def check(self, call: Call, settings: Settings) -> None:
        first = call.recordings.get(part=1)
        assert (first.erased_at is not None, first.name) == (True, "")
        assert first.erased_why == "The person objected to the recording."
        assert not (Path(settings.RECORDINGS_LIVE_DIR) / f"{call.pk}-1.rec").exists()

    def test_what_was_reported_is_erased(self, settings: Settings) -> None:
        call = done(takeovers=1)
        reported(call, settings)
        self.objects(call)
        self.check(call, settings)
        own = reported(call, settings, part=2)
        assert (own.erased_at, own.part) == (None, 2)

    def test_what_is_reported_later_is_erased(self, settings: Settings) -> None:
        call = done(takeovers=1)
        self.objects(call)
        reported(call, settings)
        self.check(call, settings)

    def test_a_line_that_took_over_before_it_was_written_down_keeps_nothing_either(self, settings: Settings) -> None:
        call = done(takeovers=1)
        self.objects(call, part=1)
        second = reported(call, settings, part=2)
        assert (second.erased_at is not None, second.name) == (True, "")
        assert reported(call, settings).erased_at is None

    def test_what_was_left_behind_is_erased(self, settings: Settings) -> None:
        call = done(takeovers=1)
        self.objects(call)
        left(call, settings, age_s=61)
        storing.store_recordings(now=LATER)
        self.check(call, settings)

    def test_what_the_line_itself_left_behind_is_removed(self, settings: Settings) -> None:
        """It was killed, or its disk failed, before what it told of was done. One that talks on sees to it itself."""
        over, live = done(), make.call(make.lead(), CallStatus.LIVE, answered_at=NOW)
        for call in (over, live):
            self.objects(call, part=1)
        paths = [left(call, settings, age_s=61) for call in (over, live)]
        assert storing.store_recordings(now=LATER) == 0
        assert [path.exists() for path in paths] == [False, True]
        assert not Recording.objects.exists()

    def test_on_the_first_line_it_is_the_line_s_own_matter(self, settings: Settings) -> None:
        call = done()
        self.objects(call, part=1)
        assert reported(call, settings).erased_at is None
