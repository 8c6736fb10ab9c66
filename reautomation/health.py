"""Is this process able to work, and what does it count?"""

from collections.abc import Iterable

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from calls.domain.queues import QUEUES
from calls.services import conversation_figures, workers

log = structlog.get_logger(__name__)


def health(_request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL and Redis answer, 503 with the name of the one that does not."""
    parts = {"database": _database_answers(), "redis": _redis_answers()}
    return JsonResponse({"parts": parts, "ok": all(parts.values())}, status=200 if all(parts.values()) else 503)


def metrics(_request: HttpRequest) -> HttpResponse:
    """Prometheus text format. Without the database, what this process counts itself."""
    text = generate_latest()
    try:
        text += generate_latest(_queues)
    except DatabaseError as error:
        log.warning("metrics.no_queues", error=str(error))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class _Queues(Collector):
    """Voice workers, their lines and what waits for them, as they are when asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        look = workers.Standing()
        figures = {queue: look.figures(queue) for queue in QUEUES}
        for name, help_text in _OF_A_QUEUE.items():
            gauge = GaugeMetricFamily(f"reautomation_queue_{name}", help_text, labels=["queue"])
            for queue, of_queue in figures.items():
                gauge.add_metric([queue], getattr(of_queue, name))
            yield gauge
        yield from _headroom()
        yield from _conversations()


def _headroom() -> Iterable[Metric]:
    """What each live voice worker told last, some seconds ago at most."""
    there = list(workers.live())
    for name, help_text in _OF_A_WORKER.items():
        gauge = GaugeMetricFamily(f"reautomation_voice_{name}", help_text, labels=["worker"])
        for worker in there:
            if name in worker.measured:
                gauge.add_metric([worker.owner], worker.measured[name])
        yield gauge
    free = GaugeMetricFamily("reautomation_voice_offered", "Calls it may have at a time now.", labels=["worker"])
    for worker in there:
        free.add_metric([worker.owner], worker.lines if worker.offered is None else worker.offered)
    yield free


def _conversations() -> Iterable[Metric]:
    """What was answered in the last minutes, and how long it took."""
    found = conversation_figures.figures(now=timezone.now())
    turns = GaugeMetricFamily("reautomation_conversation_turns", f"Turns answered, {_LATELY}.", labels=["agent"])
    for agent, count in sorted(found.turns.items()):
        turns.add_metric([agent], count)
    yield turns
    unread = f"Turns of which no rule could make anything, {_LATELY}."
    yield GaugeMetricFamily("reautomation_conversation_unread", unread, value=found.unread)
    labels = ["model", "came_to"]
    used = GaugeMetricFamily("reautomation_conversation_model", f"Answers of a model, {_LATELY}.", labels=labels)
    for key, count in sorted(found.models.items()):
        used.add_metric(key, count)
    yield used
    for name in ("mean", "slowest"):
        told = f"The {name} time of a step, {_LATELY}."
        gauge = GaugeMetricFamily(f"reautomation_conversation_step_{name}_ms", told, labels=["step"])
        for step, times in sorted(found.steps.items()):
            gauge.add_metric([step], getattr(times, f"{name}_ms"))
        yield gauge


_LATELY = f"in the last {conversation_figures.WINDOW.total_seconds() / 60:.0f} minutes"
_OF_A_QUEUE = {
    "workers": "Live voice workers that serve the queue.",
    "lines": "Their phone lines; those of a worker with several queues are among the lines of each.",
    "free": "Calls of the queue that would find a line now, beside all that wait.",
    "waiting": "Calls that wait in the queue.",
}
_OF_A_WORKER = {
    "talking": "Calls that talk.",
    "ringing": "Calls that ring.",
    "lag_p99_ms": "How late the event loop comes to what is due, p99 over seconds.",
    "lateness_p99_ms": "How late audio leaves, p99 over seconds.",
    "speech_wait_ms": "How long speech waits for its model, p90 over seconds.",
    "busy_percent": "The part of its time that the event loop's thread computes.",
    "memory_free_mb": "Memory that is left on the machine or in the container.",
}
_queues = CollectorRegistry()
_queues.register(_Queues())


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except DatabaseError:
        return False


def _redis_answers() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
