"""The doorbell: an id on the queue, or a line in the log; never an error."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
from celery import Celery, current_app
from django.conf import settings
from django.test import TestCase
from redis import Redis
from structlog.testing import capture_logs

from calls.models import Call
from calls.services import doorbell
from calls.services.dispatching import dispatch_batch
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer

QUEUE = "reautomation:calls.local"


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as client:
        client.delete(QUEUE)
        yield client
        client.delete(QUEUE)


@pytest.fixture(params=["no socket", "no port"])
def no_broker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unused_tcp_port: int
) -> None:
    """Celery's broker is where nobody listens."""
    url = (
        f"redis+socket://{tmp_path}/none.sock"
        if request.param == "no socket"
        else f"redis://127.0.0.1:{unused_tcp_port}"
    )
    lonely = Celery("lonely", broker=url, set_as_current=False)
    lonely.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(doorbell, "current_app", lonely)


@pytest.mark.django_db
def test_the_calls_id_goes_to_the_lines(redis: Redis) -> None:
    call = make.call()
    assert doorbell.ring(call.pk, call.queue)
    assert redis.llen(QUEUE) == 1
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("calls.local")
        message = queue.get_nowait()
        message.ack()
        queue.close()
    assert message.headers["task"] == "calls.place"
    assert message.payload[1] == {"call_id": str(call.pk)}


def test_a_call_to_be_hung_up_goes_to_any_worker() -> None:
    queue_name = f"reautomation:{settings.CELERY_TASK_DEFAULT_QUEUE}"
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(queue_name)
        assert doorbell.hang_up("CA1")
        with current_app.connection_for_read() as connection:
            queue = connection.SimpleQueue(settings.CELERY_TASK_DEFAULT_QUEUE)
            message = queue.get_nowait()
            message.ack()
            queue.close()
        redis.delete(queue_name)
    assert (message.headers["task"], message.payload[1]) == ("calls.hang_up", {"carrier_call_id": "CA1"})


@pytest.mark.usefixtures("no_broker")
def test_a_broker_that_is_away_hangs_nothing_up_and_says_so() -> None:
    with capture_logs() as logs:
        assert not doorbell.hang_up("CA1")
    assert [(line["event"], line["carrier_call_id"]) for line in logs] == [("doorbell.lost", "CA1")]


@pytest.mark.usefixtures("no_broker", "lines")
@pytest.mark.django_db
def test_a_broker_that_is_away_loses_no_call() -> None:
    lead = make.lead()
    with capture_logs() as logs, TestCase.captureOnCommitCallbacks(execute=True):
        dispatch_batch(lead.campaign_id, now=NOON_IN_DENVER)
    call = Call.objects.get()
    assert call.status == "queued"
    assert [(line["event"], line["call_id"]) for line in logs] == [("doorbell.lost", str(call.pk))]


@pytest.mark.usefixtures("no_broker")
@pytest.mark.django_db
def test_a_broker_that_is_away_stops_no_sweep() -> None:
    for _ in range(3):
        make.call(rung_at=None)
    with capture_logs() as logs:
        assert sweep(dialer=FakeDialer(), now=NOON_IN_DENVER)
    assert [line["event"] for line in logs] == ["doorbell.lost"]


@pytest.mark.usefixtures("no_broker")
def test_a_broker_that_is_away_is_not_waited_for() -> None:
    began = monotonic()
    assert not doorbell.ring(uuid4(), "calls.local")
    assert monotonic() - began < 2
