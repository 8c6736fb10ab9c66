"""Our own voice in what we hear: the person's loudspeaker plays us, and their microphone sends us back.

The sound is compared with what was being played 20 to 650 ms before. Measured on recorded speech through a small
loudspeaker and a room, 12 to 26 dB down, as mu-law: over 400 ms an echo is alike by 0.30 to 0.66, other speech by
0.05 to 0.25 (19 in 20 each); over 192 ms with the delay known, 0.29 to 0.64 against 0.01 to 0.18.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from voice.speech.ports import RATE

_LONGEST_DELAY = 650 * RATE // 1000
_SHORTEST_DELAY = 20 * RATE // 1000
_KEPT_S = 2.0
_LONG = 400 * RATE // 1000
_SHORT = 160 * RATE // 1000
_ALIKE_LONG = 0.30
_ALIKE_SHORT = 0.40
_ALIKE_KNOWN = 0.26
_NEAR = 12 * RATE // 1000  # how far a delay that is known may wander
_FLOOR = 0.02  # of our loudest window: against next to nothing everything is alike

Samples = npt.NDArray[np.float32]


class EchoGuard:
    """Knows what we played, and tells whether a sound is that. One per call."""

    def __init__(self) -> None:
        self._played: deque[tuple[float, bytes]] = deque()
        self._delay: int | None = None

    def played(self, pcm: bytes, at: float) -> None:
        """``pcm`` is heard from ``at`` on, in seconds on the clock."""
        self._played.append((at, pcm))
        while self._played and self._played[0][0] < at - _KEPT_S:
            self._played.popleft()

    def sounds_like_us(self, pcm: bytes, at: float) -> bool:
        """Whether ``pcm``, whose last sample was on the wire at ``at``, is our own voice.

        The last 400 ms are compared, or what there is from 160 ms on.
        """
        heard = _emphasised(np.frombuffer(pcm[-_LONG * 2 :], dtype="<i2").astype(np.float32))
        if len(heard) < _SHORT or not self._played or at - self._played[-1][0] > _KEPT_S:
            return False
        ours = _emphasised(self._reference(at, len(heard) + 1))
        if not np.any(ours):
            return False
        alike = _correlation(heard, ours)
        if self._delay is not None:
            zero = _LONGEST_DELAY - self._delay
            if float(np.max(alike[max(0, zero - _NEAR) : zero + _NEAR])) >= _ALIKE_KNOWN:
                return True
        best = int(np.argmax(alike))
        long = len(heard) >= _LONG - 1
        if alike[best] < (_ALIKE_LONG if long else _ALIKE_SHORT):
            return False
        if long:
            self._delay = _LONGEST_DELAY - best
        return True

    def _reference(self, at: float, samples: int) -> Samples:
        """What we played in the time that ``samples`` until ``at`` may be an echo of."""
        length = samples + _LONGEST_DELAY - _SHORTEST_DELAY
        start = at - (samples + _LONGEST_DELAY) / RATE
        track = np.zeros(length, dtype=np.float32)
        for begun, pcm in self._played:
            ours = np.frombuffer(pcm, dtype="<i2")
            first = round((begun - start) * RATE)
            low, high = max(0, first), min(length, first + len(ours))
            if low < high:
                track[low:high] = ours[low - first : high - first]
        return track


def _emphasised(samples: Samples) -> Samples:
    """Differences from sample to sample: without them any two vowels are alike."""
    return np.diff(samples)


def _correlation(heard: Samples, ours: Samples) -> npt.NDArray[np.float64]:
    """The normalised correlation of ``heard`` with ``ours`` at every place where it fits, 0 to 1."""
    size = 1 << (len(heard) + len(ours) - 1).bit_length()
    product = np.fft.rfft(ours, size) * np.conj(np.fft.rfft(heard, size))
    found = np.abs(np.fft.irfft(product, size)[: len(ours) - len(heard) + 1])
    energy = np.concatenate(([0.0], np.cumsum(ours.astype(np.float64) ** 2)))
    norms = np.sqrt(np.maximum(energy[len(heard) :] - energy[: -len(heard)], 0) * float(np.sum(heard**2)))
    return np.asarray(found / np.maximum(norms, _FLOOR * float(np.max(norms)) + 1e-9))
