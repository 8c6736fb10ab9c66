"""Telling others what happened: written down with the event, sent afterwards, at least once.

An attempt holds no transaction and no lock while it waits for the receiver: it takes its rows by moving their
``next_attempt_at`` to the end of a lease, and a worker that dies leaves rows that are simply due again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from billing.models import Alert, Budget, Level
from calls.models import Appointment, Call, CallAnalysis
from calls.services.analysis_data import told
from calls.services.database import alone
from integrations.adapters import http
from integrations.domain.webhooks import body_of, headers_of, retry_after
from integrations.models import ANALYSED, Delivery, Endpoint, EventType

log = structlog.get_logger(__name__)

BATCH = 50
LEASE = timedelta(seconds=60)
ANNOUNCED_WITHIN = timedelta(days=2)
_DELIVERY_LOCK = 7_201_002


def announce(call: Call, *, now: datetime) -> None:
    """Write down that every active endpoint is to be told of this finished call; again changes nothing."""
    _write_down(EventType.CALL_FINISHED, data_of(call), call=call, now=now)


def announce_analysis(analysis: CallAnalysis, *, now: datetime) -> None:
    """Write down that every active endpoint is to be told of this analysis, or of what a model added to it.

    Nobody is told of calls that ended long ago: a newer analyser looks at years of them.
    """
    call = analysis.call
    if call.ended_at is None or call.ended_at < now - ANNOUNCED_WITHIN:
        return
    event = EventType.CALL_ANALYSED if analysis.model_made_at is None else EventType.CALL_ANALYSED_BY_MODEL
    _write_down(event, {"id": str(call.pk), "analysis": told(analysis)}, call=call, now=now)


def forget_words(call_ids: Collection[UUID], *, whole: bool) -> None:
    """What was masked in a call, or erased as a ``whole``, is gone from the messages about it too, sent or not."""
    about = Delivery.objects.filter(call__in=call_ids)
    about.filter(event_type__in=ANALYSED if whole else [EventType.CALL_ANALYSED_BY_MODEL]).delete()
    if not whole:
        return
    for delivery in about.filter(event_type=EventType.CALL_FINISHED).select_for_update():
        delivery.payload["data"] |= {"summary": "", "facts": {}}
        delivery.save(update_fields=["payload"])


def announce_alert(alert: Alert, *, now: datetime) -> None:
    """Write down that every active endpoint is to be told of this alert, which has just been opened."""
    if alert.budget is None:
        _write_down(EventType.TROUBLE, _data_of_trouble(alert), call=None, now=now)
    else:
        _write_down(EventType.BUDGET_ALERT, _data_of_alert(alert, alert.budget), call=None, now=now)


def send_test_event(endpoint: Endpoint, *, now: datetime) -> Delivery:
    """A message without a call, to see whether the receiver is there and checks the signature."""
    payload = {
        "type": EventType.TEST.value,
        "timestamp": now.isoformat(),
        "data": {"endpoint": endpoint.pk, "description": endpoint.description},
    }
    return Delivery.objects.create(
        endpoint=endpoint, event_type=EventType.TEST, payload=payload, next_attempt_at=now, created_at=now
    )


def send_again(deliveries: Iterable[str], *, now: datetime) -> int:
    """Make the deliveries with these ids due as if they were new; how many there were."""
    return Delivery.objects.filter(pk__in=list(deliveries)).update(
        attempts=0, next_attempt_at=now, delivered_at=None, last_error=""
    )


def deliver_due(
    *,
    now: datetime,
    open_client: Callable[[], httpx.AsyncClient] | None = None,
    deadline_s: float = http.DEADLINE_S,
) -> int:
    """Send what is due, at most ``BATCH`` messages, all at once; how many were tried.

    ``deadline_s`` bounds the whole attempt and must be well below the lease. A success is any 2xx; 410 disables the
    endpoint; anything else is tried again at growing intervals and then given up.
    """
    claimed = _claim(now)
    if not claimed:
        return 0
    client = open_client() if open_client else http.client(any_address=settings.DEBUG)
    posts = [_post_of(delivery, now) for delivery in claimed]
    answers = asyncio.run(http.post_all(posts, client=client, deadline_s=deadline_s))
    for delivery, answer in zip(claimed, answers, strict=True):
        _record(delivery, answer, now)
    return len(claimed)


def deliver_alone(*, now: datetime) -> bool:
    """One round of ``deliver_due``; False when another process is at it.

    A receiver that hangs costs a round its deadline. Rounds that overlapped would take every process of a worker for
    that long, and nothing would be dispatched or swept meanwhile.
    """
    with alone(_DELIVERY_LOCK) as free:
        if free:
            deliver_due(now=now)
        return free


def _write_down(event: EventType, data: Mapping[str, object], *, call: Call | None, now: datetime) -> None:
    payload = {"type": event.value, "timestamp": now.isoformat(), "data": data}
    Delivery.objects.bulk_create(
        [
            Delivery(
                endpoint=endpoint,
                call=call,
                event_type=event,
                payload=payload,
                next_attempt_at=now,
                created_at=now,
            )
            for endpoint in Endpoint.objects.filter(active=True)
        ],
        ignore_conflicts=True,
    )


def data_of(call: Call) -> dict[str, object]:
    appointment = Appointment.objects.filter(call=call).first()
    return {
        "id": str(call.pk),
        "direction": call.direction,
        "phone": call.lead.phone,
        "name": call.lead.name,
        "disposition": call.disposition,
        "summary": call.summary,
        "facts": call.facts,
        "score": call.score,
        "script": {"name": call.script.name, "version": call.script.number} if call.script else None,
        "script_version": call.script_version,
        "cost_usd": f"{call.cost:.6f}",
        "appointment_at": appointment.start_at.isoformat() if appointment else None,
        "appointment_confirmed": appointment.is_sure if appointment else None,
        "ended_at": call.ended_at.isoformat() if call.ended_at else None,
    }


def _data_of_trouble(alert: Alert) -> dict[str, object]:
    """``held_up`` counts the calls that wait."""
    return {
        "id": alert.pk,
        "level": alert.level,
        "kind": alert.kind,
        "held_up": int(alert.value),
        "text": alert.text,
    }


def _data_of_alert(alert: Alert, budget: Budget) -> dict[str, object]:
    """Amounts and parts as text; ``period`` is empty for what is not of one."""
    balance = alert.balance
    return {
        "id": alert.pk,
        "level": alert.level,
        "kind": alert.kind,
        "budget": budget.name,
        "budget_id": budget.pk,
        "currency": budget.currency,
        "period": balance.period if balance else "",
        "value": f"{alert.value:f}",
        "threshold": f"{alert.threshold:f}",
        "text": alert.text,
        "stops_dialing": alert.level == Level.EMERGENCY,
    }


@transaction.atomic
def _claim(now: datetime) -> list[Delivery]:
    """Take due rows that nobody else is taking, until the lease ends."""
    due = Delivery.objects.due(now=now).select_related("endpoint")
    claimed = list(due.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in claimed]).update(
        attempts=F("attempts") + 1, next_attempt_at=now + LEASE
    )
    for delivery in claimed:
        delivery.attempts += 1
        delivery.next_attempt_at = now + LEASE
    return claimed


def _post_of(delivery: Delivery, now: datetime) -> http.Post:
    body = body_of(delivery.payload)
    headers = headers_of(delivery.pk, secret=delivery.endpoint.secret, timestamp_s=int(now.timestamp()), body=body)
    return http.Post(delivery.endpoint.url, headers, body)


def _record(delivery: Delivery, answer: http.Answer, now: datetime) -> None:
    """Write the attempt's end, unless the row was taken from it: its lease ran out, or somebody sent it again."""
    fields = {"delivery_id": delivery.pk, "endpoint_id": delivery.endpoint_id, "attempts": delivery.attempts}
    held = Delivery.objects.filter(pk=delivery.pk, next_attempt_at=delivery.next_attempt_at)
    if not answer.error:
        held.update(next_attempt_at=None, delivered_at=now, last_error="")
        log.info("integrations.delivered", status=answer.status, **fields)
        return
    wait = retry_after(delivery.attempts)
    if answer.status == httpx.codes.GONE:
        Endpoint.objects.filter(pk=delivery.endpoint_id).update(active=False)
        held.update(next_attempt_at=None, last_error="HTTP 410: the receiver is gone, so its endpoint was disabled.")
        log.warning("integrations.endpoint_disabled", status=answer.status, **fields)
    elif wait is None:
        error = f"Gave up after {delivery.attempts} attempts: {answer.error}"
        held.update(next_attempt_at=None, last_error=error[:300])
        log.error("integrations.delivery_given_up", status=answer.status, **fields)
    else:
        held.update(next_attempt_at=now + wait, last_error=answer.error[:300])
        log.warning("integrations.delivery_failed", status=answer.status, retry_s=wait.total_seconds(), **fields)
