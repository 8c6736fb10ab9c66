"""Voice workers that are there, and how many calls they can take. The clock is the database's."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from calls.domain.queues import GPU, LOCAL, PREMIUM
from calls.domain.status import CallStatus
from calls.models import VoiceWorker
from calls.services import workers
from tests.calls import factories as make

pytestmark = pytest.mark.django_db


def test_announcing_again_changes_all_but_the_start() -> None:
    workers.announce("a", queues=[LOCAL, GPU], lines=4, draining=False)
    first = VoiceWorker.objects.get()
    workers.announce("a", queues=[PREMIUM], lines=2, draining=True)
    again = VoiceWorker.objects.get()
    assert (first.queues, first.lines, first.draining) == ([GPU, LOCAL], 4, False)
    assert (again.queues, again.lines, again.draining) == ([PREMIUM], 2, True)
    assert again.started_at == first.started_at
    assert again.seen_at > first.seen_at


def test_withdrawing_takes_this_worker_alone() -> None:
    for owner in ("a", "b"):
        workers.announce(owner, queues=[LOCAL], lines=1, draining=False)
    workers.withdraw("a")
    workers.withdraw("nobody")
    assert [worker.owner for worker in VoiceWorker.objects.all()] == ["b"]


def test_the_lines_of_the_silent_and_the_draining_do_not_count(settings: LazySettings) -> None:
    for owner, lines in (("live", 1), ("silent", 10), ("draining", 100)):
        workers.announce(owner, queues=[LOCAL], lines=lines, draining=owner == "draining")
    silent = VoiceWorker.objects.filter(owner="silent")
    assert workers.free_lines(LOCAL) == 11
    silent.update(seen_at=Now() - timedelta(seconds=settings.CALL_LEASE_S))
    assert workers.free_lines(LOCAL) == 1
    assert workers.served() == {LOCAL}


@pytest.mark.parametrize(
    ("status", "left"),
    [
        (CallStatus.CLAIMED, 2),
        (CallStatus.DIALING, 2),
        (CallStatus.LIVE, 2),
        (CallStatus.UNKNOWN, 2),
        (CallStatus.DONE, 3),
        (CallStatus.FAILED, 3),
        (CallStatus.CANCELED, 3),
    ],
)
def test_a_call_takes_a_line_of_its_owner_until_it_is_finished(status: CallStatus, left: int) -> None:
    workers.announce("a", queues=[LOCAL], lines=3, draining=False)
    make.call(status=status, owner="a")
    make.call(status=CallStatus.LIVE, owner="gone")
    assert workers.free_lines(LOCAL) == left


def test_a_waiting_call_takes_the_line_whose_loss_costs_least() -> None:
    workers.announce("both", queues=[LOCAL, PREMIUM], lines=2, draining=False)
    workers.announce("local", queues=[LOCAL], lines=1, draining=False)
    assert [workers.free_lines(queue) for queue in (LOCAL, PREMIUM, GPU)] == [3, 2, 0]
    make.call(queue=LOCAL)
    assert [workers.free_lines(queue) for queue in (LOCAL, PREMIUM, GPU)] == [2, 2, 0]
    make.call(queue=LOCAL)
    assert [workers.free_lines(queue) for queue in (LOCAL, PREMIUM, GPU)] == [1, 1, 0]


def test_what_waits_for_nobody_takes_no_line() -> None:
    workers.announce("local", queues=[LOCAL], lines=2, draining=False)
    make.call(queue=GPU)
    assert workers.free_lines(LOCAL) == 2


def test_a_worker_with_more_calls_than_lines_owes_none() -> None:
    workers.announce("small", queues=[LOCAL], lines=1, draining=False)
    workers.announce("big", queues=[LOCAL], lines=2, draining=False)
    for _ in range(2):
        make.call(status=CallStatus.LIVE, owner="small")
    assert workers.free_lines(LOCAL) == 2


@pytest.mark.parametrize(("offered", "free"), [(None, 3), (5, 3), (4, 3), (3, 2), (1, 0), (0, 0)])
def test_what_a_worker_offers_bounds_its_lines(offered: int | None, free: int) -> None:
    workers.announce("a", queues=[LOCAL], lines=4, draining=False, offered=offered)
    make.call(status=CallStatus.LIVE, owner="a")
    assert workers.free_lines(LOCAL) == free
    figures = workers.Standing().figures(LOCAL)
    assert (figures.lines, figures.free) == (4, free)


def test_an_announcement_carries_the_reason_and_the_figures_and_the_next_one_replaces_them() -> None:
    workers.announce("a", queues=[LOCAL], lines=4, draining=False, offered=0, why="It lags.", measured={"talking": 3})
    first = VoiceWorker.objects.get()
    workers.announce("a", queues=[LOCAL], lines=4, draining=False)
    again = VoiceWorker.objects.get()
    assert (first.offered, first.why, first.measured) == (0, "It lags.", {"talking": 3})
    assert (again.offered, again.why, again.measured) == (None, "", {})


def test_one_look_counts_what_is_queued_after_it() -> None:
    workers.announce("both", queues=[LOCAL, PREMIUM], lines=3, draining=False)
    look = workers.Standing()
    look.take(PREMIUM)
    look.take(LOCAL, 1)
    assert (look.free(LOCAL), look.free(PREMIUM), look.free(GPU)) == (1, 1, 0)


def test_queues_without_a_worker_are_told_for_waiting_calls_and_running_campaigns(settings: LazySettings) -> None:
    assert workers.unserved() == []
    make.call(make.lead(make.campaign(status="paused")), queue=PREMIUM)
    assert workers.unserved() == [PREMIUM]
    make.campaign(needs="gpu")
    assert workers.unserved() == [GPU, PREMIUM]
    make.campaign(needs="gpu", status="draft")
    make.campaign()
    assert workers.unserved() == [GPU, LOCAL, PREMIUM]
    workers.announce("a", queues=[LOCAL, GPU], lines=1, draining=False)
    assert workers.unserved() == [PREMIUM]
    workers.announce("a", queues=[LOCAL, GPU], lines=1, draining=True)
    assert workers.unserved() == [GPU, LOCAL, PREMIUM]
