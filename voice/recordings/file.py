"""The file of a call under way. Every method but ``do`` runs on the disk's thread, in order, and never raises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import IntEnum
from pathlib import Path

import numpy as np
import structlog

from voice.recordings.keys import Keyring
from voice.recordings.sealed import Damaged, Header, SealedFile

log = structlog.get_logger(__name__)

SUFFIX = ".rec"
_SAMPLE_BYTES = 4


class Track(IntEnum):
    """Left and right."""

    LEAD = 0
    AGENT = 1


class RecordingFile:
    """One sealed stereo file at ``path``. After a failure it is closed, and nothing more is written.

    What has to go from it by then takes the whole file along.
    """

    def __init__(self, path: Path, keys: Keyring | None) -> None:
        self.path, self._keys = path, keys
        self._failed = False
        self._sealed: SealedFile | None = None

    def do(self, disk: ThreadPoolExecutor, action: Callable[..., object], *args: object) -> None:
        """Have ``action`` done on the disk's thread."""
        disk.submit(self._guarded, action, *args)

    def open(self, started_at: datetime) -> None:
        if self._keys is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.touch(mode=0o600)
        self._raw = self.path.open("r+b")
        self._sealed = SealedFile(self._raw, Header.new(self._keys, started_at=started_at), self._keys)

    def write(self, pcm: bytes) -> None:
        if self._sealed is not None:
            self._sealed.write(pcm)

    def silence(self, start: int, end: int, track: int | None) -> None:
        """Samples ``start`` to before ``end``; None is both tracks. A file that cannot be changed is removed."""
        if self._sealed is None:
            return
        try:
            self._sealed.rewrite(start * _SAMPLE_BYTES, end * _SAMPLE_BYTES, lambda piece: hush(piece, track))
        except (OSError, Damaged) as error:
            log.error("recording.not_redacted", path=str(self.path), error=str(error))
            self._failed = True
            self.remove()

    def close(self) -> int | None:
        """Bytes of the finished file; None where it failed."""
        size: list[int] = []
        if self._sealed is not None:
            sealed = self._sealed
            self._guarded(lambda: size.append(sealed.close()))
            self._shut()
        return size[0] if size else None

    def remove(self) -> None:
        self._shut()
        self._tried(self.path.unlink, True)

    def _shut(self) -> None:
        if self._sealed is not None:
            self._sealed = None
            self._tried(self._raw.close)

    def _guarded(self, action: Callable[..., object], *args: object) -> None:
        if not self._failed:
            self._tried(action, *args)
            if self._failed:
                self._shut()  # the file would stay open
        elif action in (self.silence, self.remove) and self.path.exists():
            self.remove()  # else what was written until then would be found, and kept

    def _tried(self, action: Callable[..., object], *args: object) -> None:
        try:
            action(*args)
        except OSError as error:
            self._failed = True
            log.error("recording.failed", path=str(self.path), error=str(error))


def hush(pcm: bytearray, track: int | None) -> None:
    """Silence interleaved 16-bit stereo in place: one track, or both for None. Whole samples only."""
    samples = np.frombuffer(pcm, dtype="<i2").reshape(-1, 2)
    if track is None:
        samples[:] = 0
    else:
        samples[:, track] = 0
