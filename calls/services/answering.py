"""A lead's call on one phone line: open the line, tell the carrier's next question of it, listen."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from calls.domain.status import CallStatus
from calls.models import Call
from calls.services import inbound
from calls.services.briefing import brief_of, plan_of, reserve_slots
from calls.services.intent import may_go_ahead
from calls.services.moving import move
from calls.services.spending import spending_of
from voice.ports import Line, Plane

log = structlog.get_logger(__name__)
MEDIA_WITHIN_S = 5
"""The carrier asks every second, so the media comes within two or never."""


def answer(
    call: Call,
    plane: Plane,
    *,
    clock: Callable[[], datetime],
    listen: Callable[[Line], Any],
) -> bool:
    """Take the claimed call and return when it is over; False where it is no more to be taken. Raises NoLine.

    Nothing is asked of the carrier: it comes by itself for what is written down here, and a caller who does not come
    has hung up.
    """
    if clock() >= call.queued_at + inbound.PATIENCE:
        inbound.hung_up(call.pk, now=clock())
        return False
    line = plane.open_line(
        brief_of(call, reserve_slots(call, now=clock()), now=clock()),
        ring_timeout_s=MEDIA_WITHIN_S,
        max_length_s=call.max_length_s,
        spending=spending_of(call),
        plan=plan_of(call, now=clock()),
    )
    try:
        if not _offer(call, line, now=clock()):
            return False
        listen(line)
    finally:
        line.close()
    return True


@transaction.atomic
def _offer(call: Call, line: Line, *, now: datetime) -> bool:
    """Commit where the call's media is to go, while the lease holds and nobody has opted out or stopped dialing."""
    if not may_go_ahead(call, now=now):
        return False
    stream = {"url": line.stream.url, "token": line.stream.token}
    return move(call.pk, CallStatus.DIALING, at=now, why="call.offered", fence=call.fence, changes={"stream": stream})
