"""Who is refused for want of headroom, for how long, and what is measured."""

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from structlog.testing import capture_logs

from tests.voice.conftest import PlaneMaker, open_line
from tests.voice.dialogues import brief
from tests.voice.money import ScriptedSpending
from tests.voice.phone import answered
from voice.domain.headroom import CALM_S, Gate, Limits, Measured, No, Yes, offers
from voice.domain.types import TalkPlan
from voice.headroom import Headroom, _offered, memory_free, quantile
from voice.plane import VoicePlane
from voice.ports import NoLine
from voice.speech.process import ModelProcess

LIMITS = Limits(lag_ms=80, lateness_ms=40, speech_wait_ms=500, busy_percent=75, memory_mb=300)
AT_EASE = Measured(
    talking=2, lag_p99_ms=3, lateness_p99_ms=1, speech_wait_ms=10, busy_percent=10, memory_free_mb=9000
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lag_p99_ms": 81}, "The event loop is 81 ms late, more than 80 ms."),
        ({"lateness_p99_ms": 41}, "Audio leaves 41 ms late, more than 40 ms."),
        ({"speech_wait_ms": 501}, "Speech waits 501 ms for its model, more than 500 ms."),
        ({"busy_percent": 76}, "The event loop is busy 76 %, more than 75 %."),
        ({"memory_free_mb": 299.0}, "299 MB of memory are left, and 300 MB are to stay free."),
    ],
)
def test_each_limit_refuses_with_its_figures_alone(changes: dict[str, Any], reason: str) -> None:
    at_limit = Measured(1, 0, 80, 40, 500, 75, 300)
    assert offers(at_limit, LIMITS) == Yes()
    assert offers(replace(at_limit, **changes), LIMITS) == No(reason)
    assert offers(replace(at_limit, **changes), Limits()) == Yes()


def test_where_nobody_talks_nobody_is_harmed_but_memory_counts() -> None:
    worst = Measured(0, 3, 9000, 9000, 9000, 100, 9000)
    assert offers(worst, LIMITS) == Yes()
    assert isinstance(offers(replace(worst, memory_free_mb=1), LIMITS), No)
    assert offers(replace(worst, memory_free_mb=None), LIMITS) == Yes()


@pytest.mark.parametrize(
    ("talking", "ringing", "busy", "verdict"),
    [
        (3, 0, 70, Yes()),  # too few to tell what one costs
        (4, 0, 20, Yes(11)),  # 5 % each, and 55 % are left
        (4, 10, 20, Yes(1)),
        (4, 11, 20, No("The 4 calls that talk and the 11 that ring need all its time.", strained=False)),
        (30, 0, 74, No("The 30 calls that talk and the 0 that ring need all its time.", strained=False)),
        (30, 0, 0, Yes()),
    ],
)
def test_calls_that_ring_count_as_if_they_talked(talking: int, ringing: int, busy: float, verdict: Yes | No) -> None:
    assert offers(Measured(talking, ringing, busy_percent=busy), LIMITS) == verdict


def test_a_strained_process_opens_again_once_it_was_calm_for_a_while() -> None:
    gate = Gate(LIMITS)
    late, settling, calm = (replace(AT_EASE, lag_p99_ms=ms) for ms in (100, 70, 50))
    told = "The event loop is 100 ms late, more than 80 ms."
    assert (gate.judge(AT_EASE, now=0), gate.closed) == (Yes(), False)
    assert (gate.judge(late, now=1), gate.closed) == (No(told), True)
    again = No(f"{told} It is settling.")
    assert gate.judge(settling, now=2) == again  # below the limit, and not yet well below it
    assert gate.judge(calm, now=3) == again
    assert gate.judge(settling, now=4) == again  # the calm begins anew
    assert gate.judge(calm, now=5) == again
    assert (gate.judge(calm, now=5 + CALM_S - 0.1), gate.closed) == (again, True)
    assert (gate.judge(calm, now=5 + CALM_S), gate.closed) == (Yes(), False)


def test_a_strained_process_that_strains_again_waits_anew_with_the_new_reason() -> None:
    gate = Gate(LIMITS)
    gate.judge(replace(AT_EASE, lag_p99_ms=100), now=0)
    gate.judge(AT_EASE, now=1)
    told = "Audio leaves 50 ms late, more than 40 ms."
    assert gate.judge(replace(AT_EASE, lateness_p99_ms=50), now=1 + CALM_S) == No(told)
    assert gate.judge(AT_EASE, now=2 + CALM_S) == No(f"{told} It is settling.")


def test_when_the_last_call_is_over_there_is_nothing_to_wait_for() -> None:
    gate = Gate(LIMITS)
    gate.judge(replace(AT_EASE, lag_p99_ms=100), now=0)
    assert gate.judge(replace(AT_EASE, talking=0, lag_p99_ms=100), now=0.5) == Yes()


def test_a_process_that_is_merely_full_is_not_strained() -> None:
    gate = Gate(LIMITS)
    full = Measured(30, 0, busy_percent=74)
    assert isinstance(gate.judge(full, now=0), No)
    assert gate.closed is False
    assert gate.judge(replace(full, talking=20, busy_percent=40), now=0.5) == Yes(17)


@pytest.mark.parametrize(
    ("values", "share", "value"),
    [
        ([], 0.99, 0.0),
        ([7], 0.99, 7),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 101)), 0.9, 90),
        ([1, 2], 0, 1),
    ],
)
def test_a_quantile_is_one_of_the_values(values: list[float], share: float, value: float) -> None:
    assert quantile(values, share) == value


def test_memory_is_that_of_the_machine_or_of_a_tighter_container(tmp_path: Path) -> None:
    machine = memory_free(tmp_path)
    assert machine > 10
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_free(tmp_path) == pytest.approx(machine, rel=0.2)
    (tmp_path / "memory.max").write_text(f"{8 * 1024 * 1024}\n")
    (tmp_path / "memory.current").write_text(f"{6 * 1024 * 1024}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {1024 * 1024}\n")
    assert memory_free(tmp_path) == 3.0


class Waiting:
    oldest_wait_s = 0.0


class Watched:
    """A headroom of this loop, with everything that it asks for in hand; ``told`` counts changes."""

    def __init__(self, limits: Limits) -> None:
        self.talking, self.ringing, self.lateness_ms = 4, 0, 0.0
        self.queue, self.told = Waiting(), asyncio.Event()
        self.headroom = Headroom(
            limits,
            lines=10,
            calls=lambda: (self.talking, self.ringing),
            lateness_ms=lambda: self.lateness_ms,
            queues=lambda: [Waiting(), self.queue],
            changed=self.told.set,
            memory_free_mb=lambda: 9000.0,
        )

    async def until_told(self) -> None:
        async with asyncio.timeout(15):
            await self.told.wait()
        self.told.clear()


@pytest.fixture
async def watched() -> Watched:
    return Watched(Limits(lateness_ms=40))


async def test_all_lines_are_offered_before_anything_is_measured(watched: Watched) -> None:
    headroom = watched.headroom
    assert (headroom.offered, headroom.why, headroom.strained) == (10, "", False)
    headroom.stop()  # never started


async def test_lateness_closes_and_calm_opens_and_both_are_told_once(watched: Watched) -> None:
    headroom = watched.headroom
    headroom.start()
    with capture_logs() as logs:
        watched.lateness_ms = 50.0
        await watched.until_told()
        assert (headroom.offered, headroom.strained) == (0, True)
        assert headroom.why == "Audio leaves 50 ms late, more than 40 ms."
        watched.lateness_ms = 0.0
        began = time.monotonic()
        await watched.until_told()
    headroom.stop()
    assert time.monotonic() - began >= CALM_S - 0.1
    assert (headroom.offered, headroom.why, headroom.strained) == (10, "", False)
    assert [(line["event"], line["lateness_p99_ms"]) for line in logs] == [
        ("headroom.calls_refused", 50.0),
        ("headroom.calls_taken", 0.0),
    ]


async def test_a_blocked_loop_and_waiting_speech_are_measured() -> None:
    watched = Watched(Limits(lag_ms=80))
    watched.queue.oldest_wait_s = 0.25
    watched.headroom.start()
    while not watched.told.is_set():
        time.sleep(0.15)
        await asyncio.sleep(0.05)
    watched.headroom.stop()
    measured = watched.headroom.measured
    assert measured.lag_p99_ms >= 80
    assert measured.speech_wait_ms == 250.0
    assert measured.busy_percent < 50  # it slept, and did not compute
    assert (measured.talking, measured.ringing, measured.memory_free_mb) == (4, 0, 9000.0)
    assert watched.headroom.why.startswith("The event loop is ")


async def test_what_could_not_be_measured_once_is_measured_again() -> None:
    watched = Watched(Limits(lateness_ms=40))
    broke = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda *_: broke.set())
    with mock.patch.object(watched.headroom, "_memory_free_mb", side_effect=ValueError("no figure")):
        watched.headroom.start()
        await asyncio.wait_for(broke.wait(), 5)
    watched.lateness_ms = 50.0
    await watched.until_told()
    watched.headroom.stop()
    assert watched.headroom.strained


async def test_the_loops_own_computing_bounds_what_is_offered() -> None:
    watched = Watched(Limits(busy_percent=99))
    watched.headroom.start()
    async with asyncio.timeout(15):
        while watched.headroom.measured.busy_percent < 10:
            until = time.thread_time() + 0.01
            while time.thread_time() < until:
                pass
            await asyncio.sleep(0.02)
    watched.headroom.stop()
    busy, offered = watched.headroom.measured.busy_percent, watched.headroom.offered
    assert offered == min(10, 4 + int((99 - busy) / (busy / 4)))
    assert (offered == 10) == (watched.headroom.why == "")


@pytest.mark.parametrize(
    ("verdict", "calls", "offered"),
    [
        (Yes(), 4, (10, "")),
        (Yes(6), 4, (10, "")),
        (Yes(2), 4, (6, "The event loop has time for 2 more.")),
        (No("Because.", strained=False), 4, (0, "Because.")),
    ],
)
def test_what_is_offered_counts_the_calls_that_are_there(
    verdict: Yes | No, calls: int, offered: tuple[int, str]
) -> None:
    assert _offered(verdict, calls=calls, lines=10) == offered


async def full(plane: VoicePlane) -> None:
    async with asyncio.timeout(10):
        while plane.headroom.offered:
            await asyncio.sleep(0.05)


async def test_a_plane_without_headroom_refuses_with_the_reason_and_keeps_its_calls(make_plane: PlaneMaker) -> None:
    told = threading.Event()
    plane = await make_plane(headroom=Limits(memory_mb=1e9), on_headroom=told.set)
    await full(plane)
    with pytest.raises(NoLine, match=r"No headroom for another call\. \d+ MB of memory are left, and 1000000000 MB"):
        plane.open_line(brief(), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    assert told.wait(5)
    health = plane.health()
    assert (health.lines, health.free, health.offered) == (2, 0, 0)
    assert plane.live == 0
    assert plane.healthy()


async def test_a_call_that_talks_goes_on_while_new_ones_are_refused(make_plane: PlaneMaker) -> None:
    plane = await make_plane(headroom=Limits(busy_percent=0.001))
    watch = open_line(plane)
    assert plane.health().offered == 2  # nobody talks yet
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await full(plane)
        with pytest.raises(NoLine, match=r"The event loop is busy \d+ %, more than 0 %"):
            plane.open_line(brief("call-2"), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
        assert plane.live == 1
        assert phone.closed_at is None
    await watch.report()


async def test_a_call_that_lost_its_line_is_taken_without_headroom_and_not_without_lines(
    make_plane: PlaneMaker,
) -> None:
    plane = await make_plane(headroom=Limits(memory_mb=1e9))
    await full(plane)
    for number in (1, 2):
        one, lost = brief(f"call-{number}"), TalkPlan(part=2)
        plane.open_line(one, ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending(), plan=lost)
    assert plane.live == 2
    with pytest.raises(NoLine, match="All 2 lines are taken"):
        plane.open_line(brief(), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending(), plan=lost)


async def test_a_job_that_waits_for_its_model_is_seen() -> None:
    process = ModelProcess("tests.voice.engines:Echo", {"load_s": 0.5})
    assert process.oldest_wait_s == 0.0
    jobs = [asyncio.create_task(process.run("say", "x")) for _ in range(3)]
    async with asyncio.timeout(10):
        while process.oldest_wait_s < 0.2:
            await asyncio.sleep(0.02)
    jobs[1].cancel()
    assert (await jobs[0], await jobs[2]) == ("x", "x")
    assert process.oldest_wait_s == 0.0
    await process.stop()
