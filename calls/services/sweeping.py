"""Finds calls that hang and brings them on: the guarantee behind every doorbell, lease and callback."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from agents.domain.types import Disposition, EndedBy, Outcome
from billing.domain.costing import LINE
from billing.domain.rates import Unit
from billing.services import meter
from calls.domain.status import CallStatus
from calls.domain.transfers import UNDER_WAY
from calls.models import Call
from calls.services import analysing, broken, carrier, carrier_prices, doorbell, fetching_back, inbound, transferring
from calls.services.database import alone
from calls.services.finishing import finish
from calls.services.moving import move, note
from calls.services.placing import FAULT, NO_LINE
from voice.domain.types import CarrierStatus, CarrierUpdate, Report
from voice.ports import CarrierError, Dialer

log = structlog.get_logger(__name__)
_RING_AGAIN_AFTER = timedelta(seconds=30)
_ASK_CARRIER_AFTER = timedelta(seconds=15)
_ASK_OF_TRANSFERS_AFTER = timedelta(minutes=1)
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
            inbound.forget(now=now)
            _ring_again(now=now)
            analysing.catch_up(now=now)
            fetching_back.fetch_back(dialer, now=now)
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
    elif _failed_claims(call) < _MAX_CLAIMS:
        unowned = {"owner": "", "lease_until": None, "rung_at": None}
        move(call.pk, CallStatus.QUEUED, at=now, why="call.lease_expired", fence=call.fence, changes=unowned)
    else:
        summary = f"This call was claimed {_failed_claims(call)} times and never dialed.{_last_fault(call)}"
        report = Report(Outcome(Disposition.FAILED, summary), EndedBy.FAULT, ended_at=now)
        finish(call.pk, report, now=now, fence=call.fence)


def _failed_claims(call: Call) -> int:
    """A claim that found no line free says nothing about the call."""
    return call.fence - call.events.filter(kind=NO_LINE).count()


def _last_fault(call: Call) -> str:
    fault = call.events.filter(kind=FAULT).last()
    return f" The last error: {fault.fields['error']}." if fault else ""


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
    """Ask the carrier about calls whose fate is unknown; it alone knows whether a phone rang.

    In any order, so that calls about which it never says a word hold up no others.
    """
    unknown = Call.objects.filter(status=CallStatus.UNKNOWN.value, status_at__lt=now - _ASK_CARRIER_AFTER)
    # Of one that was put through the carrier tells by itself what becomes of it.
    soon = Q(transfer__state__in=sorted(UNDER_WAY), status_at__gte=now - _ASK_OF_TRANSFERS_AFTER)
    silences = 0
    for call in unknown.exclude(soon, transfer__isnull=False).order_by("?")[:_BATCH]:
        try:
            with _apart(call):
                _ask_about(call, dialer, now=now)
        except CarrierError as error:
            log.warning("sweep.carrier_silent", call_id=str(call.pk), error=str(error))
            silences += not error.code  # an answer that says no costs no time
            if silences == _MAX_SILENCES:
                break  # each costs a timeout, and the round must end


def _ask_about(call: Call, dialer: Dialer, *, now: datetime) -> None:
    """One question and what follows from the answer. What stays without a usable one for too long is given up.

    Raises CarrierError.
    """
    try:
        update = _look_up(call, dialer)
        ended = _settle_unknown(call, update, dialer, now=now)
    except CarrierError as error:
        if _is_hopeless(call, now=now):
            _give_up(call, str(error), now=now)
        raise
    if not ended and _is_hopeless(call, now=now):
        _give_up(call, f"The carrier says: {update.status if update else 'nothing'}.", now=now)
    if update is not None:
        carrier_prices.take(call.pk, update, now=now)


def _is_hopeless(call: Call, *, now: datetime) -> bool:
    return call.status_at < now - timedelta(hours=settings.CALL_UNKNOWN_LIMIT_H)


def _give_up(call: Call, reason: str, *, now: datetime) -> None:
    """End a call of which the carrier never told what became of it.

    Its phone may have rung, so it is not made again; what becomes of the lead is for the rules of failed calls. What
    its line measured is charged, the rest of the hold is free.
    """
    hours = settings.CALL_UNKNOWN_LIMIT_H
    summary = f"The carrier did not tell within {hours} hours what became of this call. {reason}"
    if call.answered_at:
        report = _measured(call, summary, now=now)
    else:
        report = Report(Outcome(Disposition.FAILED, summary), EndedBy.FAULT, ended_at=now)
    if not finish(call.pk, report, now=now):
        return
    note(call.pk, "call.given_up", at=now, fields={"after_h": hours, "reason": reason})
    log.error("call.given_up", call_id=str(call.pk), after_h=hours, reason=reason)


def _look_up(call: Call, dialer: Dialer) -> CarrierUpdate | None:
    """The carrier's word, by its id of the call or, where the answer to the dial was lost, by ours."""
    if call.carrier_call_id:
        return dialer.fetch(call.carrier_call_id)
    found = dialer.find(str(call.pk), to=call.to_number)
    if found is None or Call.objects.filter(carrier_call_id=found.carrier_call_id).exclude(pk=call.pk).exists():
        return None  # an earlier call to the same number
    Call.objects.filter(pk=call.pk, carrier_call_id="").update(carrier_call_id=found.carrier_call_id)
    return found


def _settle_unknown(call: Call, update: CarrierUpdate | None, dialer: Dialer, *, now: datetime) -> bool:
    """Whether what the carrier says ends the call."""
    late = call.status_at < now - _NEVER_RANG_AFTER
    if update is None:
        if late:
            finish(call.pk, _unheard_of(call, now=now), now=now)
        return late
    if update.status is not None and update.status.final:
        if transferring.finish_over(call.pk, ended_at=_end_of(call, update, now=now), now=now):
            return True
        talked = update.status is CarrierStatus.COMPLETED or call.answered_at is not None
        report = _lost(call, update, now=now) if talked else carrier.unanswered(update, now=now)
        finish(call.pk, report, now=now)
        return True
    if late and (transferring.with_nobody(call) is None or now > transferring.longest_until(call)):
        # Nobody talks with the person any more; the next round finds the call completed.
        dialer.hang_up(update.carrier_call_id)
    return False


def _end_of(call: Call, update: CarrierUpdate, *, now: datetime) -> datetime:
    """When an answered call was over, by its length."""
    since = call.answered_at
    return now if since is None or update.duration_s is None else since + timedelta(seconds=update.duration_s)


def _unheard_of(call: Call, *, now: datetime) -> Report:
    """The carrier has no such call. Of one on which somebody talked with us it has lost the record."""
    if call.answered_at:
        return _measured(call, "The carrier knows of no such call, and the worker that held it was lost.", now=now)
    summary = "The carrier knows of no such call: the phone never rang."
    return Report(Outcome(Disposition.FAILED, summary), EndedBy.FAULT, ended_at=now)


def _measured(call: Call, summary: str, *, now: datetime) -> Report:
    """Of an answered call whose end nobody tells: it lasted as long as its line counted."""
    assert call.answered_at is not None
    talked_s = float(meter.used_by(call.pk).get((LINE, Unit.SECOND.value), 0))
    ended_at = call.answered_at + timedelta(seconds=talked_s)
    outcome = broken.outcome(call, Outcome(Disposition.FAILED, summary), now=now)
    return Report(outcome, EndedBy.FAULT, ended_at=ended_at, answered_at=call.answered_at)


def _lost(call: Call, update: CarrierUpdate, *, now: datetime) -> Report:
    """The carrier says that the call was answered and is over, and the worker that held it is gone."""
    answered_at = call.answered_at or now - timedelta(seconds=update.duration_s or 0)
    ended_at = answered_at + timedelta(seconds=update.duration_s or 0)
    summary = "The worker was lost during the call; the turns up to then are kept."
    outcome = broken.outcome(call, Outcome(Disposition.HUNG_UP, summary), now=now)
    return Report(outcome, EndedBy.FAULT, ended_at=ended_at, answered_at=answered_at)
