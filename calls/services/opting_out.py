"""Stop calling a person: at once, everywhere, and for good unless somebody with the right takes it back.

Opt-outs go one at a time, under an advisory lock that every call shares in the transaction that writes down its
intent to ring. So a call either has its intent committed before the opt-out is, or never rings. The order of locks is
that of finishing a call: call, this lock, calls yet to ring, leads, budgets. A lead that is locked is not waited for
with this lock, which holds up every ring: it is closed after the commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from billing.services import ledger
from calls.domain.status import CallStatus, sources_of
from calls.models import Call, Lead, Suppression, SuppressionEntry
from calls.models.lead import LeadStatus
from calls.services import ending
from calls.services.moving import move
from calls.services.persons import numbers_of_same_person

log = structlog.get_logger(__name__)
_OPT_OUT_LOCK = 7_201_009
WRONG_NUMBER = "wrong_number"
_CLOSED = {"status": LeadStatus.CLOSED, "closed_reason": "The number is on the do-not-call list."}
Kind = SuppressionEntry.Kind


@dataclass(frozen=True, slots=True)
class OptOut:
    """That ``phone``, in E.164, is not to be called; the fields are those of ``Suppression``."""

    phone: str
    source: str
    said: str = ""
    by: str = ""
    reference: str = ""
    origin: str = ""
    call_id: UUID | None = None


def suppress(
    phone: str,
    *,
    source: str,
    said: str,
    now: datetime,
    call_id: UUID | None = None,
    by: str = "",
    reference: str = "",
) -> bool:
    """Put the number, and the others of the same person, on the do-not-call list; see ``suppress_all``.

    False when it is on the list already; the first entry, with its evidence, stays.
    """
    request = OptOut(phone, source, said, by=by, reference=reference, call_id=call_id)
    return phone in suppress_all([request], now=now)


@transaction.atomic
def suppress_all(requests: Sequence[OptOut], *, now: datetime) -> set[str]:
    """Put the numbers on the list, close their leads in every campaign and cancel their calls yet to ring.

    The other numbers of the same persons follow, each with an entry that names its origin; not after a wrong number,
    whose owner is somebody else. The numbers that came on the list are returned. Calls that ring are hung up after
    the commit, those that talk as well where the settings say so.
    """
    one_at_a_time()
    wanted = {one.phone: one for one in reversed(requests)}  # the first of a number counts
    personal = [one.phone for one in wanted.values() if one.source != WRONG_NUMBER and not one.origin]
    for phone, origin in numbers_of_same_person(personal).items():
        wanted.setdefault(phone, replace(wanted[origin], phone=phone, origin=origin))
    added = _enter(wanted.values(), now=now)
    asking = {one.call_id for one in requests if one.call_id}
    canceled = _cancel_waiting(wanted, now=now)
    _close_leads(list(wanted))
    _give_back(canceled, asking=asking, now=now)
    # After the commit: a call whose carrier's id comes later than this looks at the list itself.
    transaction.on_commit(partial(_end_under_way, list(wanted), asking, now), robust=True)
    log.info("opt_out.taken", asked=len(requests), numbers=len(wanted), added=len(added))
    return added


def record_opt_out(call: Call, said: str, *, now: datetime) -> bool:
    """The person on ``call`` asked not to be called again, by voice or with key 9."""
    source = "key" if said.strip() == "9" else "voice"
    return suppress(call.to_number, source=source, said=said, now=now, call_id=call.pk)


@transaction.atomic
def lift(phone: str, *, reason: str, by: str, now: datetime) -> bool:
    """Take the number off the list, as an entry of its own; its leads stay closed. False where it is not on it."""
    one_at_a_time()
    entry = Suppression.objects.filter(phone=phone)
    if not entry.exists():
        return False
    SuppressionEntry.objects.create(phone=phone, kind=Kind.LIFTED, source="admin", said=reason[:300], by=by, at=now)
    entry.delete()
    log.info("opt_out.lifted")
    return True


def one_at_a_time() -> None:
    """Wait for opt-outs, and for calls about to ring, and hold both off until this transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_OPT_OUT_LOCK])


def hold_off() -> None:
    """Wait for opt-outs, and hold new ones off until this transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_OPT_OUT_LOCK])


def may_not_ring(phone: str) -> bool:
    """Whether the number is on the list, with every opt-out held off until this transaction's end."""
    hold_off()
    return is_suppressed(phone)


def is_suppressed(phone: str) -> bool:
    return Suppression.objects.filter(phone=phone).exists()


@transaction.atomic
def cancel(call_id: UUID, *, at: datetime, why: str, fence: int | None = None) -> bool:
    """End a call that has not rung and give its hold back; False when it is past that."""
    if not _cancel_status(call_id, at=at, why=why, fence=fence):
        return False
    ledger.release(call_id, at=at)
    return True


def _enter(requests: Iterable[OptOut], *, now: datetime) -> set[str]:
    by_phone = {one.phone: one for one in requests}
    listed = set(Suppression.objects.filter(phone__in=by_phone).values_list("phone", flat=True))
    fresh = [one for phone, one in sorted(by_phone.items()) if phone not in listed]
    fields = [
        {
            "phone": one.phone,
            "source": one.source,
            "said": one.said.replace("\0", "")[:300],
            "by": one.by[:150],
            "reference": one.reference[:64],
            "origin": one.origin,
            "call_id": one.call_id,
        }
        for one in fresh
    ]
    Suppression.objects.bulk_create(Suppression(created_at=now, **each) for each in fields)
    SuppressionEntry.objects.bulk_create(SuppressionEntry(kind=Kind.SUPPRESSED, at=now, **each) for each in fields)
    return {one.phone for one in fresh}


def _cancel_waiting(phones: Iterable[str], *, now: datetime) -> list[UUID]:
    not_rung = Call.objects.filter(to_number__in=phones, status__in=sorted(sources_of(CallStatus.CANCELED)))
    waiting = list(not_rung.order_by("pk").values_list("pk", flat=True))
    return [pk for pk in waiting if _cancel_status(pk, at=now, why="call.canceled_opt_out")]


def _close_leads(phones: list[str]) -> None:
    """At once but for those that others have locked, which are closed after the commit, one at a time."""
    theirs = Lead.objects.filter(phone__in=phones, status=LeadStatus.OPEN)
    free = theirs.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
    Lead.objects.filter(pk__in=list(free)).update(**_CLOSED)
    transaction.on_commit(partial(_close_late, phones), robust=True)


def _close_late(phones: list[str]) -> None:
    """Those that are not closed here, as by a process that dies, the gates close when their turn comes."""
    for lead_id in list(Lead.objects.filter(phone__in=phones, status=LeadStatus.OPEN).values_list("pk", flat=True)):
        listed = Suppression.objects.filter(phone=OuterRef("phone"))
        Lead.objects.filter(Exists(listed), pk=lead_id, status=LeadStatus.OPEN).update(**_CLOSED)


def _give_back(canceled: Sequence[UUID], *, asking: set[UUID], now: datetime) -> None:
    if canceled:  # with the call that asks, which may be about to be settled: one order for all their budgets
        ledger.lock([*canceled, *asking])
    for pk in canceled:
        ledger.release(pk, at=now)


def _end_under_way(phones: Iterable[str], asking: set[UUID], now: datetime) -> None:
    """Nobody has talked on a call that rings yet. A call on which the person asks ends by itself.

    One that changes its line, or is put through, is nobody's and talks all the same.
    """
    rings = Q(status__in=[CallStatus.DIALING.value, CallStatus.UNKNOWN.value], answered_at__isnull=True)
    talks = Q(status__in=[CallStatus.LIVE.value, CallStatus.UNKNOWN.value])
    ended = rings | talks if settings.OPT_OUT_ENDS_LIVE_CALLS else rings
    ending.hang_up(Call.objects.filter(ended, to_number__in=phones).exclude(pk__in=asking), at=now)


def _cancel_status(call_id: UUID, *, at: datetime, why: str, fence: int | None = None) -> bool:
    return move(call_id, CallStatus.CANCELED, at=at, why=why, fence=fence, changes={"ended_at": at})
