"""What is kept of what was said: in memory, on disk, among processes."""

import os
from concurrent.futures import Executor, Future
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from voice.media.mulaw import encoded
from voice.speech.keeping import furnish
from voice.speech.phrases import Frequency, PhraseCache, PhraseStore, key_of, personal_words


class AtOnce(Executor):
    """Threads that are done when they are asked."""

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(call(*args, **kwargs))
        return done


class Stopped(Executor):
    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        raise RuntimeError("cannot schedule new futures after shutdown")


def pcm(samples: int, value: int = 0) -> bytes:
    return value.to_bytes(2, "little", signed=True) * samples


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


class TestMemory:
    """Sizes are of mu-law: one byte a sample."""

    def test_phrases_that_come_in_every_call_outlast_the_others(self) -> None:
        cache = PhraseCache(kept_bytes=50, passing_bytes=50)
        cache.put("kept", pcm(30), keep=True)
        cache.put("one", pcm(30), keep=False)
        assert cache.get("one") == pcm(30)
        cache.put("two", pcm(30), keep=False)
        assert (cache.get("one"), cache.get("two"), cache.get("kept")) == (None, pcm(30), pcm(30))

    def test_the_least_recently_used_goes_first(self) -> None:
        cache = PhraseCache(passing_bytes=50)
        for text in ("a", "b"):
            cache.put(text, pcm(20), keep=False)
        cache.get("a")
        cache.put("c", pcm(20), keep=False)
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == (pcm(20), None, pcm(20))
        cache.put("a", pcm(5), keep=False)  # replaced, not counted twice
        cache.put("d", pcm(20), keep=False)
        assert [cache.get(text) is not None for text in "acd"] == [True, True, True]

    def test_what_is_held_is_not_used_by_asking(self) -> None:
        cache = PhraseCache(passing_bytes=50)
        cache.put("kept", pcm(30), keep=True)
        for text in ("a", "b"):
            cache.put(text, pcm(20), keep=False)
        assert [cache.holds(text) for text in ("kept", "a", "b", "c")] == [True, True, True, False]
        cache.put("c", pcm(20), keep=False)  # the oldest goes, though it was asked about
        assert [cache.holds(text) for text in ("kept", "a", "b", "c")] == [True, False, True, True]

    def test_a_passing_phrase_can_come_to_stay(self) -> None:
        cache = PhraseCache(passing_bytes=50)
        cache.put("often", pcm(20), keep=False)
        cache.keep("often")
        cache.keep("often")
        cache.keep("never said")
        for text in ("a", "b", "c"):
            cache.put(text, pcm(20), keep=False)
        assert [cache.holds(text) for text in ("often", "never said", "a")] == [True, False, False]


class TestDisk:
    async def test_another_process_finds_what_one_has_kept(self, tmp_path: Path) -> None:
        first, second = PhraseCache(), PhraseCache()
        assert await furnish(first, tmp_path, "joe", AtOnce(), limit_bytes=1 << 20) == 0
        first.put("Goodbye.", pcm(80, 1000), keep=True)
        first.put("Hi Maria.", pcm(80, 1000), keep=False)
        assert await furnish(second, tmp_path, "joe", AtOnce(), limit_bytes=1 << 20) == 1
        assert second.get("Goodbye.") == first.get("Goodbye.")
        assert not second.holds("Hi Maria.")
        assert files(tmp_path) == [f"{key_of('Goodbye.').hex()}.ulaw"]
        assert b"Goodbye" not in (tmp_path / "joe" / files(tmp_path)[0]).read_bytes()

    async def test_each_voice_has_its_own(self, tmp_path: Path) -> None:
        joe, heart = PhraseCache(), PhraseCache()
        await furnish(joe, tmp_path, "joe", AtOnce(), limit_bytes=1 << 20)
        joe.put("Goodbye.", pcm(80), keep=True)
        assert await furnish(heart, tmp_path, "heart", AtOnce(), limit_bytes=1 << 20) == 0
        assert not heart.holds("Goodbye.")

    def test_a_phrase_that_came_up_often_is_written_when_it_comes_to_stay(self, tmp_path: Path) -> None:
        cache = PhraseCache()
        cache.furnish(PhraseStore(tmp_path, "joe"), AtOnce(), [])
        cache.put("Is it paid off?", pcm(80), keep=False)
        assert files(tmp_path) == []
        cache.keep("Is it paid off?")
        assert files(tmp_path) == [f"{key_of('Is it paid off?').hex()}.ulaw"]

    def test_silence_is_no_phrase(self, tmp_path: Path) -> None:
        cache = PhraseCache()
        cache.furnish(PhraseStore(tmp_path, "joe"), AtOnce(), [])
        cache.put("...", b"", keep=True)
        assert (cache.get("..."), files(tmp_path)) == (b"", [])

    @pytest.mark.parametrize(
        "harm",
        [
            lambda content: content[:-1],
            lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
            lambda content: b"",
            lambda content: b"RIFF" + content,
        ],
    )
    def test_a_damaged_file_is_dropped_and_made_anew(self, tmp_path: Path, harm: Any) -> None:
        store = PhraseStore(tmp_path, "joe")
        store.save(key_of("Goodbye."), bytes(100))
        (path,) = tmp_path.rglob("*.ulaw")
        path.write_bytes(harm(path.read_bytes()))
        with capture_logs() as logs:
            assert store.load(1 << 20) == []
        assert [log["event"] for log in logs] == ["phrases.damaged"]
        assert not path.exists()
        store.save(key_of("Goodbye."), bytes(100))
        assert store.load(1 << 20) == [(key_of("Goodbye."), bytes(100))]

    def test_others_files_are_left_alone(self, tmp_path: Path) -> None:
        store = PhraseStore(tmp_path, "joe")
        store.save(key_of("a"), bytes(10))
        (tmp_path / "joe" / "notes.ulaw").write_bytes(b"?")
        (tmp_path / "joe" / "left.part").write_bytes(b"half")
        assert store.load(1 << 20) == [(key_of("a"), bytes(10))]
        assert len(files(tmp_path)) == 3

    def test_the_last_used_are_loaded_as_far_as_there_is_room(self, tmp_path: Path) -> None:
        store = PhraseStore(tmp_path, "joe")
        for age, text in enumerate("cba"):
            store.save(key_of(text), text.encode() * 10)
            os.utime(tmp_path / "joe" / f"{key_of(text).hex()}.ulaw", (1000 + age, 1000 + age))
        assert store.load(25) == [(key_of("b"), b"b" * 10), (key_of("a"), b"a" * 10)]

    def test_what_all_voices_keep_is_bounded_and_the_longest_unused_go_first(self, tmp_path: Path) -> None:
        joe, heart = PhraseStore(tmp_path, "joe", limit_bytes=400), PhraseStore(tmp_path, "heart", limit_bytes=400)
        for age, (store, text) in enumerate([(joe, "old"), (heart, "used"), (joe, "new")]):
            store.save(key_of(text), bytes(100))
            (path,) = tmp_path.rglob(f"{key_of(text).hex()}.ulaw")
            os.utime(path, (1000 + age, 1000 + age))
        heart.touch([key_of("used"), key_of("never kept")])
        joe.save(key_of("newest"), bytes(100))
        kept = {path.stem for path in tmp_path.rglob("*.ulaw")}
        assert kept == {key_of(text).hex() for text in ("used", "new", "newest")}

    def test_phrases_that_are_heard_count_as_used(self, tmp_path: Path) -> None:
        cache = PhraseCache()
        cache.furnish(PhraseStore(tmp_path, "joe"), AtOnce(), [])
        for number in range(50):
            cache.put(str(number), pcm(10), keep=True)
        for path in tmp_path.rglob("*.ulaw"):
            os.utime(path, (1000, 1000))
        for number in range(50):
            cache.get(str(number))
        assert all(path.stat().st_mtime > 1000 for path in tmp_path.rglob("*.ulaw"))

    def test_a_disk_that_is_gone_costs_no_call(self, tmp_path: Path) -> None:
        (tmp_path / "joe").write_bytes(b"a file where the folder should be")
        cache = PhraseCache()
        cache.furnish(PhraseStore(tmp_path, "joe"), AtOnce(), [])
        with capture_logs() as logs:
            cache.put("Goodbye.", pcm(80), keep=True)
        assert [log["event"] for log in logs] == ["phrases.not_kept"]
        assert cache.get("Goodbye.") == pcm(80)

    def test_a_worker_that_stops_keeps_nothing_more(self, tmp_path: Path) -> None:
        cache = PhraseCache()
        cache.furnish(PhraseStore(tmp_path, "joe"), Stopped(), [])
        cache.put("Goodbye.", pcm(80), keep=True)
        for _ in range(50):
            assert cache.get("Goodbye.") == pcm(80)

    def test_processes_that_write_the_same_phrase_at_once_leave_one_whole(self, tmp_path: Path) -> None:
        workers = [get_context("spawn").Process(target=_save_often, args=(tmp_path,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0, 0]
        assert PhraseStore(tmp_path, "joe").load(1 << 20) == [(key_of("Goodbye."), bytes(20_000))]
        assert len(files(tmp_path)) == 1


def _save_often(folder: Path) -> None:
    store = PhraseStore(folder, "joe")
    for _ in range(50):
        store.save(key_of("Goodbye."), bytes(20_000))
        if any(mulaw != bytes(20_000) for _, mulaw in store.load(1 << 20)):
            os._exit(1)


class TestFrequency:
    def test_a_clause_of_three_calls_is_kept(self) -> None:
        frequency = Frequency(calls=3)
        assert [frequency.came_up("Is it paid off?") for _ in range(4)] == [False, False, True, True]
        assert not frequency.came_up("Another one.")

    def test_the_words_of_one_lead_are_known(self) -> None:
        found = personal_words("Maria Lopez", "12 Tejon St, Denver", lexicon={"Tejon": "tay hone"})
        assert found == {"maria", "lopez", "denver"}


def test_what_is_kept_is_what_the_wire_carries() -> None:
    cache = PhraseCache()
    cache.put("a", pcm(10, 1234), keep=False)
    found = cache.get("a")
    assert found is not None
    assert encoded(found) == encoded(pcm(10, 1234))
