"""The kill switch: stop all dialing at once, and let it go on."""

from datetime import datetime

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from calls.models import Call, Halt
from calls.services import ending

log = structlog.get_logger(__name__)
_LOCK = 7_201_005


def halt(*, by: User | None, reason: str, now: datetime, hang_up: bool = False) -> bool:
    """Stop all dialing; False when it is stopped already, and the first halt stays.

    Waits for intents to ring that are being written at this moment, so that none is committed after this is. Calls
    that ring or are live go on, or with ``hang_up`` are hung up, also where dialing is stopped already.
    """
    stopped = _stop(by=by, reason=reason, now=now)
    if hang_up:
        hang_up_all(now=now)
    return stopped


def hang_up_all(*, now: datetime) -> int:
    """Hang up every call that rings or is live; how many."""
    return ending.hang_up(Call.objects.all(), at=now)


def _stop(*, by: User | None, reason: str, now: datetime) -> bool:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            Halt.objects.create(at=now, by=by, reason=reason[:200])
    except IntegrityError:
        return False
    log.warning("dialing.halted", by=by and by.pk)
    return True


def release(*, by: User | None, now: datetime) -> bool:
    """Let dialing go on; False when it was not stopped."""
    released = Halt.objects.open().update(released_at=now, released_by=by)
    if released:
        log.warning("dialing.released", by=by and by.pk)
    return bool(released)


def reason() -> str:
    """Why all dialing is stopped; empty: it is not."""
    return Halt.objects.open().values_list("reason", flat=True).first() or ""


def lets_ring() -> bool:
    """The last question before the ring, in the transaction that writes the intent: until it ends nobody halts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
    return not Halt.objects.open().exists()
