"""Measures how much room an event loop has for more calls, and keeps the verdict for whoever asks."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import psutil
import structlog

from voice.domain.headroom import Gate, Limits, Measured, No, Yes

log = structlog.get_logger(__name__)

TICK_S = 0.05
WINDOW_S = 5.0
_TICKS = round(WINDOW_S / TICK_S)
_JUDGE_TICKS = round(0.5 / TICK_S)
_CGROUP = Path("/sys/fs/cgroup")
_MB = 1024 * 1024


class Queue(Protocol):
    """What jobs wait for: ``voice.speech.process.ModelProcess`` is one."""

    @property
    def oldest_wait_s(self) -> float:
        """For how long the job that waits longest has waited; 0.0 where none waits."""


class Headroom:
    """Watches the running loop with one timer, from ``start`` to ``stop``. The verdict may be read in any thread.

    ``calls`` counts the calls that talk and those that ring, ``lateness_ms`` is the p99 of how late our packets left,
    ``changed`` is told, on the loop, when the process begins to refuse calls and when it takes them again.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        lines: int,
        calls: Callable[[], tuple[int, int]],
        lateness_ms: Callable[[], float],
        queues: Callable[[], Sequence[Queue]],
        changed: Callable[[], None] = lambda: None,
        memory_free_mb: Callable[[], float | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._lines, self._calls = limits, lines, calls
        self._lateness_ms, self._queues, self._changed = lateness_ms, queues, changed
        self._memory_free_mb, self._clock = memory_free_mb or memory_free, clock
        self._gate = Gate(limits)
        self._lags: deque[float] = deque(maxlen=_TICKS)
        self._waits: deque[float] = deque(maxlen=_TICKS)
        self._busy: deque[tuple[float, float]] = deque(maxlen=_TICKS)
        self._ticks, self._due = 0, 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._verdict: tuple[int, str] = (lines, "")
        self.measured = Measured()

    @property
    def offered(self) -> int:
        """How many calls may be here at a time, those that are here among them; 0 while none is to begin."""
        return self._verdict[0]

    @property
    def why(self) -> str:
        """Why fewer are offered than there are lines; "" where all are."""
        return self._verdict[1]

    @property
    def strained(self) -> bool:
        """Whether calls are refused, since those that talk feel it or soon will."""
        return self._gate.closed

    def start(self) -> None:
        """On the loop that is to be watched, in its thread."""
        self._loop = asyncio.get_running_loop()
        self._next()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        self._due = self._clock() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        now = self._clock()
        try:
            self._lags.append(max(0.0, now - self._due))
            self._waits.append(max((queue.oldest_wait_s for queue in self._queues()), default=0.0))
            self._busy.append((now, time.thread_time()))
            self._ticks += 1
            if self._ticks % _JUDGE_TICKS == 0:
                self._judge(now)
        finally:
            self._next()  # whatever could not be measured once is measured again

    def _judge(self, now: float) -> None:
        talking, ringing = self._calls()
        self.measured = measured = Measured(
            talking=talking,
            ringing=ringing,
            lag_p99_ms=1000 * quantile(self._lags, 0.99),
            lateness_p99_ms=self._lateness_ms(),
            speech_wait_ms=1000 * quantile(self._waits, 0.9),
            busy_percent=self._busy_percent(),
            memory_free_mb=self._memory_free_mb(),
        )
        was_closed = self._gate.closed
        verdict = self._gate.judge(measured, now=now)
        self._verdict = _offered(verdict, calls=talking + ringing, lines=self._lines)
        if self._gate.closed is was_closed:
            return
        if was_closed:
            log.info("headroom.calls_taken", **measured.figures())
        else:
            log.warning("headroom.calls_refused", reason=self.why, **measured.figures())
        self._changed()

    def _busy_percent(self) -> float:
        (began, used), (now, used_now) = self._busy[0], self._busy[-1]
        return 100 * (used_now - used) / (now - began) if now > began else 0.0


def _offered(verdict: Yes | No, *, calls: int, lines: int) -> tuple[int, str]:
    if isinstance(verdict, No):
        return 0, verdict.reason
    if verdict.more is None or calls + verdict.more >= lines:
        return lines, ""
    return calls + verdict.more, f"The event loop has time for {verdict.more} more."


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed; 0.0 of none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def memory_free(cgroup: Path = _CGROUP) -> float:
    """MB that this process may still take: of the machine, or of its container where that has less (cgroup v2)."""
    free = psutil.virtual_memory().available / _MB
    try:
        most = (cgroup / "memory.max").read_text().strip()
        if most == "max":
            return free
        used = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except OSError:  # no container, or another version of cgroups
        return free
    # Files that were read and are kept in memory are given up when memory is needed.
    return min(free, (int(most) - used + int(stat.get("inactive_file", 0))) / _MB)
