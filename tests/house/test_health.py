"""The pages that monitors read."""

import pytest
from django.db import OperationalError
from django.test import Client
from structlog.testing import capture_logs

from calls.domain.status import CallStatus
from calls.services import workers
from tests.calls import factories as make


@pytest.mark.django_db
def test_health_names_its_parts(client: Client) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "parts": {"database": True, "redis": True}})


@pytest.mark.django_db
def test_health_is_503_and_names_what_is_away(client: Client, settings: object) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"  # type: ignore[attr-defined]
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "parts": {"database": True, "redis": False}})


@pytest.mark.django_db
def test_metrics_are_in_prometheus_format_and_count_lines(client: Client) -> None:
    workers.announce("both", queues=["calls.local", "calls.premium"], lines=3, draining=False)
    workers.announce("local", queues=["calls.local"], lines=2, draining=False)
    make.call(status=CallStatus.LIVE, owner="local")
    make.call(queue="calls.premium")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"# TYPE python_info gauge" in answer.content
    told = [line for line in answer.content.decode().splitlines() if line.startswith("reautomation_queue_")]
    assert told == [
        f'reautomation_queue_{name}{{queue="calls.{queue}"}} {value}.0'
        for name, values in {
            "workers": (2, 1, 0),
            "lines": (5, 3, 0),
            "free": (3, 2, 0),
            "waiting": (0, 1, 0),
        }.items()
        for queue, value in zip(("local", "premium", "gpu"), values, strict=True)
    ]


@pytest.mark.django_db
def test_metrics_tell_the_headroom_of_each_live_voice_worker(client: Client) -> None:
    figures = {"talking": 3, "lag_p99_ms": 12.5}
    workers.announce("a", queues=["calls.local"], lines=4, draining=False, offered=0, measured=figures)
    workers.announce("b", queues=["calls.local"], lines=2, draining=False)
    workers.announce("c", queues=["calls.local"], lines=9, draining=True, measured=figures)
    told = client.get("/metrics").content.decode().splitlines()
    assert [line for line in told if line.startswith("reautomation_voice_")] == [
        'reautomation_voice_talking{worker="a"} 3.0',
        'reautomation_voice_lag_p99_ms{worker="a"} 12.5',
        'reautomation_voice_offered{worker="a"} 0.0',
        'reautomation_voice_offered{worker="b"} 2.0',
    ]


def test_metrics_without_the_database_are_those_of_the_process(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the server is away")

    monkeypatch.setattr(workers, "Standing", away)
    with capture_logs() as logs:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"python_info" in answer.content
    assert b"reautomation_queue" not in answer.content
    assert [(line["event"], line["error"]) for line in logs] == [("metrics.no_queues", "the server is away")]
