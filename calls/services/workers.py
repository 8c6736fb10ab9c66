"""The voice workers that are there: what they announce, and how many calls they can take. By the database's clock."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from calls.domain import queues
from calls.domain.status import CallStatus
from calls.models import Call, Campaign, VoiceWorker


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one queue. The lines of a worker that serves several queues are among those of each."""

    workers: int
    lines: int
    free: int
    waiting: int


class Standing:
    """One look at all lines and all that waits for them. ``take`` counts calls that are queued after the look."""

    def __init__(self) -> None:
        workers = list(live())
        busy = dict(
            Call.objects.unfinished()
            .filter(owner__in=[worker.owner for worker in workers])
            .order_by()
            .values_list("owner")
            .annotate(calls=Count("pk"))
        )
        self._workers = workers
        self._lines = [
            queues.Lines(frozenset(worker.queues), max(_most(worker) - busy.get(worker.owner, 0), 0))
            for worker in workers
        ]
        self._waiting = Counter(waiting())

    def free(self, queue: str) -> int:
        """Calls of ``queue`` that find a line now, beside all that wait already."""
        return queues.free_for(queue, self._lines, self._waiting)

    def figures(self, queue: str) -> "Figures":
        serving = [worker.lines for worker in self._workers if queue in worker.queues]
        return Figures(len(serving), sum(serving), self.free(queue), self._waiting[queue])

    def take(self, queue: str, calls: int = 1) -> None:
        self._waiting[queue] += calls


def announce(
    owner: str,
    *,
    queues: Collection[str],
    lines: int,
    draining: bool,
    offered: int | None = None,
    why: str = "",
    measured: Mapping[str, float] | None = None,
    address: str = "",
) -> None:
    """Say that the worker ``owner`` is there, what it serves, and whether it takes new calls.

    ``offered`` of its lines may be in use at a time, None: all; ``why`` not all, and what was ``measured`` of it.
    The web finds its media server at ``address``.
    """
    told = {
        "queues": sorted(queues),
        "lines": lines,
        "draining": draining,
        "offered": offered,
        "why": why,
        "measured": dict(measured or {}),
        "address": address,
        "seen_at": Now(),
    }
    VoiceWorker.objects.update_or_create(owner=owner, defaults=told, create_defaults={**told, "started_at": Now()})


def _most(worker: VoiceWorker) -> int:
    """Calls that it may have at a time."""
    return worker.lines if worker.offered is None else min(worker.lines, worker.offered)


def withdraw(owner: str) -> None:
    """The worker has ended."""
    VoiceWorker.objects.filter(owner=owner).delete()


def live() -> "QuerySet[VoiceWorker]":
    """Those that take calls: seen within a lease, and not draining."""
    return VoiceWorker.objects.filter(draining=False, seen_at__gt=Now() - timedelta(seconds=settings.CALL_LEASE_S))


def free_lines(queue: str) -> int:
    """How many more calls of ``queue`` find a line at once; for many questions in a row ask one ``Standing``."""
    return Standing().free(queue)


def reachable() -> list[VoiceWorker]:
    """Those that may take one more call and tell where they are, the freest first."""
    busy = Call.objects.unfinished().exclude(owner="").order_by().values_list("owner").annotate(calls=Count("pk"))
    calls = dict(busy)
    free = {worker: _most(worker) - calls.get(worker.owner, 0) for worker in live().exclude(address="")}
    return sorted((worker for worker in free if free[worker] > 0), key=lambda worker: -free[worker])


def served() -> set[str]:
    """Queues that a live worker consumes."""
    return {queue for worker in live() for queue in worker.queues}


def waiting() -> dict[str, int]:
    """Calls that wait for a worker, by queue: to be made, or to be taken over."""
    cut_off = Q(status=CallStatus.UNKNOWN.value, resume_asked_at__isnull=False)
    queued = Call.objects.filter(Q(status=CallStatus.QUEUED.value) | cut_off).order_by()
    return dict(queued.values_list("queue").annotate(calls=Count("pk")))


def needed() -> set[str]:
    """Queues without whose workers a running campaign stands still."""
    premium = bool(settings.VOICE.elevenlabs_api_key)
    wishes = Campaign.objects.running().order_by().values_list("needs", "tier").distinct()
    return {queue for needs, voice in wishes for queue in queues.queues_of(needs, voice=voice, premium=premium)}


def unserved() -> list[str]:
    """Queues with waiting calls, or that a running campaign needs, which no live worker consumes."""
    return sorted((needed() | waiting().keys()) - served())
