"""The doorbell over a real Redis, which may go and come back."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from redis import Redis
from structlog.testing import capture_logs

from tests.voice.redis_server import Server
from voice import bell
from voice.domain.types import Signal, SignalKind

SIGNAL = Signal("call-1", SignalKind.CARRIER, "busy")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def heard(redis: Server) -> Iterator[SimpleQueue[Signal]]:
    signals: SimpleQueue[Signal] = SimpleQueue()
    listener = bell.Listener(redis.url, signals.put)
    listener.start()
    assert listener.listening.wait(5)
    yield signals
    began = time.monotonic()
    listener.stop()
    assert time.monotonic() - began < 3
    assert not [thread for thread in threading.enumerate() if thread.name == "voice-bell"]


def test_a_ring_is_heard(redis: Server, heard: SimpleQueue[Signal]) -> None:
    bell.publish(redis.url, SIGNAL)
    assert heard.get(timeout=3) == SIGNAL
    with pytest.raises(Empty):
        heard.get(timeout=0.2)


@pytest.mark.parametrize("data", [b"{", b'{"call_id": "x", "kind": "shout"}', b"null", b"\xff"])
def test_nonsense_is_noted_and_passed_over(redis: Server, heard: SimpleQueue[Signal], data: bytes) -> None:
    with Redis.from_url(redis.url) as client:
        client.publish(bell.CHANNEL, data)
    bell.publish(redis.url, SIGNAL)
    assert heard.get(timeout=3) == SIGNAL
    assert heard.empty()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock", "nonsense"])
def test_a_bell_that_does_not_ring_is_noted(url: str) -> None:
    began = time.monotonic()
    with capture_logs() as logs:
        bell.publish(url, SIGNAL)
    assert time.monotonic() - began < 3
    assert [(log["event"], log["call_id"]) for log in logs] == [("bell.failed", "call-1")]


@pytest.mark.slow
def test_the_listener_survives_redis(redis: Server, heard: SimpleQueue[Signal]) -> None:
    with capture_logs() as logs:
        redis.kill()
        time.sleep(1.5)
    assert {log["event"] for log in logs} == {"bell.lost"}
    redis.start()
    with Redis.from_url(redis.url) as client:
        deadline = time.monotonic() + 5
        while not client.pubsub_numsub(bell.CHANNEL)[0][1]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    bell.publish(redis.url, SIGNAL)
    assert heard.get(timeout=3) == SIGNAL
