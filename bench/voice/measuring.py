"""One server and one generator of calls for some seconds: what the calls cost and how they were answered."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

_MORE_FOR_FEW_S = 40.0  # one call gives few answers


@dataclass(frozen=True, slots=True)
class Setting:
    """``server`` is "stock" or "ours". ``cores`` are those of the server; the generator has the last one."""

    server: str
    canned: bool
    cores: tuple[int, ...]
    seconds: float
    warm_s: float
    speech: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """Times are ms. ``late_p99`` is of a packet against the moment at which it had to be played: negative is early.

    ``mb`` is the memory of the server and its models beyond what they share with others. ``steps`` are p50 and p95
    of each step of the answers, by the server's own word; ``by_set`` are those of the answers to each set of speech.
    """

    server: str
    calls: int
    live: int
    answers: int
    unanswered: int
    latency_p50: float | None
    latency_p95: float | None
    late_p99: float | None
    cpu_ms_per_call_s: float
    mb: float
    generator_late_p99: float | None
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)
    by_set: dict[str, tuple[float, float]] = field(default_factory=dict)


class Child:
    """A process that is spoken to in JSON lines."""

    def __init__(self, *module: str, cores: tuple[int, ...]) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LOGURU_LEVEL": "ERROR"}
        self.process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", *module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - no threads are running yet
        )

    def tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next line that is JSON; libraries may print others. Raises RuntimeError where it has ended."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}.")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def child(*module: str, cores: tuple[int, ...]) -> Iterator[Child]:
    one = Child(*module, cores=cores)
    try:
        yield one
    finally:
        one.end()


def measure(setting: Setting, calls: int) -> Measured:
    """``calls`` at once for the setting's seconds, on a server started for them."""
    options = ["--canned"] if setting.canned else []
    seconds = setting.seconds + _MORE_FOR_FEW_S / calls
    last = (max(os.sched_getaffinity(0)),)
    with child(f"bench.voice.{setting.server}", *options, cores=setting.cores) as server:
        server.hear()
        server.tell({"open": calls})
        streams = server.hear()["streams"]
        with child("bench.voice.load", cores=last) as generator:
            generator.tell(
                {
                    "streams": streams,
                    "seconds": seconds,
                    "warm_s": setting.warm_s,
                    "speech": str(setting.speech),
                }
            )
            generator.hear()
            server.tell({"breakdown": True})
            server.hear()  # of the time before
            before = _cpu_s(server)
            generator.hear()
            cpu_s, mb = _cpu_s(server) - before, _mb(server)
            found = generator.hear()
        server.tell({"breakdown": True})
        steps = server.hear()["breakdown"]
    return Measured(
        server=setting.server,
        calls=calls,
        live=found["live"],
        answers=found["answers"],
        unanswered=found["unanswered"],
        latency_p50=found["latency_p50_ms"],
        latency_p95=found["latency_p95_ms"],
        late_p99=found["late_p99_ms"],
        cpu_ms_per_call_s=round(cpu_s * 1000 / seconds / calls, 2),
        mb=round(mb, 1),
        generator_late_p99=found["generator_late_p99_ms"],
        steps={name: _p50_p95(values) for name, values in steps.items() if values},
        by_set=found["by_set"],
    )


def _family(server: Child) -> list[psutil.Process]:
    parent = psutil.Process(server.process.pid)
    return [parent, *parent.children(recursive=True)]


def _cpu_s(server: Child) -> float:
    return sum(times.user + times.system for times in (one.cpu_times() for one in _family(server)))


def _mb(server: Child) -> float:
    return sum(one.memory_full_info().uss for one in _family(server)) / 1e6


def _p50_p95(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(np.asarray(values) * 1000, (50, 95))
    return round(float(low)), round(float(high))
