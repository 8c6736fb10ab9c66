"""News from the carrier about one call: late, doubled or out of order, all go the same way."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.domain.types import Disposition, EndedBy, Outcome
from billing.services import ledger
from calls.domain.status import TERMINAL, CallStatus
from calls.models import Call, CallEvent
from calls.services import carrier_prices, transferring
from calls.services.finishing import finish
from calls.services.moving import note
from voice.domain.types import BAD_NUMBER_CODES, CarrierStatus, CarrierUpdate, Report

_ENDED_WITHOUT_TALK = {
    CarrierStatus.BUSY: Disposition.BUSY,
    CarrierStatus.NO_ANSWER: Disposition.NO_ANSWER,
    CarrierStatus.FAILED: Disposition.FAILED,
    CarrierStatus.CANCELED: Disposition.FAILED,
}
_RINGING = (CallStatus.DIALING, CallStatus.UNKNOWN)


def apply(call_id: UUID, update: CarrierUpdate, *, now: datetime) -> bool:
    """Keep the update, and finish a call that ended before anybody talked; False for news that is known already.

    A call that was answered is finished by the line that holds it, or by the sweep when that line is lost. A price is
    taken whenever it comes, by a transaction of its own. Raises Call.DoesNotExist.
    """
    if update.status is CarrierStatus.COMPLETED:
        news = _keep_answered(call_id, update, now=now)
    else:
        news = _keep(call_id, update, now=now)
    carrier_prices.take(call_id, update, now=now)
    return news


@transaction.atomic
def _keep_answered(call_id: UUID, update: CarrierUpdate, *, now: datetime) -> bool:
    """With the request for the price, or neither: the carrier does not say it again.

    Of a call that is over, the money is locked before the call, as everywhere; one that is not is locked by its end
    the other way round, and then has no cost yet that anybody could wait for.
    """
    if Call.objects.filter(pk=call_id, status__in=sorted(TERMINAL)).exists():
        ledger.locked_holds(call_id)
    news = _keep(call_id, update, now=now)
    carrier_prices.expect(call_id, now=now)
    return news


@transaction.atomic
def _keep(call_id: UUID, update: CarrierUpdate, *, now: datetime) -> bool:
    call = Call.objects.select_for_update(of=("self",)).select_related("lead", "campaign").get(pk=call_id)
    kind = f"carrier.{update.status or 'machine'}"
    if CallEvent.objects.filter(call=call, kind=kind).exists():
        return False
    fields = {
        "sequence": update.sequence,
        "answered_by": update.answered_by,
        "duration_s": update.duration_s,
        "error_code": update.error_code,
    }
    note(call_id, kind, at=now, fields={key: value for key, value in fields.items() if value is not None})
    changes: dict[str, object] = {}
    if not call.carrier_call_id:
        changes["carrier_call_id"] = update.carrier_call_id
    if update.answered_by:
        changes["answered_by"] = update.answered_by
    if changes:
        Call.objects.filter(pk=call_id).update(**changes)
    if update.status in _ENDED_WITHOUT_TALK and CallStatus(call.status) in _RINGING:
        finish(call_id, unanswered(update, now=now), now=now)
    elif update.status is CarrierStatus.COMPLETED:
        transferring.finish_over(call_id, ended_at=now, now=now)
    return True


def unanswered(update: CarrierUpdate, *, now: datetime) -> Report:
    """The report of a call that the carrier ended before anybody talked."""
    assert update.status is not None
    disposition = _ENDED_WITHOUT_TALK[update.status]
    summary = f"The carrier ended the call: {update.status}."
    if update.status is CarrierStatus.FAILED and update.error_code in BAD_NUMBER_CODES:
        disposition, summary = Disposition.BAD_NUMBER, "The carrier does not know this number."
    return Report(Outcome(disposition, summary), EndedBy.CARRIER, ended_at=now)
