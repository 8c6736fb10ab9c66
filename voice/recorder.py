"""The stereo recording: the lead left, the agent right, on one clock, written as the call goes."""

import wave
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np
import structlog

from voice.domain.types import Recording
from voice.speech.ports import RATE

log = structlog.get_logger(__name__)

_HELD = 2 * RATE  # samples that may still change: late packets, and words that are sent but not yet played
_BLOCK = RATE


class Recorder:
    """Places audio by the second it belongs to. Used from the loop; files are written by ``disk``, one thread.

    A disk that fails loses the recording, never the call.
    """

    def __init__(
        self, path: Path, *, started_at: datetime, clock: Callable[[], float], disk: ThreadPoolExecutor
    ) -> None:
        self._path, self._started_at, self._clock, self._disk = path, started_at, clock, disk
        self._zero = clock()
        self._offset = 0  # samples that are on disk
        self._tracks = np.zeros((_HELD + 2 * _BLOCK, 2), dtype="<i2")
        self._failed = False
        self._raw: BinaryIO | None = None
        self._file: wave.Wave_write | None = None
        self._do(self._open)

    @property
    def started_at(self) -> datetime:
        return self._started_at

    def ms(self, at: float) -> int:
        """``at``, on the clock, in ms from the recording's start."""
        return max(0, round((at - self._zero) * 1000))

    def at(self, moment: float) -> datetime:
        """``moment``, on the clock, as an instant."""
        return self._started_at + timedelta(seconds=moment - self._zero)

    def lead(self, pcm: bytes, at: float) -> None:
        self._place(0, pcm, at)

    def agent(self, pcm: bytes, at: float) -> None:
        self._place(1, pcm, at)

    def cut(self, at: float) -> None:
        """The agent was silenced at ``at``: what it had not said by then was never heard."""
        self._tracks[max(0, self._sample(at) - self._offset) :, 1] = 0

    def finish(self) -> "Future[Recording | None]":
        """Write the rest. The recording, or None where the disk refused it."""
        length = max(self._sample(self._clock()), self._offset)
        self._reach(length)
        self._do(self._write, self._tracks[: length - self._offset].tobytes())
        return self._disk.submit(self._close, length * 1000 // RATE)

    def _sample(self, at: float) -> int:
        return round((at - self._zero) * RATE)

    def _place(self, track: int, pcm: bytes, at: float) -> None:
        samples = np.frombuffer(pcm, dtype="<i2")
        start = self._sample(at)
        self._reach(start + len(samples))
        start -= self._offset
        if start < 0:  # later than what may still change
            samples, start = samples[-start:], 0
        self._tracks[start : start + len(samples), track] = samples

    def _reach(self, end: int) -> None:
        """Make room up to sample ``end``, by writing what will not change any more."""
        while end - self._offset > len(self._tracks):
            self._do(self._write, self._tracks[:_BLOCK].tobytes())
            self._tracks[:-_BLOCK] = self._tracks[_BLOCK:].copy()
            self._tracks[-_BLOCK:] = 0
            self._offset += _BLOCK

    def _do(self, action: Callable[..., None], *args: object) -> None:
        self._disk.submit(self._guarded, action, *args)

    def _guarded(self, action: Callable[..., None], *args: object) -> None:
        if not self._failed:
            self._tried(action, *args)

    def _tried(self, action: Callable[..., None], *args: object) -> None:
        try:
            action(*args)
        except OSError as error:
            self._failed = True
            log.error("recording.failed", path=str(self._path), error=str(error))

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._raw = self._path.open("wb")
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - open for as long as the call
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE)

    def _write(self, frames: bytes) -> None:
        if self._file is not None and self._raw is not None:
            self._file.writeframes(frames)  # patches the header too: a lost worker leaves a file that plays
            self._raw.flush()

    def _close(self, duration_ms: int) -> Recording | None:
        for file in (self._file, self._raw):
            if file is not None:
                self._tried(file.close)  # after a failure too: the file would stay open
        return None if self._failed else Recording(self._path, self._started_at, duration_ms)
