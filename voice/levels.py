"""How loud the person usually is, so that a television and words across the room are told from their answers."""

from collections import deque
from statistics import median

import numpy as np

from voice.speech.ports import RATE

_FRAME = RATE // 50
_KEPT = 5  # turns
_FAINT_DB = 12.0
_VERY_FAINT_DB = 20.0
_FADED_DB = 16.0
_FADED_FRAMES = 8  # 160 ms: the quiet consonants of a word are shorter
_DOUBTFUL = 0.7
_FORGET_AFTER = 2
_SILENCE_DB = -90.0


def level_of(pcm: bytes) -> float:
    """The level of the louder fifth of ``pcm``, in dB of full scale; of speech that is its vowels."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return _SILENCE_DB
    power = np.percentile(np.mean(frames**2, axis=1), 80)
    return float(max(_SILENCE_DB, 10 * np.log10(power + 1e-12)))


class Levels:
    """One person's usual level: the median of their last turns."""

    def __init__(self) -> None:
        self._turns: deque[float] = deque(maxlen=_KEPT)
        self._recent: deque[float] = deque(maxlen=_FADED_FRAMES)
        self._asides = 0

    def faint(self, level: float) -> bool:
        """Whether ``level`` is far below the usual one. Never before that is known."""
        return self._below(level, _FAINT_DB)

    def aside(self, level: float, confidence: float) -> bool:
        """Whether words at ``level`` were meant for somebody else: faint and doubtful, or very faint."""
        return self._below(level, _VERY_FAINT_DB) or (self.faint(level) and confidence < _DOUBTFUL)

    def faded(self, pcm: bytes) -> bool:
        """Whether, with the packet ``pcm``, nothing but faint sound has come for a while."""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
        self._recent.append(10 * float(np.log10(np.mean(samples**2) + 1e-12)) if len(samples) else _SILENCE_DB)
        full = len(self._recent) == _FADED_FRAMES
        return full and self._below(max(self._recent), _FADED_DB)

    def answered(self, level: float) -> None:
        """A turn of theirs had this level."""
        self._turns.append(level)
        self._asides = 0

    def set_aside(self) -> None:
        """A turn was taken for an aside. Two in a row: they may have moved their phone, so all counts again."""
        self._asides += 1
        if self._asides >= _FORGET_AFTER:
            self._turns.clear()
            self._asides = 0

    def _below(self, level: float, by_db: float) -> bool:
        return bool(self._turns) and level < median(self._turns) - by_db
