"""Workers that come, go and drain while others count their lines."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from calls.domain.queues import LOCAL, PREMIUM
from calls.models import VoiceWorker
from calls.services import workers

pytestmark = pytest.mark.django_db(transaction=True)


def test_lines_are_counted_whole_while_workers_come_and_go() -> None:
    """Each has three lines in both queues: never a part of them is seen, and never more than are there."""
    start, over = threading.Barrier(6), threading.Event()

    def come_and_go(owner: str) -> None:
        start.wait()
        for _ in range(20):
            workers.announce(owner, queues=[LOCAL, PREMIUM], lines=3, draining=False)
            workers.announce(owner, queues=[LOCAL, PREMIUM], lines=3, draining=True)
            workers.withdraw(owner)
        connections.close_all()

    def count() -> set[int]:
        start.wait()
        seen = set()
        while not over.is_set():
            look = workers.Standing()
            assert look.free(LOCAL) == look.free(PREMIUM)
            seen.add(look.free(LOCAL))
        connections.close_all()
        return seen

    with ThreadPoolExecutor(6) as threads:
        counting = [threads.submit(count) for _ in range(2)]
        coming = [threads.submit(come_and_go, f"worker-{number}") for number in range(4)]
        for one in coming:
            one.result()
        over.set()
        seen = counting[0].result() | counting[1].result()
    assert seen <= {0, 3, 6, 9, 12}
    assert len(seen) > 1
    assert not VoiceWorker.objects.exists()


def test_one_worker_announced_by_many_at_once_is_one() -> None:
    start = threading.Barrier(8)

    def announce(_: int) -> None:
        start.wait()
        workers.announce("a", queues=[LOCAL], lines=2, draining=False)
        connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(announce, range(8)))
    assert (VoiceWorker.objects.count(), workers.free_lines(LOCAL)) == (1, 2)
