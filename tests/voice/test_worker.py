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
from django.conf import settings
from redis import Redis
from twilio.request_validator import RequestValidator

from tests.voice.phone import answered
from tests.voice.redis_server import Server
from voice import worker
from voice.domain.types import StreamTarget

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
