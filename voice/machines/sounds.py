"""Tones in telephone audio: an answering machine's beep, a fax, the network's special information tones.

One numpy call for each 100 ms; a tone is a frame of 50 ms whose power lies at one frequency.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voice.speech.ports import RATE

BLOCK_MS = 100
BLOCK = BLOCK_MS * RATE // 1000 * 2  # bytes
FRAME_S = 0.05
_FRAME = round(FRAME_S * RATE)
_HZ = RATE / _FRAME  # 20 Hz a bin
_BINS = np.arange(_FRAME // 2 + 1) * _HZ
_AROUND = 2  # bins on either side of a peak that belong to it: the window's own width
_PURE = 0.85  # of a frame's power in one peak
_MIN_LEVEL = 10 ** (-40 / 20)
_STEADY_HZ = 25.0

BEEP_HZ = (400.0, 2600.0)
BEEP_S = (0.15, 1.5)
_CED_HZ, _CED_S = (2070.0, 2130.0), 1.8
_CNG_HZ, _CNG_S, _CNG_APART_S = (1062.0, 1138.0), (0.35, 0.65), (2.0, 4.5)
_SIT = ((890.0, 1010.0), (1340.0, 1460.0), (1740.0, 1815.0))
_SIT_S, _SIT_APART_S = (0.2, 0.45), 0.15


class ToneKind(StrEnum):
    """``FAX``: the answer tone of a fax (CED, 2100 Hz for some 3 s, ITU-T T.30), or its call tone (CNG, 1100 Hz for
    half a second each 3.5 s). ``SPECIAL_INFORMATION``: three rising tones before an announcement (ITU-T E.180).
    """

    BEEP = "beep"
    FAX = "fax"
    SPECIAL_INFORMATION = "special_information"


@dataclass(frozen=True, slots=True)
class Tone:
    """``start`` and ``end`` are seconds on the caller's clock; ``end`` of one that goes on is its last frame's."""

    kind: ToneKind
    hz: float
    start: float
    end: float


@dataclass(slots=True)
class _Run:
    hz: float
    start: float
    end: float

    @property
    def length_s(self) -> float:
        return self.end - self.start


class Tones:
    """Follows one call's tones. ``sounds_s`` is how long there was any sound."""

    def __init__(self) -> None:
        self._window = np.hanning(_FRAME).astype(np.float32)
        self._run: _Run | None = None
        self._told = False
        self.sounds_s = 0.0
        self._past: deque[_Run] = deque(maxlen=3)

    def feed(self, block: bytes, at: float) -> list[Tone]:
        """The tones that ``block`` (of ``BLOCK`` bytes, begun at ``at``) completes."""
        samples = np.frombuffer(block, dtype="<i2").astype(np.float32).reshape(-1, _FRAME) / np.float32(32768)
        loud = np.sqrt(np.mean(samples**2, axis=1)) >= _MIN_LEVEL
        tones: list[Tone] = []
        if not loud.any():
            return self._frame(None, at)
        self.sounds_s += float(loud.sum()) * FRAME_S
        power = np.abs(np.fft.rfft(samples * self._window, axis=1)) ** 2
        for number, (frame, is_loud) in enumerate(zip(power, loud, strict=True)):
            hz = _tone(frame) if is_loud else None
            tones += self._frame(hz, at + number * FRAME_S)
        return tones

    def _frame(self, hz: float | None, at: float) -> list[Tone]:
        run = self._run
        if run is not None and hz is not None and abs(hz - run.hz) <= _STEADY_HZ:
            run.end = at + FRAME_S
            return self._lasting(run)
        self._run = None if hz is None else _Run(hz, at, at + FRAME_S)
        ended = self._ended(run) if run is not None else []
        self._told = False
        return ended

    def _lasting(self, run: _Run) -> list[Tone]:
        if self._told or not (_within(run.hz, _CED_HZ) and run.length_s >= _CED_S):
            return []
        self._told = True
        return [Tone(ToneKind.FAX, run.hz, run.start, run.end)]

    def _ended(self, run: _Run) -> list[Tone]:
        if self._told or run.length_s < BEEP_S[0] - FRAME_S / 2:
            return []
        before = list(self._past)
        self._past.append(run)
        if _is_cng(run) and before and _is_cng(before[-1]) and _within(run.start - before[-1].end, _CNG_APART_S):
            return [Tone(ToneKind.FAX, run.hz, before[-1].start, run.end)]
        if len(before) >= 2 and _is_sit([*before[-2:], run]):
            return [Tone(ToneKind.SPECIAL_INFORMATION, run.hz, before[-2].start, run.end)]
        if _within(run.hz, BEEP_HZ) and run.length_s <= BEEP_S[1] + FRAME_S:
            return [Tone(ToneKind.BEEP, run.hz, run.start, run.end)]
        return []


def _tone(power: npt.NDArray[np.float32]) -> float | None:
    """The frequency at which nearly all the power is, None where it is spread."""
    peak = int(power.argmax())
    near = slice(max(0, peak - _AROUND), peak + _AROUND + 1)
    total = float(power.sum())
    if total <= 0 or float(power[near].sum()) < _PURE * total:
        return None
    return float((power[near] * _BINS[near]).sum() / power[near].sum())


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _is_cng(run: _Run) -> bool:
    return _within(run.hz, _CNG_HZ) and _within(run.length_s, _CNG_S)


def _is_sit(runs: list[_Run]) -> bool:
    steps = all(_within(run.hz, hz) and _within(run.length_s, _SIT_S) for run, hz in zip(runs, _SIT, strict=True))
    return steps and all(after.start - run.end <= _SIT_APART_S for run, after in pairwise(runs))
