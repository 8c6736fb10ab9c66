"""The processes of a run, each with its generations: killed ones are started again."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reautomation.processes import Process, _die_with_parent

_ROOT = Path(__file__).resolve().parent.parent.parent


class Keeper:
    """Starts processes, and starts again those that end. Its own thread must be the main one, and outlive them."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self.ended: list[tuple[float, str, int]] = []
        """Monotonic time, name and exit code of what ended, oldest first."""
        self._made: dict[str, Callable[[Path], Process]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: dict[str, Callable[[], bool] | None] = {}
        self._generation: dict[str, int] = {}
        self._start_at: dict[str, float] = {}
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, make: Callable[[Path], Process]) -> None:
        """``make`` is given the log's path, which is another for each generation."""
        self._made[name] = make
        self._generation[name] = self._generation.get(name, 0) + 1
        log = self.log_of(name)
        process = replace(make(log), name=name)
        with log.open("wb") as out:
            self._running[name] = subprocess.Popen(
                list(process.arguments),
                cwd=_ROOT,
                env={**os.environ, **process.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the run has one thread
            )
        self._ready[name] = process.ready

    def log_of(self, name: str) -> Path:
        """Of the present generation."""
        return self.log_dir / f"{name}.{self._generation[name]}.log"

    def ready(self, *names: str) -> bool:
        return all((ready := self._ready[name]) is None or ready() for name in names)

    def wait_until_ready(self, *names: str, timeout_s: float = 90) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.ready(*names):
            if gone := [name for name in names if not self.is_up(name)]:
                raise RuntimeError(f"Ended before the run began, see {self.log_dir}: {', '.join(gone)}.")
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not ready after {timeout_s:.0f} s, see {self.log_dir}: {', '.join(names)}.")
            time.sleep(0.1)

    def is_up(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def pid_of(self, name: str) -> int:
        return self._running[name].pid

    def signal(self, name: str, what: signal.Signals, *, again_after_s: float = 0.0) -> None:
        """KILL goes to the whole group, as with a container; what ends is started again after that long."""
        self._start_at[name] = time.monotonic() + again_after_s
        if not self.is_up(name):
            return
        if what is signal.SIGKILL:
            os.killpg(self.pid_of(name), what)
        else:
            os.kill(self.pid_of(name), what)

    def mend(self) -> None:
        """Start again what has ended."""
        for name, process in list(self._running.items()):
            if (code := process.poll()) is not None:
                self.ended.append((time.monotonic(), name, code))
                del self._running[name]
                self._start_at.setdefault(name, time.monotonic())
        for name, at in list(self._start_at.items()):
            if name not in self._running and time.monotonic() >= at:
                del self._start_at[name]
                self.start(name, self._made[name])

    def remove(self, name: str) -> None:
        """For good, at once."""
        if (process := self._running.pop(name, None)) is not None:
            _end(process, signal.SIGKILL)
        self._start_at.pop(name, None)

    def stop(self) -> None:
        """TERM to all, KILL to those that stay."""
        for process in self._running.values():
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            _end(process, signal.SIGKILL)
        self._running.clear()


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.wait()
