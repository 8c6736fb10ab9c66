"""What is kept of a call, from when on, and what is taken out of it again."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.voice.recordings.files import tracks
from tests.voice.speech import tone
from voice.recorder import Recorder
from voice.recordings.keys import Keyring
from voice.recordings.sealed import HEADER_BYTES

ANSWERED = datetime(2026, 11, 10, 12, tzinfo=UTC)


class Tape:
    """A recorder whose clock stands still until it is told: 100 is the call's answer."""

    def __init__(self, folder: Path, keys: Keyring | None, **options: Any) -> None:
        self.now = 100.0
        self.keys = keys
        self.path = folder / "deep" / "call-1.rec"
        self.disk = ThreadPoolExecutor(1)
        self.recorder = Recorder(
            self.path, answered_at=ANSWERED, clock=lambda: self.now, disk=self.disk, keys=keys, **options
        )

    def settle(self) -> None:
        """Wait until the disk has done all that was asked of it."""
        self.disk.submit(lambda: None).result(5)

    def finish(self, at: float) -> Any:
        self.now = at
        return self.recorder.finish().result(5)

    def tracks(self) -> Any:
        assert self.keys is not None
        return tracks(self.path, self.keys)


@pytest.fixture
def tape(tmp_path: Path, keys: Keyring) -> Iterator[Tape]:
    tape = Tape(tmp_path, keys)
    yield tape
    tape.disk.shutdown()


def test_both_sides_are_where_they_were_heard(tape: Tape) -> None:
    lead, agent = tone(500, 300), tone(700, 500)
    tape.recorder.begin(100.0)
    tape.recorder.lead(lead, 101.0)
    tape.recorder.agent(agent, 101.25)
    recording = tape.finish(102.5)
    assert (recording.path, recording.started_at, recording.duration_ms) == (tape.path, ANSWERED, 2500)
    assert (recording.part, recording.bytes) == (1, tape.path.stat().st_size)
    found = tape.tracks()
    assert len(found) == 20_000
    assert found[8000:12000, 0].tobytes() == lead
    assert found[10000:15600, 1].tobytes() == agent
    assert not found[:8000].any()
    assert not found[12000:, 0].any()
    assert not found[15600:, 1].any()
    assert tape.path.stat().st_mode & 0o777 == 0o600


def test_offsets_count_from_the_answer(tmp_path: Path, keys: Keyring) -> None:
    tape = Tape(tmp_path, keys)
    tape.recorder.begin(107.0)
    assert (tape.recorder.ms(101.0), tape.recorder.ms(99.0)) == (1000, 0)
    assert tape.recorder.at(101.5) == ANSWERED + timedelta(seconds=1.5)
    later = Tape(tmp_path, keys, talked_s=60.0, part=2)
    later.recorder.begin(101.0)
    assert later.recorder.ms(101.0) == 61_000
    recording = later.finish(103.0)
    assert (recording.part, recording.started_at) == (2, ANSWERED + timedelta(seconds=61))
    tape.disk.shutdown()
    later.disk.shutdown()


def test_nothing_of_before_the_announcement_is_kept(tape: Tape) -> None:
    tape.recorder.agent(tone(6000, 300), 100.0)
    tape.recorder.lead(tone(500, 400), 103.0)
    tape.now = 107.5  # it is told late that the announcement was over at 106
    tape.recorder.lead(tone(1000, 700), 106.5)
    tape.recorder.begin(106.0)
    recording = tape.finish(108.0)
    assert (recording.started_at, recording.duration_ms) == (ANSWERED + timedelta(seconds=6), 2000)
    found = tape.tracks()
    assert found[4000:12000, 0].tobytes() == tone(1000, 700)
    assert not found[:4000].any()
    assert not found[:, 1].any()


def test_a_call_without_an_announcement_leaves_no_file(tape: Tape) -> None:
    for second in range(30):
        tape.recorder.lead(tone(1000), 100.0 + second)
    assert tape.finish(130.0) is None
    tape.settle()
    assert not tape.path.parent.exists()
    assert not tape.recorder.began


@pytest.mark.parametrize("options", [{"allowed": False}, {}])
def test_where_nothing_may_be_recorded_nothing_is(tmp_path: Path, keys: Keyring, options: dict[str, bool]) -> None:
    tape = Tape(tmp_path, keys if options else None, **options)
    tape.recorder.begin(100.0)
    tape.recorder.lead(tone(1000), 100.0)
    tape.recorder.agent(tone(1000), 100.0)
    tape.recorder.cut(100.5)
    tape.recorder.redact(100.0, 101.0)
    tape.recorder.stop(erase=True)
    assert tape.finish(110.0) is None
    assert tape.recorder.ms(101.0) == 1000
    tape.settle()
    assert not tape.path.exists()
    tape.disk.shutdown()


def test_a_long_call_is_written_as_it_goes(tape: Tape) -> None:
    tape.recorder.begin(100.0)
    for second in range(30):
        tape.now = 100.0 + second
        tape.recorder.lead(tone(1000, 200 + 10 * second), tape.now)
    tape.settle()
    assert len(tape.tracks()) >= 25 * 8000  # playable before its end: a lost worker leaves what it had
    recording = tape.finish(130.0)
    found = tape.tracks()
    assert (len(found), recording.duration_ms) == (240_000, 30_000)
    for second in (0, 15, 29):
        assert found[second * 8000 : second * 8000 + 8000, 0].tobytes() == tone(1000, 200 + 10 * second)


def test_begun_late_with_much_to_keep_it_loses_none_of_it(tape: Tape) -> None:
    for second in range(9):
        tape.now = 100.0 + second
        tape.recorder.lead(tone(1000, 300 + 50 * second), tape.now)
    tape.recorder.begin(101.0)
    tape.recorder.lead(tone(1000, 900), 109.0)
    tape.finish(110.0)
    found = tape.tracks()
    assert len(found) == 72_000
    for second in (1, 4, 8):
        place = (second - 1) * 8000
        assert found[place : place + 8000, 0].tobytes() == tone(1000, 300 + 50 * second)
    assert found[64_000:, 0].tobytes() == tone(1000, 900)


def test_what_was_cut_was_never_heard(tape: Tape) -> None:
    tape.recorder.begin(100.0)
    tape.recorder.agent(tone(1000), 100.0)
    tape.recorder.cut(100.5)
    tape.finish(101.0)
    assert tape.tracks()[:4000, 1].tobytes() == tone(1000)[:8000]
    assert not tape.tracks()[4000:].any()


def test_a_packet_too_late_to_place_is_left_out(tape: Tape) -> None:
    tape.recorder.begin(100.0)
    tape.recorder.lead(tone(100), 100.0)
    tape.recorder.lead(tone(100), 120.0)
    tape.recorder.lead(tone(100, 900), 99.95)
    tape.recorder.lead(tone(100, 900), 101.0)
    tape.finish(121.0)
    found = tape.tracks()
    assert found[:800, 0].tobytes() == tone(100)
    assert not found[8000:8800].any()


def test_a_silent_call_has_a_silent_recording(tape: Tape) -> None:
    tape.recorder.begin(100.0)
    assert tape.finish(110.0).duration_ms == 10_000
    assert len(tape.tracks()) == 80_000
    assert not tape.tracks().any()


class TestRedaction:
    def talk(self, tape: Tape, seconds: int = 30) -> None:
        tape.recorder.begin(100.0)
        for second in range(seconds):
            tape.now = 101.0 + second
            tape.recorder.lead(tone(1000, 300), 100.0 + second)
            tape.recorder.agent(tone(1000, 500), 100.0 + second)

    def loud(self, tape: Tape, track: int) -> list[int]:
        """The seconds in which there is something on the track."""
        found = tape.tracks()[:, track]
        return [second for second in range(len(found) // 8000) if found[second * 8000 : second * 8000 + 8000].any()]

    def test_what_is_on_disk_and_what_is_not_yet(self, tape: Tape) -> None:
        self.talk(tape)
        tape.recorder.redact(105.0, 107.0)
        tape.recorder.redact(125.0, 129.0)
        tape.finish(130.0)
        whole = list(range(30))
        assert self.loud(tape, 0) == [second for second in whole if second not in (5, 6, 25, 26, 27, 28)]
        assert self.loud(tape, 1) == whole
        assert tape.tracks()[5 * 8000 - 8000 : 5 * 8000, 0].tobytes() == tone(1000, 300)

    def test_both_sides(self, tape: Tape) -> None:
        self.talk(tape)
        tape.recorder.redact(102.0, 103.0, None)
        tape.finish(130.0)
        assert 2 not in self.loud(tape, 0)
        assert 2 not in self.loud(tape, 1)

    def test_a_late_packet_does_not_bring_it_back(self, tape: Tape) -> None:
        self.talk(tape, 3)
        tape.recorder.redact(101.0, 102.0)
        tape.recorder.lead(tone(1000, 300), 101.0)
        tape.finish(103.0)
        assert self.loud(tape, 0) == [0, 2]

    def test_a_pause_keeps_nothing_of_either_side_and_time_goes_on(self, tape: Tape) -> None:
        self.talk(tape, 10)
        tape.recorder.pause(110.0)
        tape.recorder.pause(110.5)
        for second in range(10, 20):
            tape.now = 101.0 + second
            tape.recorder.lead(tone(1000, 300), 100.0 + second)
            tape.recorder.agent(tone(1000, 300), 100.0 + second)
        tape.recorder.resume(118.0)
        tape.recorder.resume(118.5)
        for second in range(20, 25):
            tape.now = 101.0 + second
            tape.recorder.lead(tone(1000, 300), 100.0 + second)
        assert tape.finish(125.0).duration_ms == 25_000
        assert self.loud(tape, 0) == [*range(10), *range(20, 25)]
        assert self.loud(tape, 1) == list(range(10))

    def test_an_objection_erases_all_of_it(self, tape: Tape) -> None:
        self.talk(tape)
        tape.settle()
        assert tape.path.exists()
        tape.recorder.stop(erase=True)
        assert not tape.recorder.running
        tape.recorder.lead(tone(1000), 131.0)
        tape.recorder.begin(132.0)
        assert tape.finish(140.0) is None
        tape.settle()
        assert not tape.path.exists()

    def test_an_objection_leaves_our_side_where_that_is_enough(self, tape: Tape) -> None:
        self.talk(tape)
        tape.recorder.stop(erase=False)
        tape.recorder.lead(tone(1000), 131.0)
        recording = tape.finish(150.0)
        assert recording.duration_ms == 30_000
        assert self.loud(tape, 0) == []
        assert self.loud(tape, 1) == list(range(30))

    def test_before_it_began_an_objection_keeps_it_from_beginning(self, tape: Tape) -> None:
        tape.recorder.stop(erase=False)
        tape.recorder.begin(100.0)
        assert not tape.recorder.began
        assert tape.finish(110.0) is None

    def test_what_cannot_be_redacted_is_not_kept(self, tape: Tape) -> None:
        self.talk(tape)
        tape.settle()
        with tape.path.open("r+b") as file:
            file.seek(HEADER_BYTES + 100)
            file.write(b"changed")
        with capture_logs() as logs:
            tape.recorder.redact(100.0, 101.0)
            assert tape.finish(130.0) is None
        assert [log["event"] for log in logs] == ["recording.not_redacted"]
        assert not tape.path.exists()


def test_a_disk_that_fails_loses_the_recording_alone(tmp_path: Path, keys: Keyring) -> None:
    (tmp_path / "deep").write_text("a file where a folder should be")
    with capture_logs() as logs:
        tape = Tape(tmp_path, keys)
        tape.recorder.begin(100.0)
        tape.recorder.lead(tone(5000), 100.0)
        tape.recorder.redact(100.0, 101.0)
        assert tape.finish(110.0) is None
        tape.disk.shutdown()
    assert [log["event"] for log in logs] == ["recording.failed"]


def test_a_disk_that_fails_later_leaves_no_file_open(tape: Tape) -> None:
    tape.recorder.begin(100.0)
    tape.settle()
    file = tape.recorder._file._raw
    os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
    with capture_logs() as logs:
        tape.recorder.lead(tone(5000), 100.0)
        assert tape.finish(110.0) is None
    assert file.closed
    assert {log["event"] for log in logs} == {"recording.failed"}


@pytest.mark.parametrize(
    "asked",
    [
        lambda recorder: recorder.redact(101.0, 102.0),
        lambda recorder: recorder.stop(erase=True),
        lambda recorder: recorder.stop(erase=False),
    ],
    ids=["redacted", "erased", "silenced"],
)
def test_a_disk_that_fails_keeps_nothing_that_has_to_go(tape: Tape, asked: Callable[[Recorder], None]) -> None:
    """What it had written before would be found after the call, and kept."""
    tape.recorder.begin(100.0)
    for second in range(10):
        tape.recorder.lead(tone(1000), 100.0 + second)
    tape.settle()
    os.dup2(os.open("/dev/full", os.O_WRONLY), tape.recorder._file._raw.fileno())
    with capture_logs() as logs:
        tape.recorder.lead(tone(5000), 110.0)
        tape.settle()
        assert tape.path.exists()
        asked(tape.recorder)
        assert tape.finish(115.0) is None
        tape.settle()
    assert not tape.path.exists()
    assert {log["event"] for log in logs} == {"recording.failed"}
