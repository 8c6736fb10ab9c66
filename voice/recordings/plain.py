"""Recordings from before they were sealed: stereo WAV with the header of Python's ``wave`` module."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime

from voice.recordings.sealed import WAV_HEADER_BYTES, Damaged, Header, wav_header


def is_plain(beginning: bytes) -> bool:
    """Whether a file that begins like this is a WAV."""
    return beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE"


class PlainReader:
    """The same view of a WAV that ``SealedReader`` gives of a sealed recording; ``about`` has no key and no start."""

    def __init__(self, fetch: Callable[[int, int], bytes], stored_bytes: int) -> None:
        """Raises Damaged."""
        raw = fetch(0, min(WAV_HEADER_BYTES, stored_bytes))
        if len(raw) < WAV_HEADER_BYTES or not is_plain(raw):
            raise Damaged("The file is no WAV.")
        channels, rate, bits = struct.unpack_from("<HI6xH", raw, 22)
        if channels not in (1, 2) or bits != 16 or not 0 < rate <= 192_000 or raw[36:40] != b"data":
            raise Damaged("The WAV is not of the kind that recordings were made of.")
        self._fetch = fetch
        self.about = Header("", b"", datetime(1970, 1, 1, tzinfo=UTC), channels, rate)
        self.sound_bytes = (stored_bytes - WAV_HEADER_BYTES) // (2 * channels) * 2 * channels
        self.size = WAV_HEADER_BYTES + self.sound_bytes

    @property
    def tag(self) -> str:
        return f"plain-{self.sound_bytes}"

    def read(self, start: int, end: int) -> bytes:
        """Bytes ``start`` to before ``end`` of the WAV, whose header tells the length that is there."""
        header = wav_header(self.sound_bytes, channels=self.about.channels, rate=self.about.rate)
        first, last = max(start, WAV_HEADER_BYTES), min(end, self.size)
        return header[start:end] + (self._fetch(first, last) if last > first else b"")

    def sound(self, start: int, end: int) -> bytes:
        return self._fetch(WAV_HEADER_BYTES + start, WAV_HEADER_BYTES + min(end, self.sound_bytes))
