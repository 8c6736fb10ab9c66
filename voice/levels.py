"""How loud the person usually is, and what goes on around them, so that a television, people nearby and words from
across the room are told from their answers.
"""

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
# The room: the level that all but the quietest packets of the last 3 s have. A voice stands out from it; people who
# talk nearby at 10 dB below do not, by what they were measured at (median 4 dB above it, nine in ten below 6 dB,
# single words up to 8), and what a person says is at 13 dB.
_ROOM_PACKETS, _ROOM_KNOWN, _ROOM_PERCENTILE = 150, 50, 15
_QUIET_DB = -50.0
_STANDS_OUT_DB = 9.0
_ROOM_SOUND_DB = 8.0
_CLEARLY_BELOW_DB = 8.0
"""What is no further below the person is never taken for the room, whatever it has been like."""


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
        self._past: deque[float] = deque(maxlen=_ROOM_PACKETS)
        self._loudest = _SILENCE_DB
        self._asides = 0

    def heard(self, pcm: bytes) -> None:
        """The next packet, whoever speaks."""
        self._past.append(_packet_level(pcm))

    def stands_out(self, level: float) -> bool:
        """Whether ``level`` is above that of the room around the person."""
        room = self._room()
        return room is None or level >= room + _STANDS_OUT_DB

    def faint(self, level: float) -> bool:
        """Whether ``level`` is far below the usual one. Never before that is known."""
        return self._below(level, _FAINT_DB)

    def aside(self, level: float, confidence: float) -> bool:
        """Whether words at ``level`` were meant for somebody else: faint and doubtful, or very faint."""
        return self._below(level, _VERY_FAINT_DB) or (self.faint(level) and confidence < _DOUBTFUL)

    def meant_for_us(self, level: float) -> bool:
        """Whether a voice at ``level`` may be the person's, and is no television."""
        return not self.faint(level) and self.stands_out(level)

    def of_the_room(self, level: float, confidence: float) -> bool:
        """Whether words at ``level`` are those of people nearby: no louder than they are, and doubtful."""
        return confidence < _DOUBTFUL and not self.stands_out(level)

    def faded(self, pcm: bytes) -> bool:
        """Whether, with the packet ``pcm``, nothing but faint sound, or that of the room, has come for a while."""
        self._recent.append(_packet_level(pcm))
        if len(self._recent) < _FADED_FRAMES:
            return False
        return self._below(max(self._recent), _FADED_DB) or self._is_room()

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

    def _is_room(self) -> bool:
        """Whether what came last is no louder than the room, and clearly below the person."""
        level = 10 * float(np.log10(np.mean(10 ** (np.array(self._recent) / 10))))
        self._loudest = max(self._loudest, level)
        room, usual = self._room(), median(self._turns) if self._turns else self._loudest
        return room is not None and level < min(room + _ROOM_SOUND_DB, usual - _CLEARLY_BELOW_DB)

    def _room(self) -> float | None:
        """The level of what goes on around the person, None where it is quiet or not known yet."""
        if len(self._past) < _ROOM_KNOWN:
            return None
        level = float(np.percentile(self._past, _ROOM_PERCENTILE))
        return None if level < _QUIET_DB else level

    def _below(self, level: float, by_db: float) -> bool:
        return bool(self._turns) and level < median(self._turns) - by_db


def _packet_level(pcm: bytes) -> float:
    """Mean level in dB of full scale."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    return 10 * float(np.log10(np.mean(samples**2) + 1e-12)) if len(samples) else _SILENCE_DB
