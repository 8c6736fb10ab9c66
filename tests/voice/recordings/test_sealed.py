"""The sealed file: any part of it, what was changed, cut or moved in it, and keys that change."""

import base64
import io
import random
import struct
import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voice.recordings.files import reader
from voice.recordings.keys import BadKeys, Keyring, UnknownKey, kept_in, new_key
from voice.recordings.plain import PlainReader
from voice.recordings.rewriting import Quiet, mended, rewrite
from voice.recordings.sealed import (
    FRAME_BYTES,
    HEADER_BYTES,
    OVERHEAD,
    Damaged,
    Header,
    SealedFile,
    SealedReader,
    wav_header,
)

STARTED = datetime(2026, 11, 10, 12, 0, 6, 250_000, tzinfo=UTC)
FRAME = FRAME_BYTES + OVERHEAD
KEYS = Keyring.parse("k:" + base64.b64encode(b"k" * 32).decode())


def sealed(pcm: bytes, keys: Keyring = KEYS) -> bytes:
    file = io.BytesIO()
    file.fileno = lambda: 0  # type: ignore[method-assign]
    written = SealedFile(file, Header.new(keys, started_at=STARTED), keys)
    written.write(pcm)
    if written._rest:
        written._put(written._frames, bytes(written._rest))
    return file.getvalue()


def opened(raw: bytes, keys: Keyring = KEYS) -> SealedReader:
    return SealedReader(lambda start, end: raw[start : min(end, len(raw))], len(raw), keys)


PCM = random.Random(7).randbytes(5 * FRAME_BYTES + 4_000)
RAW = sealed(PCM)
WAV = wav_header(len(PCM), channels=2, rate=8000) + PCM


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WAV)), st.integers(0, len(WAV)))
def test_any_part_is_that_part_of_the_whole(one: int, other: int) -> None:
    start, end = sorted((one, other))
    assert opened(RAW).read(start, end) == WAV[start:end]


def test_a_part_is_read_without_the_rest() -> None:
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return RAW[start:end]

    SealedReader(fetch, len(RAW), KEYS).read(44 + 2 * FRAME_BYTES, 44 + 2 * FRAME_BYTES + 10)
    assert asked == [(0, HEADER_BYTES), (HEADER_BYTES + 2 * FRAME, HEADER_BYTES + 3 * FRAME)]


def test_it_is_a_wav_that_others_play() -> None:
    with wave.open(io.BytesIO(opened(RAW).read(0, len(WAV)))) as played:
        assert (played.getnchannels(), played.getsampwidth(), played.getframerate()) == (2, 2, 8000)
        assert played.readframes(played.getnframes()) == PCM
    about = opened(RAW).about
    assert (about.started_at, about.key_id, about.rate) == (STARTED, "k", 8000)


def test_nothing_of_it_is_to_be_read_without_the_key() -> None:
    assert not any(PCM[place : place + 8] in RAW for place in range(0, len(PCM), 997))
    assert sealed(PCM) != RAW
    with pytest.raises(UnknownKey, match=r"sealed with the key 'k': add it to RECORDING_KEYS"):
        opened(RAW, Keyring.parse(new_key("other")))
    with pytest.raises(Damaged, match="Frame 0 of the recording was changed"):
        opened(RAW, Keyring.parse(new_key("k"))).sound(0, 10)


@pytest.mark.parametrize("place", [HEADER_BYTES, HEADER_BYTES + 12, HEADER_BYTES + 9_000, HEADER_BYTES + FRAME - 1])
def test_a_changed_byte_is_found(place: int) -> None:
    raw = bytearray(RAW)
    raw[place] ^= 0x40
    with pytest.raises(Damaged, match="Frame 0 of the recording was changed since it was written"):
        opened(bytes(raw)).sound(0, 4)
    assert opened(bytes(raw)).sound(FRAME_BYTES, FRAME_BYTES + 8) == PCM[FRAME_BYTES : FRAME_BYTES + 8]


@pytest.mark.parametrize("place", [9, 12, 16, 20, 28, 44, 60])
def test_a_changed_header_opens_nothing(place: int) -> None:
    raw = bytearray(RAW)
    raw[place] ^= 1
    if place == 60:  # what is not used yet must not matter
        assert opened(bytes(raw)).sound(0, 4) == PCM[:4]
        return
    with pytest.raises((Damaged, UnknownKey)):
        opened(bytes(raw)).sound(0, 4)


def test_frames_that_changed_places_are_found() -> None:
    first, second = RAW[HEADER_BYTES:][:FRAME], RAW[HEADER_BYTES + FRAME :][:FRAME]
    swapped = RAW[:HEADER_BYTES] + second + first + RAW[HEADER_BYTES + 2 * FRAME :]
    with pytest.raises(Damaged):
        opened(swapped).sound(0, 4)
    other = sealed(PCM)
    spliced = RAW[:HEADER_BYTES] + other[HEADER_BYTES:][:FRAME] + RAW[HEADER_BYTES + FRAME :]
    with pytest.raises(Damaged):
        opened(spliced).sound(0, 4)


@pytest.mark.parametrize(
    "raw",
    [b"", b"REAVOICE", b"RIFF" + bytes(100), bytes(64), RAW[:63], b"x" + RAW[1:]],
    ids=str.split("nothing name_alone wave zeros cut_header wrong_name"),
)
def test_what_is_no_recording(raw: bytes) -> None:
    with pytest.raises(Damaged):
        opened(raw)


def test_headers_with_values_that_no_recording_has() -> None:
    for place, value in ((8, 9), (9, 0), (9, 3)):
        raw = bytearray(RAW)
        raw[place] = value
        with pytest.raises(Damaged):
            opened(bytes(raw))
    for place, number in ((12, 0), (12, 1_000_000), (16, 0), (16, 1 << 25)):
        raw = bytearray(RAW)
        struct.pack_into("<I", raw, place, number)
        with pytest.raises(Damaged):
            opened(bytes(raw))
    raw = bytearray(RAW)
    struct.pack_into("<Q", raw, 20, 1 << 63)
    with pytest.raises(Damaged):
        opened(bytes(raw))
    raw = bytearray(RAW)
    raw[28] = 0xFF
    with pytest.raises(Damaged):
        opened(bytes(raw))


@pytest.mark.parametrize("cut", [1, 27, 28, 29, 100, FRAME - 1])
def test_a_worker_that_was_killed_leaves_all_whole_frames(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "call-1.rec"
    path.write_bytes(RAW[: HEADER_BYTES + 3 * FRAME + cut])
    found = mended(path, KEYS)
    assert found.sound(0, found.sound_bytes) == PCM[: 3 * FRAME_BYTES]
    whole = tmp_path / "call-2.rec"
    whole.write_bytes(RAW)
    assert mended(whole, KEYS).sound_bytes == len(PCM)
    assert whole.read_bytes() == RAW


def test_what_is_written_again_never_meets_its_old_nonce(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with path.open("w+b") as file:
        written = SealedFile(file, Header.new(KEYS, started_at=STARTED), KEYS)
        written.write(PCM)
        before = path.read_bytes()

        def blank(piece: bytearray) -> None:
            piece[:] = bytes(len(piece))

        written.rewrite(FRAME_BYTES + 8, 2 * FRAME_BYTES + 4, blank)
        written.rewrite(5 * FRAME_BYTES + 100, 5 * FRAME_BYTES + 200, blank)
        assert written.close() == path.stat().st_size
    after = path.read_bytes()
    nonces = [raw[HEADER_BYTES + n * FRAME :][:12] for raw in (before, after) for n in (1, 2)]
    assert len(set(nonces)) == 4
    found = opened(after)
    expected = bytearray(PCM)
    expected[FRAME_BYTES + 8 : 2 * FRAME_BYTES + 4] = bytes(FRAME_BYTES - 4)
    expected[5 * FRAME_BYTES + 100 : 5 * FRAME_BYTES + 200] = bytes(100)
    assert found.sound(0, found.sound_bytes) == bytes(expected)


class TestRewriting:
    def test_with_the_newest_key_and_a_span_silenced(self, tmp_path: Path, keys: Keyring) -> None:
        old = Keyring("old", {"old": keys.keys["old"]})
        source, target = tmp_path / "a.rec", tmp_path / "b.rec"
        source.write_bytes(sealed(PCM, old))
        size = rewrite(
            reader(source, keys), target, keys, started_at=STARTED, quiets=[Quiet(500, 1000), Quiet(1500, 1600, 0)]
        )
        assert size == target.stat().st_size
        found = reader(target, Keyring("new", {"new": keys.keys["new"]}))
        expected = bytearray(PCM)
        expected[16_000:32_000] = bytes(16_000)
        for sample in range(48_000, 51_200, 4):
            expected[sample : sample + 2] = bytes(2)
        assert found.sound(0, found.sound_bytes) == bytes(expected)

    def test_a_plain_wav_of_before(self, tmp_path: Path, keys: Keyring) -> None:
        path, target = tmp_path / "old.wav", tmp_path / "b.rec"
        with wave.open(str(path), "wb") as file:
            file.setparams((2, 2, 8000, 0, "NONE", "not compressed"))
            file.writeframes(PCM)
        plain = reader(path, keys)
        assert isinstance(plain, PlainReader)
        assert (plain.size, plain.read(40, 60), plain.tag) == (len(WAV), WAV[40:60], f"plain-{len(PCM)}")
        rewrite(plain, target, keys, started_at=STARTED)
        found = reader(target, keys)
        assert found.read(0, found.size) == WAV
        path.write_bytes(path.read_bytes()[:30])
        with pytest.raises(Damaged, match="The file is no WAV"):
            reader(path, keys)
        path.write_bytes(WAV[:22] + b"\x05" + WAV[23:])
        with pytest.raises(Damaged, match="not of the kind"):
            reader(path, keys)


class TestKeys:
    def test_the_first_one_writes_and_all_open(self) -> None:
        ring = Keyring.parse(f" {new_key('b')}, {new_key('a')},")
        assert (ring.newest, sorted(ring.keys)) == ("b", ["a", "b"])
        assert "keys=" not in repr(ring)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "there is no key"),
            (" , ", "there is no key"),
            ("abc", "key 1 has no id of 1 to 16 letters and digits before a colon"),
            ("a b:AAAA", "key 1 has no id"),
            ("k" * 17 + ":AAAA", "key 1 has no id"),
            ("a:!!!", "the key 'a' is not base64"),
            ("a:AAAA", "the key 'a' has 3 bytes and needs 32"),
            (f"{new_key('a')},{new_key('a')}", "two keys have the id 'a': give each its own"),
        ],
        ids=str.split("none blanks no_id blank_in_id long_id no_base64 short twice"),
    )
    def test_bad_ones_are_told_without_showing_them(self, text: str, sentence: str) -> None:
        with pytest.raises(BadKeys) as told:
            Keyring.parse(text)
        assert str(told.value).startswith(sentence)
        coded = text.partition(":")[2]
        assert not coded or coded not in str(told.value)

    def test_one_is_made_and_kept_where_none_is_set(self, tmp_path: Path) -> None:
        path = tmp_path / "var" / "recording_keys"
        made = kept_in(path)
        assert (kept_in(path), path.stat().st_mode & 0o777) == (made, 0o600)
        assert Keyring.parse(made).newest == "var-1"
        assert [entry.name for entry in path.parent.iterdir()] == ["recording_keys"]
