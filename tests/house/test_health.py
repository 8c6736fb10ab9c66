"""The pages that monitors read."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from agents.domain.types import ModelUse, Step
from calls.domain.status import CallStatus
from calls.services import tracing, workers
from tests.calls import factories as make
from voice.domain.types import Worked


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


@pytest.mark.django_db
def test_metrics_tell_how_conversations_were_held_lately(client: Client) -> None:
    now = timezone.now()
    use = ModelUse("llama", "3", "", 10, 2)
    unread = (Step("understand", now, 2000), Step("conversation", now, 1000, "unread, ask timeline"))
    asked = (Step("model", now, 640_000, "", use), Step("model", now, 960_000, "", replace(use, dropped="deadline")))
    steps = (Step("understand", now, 1000, "yes"), Step("qualification", now, 500), *unread, *asked)
    long_ago = now - timedelta(minutes=6)
    call = make.call(status=CallStatus.LIVE, answered_at=now - timedelta(minutes=7))
    tracing.keep(call, Worked(2, 1, 1, (Step("qualification", long_ago, 9_000_000), *steps)))
    told = client.get("/metrics").content.decode().splitlines()
    assert [line.removeprefix("reautomation_conversation_") for line in told if "_conversation_" in line[:30]] == [
        'turns{agent="conversation"} 1.0',
        'turns{agent="qualification"} 1.0',
        "unread 1.0",
        'model{came_to="deadline",model="llama"} 1.0',
        'model{came_to="used",model="llama"} 1.0',
        'step_mean_ms{step="conversation"} 1.0',
        'step_mean_ms{step="model"} 800.0',
        'step_mean_ms{step="qualification"} 0.5',
        'step_mean_ms{step="understand"} 1.5',
        'step_slowest_ms{step="conversation"} 1.0',
        'step_slowest_ms{step="model"} 960.0',
        'step_slowest_ms{step="qualification"} 0.5',
        'step_slowest_ms{step="understand"} 2.0',
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
