"""The only writer of a call's status."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from calls.domain.status import CallStatus, sources_of
from calls.models import Call, CallEvent


def move(
    call_id: UUID,
    to: CallStatus,
    *,
    at: datetime,
    why: str,
    fence: int | None = None,
    only_from: CallStatus | None = None,
    changes: dict[str, Any] | None = None,
    fields: dict[str, Any] | None = None,
) -> bool:
    """Move a call to ``to`` and write the event ``why``, together; False when another was first, and nothing changed.

    ``fence`` lets only the holder of the current claim through. ``only_from`` narrows the table of allowed moves.
    ``changes`` are columns written with the status, ``fields`` go into the event.
    """
    sources = {only_from} & sources_of(to) if only_from else sources_of(to)
    movable = Call.objects.filter(pk=call_id, status__in=sorted(sources))
    if fence is not None:
        movable = movable.filter(fence=fence)
    with transaction.atomic():
        if not movable.update(status=to.value, status_at=at, **(changes or {})):
            return False
        note(call_id, why, at=at, status=to, fields=fields)
        return True


def note(
    call_id: UUID, kind: str, *, at: datetime, status: CallStatus | None = None, fields: dict[str, Any] | None = None
) -> None:
    """Write down something that happened to a call."""
    CallEvent.objects.create(
        call_id=call_id, at=at, kind=kind, status=status.value if status else "", fields=fields or {}
    )
