"""Faults done to a real Celery voice worker with live calls, its broker and its loop. The phone keeps talking."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db.models import Count, F, Q
from django.utils import timezone
from redis import Redis

from billing.services.auditing import audit
from calls.models import Call, Turn
from calls.services import doorbell
from calls.services.placing import NO_LINE
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.fakes import FakeDialer
from tests.faults.workers import Phones, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
Start = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    workers: list[Worker] = []

    def begin(**options: float) -> Worker:
        workers.append(worker := Worker(tmp_path, **options))  # type: ignore[arg-type]
        monkeypatch.setattr(doorbell, "current_app", worker.app)
        return worker

    yield begin
    for worker in workers:
        worker.close()


@pytest.fixture
def phones() -> Iterator[Phones]:
    phones = Phones()
    yield phones
    phones.close()


def queued() -> Call:
    now = timezone.now()
    return make.call(make.lead(), at=now)


def ring(call: Call) -> bool:
    return doorbell.ring(call.pk, call.queue)


def status(call: Call) -> str:
    return Call.objects.values_list("status", flat=True).get(pk=call.pk)


def goes_live(worker: Worker, phones: Phones, call: Call) -> None:
    stream = worker.until(f"{call} is rung", lambda: worker.stream(call.pk))
    phones.answer(call.pk, stream)
    worker.until(f"{call} is live", lambda: status(call) == "live")


def is_done(worker: Worker, call: Call) -> None:
    worker.until(f"{call} is done", lambda: status(call) == "done", ends=True)


def swept_later() -> None:
    """The sweep's round half a minute later, when a call that waits is rung again."""
    assert sweep(dialer=FakeDialer(), now=timezone.now() + timedelta(seconds=31))


def swept_until_heard(worker: Worker, call: Call) -> None:
    def heard() -> bool:
        swept_later()
        return worker.stream(call.pk) is not None

    worker.until("the sweep's doorbell is heard", heard)


def test_a_broker_that_dies_forgets_freezes_and_cuts_loses_no_call_and_rings_none_twice(
    start: Start, phones: Phones
) -> None:
    worker = start(lines=6)
    live = queued()
    assert [ring(live) for _ in range(10)] == [True] * 10
    goes_live(worker, phones, live)
    assert worker.rings() == [live.pk]

    # Killed without persistence: what was queued is gone, and comes from PostgreSQL.
    worker.redis.kill()
    lost = queued()
    assert not ring(lost)
    worker.redis.start()
    swept_later()
    goes_live(worker, phones, lost)

    # FLUSHALL, with a message on the queue that nobody has taken.
    with Redis.from_url(worker.redis.url) as client:
        worker.signal(signal.SIGSTOP)
        taken, flushed = queued(), queued()
        assert [ring(taken), ring(flushed)] == [True, True]
        assert worker.waiting() == 1  # the other is on its way to the worker, which waits for one
        client.flushall()
        worker.signal(signal.SIGCONT)
        goes_live(worker, phones, taken)
        swept_later()
        goes_live(worker, phones, flushed)

        # Connections cut.
        assert client.client_kill_filter(_type="normal", skipme=True) >= 1
    cut = queued()
    swept_until_heard(worker, cut)
    goes_live(worker, phones, cut)

    # A broker that stands still: the socket's patience is 1 s here, so 4 s stand for 45.
    frozen = psutil.Process(worker.redis._process.pid)
    frozen.suspend()
    still = queued()
    assert not ring(still)
    assert [phones.is_open(call.pk) for call in (live, lost, taken, flushed, cut)] == [True] * 5
    worker.until("4 s", _seconds(4))
    frozen.resume()
    swept_until_heard(worker, still)
    goes_live(worker, phones, still)

    calls = (live, lost, taken, flushed, cut, still)
    for call in calls:
        assert phones.is_open(call.pk)
        phones.hang_up(call.pk)
        is_done(worker, call)
    assert Counter(worker.rings()) == dict.fromkeys((call.pk for call in calls), 1)
    # A loop that is late by half a second, as on a loaded machine, hangs by these settings: the call is given back.
    given_back = Count("events", filter=Q(events__kind=NO_LINE))
    assert list(Call.objects.annotate(claims=1 + given_back).exclude(fence=F("claims"))) == []
    assert audit() == []


def _seconds(count: float) -> Callable[[], bool]:
    until = timezone.now() + timedelta(seconds=count)
    return lambda: timezone.now() > until


def test_term_drops_none_of_the_live_calls_and_takes_no_other(start: Start, phones: Phones) -> None:
    worker = start(lines=4)
    calls = [queued() for _ in range(4)]
    for call in calls:
        ring(call)
    for call in calls:
        goes_live(worker, phones, call)
    worker.signal(signal.SIGTERM)
    worker.until("it drains", lambda: worker.told("voice.draining"))
    late = queued()
    assert ring(late)
    worker.until("a lease's length", _seconds(3.5))
    assert [(phones.is_open(call.pk), status(call)) for call in calls] == [(True, "live")] * 4
    sweep(dialer=FakeDialer(), now=timezone.now())
    assert [status(call) for call in calls] == ["live"] * 4  # it goes on renewing their leases
    for call in calls:
        assert worker.process.poll() is None
        phones.hang_up(call.pk)
        is_done(worker, call)
    assert worker.process.wait(20) == 0
    assert (worker.waiting(), status(late)) == (1, "queued")
    assert sorted(worker.rings()) == sorted(call.pk for call in calls)
    assert set(Call.objects.exclude(pk=late.pk).values_list("fence", flat=True)) == {1}


def test_a_loop_that_hangs_lets_its_leases_run_out_and_comes_back(start: Start, phones: Phones) -> None:
    """5 s of a loop of which 0.5 s is too long, and a lease of 3 s."""
    worker = start(lines=3)
    live = queued()
    ring(live)
    goes_live(worker, phones, live)
    worker.app.send_task("faults.block_loop", kwargs={"for_s": 5}, queue="calls.local")
    worker.until("it is seen", lambda: worker.told("voice.loop_hung"))
    assert "in _hang" in worker.told("voice.loop_hung")[0]["stack"]
    waits = queued()
    ring(waits)

    def given_up() -> bool:
        sweep(dialer=FakeDialer(), now=timezone.now())
        return status(live) == "unknown"

    worker.until("the lease runs out", given_up)
    assert (worker.rings(), worker.waiting()) == ([live.pk], 1)  # the doorbell waits for somebody with a line
    worker.until("it recovers", lambda: worker.told("voice.loop_recovered"))
    goes_live(worker, phones, waits)
    phones.hang_up(live.pk)
    is_done(worker, live)
    phones.hang_up(waits.pk)
    is_done(worker, waits)
    assert Counter(worker.rings()) == {live.pk: 1, waits.pk: 1}


def test_a_loop_that_stays_stuck_ends_its_process_and_what_it_told_is_kept(start: Start, phones: Phones) -> None:
    worker = start(lines=3, hopeless_after_s=2)
    live, ringing = queued(), queued()
    for call in (live, ringing):
        ring(call)
    goes_live(worker, phones, live)
    worker.until("its first turn is kept", Turn.objects.filter(call=live).exists)
    worker.until("the other rings", lambda: worker.stream(ringing.pk) and status(ringing) == "dialing")
    family = psutil.Process(worker.process.pid).children(recursive=True)
    worker.app.send_task("faults.block_loop", kwargs={"for_s": 60}, queue="calls.local")
    assert worker.process.wait(20) == 70
    assert [line["exit_code"] for line in worker.told("voice.replaced")] == [70]
    assert [len(worker.told(event)) for event in ("voice.loop_hung", "voice.loop_hopeless")] == [1, 1]
    assert not phones.is_open(live.pk)
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert (status(ringing), (worker.folder / f"CA{ringing.pk.hex}.hung_up").exists()) == ("failed", True)
    sweep(dialer=FakeDialer(), now=timezone.now())
    assert status(live) == "unknown"  # at once: its lease was let go
    assert Turn.objects.filter(call=live).count() == 1
    assert Counter(worker.rings()) == {live.pk: 1, ringing.pk: 1}
