"""A real voice worker: announced from its start, counted out as soon as it drains, gone when it ends or dies."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from django.conf import LazySettings
from django.db import connection, transaction
from redis import Redis

from calls.domain.queues import GPU, LOCAL
from calls.models import Call, VoiceWorker
from calls.services import workers
from reautomation.env import ROOT
from tests.calls import factories as make
from tests.voice.redis_server import Server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LEASE_S = 4


class House:
    def __init__(self, folder: Path, redis: Server, carrier: socket.socket) -> None:
        self._redis = redis
        self.broker = f"redis+socket://{redis.socket}"
        self._log = folder / "log"
        self._environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.house.worker_settings",
            "TEST_DATABASE": connection.settings_dict["NAME"],
            "TEST_BROKER_URL": self.broker,
            "TEST_CARRIER_URL": f"http://127.0.0.1:{carrier.getsockname()[1]}",
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, queues: str) -> "subprocess.Popen[bytes]":
        command = ("-m", "celery", "-A", "reautomation", "worker", "-P", "threads", "-c", "2", "-Q", queues)
        options = ("--disable-prefetch", "--without-mingle", "--without-gossip", "-l", "INFO")
        with self._log.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *command, *options], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def ring(self, call_id: str) -> None:
        with Celery(broker=self.broker) as app:
            app.conf.broker_transport_options = {"global_keyprefix": "reautomation:"}
            app.send_task("calls.place", kwargs={"call_id": call_id}, queue=LOCAL)

    def waiting(self) -> int:
        with Redis.from_url(self._redis.url) as client:
            return int(client.llen(f"reautomation:{LOCAL}"))

    def said(self) -> str:
        return self._log.read_text()

    def until(self, condition: Callable[[], bool], *, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    redis = Server(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent_carrier:
        house = House(tmp_path, redis, silent_carrier)
        yield house
        for process in house.running:
            process.kill()
            process.wait()
    redis.kill()


def announced() -> list[tuple[list[str], int, bool]]:
    return list(VoiceWorker.objects.values_list("queues", "lines", "draining"))


def test_a_worker_is_there_from_its_start_and_withdraws_at_its_end(house: House) -> None:
    process = house.start("calls.local,calls.premium,calls.gpu")
    house.until(lambda: bool(announced()), within_s=60)
    assert announced() == [([LOCAL], 2, False)]
    assert workers.free_lines(LOCAL) == 2
    assert house.said().count("worker.queue_left_out") == 2
    first = VoiceWorker.objects.get().seen_at
    house.until(lambda: VoiceWorker.objects.get().seen_at > first, within_s=LEASE_S)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, house.said()
    assert announced() == []


def test_a_worker_that_drains_is_counted_out_at_once(house: House, settings: LazySettings) -> None:
    settings.CALL_LEASE_S = LEASE_S
    process = house.start(LOCAL)
    house.until(lambda: workers.free_lines(LOCAL) == 2, within_s=60)
    call = make.call()
    with transaction.atomic():
        Call.objects.select_for_update().get()  # so that its claim takes as long as this
        house.ring(str(call.pk))
        house.until(lambda: house.waiting() == 0, within_s=10)
        process.send_signal(signal.SIGTERM)
        house.until(lambda: announced() == [([LOCAL], 2, True)], within_s=2)
        assert workers.free_lines(LOCAL) == 0
        assert workers.unserved() == [LOCAL]
        assert process.poll() is None
    assert process.wait(30) == 0, house.said()
    assert announced() == []


def test_a_killed_worker_is_counted_out_within_the_lease(house: House, settings: LazySettings) -> None:
    settings.CALL_LEASE_S = LEASE_S
    process = house.start(LOCAL)
    house.until(lambda: workers.free_lines(LOCAL) == 2, within_s=60)
    process.kill()
    house.until(lambda: workers.free_lines(LOCAL) == 0, within_s=LEASE_S + 1)
    assert announced() == [([LOCAL], 2, False)]  # until the watch forgets it


def test_a_worker_that_can_serve_nothing_does_not_start_and_says_why(house: House) -> None:
    process = house.start(GPU)
    assert process.wait(30) == 1
    assert house.said().strip().splitlines()[-1] == (
        "This worker cannot serve calls.gpu: set WHISPER_DEVICE=cuda, or name calls.gpu in VOICE_QUEUES if its GPU "
        "serves something else."
    )
    assert announced() == []
