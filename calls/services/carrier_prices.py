"""What the carrier charges for a call, which it tells some time after the end: asked for, and booked."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from billing.models import CallCost
from billing.services import carrier_price
from calls.domain.status import TERMINAL
from calls.models import Call, CallEvent, CostEvent
from calls.services import costs
from calls.services.database import alone
from voice.domain.types import CarrierStatus, CarrierUpdate
from voice.ports import CarrierError, Dialer

log = structlog.get_logger(__name__)
_BATCH = 100
_MAX_SILENCES = 3
_LEADER_LOCK = 7_201_003
_ANSWERED = f"carrier.{CarrierStatus.COMPLETED}"
"""Of a call that was not answered the carrier says busy, no-answer, failed or canceled."""


def ask_prices(*, dialer: Dialer, now: datetime) -> bool:
    """One round over the calls whose price is due, the longest waiting first; False when another process is at it.

    A carrier that does not answer ends the round, since each silence costs a timeout. Its calls are asked for later
    like those that have no price yet, so that one call that it chokes on holds up no other.
    """
    with alone(_LEADER_LOCK) as leading:
        if leading:
            _round(dialer, now=now)
        return leading


def _round(dialer: Dialer, *, now: datetime) -> None:
    silences = 0
    references = carrier_price.due(at=now, limit=_BATCH)
    carrier_ids = dict(Call.objects.filter(pk__in=references).values_list("pk", "carrier_call_id"))
    for reference in references:
        try:
            _ask(reference, carrier_ids.get(reference, ""), dialer, now=now)
        except CarrierError as error:
            log.warning("carrier_price.carrier_silent", call_id=str(reference), error=str(error))
            carrier_price.ask_later(reference, at=now)
            silences += 1
            if silences == _MAX_SILENCES:
                break
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("carrier_price.failed", call_id=str(reference))
            carrier_price.ask_later(reference, at=now)


def _ask(call_id: UUID, carrier_call_id: str, dialer: Dialer, *, now: datetime) -> None:
    update = dialer.fetch(carrier_call_id) if carrier_call_id else None
    if update is None or not take(call_id, update, now=now):
        carrier_price.ask_later(call_id, at=now)


def take(call_id: UUID, update: CarrierUpdate, *, now: datetime) -> bool:
    """Book the price that the carrier's word on a call carries; False where it has none that could be taken.

    That of a call which is not over says nothing yet: it is asked for afterwards. Its own transaction, in none of the
    caller's: it locks the call's money first and the call last.
    """
    if update.price is None or not Call.objects.filter(pk=call_id, status__in=sorted(TERMINAL)).exists():
        return False
    carrier_price.apply(call_id, update.price, update.price_unit or "", at=now)
    return CallCost.objects.filter(pk=call_id, carrier_price__isnull=False).exists()


def follow(sender: type, *, reference: UUID, charged: Decimal, change: Decimal, at: datetime, **_newer: Any) -> None:
    """A settled call was charged otherwise: its own cost and the figures follow, in the same transaction.

    The call's row is locked after its budgets here and before them where a call ends. That is safe, since a call that
    is over ends no more.
    """
    del sender
    Call.objects.filter(pk=reference).update(cost=charged)
    if CostEvent.objects.filter(reference=reference, correction=False).exists():
        costs.correct(reference, change, at)


def expect(call_id: UUID, *, now: datetime) -> None:
    """The carrier says that the call was answered. Where nobody was by our books, it is paid for all the same."""
    carrier_price.expect(call_id, at=now)


def on_finished(sender: type, *, call: Call, now: datetime, **_newer: Any) -> None:
    """The carrier may have said so before the call was over here."""
    del sender
    if call.billed_s is None and CallEvent.objects.filter(call=call, kind=_ANSWERED).exists():
        carrier_price.expect(call.pk, at=now)
