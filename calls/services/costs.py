"""What calls cost: written down as they end, summed by the day, asked for by the pages.

A finished call leaves one event, which locks nothing. Workers fold events into daily sums; a question reads the sums
and what is not folded yet in one statement, so its answer is exact at any moment. Why: docs/adr/0009.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Exists, OuterRef, Subquery

from billing.models import LedgerEntry
from calls.domain.costs import Dimension, Figures, hour_in, is_conversation, is_qualified
from calls.domain.status import MAY_HAVE_RUNG
from calls.models import Appointment, Call, CostDaily, CostEvent, LeadRow, Turn
from calls.services import facts

log = structlog.get_logger(__name__)

_BATCH = 5_000
_SUMS = ("dials", "conversations", "qualified", "appointments", "seconds", "cost")
_VALUE_OF = {
    Dimension.CAMPAIGN: "campaign::text",
    Dimension.LIST: "coalesce(lead_list::text, '')",
    Dimension.HOUR: "coalesce(lpad(hour::text, 2, '0'), '')",
    Dimension.CALLER_ID: "caller_id",
    Dimension.SCRIPT: "script",
    Dimension.VOICE: "voice",
    Dimension.TIER: "tier",
}
"""An event's value of each dimension, in SQL and always text."""
_FEWEST_VALUES = Dimension.TIER
"""Any dimension gives the totals; this one has the fewest rows to sum."""
QUARTER = "date_bin('15 minutes', booked_at, '2000-01-01Z')"
"""The quarter of an hour in which an event's money was held."""

# Several may run at once: each takes events that no other has, and all write the sums in one order, so none waits for
# one that waits for it. Marking and summing are one statement: both happen or neither.
_FOLD = f"""
    WITH picked AS MATERIALIZED (
        SELECT id FROM calls_costevent WHERE NOT folded ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE calls_costevent event SET folded = true FROM picked WHERE event.id = picked.id RETURNING event.*
    ), summed AS (
        INSERT INTO calls_costdaily AS daily (campaign, dimension, currency, day, value, {", ".join(_SUMS)})
        SELECT scope.within, part.dimension, currency, day, part.value,
               {", ".join(f"sum({name})" for name in _SUMS)}
        FROM taken
        CROSS JOIN LATERAL (VALUES ({CostDaily.EVERY_CAMPAIGN}), (taken.campaign)) AS scope(within)
        CROSS JOIN LATERAL (
            VALUES {", ".join(f"('{dimension}', {value})" for dimension, value in _VALUE_OF.items())}
        ) AS part(dimension, value)
        GROUP BY 1, 2, 3, 4, 5
        ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (campaign, dimension, currency, day, value) DO UPDATE
        SET {", ".join(f"{name} = daily.{name} + excluded.{name}" for name in _SUMS)}
    ), charged AS (
        INSERT INTO calls_budgetsum AS used (budget, since, calls, charged)
        SELECT budget, {QUARTER}, count(*), sum(cost) FROM taken CROSS JOIN LATERAL unnest(taken.budgets) AS budget
        WHERE NOT correction
        GROUP BY 1, 2
        ORDER BY 1, 2
        ON CONFLICT (budget, since) DO UPDATE
        SET calls = used.calls + excluded.calls, charged = used.charged + excluded.charged
    )
    SELECT count(*) FROM taken
"""  # noqa: S608 - made of the constants above

_ASK = f"""
    SELECT asked.{{key}}, {", ".join(f"sum({name})" for name in _SUMS)}
    FROM (
        SELECT day, value, {", ".join(_SUMS)} FROM calls_costdaily
        WHERE campaign = %(campaign)s AND dimension = %(dimension)s AND currency = %(currency)s
              AND day BETWEEN %(since)s AND %(until)s
        UNION ALL
        SELECT day, {{value}}, {", ".join(_SUMS)} FROM calls_costevent
        WHERE NOT folded AND %(campaign)s IN ({CostDaily.EVERY_CAMPAIGN}, campaign) AND currency = %(currency)s
              AND day BETWEEN %(since)s AND %(until)s
    ) AS asked
    GROUP BY 1
"""  # noqa: S608 - made of the constants above


@dataclass(frozen=True, slots=True)
class Question:
    """Days ``since`` to ``until``, both included, in the report zone; every campaign where none is named."""

    since: date
    until: date
    campaign_id: int | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one value of a dimension."""

    value: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    figures: Figures


def event_of(call: Call) -> CostEvent:
    """What a finished call counts as, not yet saved; its cost is still to be set."""
    holds = LedgerEntry.objects.filter(reference=OuterRef("pk"), kind=LedgerEntry.Kind.HOLD).order_by("budget")
    spoke, booked, list_id, currency, budgets, booked_at = (
        Call.objects.filter(pk=call.pk)
        .values_list(
            Exists(Turn.objects.filter(call=OuterRef("pk"), speaker="lead")),
            Exists(Appointment.objects.filter(call=OuterRef("pk"))),
            Subquery(
                LeadRow.objects.filter(lead=OuterRef("lead"), fate=LeadRow.Fate.IMPORTED)
                .order_by("pk")
                .values("source")[:1]
            ),
            Subquery(holds.values("budget__currency")[:1]),  # not the campaign's, which may have another one by now
            ArraySubquery(holds.values("budget")),
            Subquery(holds.values("booked_at")[:1]),
        )
        .get()
    )
    at = call.dialed_at or call.queued_at
    return CostEvent(
        reference=call.pk,
        at=at,
        day=day_of(at),
        campaign=call.campaign_id,
        lead_list=list_id,
        hour=hour_in(facts.zones_of(call.lead), at),
        caller_id=call.from_number,
        script=call.script_version,
        voice=call.voice,
        tier=call.tier,
        currency=currency,
        budgets=budgets,
        booked_at=booked_at,
        dials=_rang(call),
        conversations=is_conversation(call.disposition, lead_spoke=spoke),
        qualified=is_qualified(call.disposition),
        appointments=booked,
        seconds=call.billed_s or 0,
    )


def _rang(call: Call) -> bool:
    """Whether the carrier took the call; one that it refused rang nowhere and cost nobody an attempt of theirs."""
    return call.dialed_at is not None and (call.status in MAY_HAVE_RUNG or bool(call.carrier_call_id))


def record(event: CostEvent, cost: Decimal) -> None:
    """Let a finished call count. Belongs into the transaction that finishes it."""
    event.cost = cost
    event.save(force_insert=True)


def correct(call_id: UUID, change: Decimal, at: datetime) -> None:
    """Let a later ``change`` of a finished call's cost, which may be negative, count on the day of the call.

    Belongs into the transaction that changes the call's cost. Raises CostEvent.DoesNotExist for a call that has not
    ended.
    """
    event = CostEvent.objects.get(reference=call_id, correction=False)
    CostEvent.objects.create(
        reference=call_id,
        correction=True,
        at=at,
        day=event.day,
        campaign=event.campaign,
        lead_list=event.lead_list,
        hour=event.hour,
        caller_id=event.caller_id,
        script=event.script,
        voice=event.voice,
        tier=event.tier,
        currency=event.currency,
        cost=change,
    )


def day_of(at: datetime) -> date:
    """The day of ``at`` in the report zone."""
    return at.astimezone(ZoneInfo(settings.REPORT_ZONE)).date()


def fold(*, batch: int = _BATCH) -> int:
    """Add what is not in the daily sums yet to them, ``batch`` events a transaction; how many events were added.

    Any number of workers may do so at once. One that is killed leaves what it had not committed to the next.
    """
    folded = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FOLD, [batch])
            taken: int = cursor.fetchone()[0]
            folded += taken
            if taken < batch:
                break
    if folded:
        log.info("costs.folded", events=folded)
    return folded


def by(dimension: Dimension, question: Question) -> list[Part]:
    """The figures of each value that a call of these days had, the dearest first."""
    parts = [Part(value, figures) for value, figures in _ask(dimension, question, key="value")]
    return sorted(parts, key=lambda part: (-part.figures.cost, part.value))


def per_day(question: Question) -> list[Day]:
    """The figures of each day that had a call, the earliest first."""
    days = [Day(day, figures) for day, figures in _ask(_FEWEST_VALUES, question, key="day")]
    return sorted(days, key=lambda one: one.day)


def total(parts: Sequence[Part] | Sequence[Day]) -> Figures:
    return sum((part.figures for part in parts), Figures())


def currencies() -> list[str]:
    """Those in which calls were priced, ever."""
    daily = CostDaily.objects.filter(campaign=CostDaily.EVERY_CAMPAIGN, dimension=_FEWEST_VALUES.value)
    waiting = CostEvent.objects.filter(folded=False)
    rows = daily.values_list("currency").union(waiting.values_list("currency"))
    return sorted(currency for (currency,) in rows)


def _ask(dimension: Dimension, question: Question, *, key: str) -> list[tuple[Any, Figures]]:
    statement = _ASK.format(key=key, value=f"{_VALUE_OF[dimension]} AS value")
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "campaign": question.campaign_id or CostDaily.EVERY_CAMPAIGN,
                "dimension": dimension.value,
                "currency": question.currency,
                "since": question.since,
                "until": question.until,
            },
        )
        return [(key, _figures(sums)) for key, *sums in cursor.fetchall()]


def _figures(sums: Sequence[Decimal]) -> Figures:
    """From a row's sums in the order of ``_SUMS``; PostgreSQL's sums of integers come as decimals."""
    *counts, cost = sums
    dials, conversations, qualified, appointments, seconds = map(int, counts)
    return Figures(dials, conversations, qualified, appointments, seconds, cost)
