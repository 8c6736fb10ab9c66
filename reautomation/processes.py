"""Starts the project's processes together, watches them, and stops them all.

Each child leads a process group of its own, so that Ctrl-C reaches the supervisor alone and it decides the order;
each dies with the supervisor, even with a killed one.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_RESTARTS_A_MINUTE = 5
_MINUTE_S = 60.0
_ROOT = Path(__file__).resolve().parent.parent


class StartError(Exception):
    """A process did not come up, or a port is taken; the text says what to do."""


class Stopped(BaseException):
    """INT or TERM came.

    Not KeyboardInterrupt: one raised while a text is executed, as dataclasses do for their methods, makes CPython
    3.11 die of the signal at its end under ``-m``, whatever exit code the program chose.
    """


def stop_on_signals() -> None:
    """From here on INT and TERM raise Stopped in the main thread."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


@dataclass(frozen=True, slots=True)
class Process:
    """What to run. ``ready`` is asked until it says yes; ``stop_s`` is how long the process may take to end."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    stop_s: float = 15.0


def python_module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def require_port(host: str, port: int, variable: str) -> None:
    """Raises StartError with one sentence when somebody listens there."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise StartError(
            f"Port {port} on {host} cannot be used ({os.strerror(error.errno or 0)}): "
            f"stop what listens there, or set {variable} to a free port."
        ) from None


def listening(host: str, port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
        return False

    return answers


def logged(path: Path, text: str) -> Callable[[], bool]:
    """Ready once ``text`` stands in the log."""
    return lambda: path.exists() and text in path.read_text(errors="replace")


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Use as a context manager; leaving it stops every process, the last started first.

    With ``keeps_up`` a process that ends once all were ready is started again by itself, each a few times a minute
    at most. Without ``log_dir`` the processes write where the supervisor does, as a container's do.
    """

    def __init__(self, log_dir: Path | None, *, keeps_up: bool = False) -> None:
        self._log_dir = log_dir
        self._keeps_up, self._were_ready = keeps_up, False
        self._restarts: dict[str, list[float]] = {}
        self._running: list[tuple[Process, subprocess.Popen[bytes], IO[bytes] | None]] = []

    def __enter__(self) -> "Supervisor":
        if self._log_dir is not None:
            self._log_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def log_of(self, name: str) -> Path:
        return (self._log_dir or Path()) / f"{name}.log"

    def start(self, process: Process, *, again: bool = False) -> None:
        log = None if self._log_dir is None else self.log_of(process.name).open("ab" if again else "wb")
        child = subprocess.Popen(  # noqa: S603 - our own commands
            list(process.arguments),
            cwd=_ROOT,
            env={**os.environ, **process.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
        )
        self._running.append((process, child, log))

    def wait_until_ready(self, timeout_s: float = 60) -> None:
        """Block until every process is ready. Raises StartError for one that ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        waiting = [process for process, _, _ in self._running if process.ready]
        while waiting:
            self.check()
            waiting = [process for process in waiting if process.ready and not process.ready()]
            if waiting and time.monotonic() > deadline:
                names = ", ".join(process.name for process in waiting)
                raise StartError(f"Not ready after {timeout_s:.0f} s: {names}. See the logs in {self._log_dir}.")
            time.sleep(0.1)
        self._were_ready = True

    def check(self) -> None:
        """See to processes that have ended by themselves. Raises StartError for one that is not started again."""
        for entry in list(self._running):
            process, child, log = entry
            if (code := child.poll()) is None:
                continue
            if not self._may_restart(process.name):
                raise StartError(f"{process.name} ended with code {code}.{self._tail(process)}")
            print(f"{process.name} ended with code {code} and is started again.", file=sys.stderr, flush=True)
            if log is not None:
                log.close()
            self._running.remove(entry)
            self.start(process, again=True)

    def _tail(self, process: Process) -> str:
        """The end of its log, where it has one of its own."""
        if self._log_dir is None:
            return ""
        log = self.log_of(process.name)
        text = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-8:])
        return f" The end of {log}:\n  {text}"

    def _may_restart(self, name: str) -> bool:
        if not (self._keeps_up and self._were_ready):
            return False
        now = time.monotonic()
        restarts = [at for at in self._restarts.get(name, []) if now - at < _MINUTE_S] + [now]
        self._restarts[name] = restarts
        return len(restarts) <= _RESTARTS_A_MINUTE

    def stop(self) -> None:
        """TERM to all, the newest first, then KILL to the groups of those that do not end in time."""
        for _, child, _ in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        for process, child, log in reversed(self._running):
            try:
                child.wait(process.stop_s)
            except subprocess.TimeoutExpired:
                pass
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                if log is not None:
                    log.close()
        self._running.clear()
