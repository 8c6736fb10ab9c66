"""Tells a voice worker that a call waits. A hint that may be lost: the sweep rings again from PostgreSQL."""

from uuid import UUID

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def ring(call_id: UUID) -> bool:
    """Put the call's id on the queue; False, and a log line, when the broker does not take it."""
    try:
        current_app.send_task("calls.place", kwargs={"call_id": str(call_id)}, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("doorbell.lost", call_id=str(call_id), error=str(error))
        return False
    return True
