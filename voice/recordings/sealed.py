"""A recording at rest: sound in frames that are sealed one by one, so that any part can be read without the rest.

Layout, integers little-endian::

    header, 64 bytes:  magic 8 | version 1 | channels 1 | 0 2 | rate u32 | frame bytes u32 | started ms u64
                       | key id 16, padded with 0 | salt 16 | 0 4
    frame, repeated:   nonce 12 | AES-256-GCM of up to ``frame bytes`` of PCM | tag 16

The key of a file is derived from the master key, its salt and its whole header (HKDF-SHA-256), so no frame of another
file opens in it. A frame's number is bound to it, so frames cannot change places. Nonces are random, not counted: a
frame that is written again with less in it must never meet its old nonce. Every frame but the last is full. The
sound is PCM, signed 16 bit; a WAV header is put before it for the reader, so a file that was never finished plays to
its last whole frame.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from voice.recordings.keys import ID_BYTES, KEY_BYTES, Keyring

MAGIC = b"REAVOICE"
VERSION = 1
FRAME_BYTES = 16 * 1024
"""Half a second of stereo: what a killed worker loses of what it wrote, and the most that is read too much."""
_HEADER = struct.Struct("<8sBBHIIQ16s16s4x")
HEADER_BYTES = _HEADER.size
_NONCE, _TAG = 12, 16
OVERHEAD = _NONCE + _TAG
_MOST_FRAME_BYTES = 1 << 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WAV_HEADER_BYTES = 44


class Damaged(Exception):
    """The file is no recording of ours, or was changed since it was written. The text says where."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a recording before a frame is opened. ``rate`` is in Hz."""

    key_id: str
    salt: bytes
    started_at: datetime
    channels: int = 2
    rate: int = 8000
    frame_bytes: int = FRAME_BYTES

    @classmethod
    def new(cls, keys: Keyring, *, started_at: datetime) -> "Header":
        return cls(keys.newest, os.urandom(16), started_at)

    @classmethod
    def unpack(cls, raw: bytes) -> "Header":
        """Raises Damaged."""
        if len(raw) < HEADER_BYTES:
            raise Damaged("The file is shorter than a recording's header.")
        magic, version, channels, _, rate, frame_bytes, started_ms, key_id, salt = _HEADER.unpack(raw[:HEADER_BYTES])
        if magic != MAGIC or version != VERSION:
            raise Damaged("The file is no sealed recording of a version that is known here.")
        if channels not in (1, 2) or not 0 < rate <= 192_000 or not 0 < frame_bytes <= _MOST_FRAME_BYTES:
            raise Damaged("The recording's header holds values that no recording has.")
        try:
            name, started_at = key_id.rstrip(b"\0").decode("ascii"), _EPOCH + timedelta(milliseconds=started_ms)
        except (UnicodeDecodeError, OverflowError):
            raise Damaged("The recording's header holds values that no recording has.") from None
        return cls(name, salt, started_at, channels, rate, frame_bytes)

    def pack(self) -> bytes:
        started_ms = (self.started_at - _EPOCH) // timedelta(milliseconds=1)
        key_id = self.key_id.encode("ascii").ljust(ID_BYTES, b"\0")
        return _HEADER.pack(
            MAGIC, VERSION, self.channels, 0, self.rate, self.frame_bytes, started_ms, key_id, self.salt
        )

    @property
    def bytes_per_s(self) -> int:
        return self.rate * self.channels * 2


class Sealer:
    """Seals and opens the frames of one file."""

    def __init__(self, header: Header, keys: Keyring) -> None:
        """Raises UnknownKey."""
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=header.salt, info=header.pack())
        self._cipher = AESGCM(derive.derive(keys.key(header.key_id)))

    def seal(self, number: int, pcm: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, pcm, number.to_bytes(8, "little"))

    def open(self, number: int, frame: bytes) -> bytes:
        """Raises Damaged where the frame was changed, cut or moved."""
        if len(frame) < OVERHEAD:
            raise Damaged(f"Frame {number} of the recording is cut.")
        try:
            return self._cipher.decrypt(frame[:_NONCE], frame[_NONCE:], number.to_bytes(8, "little"))
        except InvalidTag:
            raise Damaged(f"Frame {number} of the recording was changed since it was written.") from None


class SealedFile:
    """A recording that is being written. ``write`` appends sound, ``rewrite`` changes sound that was written.

    Sound that does not fill a frame yet is held back until ``close``. Raises OSError as files do.
    """

    def __init__(self, file: BinaryIO, header: Header, keys: Keyring) -> None:
        self._file, self._header, self._sealer = file, header, Sealer(header, keys)
        self._rest = bytearray()
        self._frames = 0
        file.write(header.pack())
        file.flush()

    @property
    def length(self) -> int:
        """Bytes of sound so far."""
        return self._frames * self._header.frame_bytes + len(self._rest)

    def write(self, pcm: bytes) -> None:
        self._rest += pcm
        size = self._header.frame_bytes
        while len(self._rest) >= size:
            self._put(self._frames, bytes(self._rest[:size]))
            self._frames += 1
            del self._rest[:size]
        self._file.flush()

    def rewrite(self, start: int, end: int, change: Callable[[bytearray], None]) -> None:
        """Have ``change`` change the bytes ``start`` to before ``end`` in place; each piece lies in one frame."""
        size = self._header.frame_bytes
        for number in range(start // size, -(-min(end, self.length) // size)):
            base = number * size
            if number == self._frames:
                piece = self._rest[max(0, start - base) : end - base]
                change(piece)
                self._rest[max(0, start - base) : end - base] = piece
                continue
            frame = bytearray(self._get(number))
            piece = frame[max(0, start - base) : end - base]
            change(piece)
            frame[max(0, start - base) : end - base] = piece
            self._put(number, bytes(frame))
        self._file.flush()

    def close(self) -> int:
        """Write what is held back; bytes of the whole file."""
        if self._rest:
            self._put(self._frames, bytes(self._rest))
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def _put(self, number: int, pcm: bytes) -> None:
        self._file.seek(HEADER_BYTES + number * (self._header.frame_bytes + OVERHEAD))
        # One write: a process that is killed leaves the old frame or the new one, never half of each.
        self._file.write(self._sealer.seal(number, pcm))

    def _get(self, number: int) -> bytes:
        size = self._header.frame_bytes + OVERHEAD
        self._file.flush()
        self._file.seek(HEADER_BYTES + number * size)
        return self._sealer.open(number, self._file.read(size))


Fetch = Callable[[int, int], bytes]
"""Bytes ``start`` to before ``end`` of a stored file."""


class SealedReader:
    """Any part of a sealed recording, as a WAV: ``size`` bytes in all, ``header`` first."""

    def __init__(self, fetch: Fetch, stored_bytes: int, keys: Keyring) -> None:
        """Raises Damaged and UnknownKey."""
        self._fetch = fetch
        self.about = Header.unpack(fetch(0, min(HEADER_BYTES, stored_bytes)))
        self._sealer = Sealer(self.about, keys)
        self.sound_bytes = sound_bytes(stored_bytes, self.about.frame_bytes, self.about.channels)
        self.size = WAV_HEADER_BYTES + self.sound_bytes

    @property
    def tag(self) -> str:
        """Changes whenever the file is written anew."""
        return f"{self.about.salt.hex()}-{self.sound_bytes}"

    def read(self, start: int, end: int) -> bytes:
        """Bytes ``start`` to before ``end`` of the WAV. Raises Damaged."""
        found = b""
        if start < WAV_HEADER_BYTES:
            header = wav_header(self.sound_bytes, channels=self.about.channels, rate=self.about.rate)
            found = header[start:end]
        first, last = max(0, start - WAV_HEADER_BYTES), min(end, self.size) - WAV_HEADER_BYTES
        return found + self.sound(first, last) if last > first else found

    def sound(self, start: int, end: int) -> bytes:
        """Bytes ``start`` to before ``end`` of the PCM. Raises Damaged."""
        size = self.about.frame_bytes
        stored = size + OVERHEAD
        numbers = range(start // size, -(-end // size))
        raw = self._fetch(HEADER_BYTES + numbers.start * stored, HEADER_BYTES + numbers.stop * stored)
        frames = [
            self._sealer.open(number, raw[place * stored : (place + 1) * stored])
            for place, number in enumerate(numbers)
        ]
        return b"".join(frames)[start - numbers.start * size :][: end - start]


def sound_bytes(stored_bytes: int, frame_bytes: int, channels: int) -> int:
    """How much sound a file of ``stored_bytes`` holds. A last frame that was cut while it was written is left out."""
    whole, rest = divmod(max(0, stored_bytes - HEADER_BYTES), frame_bytes + OVERHEAD)
    last = max(0, rest - OVERHEAD)
    return whole * frame_bytes + (last if last % (2 * channels) == 0 else 0)


def wav_header(length: int, *, channels: int, rate: int) -> bytes:
    """The header of a WAV with ``length`` bytes of 16-bit PCM."""
    block = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + length, b"WAVE", b"fmt ", 16, 1, channels, rate, rate * block, block, 16, b"data", length,
    )  # fmt: skip
