"""What a voice worker process does as such, without the process: what it serves, and what it announces."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.concurrency.prefork import TaskPool as Prefork
from celery.concurrency.thread import TaskPool as Threads
from django.conf import LazySettings
from django.db import OperationalError
from structlog.testing import capture_logs

from calls import workers as process
from calls.domain.queues import GPU, LOCAL, PREMIUM, QUEUES, resumed_on
from calls.models import VoiceWorker
from calls.services.leases import Heartbeat
from voice import worker
from voice.domain.headroom import Measured


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Celery:
    app = Celery(set_as_current=False)
    app.conf.task_queues = settings.CELERY_TASK_QUEUES
    app.conf.task_create_missing_queues = False
    monkeypatch.setattr(process, "current_app", app)
    return app


def with_voice(settings: LazySettings, **changes: Any) -> None:
    settings.VOICE = replace(settings.VOICE, **changes)


@pytest.mark.parametrize(
    ("changes", "named", "served"),
    [
        ({}, (), {LOCAL}),
        ({"elevenlabs_api_key": "k"}, (), {LOCAL, PREMIUM}),
        ({"whisper_device": "cuda"}, (), {LOCAL, GPU}),
        ({"whisper_device": "auto"}, (), {LOCAL}),
        ({}, (LOCAL, GPU), {LOCAL, GPU}),
        ({}, (LOCAL, PREMIUM), {LOCAL}),
    ],
)
def test_a_worker_leaves_out_what_it_cannot_serve(
    app: Celery, settings: LazySettings, changes: dict[str, str], named: tuple[str, ...], served: set[str]
) -> None:
    with_voice(settings, **changes)
    settings.VOICE_QUEUES = named
    app.amqp.queues.select(["default", *QUEUES])
    with capture_logs() as logs:
        process.serve_what_it_can()
    assert set(app.amqp.queues.consume_from) == {"default", *served, *map(resumed_on, served)}
    assert {line["queue"] for line in logs if line["event"] == "worker.queue_left_out"} == set(QUEUES) - served


def test_a_gpu_that_is_found_serves(app: Celery, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    with_voice(settings, whisper_device="auto")
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    app.amqp.queues.select([GPU])
    process.serve_what_it_can()
    assert set(app.amqp.queues.consume_from) == {GPU, resumed_on(GPU)}


def test_a_worker_that_can_serve_nothing_ends_and_says_why(app: Celery) -> None:
    app.amqp.queues.select(["default", PREMIUM, GPU])
    with pytest.raises(SystemExit) as ended:
        process.serve_what_it_can()
    assert str(ended.value) == (
        "This worker cannot serve calls.premium: set ELEVENLABS_API_KEY and ELEVENLABS_VOICE_ID. This worker cannot "
        "serve calls.gpu: set WHISPER_DEVICE=cuda, or name calls.gpu in VOICE_QUEUES if its GPU serves something "
        "else."
    )


@pytest.fixture
def heartbeat(monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    heartbeat = Heartbeat()
    monkeypatch.setattr(process, "heartbeat", heartbeat)
    monkeypatch.setattr(process, "_served", ())
    monkeypatch.setattr(process, "_most", 0)
    return heartbeat


def consumer(app: Celery, pool: type, lines: int) -> SimpleNamespace:
    return SimpleNamespace(app=app, controller=SimpleNamespace(app=app, pool_cls=pool, concurrency=lines))


def lines_of(monkeypatch: pytest.MonkeyPatch, *, lines: int, draining: bool) -> None:
    health = SimpleNamespace(lines=lines, draining=draining, offered=3, why="It has time for 1 more.")
    headroom = SimpleNamespace(measured=Measured(talking=2, lag_p99_ms=1.25, memory_free_mb=None))
    plane = SimpleNamespace(
        health=lambda: health, healthy=lambda: True, headroom=headroom, internal_url="http://10.0.0.5:8765"
    )
    monkeypatch.setattr(worker, "plane", lambda: plane)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("threads", "lines"), [(2, 2), (9, 4)])
def test_it_announces_its_queues_and_the_calls_it_can_take_and_withdraws(
    app: Celery, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch, threads: int, lines: int
) -> None:
    app.amqp.queues.select(["default", LOCAL, resumed_on(LOCAL)])
    lines_of(monkeypatch, lines=4, draining=False)
    process._announce("a")
    assert not VoiceWorker.objects.exists()  # not yet begun
    process.begin(consumer(app, Threads, threads))
    app.amqp.queues.deselect([LOCAL])  # as a worker that drains or pauses
    lines_of(monkeypatch, lines=4, draining=True)
    process._announce(heartbeat.owner)
    one = VoiceWorker.objects.get()
    assert (one.owner, one.queues, one.lines, one.draining) == (heartbeat.owner, [LOCAL], lines, True)
    assert (one.offered, one.why) == (3, "It has time for 1 more.")
    assert one.address == "http://10.0.0.5:8765"
    assert one.measured == {
        "talking": 2,
        "ringing": 0,
        "lag_p99_ms": 1.2,
        "lateness_p99_ms": 0.0,
        "speech_wait_ms": 0.0,
        "busy_percent": 0.0,
    }
    process.end()
    assert not VoiceWorker.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_another_worker_announces_nothing(app: Celery, heartbeat: Heartbeat) -> None:
    app.amqp.queues.select([LOCAL])
    process.begin(consumer(app, Prefork, 2))
    process.hurry()
    process.end()
    assert not VoiceWorker.objects.exists()


@pytest.mark.django_db
def test_a_database_that_is_away_keeps_no_worker_from_ending(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_owner: str) -> None:
        raise OperationalError("the server is away")

    monkeypatch.setattr("calls.services.workers.withdraw", away)
    monkeypatch.setattr("django.db.connection.close", lambda: None)
    with capture_logs() as logs:
        process.end()
    assert [(line["event"], line["error"]) for line in logs] == [("worker.not_withdrawn", "the server is away")]
