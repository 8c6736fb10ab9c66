"""Who is served first, and by which process."""

import asyncio
from typing import Any

import pytest

from voice.speech.pool import ModelPool
from voice.speech.ports import SpeechError


class Process:
    """A model process that works until it is told; ``batches`` are the lists it was given, by method."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[Any]]] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()

    async def run(self, method: str, arguments: list[Any]) -> list[str]:
        self.batches.append((method, list(arguments)))
        await self.gate.wait()
        self.gate.clear()
        if self.error is not None:
            raise self.error
        return [f"{method} {argument}" for argument in arguments]


def pool_of(*processes: Process, batch: int = 1, gather_s: float = 0.004) -> ModelPool:
    return ModelPool(processes, batch=batch, gather_s=gather_s)  # type: ignore[arg-type]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_guesses_come_after_all_others() -> None:
    process = Process()
    pool = pool_of(process)
    first = pool.submit("hear", "first")
    jobs = [pool.submit("hear", "guess", ahead=True), pool.submit("hear", "a"), pool.submit("hear", "b")]
    for _ in range(4):
        await settle()
        process.gate.set()
    assert await first.result == "hear first"
    assert [await job.result for job in jobs] == ["hear guess", "hear a", "hear b"]
    assert [batch for _, batch in process.batches] == [["first"], ["a"], ["b"], ["guess"]]


async def test_a_guess_that_turns_out_right_is_hastened() -> None:
    process = Process()
    pool = pool_of(process)
    pool.submit("hear", "first")
    guesses = [pool.submit("hear", name, ahead=True) for name in ("g1", "g2")]
    assert pool.oldest_wait_s == 0.0
    pool.hasten(guesses[1])
    pool.hasten(guesses[1])
    assert pool.oldest_wait_s > 0.0
    for _ in range(4):
        await settle()
        process.gate.set()
    await settle()
    assert [batch for _, batch in process.batches] == [["first"], ["g2"], ["g1"]]
    assert (pool.oldest_wait_s, pool.free) == (0.0, 1)


async def test_no_job_waits_while_a_process_is_free() -> None:
    slow, quick = Process(), Process()
    pool = pool_of(quick, slow)
    assert pool.free == 2
    pool.submit("hear", "long")
    await settle()
    results = []
    for name in ("a", "b"):
        job = pool.submit("hear", name)
        await settle()
        quick.gate.set()
        results.append(await job.result)
    assert results == ["hear a", "hear b"]
    assert slow.batches == [("hear", ["long"])]
    assert pool.free == 1


async def test_who_is_cancelled_leaves_the_queue_and_a_running_job_keeps_its_process() -> None:
    process = Process()
    pool = pool_of(process)
    running = asyncio.create_task(pool.run("hear", "running"))
    waiting = asyncio.create_task(pool.run("hear", "waiting"))
    await settle()
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert (pool.free, pool.oldest_wait_s) == (0, 0.0)
    process.gate.set()
    await settle()
    assert pool.free == 1
    assert [batch for _, batch in process.batches] == [["running"]]


async def test_what_comes_within_a_moment_goes_together() -> None:
    process = Process()
    pool = pool_of(process, batch=3, gather_s=0.02)
    jobs = [pool.submit("hear", name) for name in ("a", "b")]
    turn = pool.submit("turn_ended", "a")
    jobs += [pool.submit("hear", name) for name in ("c", "d")]
    assert process.batches == []
    for _ in range(3):
        await asyncio.sleep(0.03)
        process.gate.set()
    assert [await job.result for job in jobs] == ["hear a", "hear b", "hear c", "hear d"]
    assert await turn.result == "turn_ended a"
    assert process.batches == [("hear", ["a", "b", "c"]), ("turn_ended", ["a"]), ("hear", ["d"])]


async def test_an_error_is_told_to_all_who_asked() -> None:
    process = Process()
    process.error = SpeechError("failed twice")
    pool = pool_of(process, batch=2, gather_s=0.001)
    jobs = [asyncio.create_task(pool.run("hear", name)) for name in ("a", "b")]
    await asyncio.sleep(0.02)
    process.gate.set()
    for job in jobs:
        with pytest.raises(SpeechError, match="failed twice"):
            await job
    assert pool.free == 1
