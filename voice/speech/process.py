"""A model in a one-thread process of its own.

Models share no process with the media loop, because at 16 calls in one process they delay the audio by half a second.
The child imports its engine by name, so that the parent never loads the engine's libraries (Piper is GPL-3.0).
"""

import asyncio
import contextlib
import ctypes
import importlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import structlog

from voice.speech.ports import SpeechError

log = structlog.get_logger(__name__)

_PR_SET_PDEATHSIG = 1
_LOAD_S = 120.0
_engine: Any = None


def _die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that started it ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # the parent died before the line above
        os._exit(1)


def _start(factory: str, options: Mapping[str, Any], parent_pid: int) -> None:
    global _engine  # noqa: PLW0603 - a pool's process has one engine, made by its initializer
    _die_with_parent(parent_pid)
    # A drain lets calls finish: a signal to the whole group must not take the models away from them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    module, _, attribute = factory.partition(":")
    _engine = getattr(importlib.import_module(module), attribute)(**options)


def _run(method: str, args: tuple[Any, ...]) -> Any:
    return getattr(_engine, method)(*args)


def _pid() -> int:
    return os.getpid()


class ModelProcess:
    """Runs one engine's methods, one at a time. Used from one event loop, whose thread must outlive it.

    ``factory`` is ``"module:callable"``; the callable is called with ``options`` in the child.
    """

    def __init__(self, factory: str, options: Mapping[str, Any], *, timeout_s: float = 20.0) -> None:
        self._factory, self._options, self._timeout_s = factory, dict(options), timeout_s
        self._pool: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()
        self._waiting: dict[object, float] = {}
        self.pid: int | None = None

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    @property
    def oldest_wait_s(self) -> float:
        """For how long the job that waits longest for its turn has waited; 0.0 where none waits."""
        oldest = next(iter(self._waiting.values()), None)
        return 0.0 if oldest is None else time.monotonic() - oldest

    async def start(self) -> None:
        """Start the child and load its model. Raises SpeechError where the model does not load."""
        async with self._turn:
            try:
                await self._spawn()
            except (BrokenProcessPool, TimeoutError, OSError) as error:
                self._abandon()
                raise SpeechError(f"The model {self._factory} does not load: see the error above it.") from error

    async def run(self, method: str, *args: Any) -> Any:
        """``engine.method(*args)``; a child that died or hangs is replaced once. Raises SpeechError."""
        async with self._in_turn():
            for last in (False, True):
                try:
                    await self._spawn()
                    async with asyncio.timeout(self._timeout_s):
                        return await asyncio.get_running_loop().run_in_executor(self._pool, _run, method, args)
                except (BrokenProcessPool, TimeoutError, OSError) as error:
                    log.error("speech.process_lost", model=self._factory, error=repr(error))
                    self._abandon()
                    if last:
                        raise SpeechError(f"The model {self._factory} failed twice: {error!r}") from error

    @contextlib.asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        job = object()
        self._waiting[job] = time.monotonic()  # in order, so the first waits longest
        try:
            await self._turn.acquire()
        finally:
            del self._waiting[job]
        try:
            yield
        finally:
            self._turn.release()

    async def stop(self) -> None:
        pool, self._pool, self.pid = self._pool, None, None
        if pool is not None:
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)

    async def _spawn(self) -> None:
        """Start the child unless it is there. Loading may take longer than a job, and whoever waited may be gone."""
        if self.pid is not None:
            return
        if self._pool is None:
            options = (self._factory, self._options, os.getpid())
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_start, initargs=options)
        async with asyncio.timeout(_LOAD_S):
            self.pid = await asyncio.get_running_loop().run_in_executor(self._pool, _pid)

    def _abandon(self) -> None:
        pool, self._pool = self._pool, None
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.pid = None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
