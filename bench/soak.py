"""Calls that come and go for a long time: ``python -m bench.soak [--minutes M] [--calls N] [--speech FOLDER]``.

One process of ours holds N calls of real people's speech over real media sockets, in load mode: recogniser and
synthesiser are scripted, since two cores cannot transcribe forty calls. A call lasts 30 to 90 seconds and another
follows it, so what each leaves behind shows. Memory, file descriptors and threads are fitted by a line; at the end
calls are offered at twice the capacity. Exit status 1 where something grows, a live call is dropped or harmed, or one
too many is taken.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import uvloop

from bench import SPEECH
from bench.soak_host import serve
from bench.voice.load import Found, Phone, media_frames
from bench.voice.speech import NoSpeech, Utterance, utterances

CALLS, MINUTES = 40, 30.0
SHORT_S, LONG_S = 30.0, 90.0
_SAMPLE_S = 1.0
_SLICES = 10
_SETTLE = 0.25  # of the run, in which caches and arenas fill
_HARMED_MS, _UNANSWERED = 100.0, 0.05
_MOST_GROWTH = {"memory_mb": 15.0, "files": 6.0, "threads": 3.0}
"""Over the run, by the lower bound of the slope."""
_Said = list[tuple[Utterance, list[bytes]]]


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through samples: ``slope`` an hour and the half width of its 95 % interval, ``grown`` over the run."""

    mean: float
    slope: float
    bound: float
    grown: float
    least_grown: float


def trend(at_s: list[float], values: list[float]) -> Trend:
    """Least squares over tenths of the run, since neighbours among the samples are alike. Needs ten samples."""
    times = np.array([np.mean(part) for part in np.array_split(np.array(at_s), 10)])
    means = np.array([np.mean(part) for part in np.array_split(np.array(values), 10)])
    centred = times - times.mean()
    slope = float((centred * means).sum() / (centred**2).sum())
    residuals = means - means.mean() - slope * centred
    error = float(np.sqrt((residuals**2).sum() / 8 / (centred**2).sum()))
    bound, length = 2.306 * error, at_s[-1] - at_s[0]  # Student's t for 8 degrees of freedom
    return Trend(float(np.mean(values)), slope * 3600, bound * 3600, slope * length, (slope - bound) * length)


@dataclass
class Run:
    """What came of it."""

    samples: dict[str, list[float]] = field(default_factory=dict)
    begun: int = 0
    ended: int = 0
    dropped: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Host:
    """The process under test, spoken to in JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out, self.process = process.stdin, process.stdout, process
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.figures: dict[str, float] = {}
        self._reading = asyncio.create_task(self._read())

    async def open(self, call_id: str) -> dict[str, Any]:
        """``url`` and ``token`` of a line, or why it is ``refused``."""
        answer = self._asked[call_id] = asyncio.get_running_loop().create_future()
        self._in.write(json.dumps({"open": call_id}).encode() + b"\n")
        told: dict[str, Any] = await answer
        return told

    async def stop(self) -> None:
        self._in.close()
        await self.process.wait()
        await self._reading

    async def _read(self) -> None:
        while line := await self._out.readline():
            told = json.loads(line)
            if "call" in told:
                self._asked.pop(told["call"]).set_result(told)
            elif "figures" in told:
                self.figures = told["figures"]
            else:
                self.ready.set_result(None)


class Load:
    """``calls`` people at a time, one after the other on each of so many lines."""

    def __init__(self, host: Host, said: _Said, *, calls: int, lasts_s: tuple[float, float], run: Run) -> None:
        self._host, self._said, self._lasts_s, self._run = host, said, lasts_s, run
        self._random = random.Random(5)  # noqa: S311 - the same calls in every run
        self._phones: list[Phone] = []
        self._number, self._calls_at_once = 0, calls
        self.found, self.all_there = Found(), asyncio.Event()
        self._tasks = [asyncio.create_task(self._calls(at * 0.1)) for at in range(calls)]
        self._tasks.append(asyncio.create_task(self._drive()))

    @property
    def live(self) -> int:
        return sum(phone.up for phone in self._phones)

    async def offer(self) -> None:
        """One call more than there is room for."""
        self._number += 1
        answer = await self._host.open(f"more-{self._number}")
        self._run.refused[answer.get("refused") or "taken"] += 1

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for phone in self._phones:
            phone.hang_up()

    async def _calls(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        while True:
            self._number += 1
            stream = await self._host.open(f"call-{self._number}")
            if "refused" in stream:  # the line before is not given back yet
                await asyncio.sleep(0.1)
                continue
            await self._call(stream)

    async def _call(self, stream: dict[str, Any]) -> None:
        address = urlsplit(stream["url"])
        _, phone = await asyncio.get_running_loop().create_connection(
            partial(Phone, self._number, stream, self._said, self.found), address.hostname, address.port
        )
        self._phones.append(phone)
        self._run.begun += 1
        await asyncio.wait({phone.gone}, timeout=self._random.uniform(*self._lasts_s))
        if phone.gone.done():
            self._run.dropped += 1
        else:
            phone.hang_up()
            self._run.ended += 1
        self._phones.remove(phone)

    async def _drive(self) -> None:
        began, tick = time.perf_counter(), 0
        while True:
            await asyncio.sleep(max(0.0, began + tick * 0.02 / _SLICES - time.perf_counter()))
            now = time.perf_counter()
            if self.live == self._calls_at_once:
                self.all_there.set()
            else:  # somebody has just hung up, and the next one takes the line
                self.all_there.clear()
            for phone in self._phones[tick % _SLICES :: _SLICES]:
                phone.tick(now)
            tick += 1


async def soak(*, calls: int, minutes: float, speech: Path, lasts_s: tuple[float, float]) -> int:
    """Run, print what was found, and the exit status."""
    said = [(one, media_frames(one.packets)) for one in utterances(speech)]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LOGURU_LEVEL": "ERROR"}
        host = Host(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.soak", "--host", folder, "--calls", str(calls)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, **one_thread},
            )
        )
        await host.ready
        run = Run()
        load = Load(host, said, calls=calls, lasts_s=lasts_s, run=run)
        try:
            await _sample(host, run, load, until=time.monotonic() + 60 * minutes)
            steady = load.found
            load.found.measuring = False
            faults = _told(run, steady, calls=calls)
            faults += await _overload(load, run, calls=calls)
        finally:
            await load.stop()
            await host.stop()
    for fault in faults:
        print(f"FAULT: {fault}")
    return 1 if faults else 0


async def _sample(host: Host, run: Run, load: Load, *, until: float) -> None:
    """Samples of the steady part, the first quarter left out."""
    began = time.monotonic()
    process = psutil.Process(host.process.pid)
    while (now := time.monotonic()) < until:
        await asyncio.sleep(_SAMPLE_S)
        load.found.measuring = now - began > _SETTLE * (until - began)
        if not load.found.measuring:
            continue
        sample = {
            "at_s": now - began,
            "memory_mb": process.memory_info().rss / 2**20,
            "files": process.num_fds(),
            "threads": process.num_threads(),
            "calls": load.live,
            **host.figures,
        }
        for name, value in sample.items():
            run.samples.setdefault(name, []).append(value)


def _told(run: Run, found: Found, *, calls: int) -> list[str]:
    faults, samples = [], run.samples
    print(f"{calls} calls at a time, {run.begun} begun, {run.ended} hung up, {run.dropped} dropped")
    for name, most in _MOST_GROWTH.items():
        fit = trend(samples["at_s"], samples[name])
        print(f"{name:10} mean {fit.mean:8.1f}, slope {fit.slope:+8.2f} +- {fit.bound:.2f} an hour, {fit.grown:+.2f}")
        if fit.least_grown > most:
            faults.append(f"{name} grew by {fit.grown:.1f} over the run, {fit.least_grown:.1f} at least.")
    for name in ("lag_p99_ms", "lateness_p99_ms", "busy_percent"):
        values = samples.get(name, [0.0])
        print(f"{name:16} median {np.median(values):.1f}, most {max(values):.1f}")
    late, answers = 1000 * np.array(found.late), 1000 * np.array(found.answers)
    print(f"heard late, p99  {np.percentile(late, 99):.1f} ms; answers p50 {np.median(answers):.0f} ms")
    print(f"answered         {len(found.answers)} of {len(found.answers) + found.unanswered}")
    if run.dropped:
        faults.append(f"{run.dropped} calls were dropped.")
    return faults


async def _overload(load: Load, run: Run, *, calls: int) -> list[str]:
    """As many calls again are offered, ten times over, while those that are there talk."""
    dropped, refused = run.dropped, Counter(run.refused)
    load.found.late.clear()
    load.found.by_set.clear()
    load.found.unanswered, load.found.measuring = 0, True
    for _ in range(10):
        await load.all_there.wait()
        await asyncio.gather(*(load.offer() for _ in range(calls)))
        await asyncio.sleep(0.8)
    more = run.refused - refused
    late = float(np.percentile(1000 * np.array(load.found.late), 99))
    asked = len(load.found.answers) + load.found.unanswered
    print(f"offered {sum(more.values())} more; heard late, p99 {late:.1f} ms; {run.dropped - dropped} dropped")
    for reason, count in more.items():
        print(f"  {count} times: {reason}")
    faults = [f"{more['taken']} calls were taken beyond the capacity."] if more["taken"] else []
    if run.dropped > dropped:
        faults.append(f"{run.dropped - dropped} live calls were dropped under overload.")
    if late > _HARMED_MS:
        faults.append(f"Live calls were heard {late:.0f} ms late under overload.")
    if asked and load.found.unanswered / asked > _UNANSWERED:
        faults.append(f"{load.found.unanswered} of {asked} answers did not come under overload.")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--lasts", type=float, nargs=2, default=(SHORT_S, LONG_S), help="seconds of a call")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="recordings of people")
    parser.add_argument("--host", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.host:
        uvloop.run(serve(lines=given.calls, recordings=given.host))
        return 0
    try:
        return uvloop.run(
            soak(calls=given.calls, minutes=given.minutes, speech=given.speech, lasts_s=tuple(given.lasts))
        )
    except NoSpeech as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
