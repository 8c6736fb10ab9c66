"""The stereo recording: the lead left, the agent right, on one clock, sealed and written as the call goes."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import structlog

from voice.domain.types import Recording
from voice.recordings.file import RecordingFile, Track
from voice.recordings.keys import Keyring
from voice.speech.ports import RATE

log = structlog.get_logger(__name__)

_HELD = 2 * RATE  # samples that may still change: late packets, and words that are sent but not yet played
_BLOCK = RATE
_BEFORE = 8 * RATE  # what is in memory alone: it is told late that an announcement was heard


@dataclass(slots=True)
class _Silence:
    """Samples in which nothing may be heard; of one track, or of both."""

    start: float
    end: float
    track: Track | None


class Recorder:
    """Places audio by the second it belongs to. Used from the loop; files are written by ``disk``, one thread.

    Nothing is kept until ``begin``: what came before is in memory for a few seconds, and forgotten. Offsets count
    from the call's answer, whenever the recording begins. A disk that fails loses the recording, never the call.
    Without ``keys``, or ``allowed``, nothing is recorded at all. ``talked_s``: so long had the call lasted before
    this line took it.
    """

    def __init__(
        self,
        path: Path,
        *,
        answered_at: datetime,
        clock: Callable[[], float],
        disk: ThreadPoolExecutor,
        keys: Keyring | None,
        part: int = 1,
        allowed: bool = True,
        talked_s: float = 0.0,
    ) -> None:
        self._answered_at, self._clock, self._disk, self._part = answered_at, clock, disk, part
        self._zero = clock() - talked_s
        allowed = allowed and keys is not None
        self._file = RecordingFile(path, keys)
        self._offset = self._sample(clock())  # what lies before it is on disk, or forgotten
        self._tracks = np.zeros((_BEFORE + 2 * _BLOCK if allowed else 0, 2), dtype="<i2")
        self._end = self._offset  # behind the last sample that was placed
        self._first: int | None = None  # the sample that the recording begins with
        self._over = not allowed
        self._length: int | None = None
        self._silences: list[_Silence] = []
        self._erased = False

    @property
    def began(self) -> bool:
        return self._first is not None

    @property
    def running(self) -> bool:
        """Whether what is heard now is kept; also while it is paused."""
        return self.began and not self._over

    def ms(self, at: float) -> int:
        """``at``, on the clock, in ms from the call's answer."""
        return max(0, round((at - self._zero) * 1000))

    def at(self, moment: float) -> datetime:
        """``moment``, on the clock, as an instant."""
        return self._answered_at + timedelta(seconds=moment - self._zero)

    def begin(self, at: float) -> None:
        """Keep what is heard from ``at`` on. Once stopped, or where nothing may be recorded, this does nothing."""
        if self.began or self._over:
            return
        self._first = max(self._sample(at), self._offset)
        gone = self._first - self._offset
        kept = np.zeros_like(self._tracks)
        if gone < len(self._tracks):
            kept[: len(self._tracks) - gone] = self._tracks[gone:]
        self._tracks, self._offset = kept, self._first
        self._file.do(self._disk, self._file.open, self.at(self._zero + self._first / RATE))
        while self._end - self._offset > _HELD + 2 * _BLOCK:
            self._spill()
        self._tracks = self._tracks[: _HELD + 2 * _BLOCK].copy()

    def lead(self, pcm: bytes, at: float) -> None:
        self._place(Track.LEAD, pcm, at)

    def agent(self, pcm: bytes, at: float) -> None:
        self._place(Track.AGENT, pcm, at)

    def cut(self, at: float) -> None:
        """The agent was silenced at ``at``: what it had not said by then was never heard."""
        self._tracks[max(0, self._sample(at) - self._offset) :, Track.AGENT] = 0

    def pause(self, at: float) -> None:
        """From ``at`` on nothing is kept of either side, until ``resume``. Time goes on: it is silent there."""
        if self._paused is None:
            self._silence(_Silence(self._sample(at), math.inf, None))

    def resume(self, at: float) -> None:
        if (paused := self._paused) is not None:
            paused.end = self._sample(at)

    def redact(self, from_s: float, to_s: float, track: Track | None = Track.LEAD) -> None:
        """Silence what was heard between two moments on the clock, also where it is on disk already.

        A file that cannot be changed is removed: what was to be silenced is in it.
        """
        self._silence(_Silence(self._sample(from_s), self._sample(to_s), track))

    def stop(self, *, erase: bool) -> None:
        """The person objects: nothing more is kept. What was is erased, or what the lead said is silenced."""
        if not self._over and self.began:
            if erase:
                self._file.do(self._disk, self._file.remove)
                self._erased = True
            else:
                self._silence(_Silence(-math.inf, math.inf, Track.LEAD))
                self._length = self._drain()
        self._over = True
        self._tracks = self._tracks[:0]

    def finish(self) -> "Future[Recording | None]":
        """Write the rest. The recording; None where there is none, or the disk refused it."""
        if not self.began or self._erased:
            nothing: Future[Recording | None] = Future()
            nothing.set_result(None)
            return nothing
        length = self._drain() if self._length is None else self._length
        self._over, self._length = True, length
        return self._disk.submit(self._closed, length)

    @property
    def _paused(self) -> _Silence | None:
        return next((one for one in self._silences if one.end == math.inf and one.track is None), None)

    def _sample(self, at: float) -> int:
        return round((at - self._zero) * RATE)

    def _place(self, track: Track, pcm: bytes, at: float) -> None:
        if self._over:
            return
        samples = np.frombuffer(pcm, dtype="<i2")
        start = self._sample(at)
        self._end = max(self._end, start + len(samples))
        self._reach(start + len(samples))
        start -= self._offset
        if start < 0:  # later than what may still change
            samples, start = samples[-start:], 0
        self._tracks[start : start + len(samples), track] = samples
        for silence in self._silences:
            self._hush(silence, start, start + len(samples))

    def _hush(self, silence: _Silence, start: int, end: int) -> None:
        """Silence what lies in the places ``start`` to before ``end`` of the window."""
        first = int(max(start, silence.start - self._offset))
        last = int(min(end, silence.end - self._offset))
        if first < last:
            tracks = slice(None) if silence.track is None else silence.track
            self._tracks[first:last, tracks] = 0

    def _silence(self, silence: _Silence) -> None:
        self._silences.append(silence)
        self._hush(silence, 0, len(self._tracks))
        if self._first is not None and silence.start < self._offset and not self._erased:
            start = int(max(silence.start, self._first)) - self._first
            end = int(min(silence.end, self._offset)) - self._first
            if start < end:
                self._file.do(self._disk, self._file.silence, start, end, silence.track)

    def _reach(self, end: int) -> None:
        """Make room up to sample ``end``, by writing what will not change any more."""
        while end - self._offset > len(self._tracks):
            self._spill()

    def _spill(self) -> None:
        if self.began:
            self._file.do(self._disk, self._file.write, self._tracks[:_BLOCK].tobytes())
        self._tracks[:-_BLOCK] = self._tracks[_BLOCK:].copy()
        self._tracks[-_BLOCK:] = 0
        self._offset += _BLOCK

    def _drain(self) -> int:
        """Hand all that is left to the disk; samples of the whole recording."""
        end = max(self._sample(self._clock()), self._offset)
        self._reach(end)
        self._file.do(self._disk, self._file.write, self._tracks[: end - self._offset].tobytes())
        self._offset = end
        return end - (self._first or 0)

    def _closed(self, length: int) -> Recording | None:
        size = self._file.close()
        if size is None or self._first is None:
            return None
        return Recording(
            path=self._file.path,
            started_at=self.at(self._zero + self._first / RATE),
            duration_ms=length * 1000 // RATE,
            part=self._part,
            bytes=size,
        )
