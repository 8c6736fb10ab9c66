"""Stop calling a number: at once, everywhere."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from billing.services import ledger
from calls.domain.status import CallStatus, sources_of
from calls.models import Call, Lead, Suppression
from calls.models.lead import LeadStatus
from calls.services.moving import move


@transaction.atomic
def suppress(phone: str, *, source: str, said: str, now: datetime, call_id: UUID | None = None) -> bool:
    """Put the number on the do-not-call list, close its leads in every campaign and cancel its calls yet to ring.

    False when it is on the list already; the first entry, with its evidence, stays. The order of locks is that of
    finishing a call: call, lead, budgets.
    """
    _, created = Suppression.objects.get_or_create(
        phone=phone, defaults={"source": source, "said": said[:300], "call_id": call_id, "created_at": now}
    )
    not_rung = Call.objects.filter(to_number=phone, status__in=sorted(sources_of(CallStatus.CANCELED)))
    waiting = list(not_rung.values_list("pk", flat=True))
    canceled = [pk for pk in waiting if _cancel_status(pk, at=now, why="call.canceled_opt_out")]
    Lead.objects.filter(phone=phone, status=LeadStatus.OPEN).update(
        status=LeadStatus.CLOSED, closed_reason="The number is on the do-not-call list."
    )
    if canceled:  # with the call that asks, which may be about to be settled: one order for all their budgets
        ledger.lock([*canceled, *([call_id] if call_id else [])])
    for pk in canceled:
        ledger.release(pk, at=now)
    return created


def record_opt_out(call: Call, said: str, *, now: datetime) -> bool:
    """The person on ``call`` asked not to be called again, by voice or with key 9."""
    source = "key" if said.strip() == "9" else "voice"
    return suppress(call.to_number, source=source, said=said, now=now, call_id=call.pk)


@transaction.atomic
def cancel(call_id: UUID, *, at: datetime, why: str, fence: int | None = None) -> bool:
    """End a call that has not rung and give its hold back; False when it is past that."""
    if not _cancel_status(call_id, at=at, why=why, fence=fence):
        return False
    ledger.release(call_id, at=at)
    return True


def _cancel_status(call_id: UUID, *, at: datetime, why: str, fence: int | None = None) -> bool:
    return move(call_id, CallStatus.CANCELED, at=at, why=why, fence=fence, changes={"ended_at": at})
