"""How late packets and wake-ups are, measured for next to nothing: written on the loop, read in any thread."""

import time
from array import array
from collections.abc import Callable

import numpy as np

from voice.media.ports import MediaStats

_WINDOW_S = 10.0
_KEPT = 16_384  # samples: ten seconds of 65 calls that all speak; of more, the latest


class _Ring:
    """The latest values with their times."""

    def __init__(self, size: int) -> None:
        self._times, self._values = array("d", bytes(8 * size)), array("d", bytes(8 * size))
        self._size, self._next = size, 0

    def add(self, at: float, value: float) -> None:
        self._times[self._next], self._values[self._next] = at, value
        self._next = (self._next + 1) % self._size

    def since(self, moment: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        times, values = np.array(self._times), np.array(self._values)
        return values[times > moment]


class MediaMeter:
    """Counts what passes. Times are seconds on ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._late, self._lag = _Ring(_KEPT), _Ring(2048)
        self._counts: dict[int, list[int]] = {}  # by second: packets in, packets out, underruns
        self.calls = 0

    def received(self, now: float, packets: int) -> None:
        """So many packets of a person came since the last time."""
        self._second(now)[0] += packets

    def sent(self, now: float, late_s: float, *, underrun: bool) -> None:
        """A packet of ours went out, ``late_s`` after its time."""
        self._late.add(now, late_s)
        counts = self._second(now)
        counts[1] += 1
        counts[2] += underrun

    def woke(self, now: float, late_s: float) -> None:
        """The loop woke up for a timer, ``late_s`` after its time."""
        self._lag.add(now, late_s)

    def stats(self) -> MediaStats:
        """The last ten seconds. Any thread."""
        now = self._clock()
        late, lag = self._late.since(now - _WINDOW_S), self._lag.since(now - _WINDOW_S)
        recent = [counts for second, counts in list(self._counts.items()) if second > now - _WINDOW_S]
        packets_in, packets_out, underruns = (
            (sum(column) for column in zip(*recent, strict=True)) if recent else (0,) * 3
        )
        return MediaStats(
            calls=self.calls,
            lateness_p50_ms=_percentile_ms(late, 50),
            lateness_p99_ms=_percentile_ms(late, 99),
            lag_p99_ms=_percentile_ms(lag, 99),
            packets_in=packets_in,
            packets_out=packets_out,
            underruns=underruns,
        )

    def _second(self, now: float) -> list[int]:
        second = int(now)
        counts = self._counts.get(second)
        if counts is None:
            counts = self._counts[second] = [0, 0, 0]
            for old in [other for other in self._counts if other < second - _WINDOW_S]:
                del self._counts[old]
        return counts


def _percentile_ms(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", percent: float) -> float:
    return float(np.percentile(values, percent)) * 1000 if len(values) else 0.0
