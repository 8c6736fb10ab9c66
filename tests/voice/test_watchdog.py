"""A loop that really hangs: seen, told where, refused lines, taken back or given up."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agents.domain.types import Disposition, EndedBy
from tests.voice.conftest import PlaneMaker, open_line
from tests.voice.dialogues import brief
from tests.voice.money import ScriptedSpending
from voice.plane import VoicePlane
from voice.ports import NoLine
from voice.watchdog import LoopState, Watchdog

ROOT = Path(__file__).resolve().parents[2]


class Told:
    """The loop's states in the order in which they were told; ``wait`` for one more."""

    def __init__(self) -> None:
        self.states: list[LoopState] = []
        self._news = threading.Condition()

    def __call__(self, state: LoopState) -> None:
        with self._news:
            self.states.append(state)
            self._news.notify_all()

    def wait(self, *states: LoopState) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self.states == list(states), 10), self.states


def block(release: threading.Event) -> None:
    """What a coroutine must never do."""
    release.wait(20)


def refuse_line(plane: VoicePlane) -> str:
    with pytest.raises(NoLine) as refused:
        plane.open_line(brief("call-9"), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    return str(refused.value)


async def test_a_hung_loop_gives_out_no_line_until_it_answers_again(make_plane: PlaneMaker) -> None:
    told, release = Told(), threading.Event()
    plane = await make_plane(hung_after_s=0.3, hopeless_after_s=60, on_loop=told)
    assert plane.healthy()
    with capture_logs() as logs:
        plane._on_loop(block, release)
        await asyncio.to_thread(told.wait, LoopState.HUNG)
        assert not plane.healthy()
        assert refuse_line(plane) == "The lines of this process do not answer: its event loop hangs."
        release.set()
        await asyncio.to_thread(told.wait, LoopState.HUNG, LoopState.ANSWERS)
    assert plane.healthy()
    assert [line["event"] for line in logs] == ["voice.loop_hung", "voice.loop_recovered"]
    assert "release.wait(20)" in logs[0]["stack"]
    assert 0.3 <= logs[0]["silent_s"] <= logs[1]["silent_s"] < 10
    watch = open_line(plane, call_id="call-9")
    watch.line.close()
    assert (await watch.report()).ended_by is EndedBy.AGENT


async def test_a_loop_that_hangs_for_too_long_is_given_up_and_its_lines_are_told(make_plane: PlaneMaker) -> None:
    told, release = Told(), threading.Event()
    plane = await make_plane(hung_after_s=0.2, hopeless_after_s=0.5, on_loop=told)
    watches = [open_line(plane, call_id=f"call-{number}") for number in range(2)]
    try:
        with capture_logs() as logs:
            plane._on_loop(block, release)
            await asyncio.to_thread(told.wait, LoopState.HUNG, LoopState.HOPELESS)
            plane.give_up()
            reports = [await watch.report(within_s=3) for watch in watches]
    finally:
        release.set()
    assert [line["event"] for line in logs] == ["voice.loop_hung", "voice.loop_hopeless"]
    assert "release.wait(20)" in logs[1]["stack"]
    for report in reports:
        assert (report.outcome.disposition, report.ended_by) == (Disposition.FAILED, EndedBy.FAULT)
        assert report.outcome.summary == "The voice loop hung."
    assert not plane.healthy()


async def test_a_loop_that_ends_by_itself_is_hopeless_too(make_plane: PlaneMaker) -> None:
    told = Told()
    plane = await make_plane(on_loop=told)
    loop = plane._loop
    assert loop is not None
    with capture_logs() as logs:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(told.wait, LoopState.HOPELESS)
    assert "voice.loop_ended" in [line["event"] for line in logs]
    assert not plane.healthy()
    assert refuse_line(plane) == "The voice plane is not running."


async def test_a_plane_that_is_stopped_tells_nothing(make_plane: PlaneMaker) -> None:
    told = Told()
    plane = await make_plane(on_loop=told)
    await asyncio.to_thread(plane.stop)
    assert (told.states, plane.healthy()) == ([], False)


async def test_a_plane_that_was_not_started_is_not_healthy(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    fresh = VoicePlane(plane._config, plane._dialogues)
    assert not fresh.healthy()


@pytest.fixture
def loop_in_thread() -> Iterator[tuple[asyncio.AbstractEventLoop, threading.Thread]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop, thread
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


Loop = tuple[asyncio.AbstractEventLoop, threading.Thread]


def test_a_closed_loop_is_not_watched(loop_in_thread: Loop) -> None:
    loop, thread = loop_in_thread
    told = Told()
    watchdog = Watchdog(loop, thread, hung_after_s=0.1, hopeless_after_s=0.2, tell=told)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    watchdog.start()
    watchdog._thread.join(5)
    assert not watchdog._thread.is_alive()
    assert told.states == []


def test_the_one_who_is_told_may_stop_the_watchdog(loop_in_thread: Loop) -> None:
    loop, thread = loop_in_thread
    release, stopped = threading.Event(), threading.Event()

    def stop(_: LoopState) -> None:
        watchdog.stop()
        stopped.set()

    watchdog = Watchdog(loop, thread, hung_after_s=0.1, hopeless_after_s=9, tell=stop)
    watchdog.start()
    loop.call_soon_threadsafe(block, release)
    assert stopped.wait(5)
    release.set()
    watchdog._thread.join(5)
    assert not watchdog._thread.is_alive()


FROZEN = """
import asyncio, threading
from voice.watchdog import Watchdog

loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_forever, daemon=True)
thread.start()
told = []
watchdog = Watchdog(loop, thread, hung_after_s=0.4, hopeless_after_s=0.8, tell=told.append)
watchdog.start()
print("watching", flush=True)
input()
watchdog.stop()
print(told, flush=True)
"""


def test_a_process_that_was_frozen_as_a_whole_does_not_hang() -> None:
    """SIGSTOP for five times the time after which a loop is hung."""
    command = [sys.executable, "-c", FROZEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        told, _ = process.communicate("\n", timeout=10)
    assert told == "[]\n"
