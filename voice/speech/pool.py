"""Model processes that are alike, and the jobs that wait for them."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from voice.speech.process import ModelProcess

_GATHER_S = 0.004


class Job:
    """One call of an engine's method. ``result`` may be awaited by several; cancelled, the job leaves the queue."""

    def __init__(self, method: str, argument: Any, *, ahead: bool) -> None:
        self.method, self.argument, self.ahead = method, argument, ahead
        self.since = time.monotonic()
        self.taken = False
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def waits(self) -> bool:
        return not self.taken and not self.result.done()


class ModelPool:
    """Gives each job to the first process that is free, so none waits behind a long one while another idles.

    Jobs of ``ahead`` come after all others. The engine's methods take a list of arguments and return as many results.
    With ``batch`` above 1 a process is given up to as many jobs of one method at once, and those that come within
    ``gather_s`` of the first belong to them: on a GPU a batch costs little more than one. Used from one event loop.
    """

    def __init__(self, processes: Sequence[ModelProcess], *, batch: int = 1, gather_s: float = _GATHER_S) -> None:
        self._free = list(processes)
        self._batch, self._gather_s = batch, gather_s
        self._order = itertools.count()
        self._waiting: list[tuple[bool, int, Job]] = []
        self._gathering: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        """How many processes have nothing to do."""
        return len(self._free)

    @property
    def oldest_wait_s(self) -> float:
        """For how long the job that waits longest has waited; 0.0 where none waits. Guesses ahead do not count."""
        since = min((job.since for ahead, _, job in self._waiting if not ahead and job.waits), default=None)
        return 0.0 if since is None else time.monotonic() - since

    def submit(self, method: str, argument: Any, *, ahead: bool = False) -> Job:
        """Have ``argument`` worked on; the job's result raises SpeechError where its process fails twice."""
        job = Job(method, argument, ahead=ahead)
        self._push(job)
        if self._batch == 1:
            self._hand_out()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._gather_s, self._gathered)
        return job

    async def run(self, method: str, argument: Any, *, ahead: bool = False) -> Any:
        """The same, for one who waits: cancelled, the job leaves the queue."""
        return await self.submit(method, argument, ahead=ahead).result

    def hasten(self, job: Job) -> None:
        """A guess ahead has become a job like any other."""
        if job.ahead:
            job.ahead, job.since = False, time.monotonic()
            if job.waits:
                self._push(job)

    def _push(self, job: Job) -> None:
        heapq.heappush(self._waiting, (job.ahead, next(self._order), job))

    def _gathered(self) -> None:
        self._gathering = None
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free and (jobs := list(self._next())):
            self._spawn(self._work(self._free.pop(), jobs))

    def _next(self) -> Iterator[Job]:
        """The jobs to be done next, together: taken off the queue."""
        method, kept, taken = "", [], 0
        while self._waiting and taken < self._batch:
            entry = heapq.heappop(self._waiting)
            job = entry[2]
            if not job.waits:
                continue
            if taken and job.method != method:
                kept.append(entry)
                continue
            method, job.taken, taken = job.method, True, taken + 1
            yield job
        for entry in kept:
            heapq.heappush(self._waiting, entry)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, process: ModelProcess, jobs: Sequence[Job]) -> None:
        """Not cancelled with who asked: the process is free only when it has really done."""
        try:
            results = await process.run(jobs[0].method, [job.argument for job in jobs])
        except Exception as error:  # noqa: BLE001 - handed to who asked
            for job in jobs:
                if not job.result.done():
                    job.result.set_exception(error)
        else:
            for job, result in zip(jobs, results, strict=True):
                if not job.result.done():
                    job.result.set_result(result)
        finally:
            self._free.append(process)
            self._hand_out()
