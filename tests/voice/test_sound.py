"""Playout, recording, phrases and what may be believed: pure, or on a file of their own."""

import asyncio
import os
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.voice.speech import tone
from voice.playout import Playout, words_played
from voice.recorder import Recorder
from voice.speech.synthesis import PhraseCache, PiperSynthesiser, clauses, sentences

STARTED = datetime(2026, 11, 10, 12, tzinfo=UTC)


class TestPlayout:
    def test_packets_are_played_one_after_the_other(self) -> None:
        playout = Playout()
        assert playout.started_at is None
        assert playout.sent(800, 10.0).start == 10.0
        assert playout.sent(800, 10.01).start == 10.1  # ahead of its time: it waits
        assert playout.sent(800, 10.5).start == 10.5  # late: a gap is heard
        assert playout.ends_at == 10.6
        assert [playout.played(at) for at in (9.0, 10.05, 10.2, 10.4, 10.55, 20.0)] == [
            0,
            400,
            1600,
            1600,
            2000,
            2400,
        ]
        assert [playout.moment(samples) for samples in (800, 1200, 2400)] == pytest.approx([10.1, 10.15, 10.6])
        assert playout.moment(2401) is None

    def test_a_clear_forgets_what_was_not_played(self) -> None:
        playout = Playout()
        for _ in range(3):
            playout.sent(800, 10.0)
        playout.cleared(10.15)
        assert playout.played(99.0) == 1200
        assert playout.ends_at == 10.15
        assert playout.sent(800, 10.2).start == 10.2

    def test_a_clear_when_all_was_played_changes_nothing(self) -> None:
        playout = Playout()
        playout.sent(800, 10.0)
        playout.cleared(11.0)
        assert (playout.played(11.0), playout.ends_at) == (800, 10.1)

    def test_an_utterance_counts_from_its_own_start(self) -> None:
        playout = Playout()
        playout.sent(800, 10.0)
        playout.begin()
        assert (playout.played(11.0), playout.started_at) == (0, None)
        assert playout.sent(800, 10.05).start == 10.1

    @pytest.mark.parametrize(
        ("played", "text"),
        [
            (0, ""),
            (342, ""),
            (343, "One"),
            (799, "One"),
            (800, "One two."),
            (1200, "One two."),
            (1600, "One two. Three"),
        ],
    )
    def test_words_count_once_they_were_heard(self, played: int, text: str) -> None:
        assert words_played([("One two.", 800), ("Three four five.", 1600)], played) == text

    def test_all_words(self) -> None:
        assert words_played([("One.", 800), ("Two.", 0), ("Three.", 100)], 900) == "One. Two. Three."


class Tape:
    """A recorder on a clock that stands until it is set."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.path = folder / "deep" / "call.wav"
        self.disk = ThreadPoolExecutor(1)
        self.recorder = Recorder(self.path, started_at=STARTED, clock=lambda: self.now, disk=self.disk)

    def finish(self) -> Any:
        return self.recorder.finish().result(5)

    def tracks(self) -> Any:
        with wave.open(str(self.path)) as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


@pytest.fixture
def tape(tmp_path: Path) -> Iterator[Tape]:
    tape = Tape(tmp_path)
    yield tape
    tape.disk.shutdown()


class TestRecorder:
    def test_both_sides_are_where_they_were_heard(self, tape: Tape) -> None:
        lead, agent = tone(500, 300), tone(700, 500)
        tape.recorder.lead(lead, 101.0)
        tape.recorder.agent(agent, 101.25)
        tape.now = 102.5
        recording = tape.finish()
        assert (recording.path, recording.started_at, recording.duration_ms) == (tape.path, STARTED, 2500)
        tracks = tape.tracks()
        assert len(tracks) == 20_000
        assert tracks[8000:12000, 0].tobytes() == lead
        assert tracks[10000:15600, 1].tobytes() == agent
        assert not tracks[:8000].any()
        assert not tracks[12000:, 0].any()
        assert not tracks[15600:, 1].any()
        assert tape.recorder.ms(101.0) == 1000
        assert tape.recorder.ms(99.0) == 0
        assert tape.recorder.at(101.5) == STARTED + timedelta(seconds=1.5)

    def test_a_long_call_is_written_as_it_goes(self, tape: Tape) -> None:
        for second in range(30):
            tape.now = 100.0 + second
            tape.recorder.lead(tone(1000, 200 + 10 * second), tape.now)
        tape.disk.submit(lambda: None).result()
        with wave.open(str(tape.path)) as file:  # playable before its end: a lost worker leaves what it had
            assert file.getnframes() >= 26 * 8000
        tape.now = 130.0
        tape.finish()
        tracks = tape.tracks()
        assert len(tracks) == 240_000
        for second in (0, 15, 29):
            assert tracks[second * 8000 : second * 8000 + 8000, 0].tobytes() == tone(1000, 200 + 10 * second)

    def test_what_was_cut_was_never_heard(self, tape: Tape) -> None:
        tape.recorder.agent(tone(1000), 100.0)
        tape.recorder.cut(100.5)
        tape.now = 101.0
        tape.finish()
        assert tape.tracks()[:4000, 1].tobytes() == tone(1000)[:8000]
        assert not tape.tracks()[4000:].any()

    def test_a_packet_too_late_to_place_is_left_out(self, tape: Tape) -> None:
        tape.recorder.lead(tone(100), 100.0)
        tape.recorder.lead(tone(100), 120.0)
        tape.recorder.lead(tone(100, 900), 99.95)
        tape.recorder.lead(tone(100, 900), 101.0)
        tape.now = 121.0
        tape.finish()
        tracks = tape.tracks()
        assert tracks[:800, 0].tobytes() == tone(100)
        assert not tracks[8000:8800].any()

    def test_a_silent_call_has_a_silent_recording(self, tape: Tape) -> None:
        tape.now = 110.0
        assert tape.finish().duration_ms == 10_000
        assert len(tape.tracks()) == 80_000
        assert not tape.tracks().any()

    def test_a_disk_that_fails_loses_the_recording_alone(self, tmp_path: Path) -> None:
        (tmp_path / "deep").write_text("a file where a folder should be")
        with capture_logs() as logs:
            tape = Tape(tmp_path)
            tape.recorder.lead(tone(5000), 100.0)
            tape.now = 110.0
            assert tape.finish() is None
            tape.disk.shutdown()
        assert [log["event"] for log in logs] == ["recording.failed"]

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # wave flushes when freed
    def test_a_disk_that_fails_later_leaves_no_file_open(self, tape: Tape) -> None:
        tape.disk.submit(lambda: None).result()
        file = tape.recorder._raw
        assert file is not None
        os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
        with capture_logs() as logs:
            tape.recorder.lead(tone(5000), 100.0)
            tape.now = 110.0
            assert tape.finish() is None
        assert file.closed
        assert {log["event"] for log in logs} == {"recording.failed"}
        tape.recorder._file = None


class TestPhrases:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("", []),
            ("  ", []),
            ("One.", ["One."]),
            ("One. Two? Three!", ["One.", "Two?", "Three!"]),
            ("Call Mr. Smith at 5 p.m. Thursday. Fine?", ["Call Mr. Smith at 5 p.m. Thursday.", "Fine?"]),
            ("It costs 3.50 a day. ok then", ["It costs 3.50 a day. ok then"]),
            ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
            ("Line one.\n\nLine two.", ["Line one.", "Line two."]),
        ],
    )
    def test_sentences(self, text: str, parts: list[str]) -> None:
        assert sentences(text) == parts

    def test_a_long_first_sentence_begins_with_its_first_clause(self) -> None:
        text = "Great, I have you down for Thursday at two in the afternoon, and Kate will meet you there. Bye."
        assert clauses(text) == [
            "Great, I have you down for Thursday at two in the afternoon,",
            "and Kate will meet you there.",
            "Bye.",
        ]
        short = "Great, see you on Thursday. And then a second sentence, which is a lot longer than the first."
        assert clauses(short) == sentences(short)
        whole = "A sentence without any place to breathe that goes on and on until it ends at last."
        assert clauses(whole) == [whole]

    def test_phrases_that_come_in_every_call_outlast_the_others(self) -> None:
        cache = PhraseCache(kept_bytes=100, passing_bytes=100)
        cache.put("kept", bytes(60), keep=True)
        cache.put("one", bytes(60), keep=False)
        assert cache.get("one") == bytes(60)
        cache.put("two", bytes(60), keep=False)
        assert (cache.get("one"), cache.get("two"), cache.get("kept")) == (None, bytes(60), bytes(60))

    def test_the_least_recently_used_goes_first(self) -> None:
        cache = PhraseCache(passing_bytes=100)
        for text in ("a", "b"):
            cache.put(text, bytes(40), keep=False)
        cache.get("a")
        cache.put("c", bytes(40), keep=False)
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == (bytes(40), None, bytes(40))
        cache.put("a", bytes(10), keep=False)  # replaced, not counted twice
        cache.put("d", bytes(40), keep=False)
        assert [cache.get(text) is not None for text in "acd"] == [True, True, True]

    def test_what_is_held_is_not_used_by_asking(self) -> None:
        cache = PhraseCache(passing_bytes=100)
        cache.put("kept", bytes(60), keep=True)
        for text in ("a", "b"):
            cache.put(text, bytes(40), keep=False)
        assert [cache.holds(text) for text in ("kept", "a", "b", "c")] == [True, True, True, False]
        cache.put("c", bytes(40), keep=False)  # the oldest goes, though it was asked about
        assert [cache.holds(text) for text in ("kept", "a", "b", "c")] == [True, False, True, True]

    async def test_a_repeated_sentence_is_synthesised_once(self) -> None:
        process = Stub({"speech": [b"one", b"two"]})
        synthesiser = PiperSynthesiser(process)  # type: ignore[arg-type]
        assert (synthesiser.component, synthesiser.available, synthesiser.holds("a")) == ("tts.local", True, False)
        first, again, other = [await synthesiser.speech(text) for text in ("a", "a", "b")]
        assert [(one.pcm, one.cached) for one in (first, again, other)] == [
            (b"one", False),
            (b"one", True),
            (b"two", False),
        ]
        assert process.asked == [("speech", "a"), ("speech", "b")]
        assert synthesiser.holds("a")


class Stub:
    """A model process with scripted answers."""

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        self._answers, self.asked = answers, list[tuple[str, Any]]()
        self.busy = False

    async def run(self, method: str, *args: Any) -> Any:
        self.asked.append((method, args[0]))
        await asyncio.sleep(0)
        return self._answers[method].pop(0)
