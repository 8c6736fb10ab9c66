"""Finds calls that hang and brings them on: the guarantee behind every doorbell, lease and callback."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from agents.domain.types import Disposition, EndedBy, Outcome
from calls.domain.status import CallStatus
from calls.models import Call
from calls.services import carrier, carrier_prices, doorbell
from calls.services.database import alone
from calls.services.finishing import finish
from calls.services.moving import move
from voice.domain.types import CarrierStatus, CarrierUpdate, Report
from voice.ports import CarrierError, Dialer

log = structlog.get_logger(__name__)
_RING_AGAIN_AFTER = timedelta(seconds=30)
_ASK_CARRIER_AFTER = timedelta(seconds=15)
_NEVER_RANG_AFTER = timedelta(minutes=2)
_MAX_CLAIMS = 3
_MAX_SILENCES = 3
_BATCH = 100
_LEADER_LOCK = 7_201_001


def sweep(*, dialer: Dialer, now: datetime) -> bool:
    """One round; False when another process is at it. Each call is its own transaction."""
    with alone(_LEADER_LOCK) as leading:
        if leading:
            _reap(now=now)
            _ring_again(now=now)
            _reconcile(dialer, now=now)
        return leading


@contextmanager
def _apart(call: Call) -> Iterator[None]:
    """One call's trouble is told and holds up no other; a database that is away ends the round."""
    try:
        yield
    except (OperationalError, InterfaceError, CarrierError):
        raise
    except Exception:
        log.exception("sweep.failed", call_id=str(call.pk))


def _reap(*, now: datetime) -> None:
    """Leases that ran out, by the database's clock: a claimed call waits again, one that may have rung is unknown."""
    for call in Call.objects.lease_expired()[:_BATCH]:
        with _apart(call):
            _take_from_owner(call, now=now)


def _take_from_owner(call: Call, *, now: datetime) -> None:
    status = CallStatus(call.status)
    if status is not CallStatus.CLAIMED:
        move(call.pk, CallStatus.UNKNOWN, at=now, why="call.lease_expired", fence=call.fence, only_from=status)
    elif call.fence < _MAX_CLAIMS:
        unowned = {"owner": "", "lease_until": None, "rung_at": None}
        move(call.pk, CallStatus.QUEUED, at=now, why="call.lease_expired", fence=call.fence, changes=unowned)
    else:
        summary = f"This call was claimed {call.fence} times and never dialed."
        report = Report(Outcome(Disposition.FAILED, summary), EndedBy.FAULT, ended_at=now)
        finish(call.pk, report, now=now, fence=call.fence)


def _ring_again(*, now: datetime) -> None:
    """Queued calls whose doorbell may have been lost."""
    with transaction.atomic():
        stale = Q(rung_at__isnull=True) | Q(rung_at__lt=now - _RING_AGAIN_AFTER)
        waiting = Call.objects.filter(stale, status=CallStatus.QUEUED.value).order_by("queued_at")
        queue_of = dict(waiting.select_for_update(skip_locked=True).values_list("pk", "queue")[:_BATCH])
        Call.objects.filter(pk__in=queue_of).update(rung_at=now)
    for call_id, queue in queue_of.items():
        if not doorbell.ring(call_id, queue):
            break  # the broker is away; the rest is rung later


def _reconcile(dialer: Dialer, *, now: datetime) -> None:
    """Ask the carrier about calls whose fate is unknown; it alone knows whether a phone rang."""
    unknown = Call.objects.filter(status=CallStatus.UNKNOWN.value, status_at__lt=now - _ASK_CARRIER_AFTER)
    silences = 0
    for call in unknown.order_by("status_at")[:_BATCH]:
        try:
            with _apart(call):
                update = _look_up(call, dialer)
                _settle_unknown(call, update, dialer, now=now)
                if update is not None:
                    carrier_prices.take(call.pk, update, now=now)
        except CarrierError as error:
            log.warning("sweep.carrier_silent", call_id=str(call.pk), error=str(error))
            silences += 1
            if silences == _MAX_SILENCES:
                break  # each costs a timeout, and the round must end


def _look_up(call: Call, dialer: Dialer) -> CarrierUpdate | None:
    """The carrier's word, by its id of the call or, where the answer to the dial was lost, by ours."""
    if call.carrier_call_id:
        return dialer.fetch(call.carrier_call_id)
    found = dialer.find(str(call.pk), to=call.to_number)
    if found is None or Call.objects.filter(carrier_call_id=found.carrier_call_id).exclude(pk=call.pk).exists():
        return None  # an earlier call to the same number
    Call.objects.filter(pk=call.pk, carrier_call_id="").update(carrier_call_id=found.carrier_call_id)
    return found


def _settle_unknown(call: Call, update: CarrierUpdate | None, dialer: Dialer, *, now: datetime) -> None:
    if update is None:
        if call.status_at < now - _NEVER_RANG_AFTER:
            summary = "The carrier knows of no such call: the phone never rang."
            finish(call.pk, Report(Outcome(Disposition.FAILED, summary), EndedBy.FAULT, ended_at=now), now=now)
    elif update.status is CarrierStatus.COMPLETED:
        finish(call.pk, _lost(call, update, now=now), now=now)
    elif update.status is not None and update.status.final:
        finish(call.pk, carrier.unanswered(update, now=now), now=now)
    elif call.status_at < now - _NEVER_RANG_AFTER:
        # Nobody talks with the person any more; the next round finds the call completed.
        dialer.hang_up(update.carrier_call_id)


def _lost(call: Call, update: CarrierUpdate, *, now: datetime) -> Report:
    """The carrier says that the call was answered and is over, and the worker that held it is gone."""
    answered_at = call.answered_at or now - timedelta(seconds=update.duration_s or 0)
    ended_at = answered_at + timedelta(seconds=update.duration_s or 0)
    summary = "The worker was lost during the call; the turns up to then are kept."
    return Report(Outcome(Disposition.HUNG_UP, summary), EndedBy.FAULT, ended_at=ended_at, answered_at=answered_at)
