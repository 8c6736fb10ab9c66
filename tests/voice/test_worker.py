"""The plane inside a real Celery worker: starts with it, drains on TERM, leaves nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
from celery import Celery
from celery.concurrency.prefork import TaskPool as Prefork
from celery.concurrency.thread import TaskPool as Threads
from celery.worker import state
from django.conf import settings
from redis import Redis
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from tests.voice.phone import answered
from tests.voice.redis_server import Server
from voice import worker
from voice.domain.types import StreamTarget
from voice.watchdog import LoopState

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("pool", "queues", "voice"),
    [
        (Threads, ["calls.local"], True),
        (Threads, ["default", "calls.premium"], True),
        (Threads, ["default"], False),
        (Prefork, ["calls.local"], False),
        ("threads", ["calls.local"], False),
    ],
)
def test_which_worker_is_a_voice_worker(pool: Any, queues: list[str], voice: bool) -> None:
    amqp = SimpleNamespace(queues=SimpleNamespace(consume_from=dict.fromkeys(queues)))
    assert worker.is_voice_worker(SimpleNamespace(app=SimpleNamespace(amqp=amqp), pool_cls=pool)) is voice


def test_a_process_without_lines_says_how_to_get_them() -> None:
    with pytest.raises(RuntimeError, match="start the worker with -P threads"):
        worker.plane()


class FakeConsumer:
    """What a drain step asks of Celery's consumer, done at once; ``consumed`` is what it takes messages from."""

    def __init__(self) -> None:
        self.consumed = {"calls.local": None, "calls.premium": None}
        self.app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=self.consumed)))
        self.hub = SimpleNamespace(call_soon=lambda act: act())

    def cancel_task_queue(self, queue: str) -> None:
        del self.consumed[queue]

    def add_task_queue(self, queue: str) -> None:
        self.consumed[queue] = None


class FakePlane:
    """Lines that answer, with headroom, until told otherwise."""

    def __init__(self) -> None:
        self.answers = True
        self.headroom = SimpleNamespace(strained=False)

    def healthy(self) -> bool:
        return self.answers

    def loop(self, state: LoopState) -> None:
        self.answers = state is LoopState.ANSWERS
        worker._loop_changed(state)

    def strain(self, strained: bool) -> None:
        self.headroom.strained = strained
        worker._headroom_changed()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> FakePlane:
    plane = FakePlane()
    monkeypatch.setattr(worker, "_plane", plane)
    monkeypatch.setattr(worker, "_step", None)
    monkeypatch.setattr(worker, "_on_headroom", None)
    return plane


@pytest.fixture
def consumer(lines: FakePlane) -> Iterator[FakeConsumer]:
    """One whose drain step has begun."""
    made = FakeConsumer()
    before = signal.getsignal(signal.SIGTERM)
    step = worker.DrainStep.__new__(worker.DrainStep)
    step.start(made)
    yield made
    signal.signal(signal.SIGTERM, before)
    worker.state_of_drain.clear()


BOTH = ["calls.local", "calls.premium"]


def test_while_the_loop_hangs_no_message_is_taken(consumer: FakeConsumer, lines: FakePlane) -> None:
    lines.loop(LoopState.HUNG)
    assert list(consumer.consumed) == []
    lines.loop(LoopState.ANSWERS)
    assert list(consumer.consumed) == BOTH
    lines.loop(LoopState.ANSWERS)
    assert list(consumer.consumed) == BOTH


def test_without_headroom_no_message_is_taken_and_whoever_announces_hears_of_it(
    consumer: FakeConsumer, lines: FakePlane
) -> None:
    lines.strain(True)
    assert list(consumer.consumed) == []
    told: list[bool] = []
    worker.on_headroom(lambda: told.append(lines.headroom.strained))
    lines.loop(LoopState.HUNG)
    lines.strain(False)
    assert list(consumer.consumed) == []  # the loop hangs still
    lines.loop(LoopState.ANSWERS)
    assert list(consumer.consumed) == BOTH
    lines.strain(True)
    lines.loop(LoopState.ANSWERS)
    assert list(consumer.consumed) == []
    assert told == [False, True]


def test_without_headroom_only_calls_that_lost_their_line_are_taken(consumer: FakeConsumer, lines: FakePlane) -> None:
    consumer.consumed["calls.local.resume"] = None
    lines.strain(True)
    assert list(consumer.consumed) == ["calls.local.resume"]
    lines.loop(LoopState.HUNG)
    assert list(consumer.consumed) == []
    lines.loop(LoopState.ANSWERS)
    assert list(consumer.consumed) == ["calls.local.resume"]
    lines.strain(False)
    assert set(consumer.consumed) == {*BOTH, "calls.local.resume"}
    lines.strain(True)
    worker.state_of_drain.set()
    lines.strain(True)
    assert list(consumer.consumed) == []


def test_what_is_left_alone_when_the_connection_is_lost_is_taken_again_later(
    consumer: FakeConsumer, lines: FakePlane
) -> None:
    """The step begins anew with the connection, and Celery remembers what was left alone."""
    lines.strain(True)
    assert worker._step is not None
    worker._step.start(consumer)
    assert list(consumer.consumed) == []
    lines.strain(False)
    assert list(consumer.consumed) == BOTH


def test_a_worker_that_drains_takes_no_message_although_its_loop_answers_again(
    consumer: FakeConsumer, lines: FakePlane
) -> None:
    lines.loop(LoopState.HUNG)
    worker.state_of_drain.set()
    lines.loop(LoopState.ANSWERS)
    lines.strain(False)
    assert list(consumer.consumed) == []


def test_a_new_connection_takes_nothing_while_the_lines_do_not_answer(
    consumer: FakeConsumer, lines: FakePlane
) -> None:
    lines.answers = False
    anew = FakeConsumer()
    worker.DrainStep.__new__(worker.DrainStep).start(anew)
    assert list(anew.consumed) == []
    lines.loop(LoopState.ANSWERS)
    assert list(anew.consumed) == BOTH
    assert list(consumer.consumed) == BOTH


def test_before_there_is_a_consumer_a_hanging_loop_changes_nothing(lines: FakePlane) -> None:
    lines.loop(LoopState.HUNG)
    lines.loop(LoopState.ANSWERS)
    lines.strain(True)


@pytest.mark.parametrize(("writes", "unwritten"), [(1, 0), (99, 1)])
def test_a_hopeless_loop_ends_the_process_once_what_it_told_is_written(
    writes: int, unwritten: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one live call needs ``writes`` looks until it is written; what takes too long is not waited for."""
    done: list[str] = []

    class Requests:
        def __init__(self) -> None:
            self.left = writes

        def __len__(self) -> int:
            return int(self.left > 0)

        def __bool__(self) -> bool:
            self.left -= 1
            return self.left >= 0

    monkeypatch.setattr(worker, "_plane", SimpleNamespace(give_up=lambda: done.append("given up")))
    monkeypatch.setattr(worker, "_POLL_S", 0.01)
    monkeypatch.setattr(worker, "_LAST_WRITES_S", 0.05)
    monkeypatch.setattr(state, "active_requests", Requests())
    monkeypatch.setattr(os, "_exit", lambda code: done.append(f"ended with {code}"))
    with capture_logs() as logs:
        worker._loop_changed(LoopState.HOPELESS)
    assert done == ["given up", "ended with 70"]
    told = [(line["event"], line["exit_code"], line["unwritten"]) for line in logs]
    assert told == [("voice.replaced", 70, unwritten)]


class Running:
    """A worker process, its calls' folder and its queue."""

    def __init__(self, folder: Path, redis: Server) -> None:
        self.folder = folder
        self.broker = f"redis+socket://{redis.socket}"
        self._redis = redis
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "BROKER_URL": self.broker,
            "REDIS_URL": "redis://127.0.0.1:1/0",  # no doorbell: it may be missed
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "CALLS_FOLDER": str(folder),
        }
        command = ("-m", "celery", "-A", "tests.voice.celery_app", "worker", "-P", "threads", "-c", "2")
        options = ("-Q", "calls.local", "--disable-prefetch", "--without-mingle", "--without-gossip", "-l", "INFO")
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, *options], env=environment, stderr=log, stdout=log
            )

    def enqueue(self, call_id: str) -> None:
        with Celery(broker=self.broker) as app:
            app.send_task("calls.place", kwargs={"call_id": call_id}, queue="calls.local")

    def waiting(self) -> int:
        with Redis.from_url(self._redis.url) as client:
            return int(client.llen("calls.local"))

    async def read(self, name: str, within_s: float = 30) -> Any:
        """What a task wrote, once it did."""
        path, deadline = self.folder / name, time.monotonic() + within_s
        while not path.exists():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            await asyncio.sleep(0.05)
        return json.loads(path.read_text())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    redis = Server(tmp_path)
    running = Running(tmp_path, redis)
    yield running
    running.process.kill()
    running.process.wait()
    redis.kill()


def signed(url: str) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(url, {})}


@pytest.mark.slow
async def test_term_lets_the_live_call_finish_and_takes_no_other(running: Running) -> None:
    running.enqueue("one")
    target = await running.read("one.line")
    family = psutil.Process(running.process.pid).children(recursive=True)
    assert len(family) >= 2  # the speech models
    stream = StreamTarget(target["url"], target["token"])
    async with answered(stream, headers=signed(target["url"])) as phone:
        assert await phone.spoken_to() < 5.0
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGTERM)
        async with httpx.AsyncClient(trust_env=False) as client:
            health: dict[str, Any] = {}
            while not health.get("draining"):
                health = (await client.get(f"http://127.0.0.1:{target['port']}/healthz")).json()
        assert health["free"] == health["lines"] - 1
        await asyncio.sleep(1.0)
        running.enqueue("two")
        heard = len(phone.heard)
        await asyncio.sleep(2.0)
        assert running.process.poll() is None
        assert len(phone.heard) > heard or phone.marks
        assert running.waiting() == 1
        await phone.hang_up()
    assert (await asyncio.to_thread(running.process.wait, 20)) == 0, (running.folder / "log").read_text()
    events = json.loads((running.folder / "one.done").read_text())
    assert (events[0], events[-1], events.count("Ended")) == ("Live", "Ended", 1)
    assert not (running.folder / "two.line").exists()
    assert running.waiting() == 1
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


@pytest.mark.slow
async def test_a_killed_worker_leaves_no_model_process(running: Running) -> None:
    running.enqueue("one")
    await running.read("one.line")
    family = psutil.Process(running.process.pid).children(recursive=True)
    assert len(family) >= 2
    running.process.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 5)
    assert alive == []


@pytest.mark.slow
async def test_term_without_a_call_ends_the_worker_at_once(running: Running) -> None:
    running.enqueue("one")
    target = await running.read("one.line")
    async with answered(StreamTarget(target["url"], target["token"]), headers=signed(target["url"])) as phone:
        await phone.spoken_to()
    await running.read("one.done")
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert (await asyncio.to_thread(running.process.wait, 20)) == 0
    assert time.monotonic() - began < 6
