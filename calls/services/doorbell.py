"""Tells a voice worker that a call waits. A hint that may be lost: the sweep rings again from PostgreSQL."""

from uuid import UUID

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from kombu.pools import producers

from calls.domain.queues import resumed_on

log = structlog.get_logger(__name__)
_IMPATIENT = {"max_retries": 0, "socket_timeout": 1, "socket_connect_timeout": 1}


def ring(call_id: UUID, queue: str) -> bool:
    """Put the call's id on its ``queue``; False, and a log line, when the broker does not take it.

    A broker that is away is not waited for: whoever rings has other calls to see to.
    """
    return _send("calls.place", queue, call_id=str(call_id))


def resume(call_id: UUID, queue: str) -> bool:
    """Have a worker of ``queue`` take the conversation over; False when the broker does not take it."""
    return _send("calls.resume", resumed_on(queue), call_id=str(call_id))


def dispatch(campaign_id: int) -> bool:
    """Have a worker look at the campaign's due leads at once; False when the broker does not take it."""
    return _send("calls.dispatch", None, campaign_id=campaign_id)


def hang_up(carrier_call_id: str) -> bool:
    """Have a worker ask the carrier to end the call; False when the broker does not take it."""
    return _send("calls.hang_up", None, carrier_call_id=carrier_call_id)


def store_recordings() -> bool:
    """Have a worker bring finished recordings into their store; False when the broker does not take it."""
    return _send("calls.store_recordings", None)


def analyse(call_id: UUID) -> bool:
    """Have a worker analyse a finished call; False when the broker does not take it."""
    return _send("calls.analyse", None, call_id=str(call_id))


def _send(task: str, queue: str | None, **arguments: object) -> bool:
    connection = current_app.connection_for_write(transport_options=_IMPATIENT)
    try:
        with producers[connection].acquire(block=True) as producer:
            current_app.send_task(task, kwargs=arguments, queue=queue, producer=producer, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("doorbell.lost", **arguments, error=str(error))
        return False
    return True
