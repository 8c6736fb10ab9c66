"""A recording written anew: sealed with the newest key, with some of it silenced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from voice.recordings.file import hush
from voice.recordings.keys import Keyring
from voice.recordings.sealed import (
    FRAME_BYTES,
    HEADER_BYTES,
    OVERHEAD,
    Damaged,
    Header,
    SealedFile,
    SealedReader,
)
from voice.recordings.store import Reader

_STEP = 16 * FRAME_BYTES


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing is to be heard from ``from_ms`` to before ``to_ms`` of a recording, of one track or of both (None)."""

    from_ms: int
    to_ms: int
    track: int | None = None


def rewrite(
    reader: Reader, target: Path, keys: Keyring, *, started_at: datetime, quiets: Sequence[Quiet] = ()
) -> int:
    """Write what ``reader`` plays to ``target``, sealed anew; bytes of the file. Raises Damaged and OSError."""
    about = reader.about
    header = Header(keys.newest, Header.new(keys, started_at=started_at).salt, started_at, about.channels, about.rate)
    target.touch(mode=0o600)
    with target.open("r+b") as raw:
        sealed = SealedFile(raw, header, keys)
        for start in range(0, reader.sound_bytes, _STEP):
            pcm = bytearray(reader.sound(start, min(start + _STEP, reader.sound_bytes)))
            for quiet in quiets:
                _silence(pcm, start, header, quiet)
            sealed.write(bytes(pcm))
        return sealed.close()


def _silence(pcm: bytearray, start: int, header: Header, quiet: Quiet) -> None:
    sample = 2 * header.channels
    first = max(quiet.from_ms * header.rate // 1000 * sample - start, 0)
    last = min(-(-quiet.to_ms * header.rate // 1000) * sample - start, len(pcm))
    if first < last:
        piece = pcm[first:last]
        hush(piece, quiet.track)
        pcm[first:last] = piece


def mended(path: Path, keys: Keyring) -> SealedReader:
    """A recording that nobody finished, without the frame in which it was cut, if it was. Raises as readers do."""

    def fetch(start: int, end: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, end - start))

    reader = SealedReader(fetch, path.stat().st_size, keys)
    frame = reader.about.frame_bytes + OVERHEAD
    whole = (path.stat().st_size - HEADER_BYTES) // frame
    try:
        reader.sound(whole * reader.about.frame_bytes, reader.sound_bytes)
    except Damaged:
        with path.open("r+b") as file:
            file.truncate(HEADER_BYTES + whole * frame)
    return SealedReader(fetch, path.stat().st_size, keys)
