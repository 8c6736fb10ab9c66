"""Ends many calls at once: those that wait give their money back, those under way are hung up where a person says so.

The locks are taken in the order of the other services: campaign, calls, budgets.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Case, When

from billing.services import ledger
from calls.domain.status import CallStatus, sources_of
from calls.models import Call
from calls.models.call import CallQuerySet
from calls.services import doorbell
from calls.services.moving import move

log = structlog.get_logger(__name__)
_WAITING = sorted(sources_of(CallStatus.CANCELED))
_UNDER_WAY = (CallStatus.DIALING.value, CallStatus.LIVE.value, CallStatus.UNKNOWN.value)


@transaction.atomic
def stop(calls: CallQuerySet, *, at: datetime, why: str, hung_up: bool = False) -> None:
    """End those of ``calls`` that have not rung, and with ``hung_up`` have those hung up that ring or are live.

    All are locked before money is: a call that ends by itself has its row locked while it waits for its budgets.
    Those under way come first, since an opt-out on one of them locks others that wait.
    """
    if hung_up:
        waits = Case(When(status__in=_WAITING, then=1), default=0)
        mine = calls.unfinished().order_by(waits, "pk")
        list(mine.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
        hang_up(calls, at=at)
    cancel_waiting(calls, at=at, why=why)


@transaction.atomic
def cancel_waiting(calls: CallQuerySet, *, at: datetime, why: str) -> int:
    """End those of ``calls`` that have not rung, and give their holds back; how many. Their leads stay due."""
    waiting = calls.filter(status__in=_WAITING)
    canceled = [
        pk
        for pk in waiting.order_by("pk").values_list("pk", flat=True)
        if move(pk, CallStatus.CANCELED, at=at, why=why, changes={"ended_at": at})
    ]
    ledger.lock(canceled)
    for pk in canceled:
        ledger.release(pk, at=at)
    return len(canceled)


@transaction.atomic
def hang_up(calls: CallQuerySet, *, at: datetime) -> int:
    """Have those of ``calls`` that ring or are live hung up once this is committed; how many.

    The wish is kept with the call: one whose carrier's id is not known yet, or of which the broker lost the message,
    is asked for again by ``hang_up_again``.
    """
    under_way = calls.filter(status__in=_UNDER_WAY)
    chosen = list(under_way.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    Call.objects.filter(pk__in=chosen).update(hang_up_at=at)
    transaction.on_commit(partial(_ask, chosen), robust=True)
    log.info("calls.hang_up_wanted", count=len(chosen))
    return len(chosen)


def hang_up_again() -> int:
    """Ask once more for every call that was to be hung up and is still under way; how many."""
    return _ask(Call.objects.filter(hang_up_at__isnull=False, status__in=_UNDER_WAY).values_list("pk", flat=True))


def is_unwanted(call: Call) -> bool:
    """Whether a person wanted the call to end at once while the carrier was being asked to ring."""
    return Call.objects.filter(pk=call.pk, hang_up_at__isnull=False).exists()


def _ask(chosen: Iterable[UUID]) -> int:
    known = Call.objects.filter(pk__in=chosen, status__in=_UNDER_WAY).exclude(carrier_call_id="")
    ids = list(known.values_list("carrier_call_id", flat=True))
    for carrier_call_id in ids:
        doorbell.hang_up(carrier_call_id)
    return len(ids)
