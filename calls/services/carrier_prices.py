"""What the carrier charges for a call, which it tells some time after the end: asked for, and booked."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from itertools import islice
from time import monotonic
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
_BATCH = 1000
_AT_ONCE = 8
"""So many questions are open at the carrier: at 200 ms each, 2,400 calls a minute."""
_ROUND_S = 50
"""No question is begun later in a round, so that a slow carrier is asked for the longest waiting again and again."""
_MAX_SILENCES = 3
_LEADER_LOCK = 7_201_003
_Answer = Future[CarrierUpdate | None]
_ANSWERED = f"carrier.{CarrierStatus.COMPLETED}"
"""Of a call that was not answered the carrier says busy, no-answer, failed or canceled."""


def ask_prices(*, dialer: Dialer, now: datetime) -> bool:
    """One round over the calls whose price is due, the longest waiting first; False when another process is at it.

    A carrier that does not answer, three times in a row, ends the round, since each silence costs a timeout. Its
    calls are asked for later like those that have no price yet, so that one that it chokes on holds up no other.
    """
    with alone(_LEADER_LOCK) as leading:
        if leading:
            _round(dialer, now=now)
        return leading


def _round(dialer: Dialer, *, now: datetime) -> None:
    """Threads wait for the carrier and touch no database; this one books the answers, in the order of asking."""
    references = carrier_price.due(at=now, limit=_BATCH)
    carrier_ids = dict(Call.objects.filter(pk__in=references).values_list("pk", "carrier_call_id"))
    left = iter(references)
    until, silences = monotonic() + _ROUND_S, 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="carrier-price") as pool:

        def asked(reference: UUID) -> tuple[UUID, _Answer]:
            return reference, pool.submit(_fetch, dialer, carrier_ids.get(reference, ""))

        waiting = deque(map(asked, islice(left, _AT_ONCE)))
        while waiting:
            silences = 0 if _book(*waiting.popleft(), now=now) else silences + 1
            if silences < _MAX_SILENCES and monotonic() < until:
                waiting.extend(map(asked, islice(left, 1)))
            else:
                left = iter(())


def _fetch(dialer: Dialer, carrier_call_id: str) -> CarrierUpdate | None:
    return dialer.fetch(carrier_call_id) if carrier_call_id else None


def _book(call_id: UUID, answer: _Answer, *, now: datetime) -> bool:
    """Take the price, or ask later; False where the carrier was silent."""
    try:
        update = answer.result()
        if update is None or not take(call_id, update, now=now):
            carrier_price.ask_later(call_id, at=now)
    except CarrierError as error:
        log.warning("carrier_price.carrier_silent", call_id=str(call_id), error=str(error))
        carrier_price.ask_later(call_id, at=now)
        return False
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("carrier_price.failed", call_id=str(call_id))
        carrier_price.ask_later(call_id, at=now)
    return True


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
    """The carrier says that the call was answered. Where nobody was by our books, it is paid for all the same.

    In the transaction that keeps what the carrier said: it says so once.
    """
    carrier_price.expect(call_id, at=now)


def on_finished(sender: type, *, call: Call, now: datetime, **_newer: Any) -> None:
    """The carrier may have said so before the call was over here."""
    del sender
    if call.billed_s is None and CallEvent.objects.filter(call=call, kind=_ANSWERED).exists():
        carrier_price.expect(call.pk, at=now)
