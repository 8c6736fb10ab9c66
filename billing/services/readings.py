"""Reads what alert rules look at. Every query is bounded: none reads more when more calls were made."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.domain.forecast import CallingHours, Sample
from billing.domain.periods import Period
from billing.models import Balance, Budget, SpendSample

LAST_CALLS = 20
"""So many of a budget's last settled calls tell what a call costs; fewer than LEAST_CALLS tell nothing."""
LEAST_CALLS = 5
LAST_PRICED = 200
"""So many of all calls that the carrier priced last tell whether its prices differ."""
LAST_APPOINTMENTS = 10
SAMPLE_EVERY = timedelta(minutes=15)
LOOK_BACK = timedelta(hours=72)
"""The pace is told from so far back; a weekend fits in."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What calls alone know of a budget.

    ``hours``: when its campaigns call, None while none of them runs. ``appointments``: when the last were booked,
    the newest first, one more than LAST_APPOINTMENTS; ``known_since`` is from when on they are all there, None for
    always.
    """

    hours: CallingHours | None = None
    appointments: tuple[datetime, ...] = ()
    known_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastCalls:
    count: int
    mean: Decimal
    dearest: Decimal


@dataclass(frozen=True, slots=True)
class LastPrices:
    count: int
    price: Decimal
    estimate: Decimal


@dataclass(slots=True)
class Seen:
    """Everything that one look reads of a budget, whose running ``balances`` are at least one."""

    balances: list[Balance] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    calls: LastCalls | None = None
    prices: LastPrices | None = None

    @property
    def budget(self) -> Budget:
        return self.balances[0].budget

    @property
    def total(self) -> Balance:
        """Every budget that has a balance has this one, and its period never ends."""
        return next(one for one in self.balances if one.period == Period.TOTAL)


def look(*, now: datetime) -> dict[int, Seen]:
    """The budgets that ever held for a call, in the order of their keys."""
    seen: defaultdict[int, Seen] = defaultdict(Seen)
    running = Balance.objects.filter(window__contains=now).select_related("budget").order_by("budget", "pk")
    for balance in running:
        seen[balance.budget_id].balances.append(balance)
    _sample(seen, now=now)
    for budget_id, calls in _last_calls(list(seen)).items():
        seen[budget_id].calls = calls
    for budget_id, prices in _last_prices(list(seen)).items():
        seen[budget_id].prices = prices
    return dict(seen)


def spent_since(wanted: Mapping[int, datetime | None], seen: Mapping[int, Seen]) -> dict[int, Sample]:
    """For each budget: from when on, and how much was spent since then. From the instant wanted, to a quarter of an
    hour; from the first sample where that is later, or for None.
    """
    if not wanted:
        return {}
    sql = """
        SELECT wanted.budget_id, sample.at, sample.spent
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS wanted (budget_id, since)
        CROSS JOIN LATERAL (
            (SELECT at, spent FROM billing_spendsample
             WHERE budget_id = wanted.budget_id AND at <= wanted.since ORDER BY at DESC LIMIT 1)
            UNION ALL
            (SELECT at, spent FROM billing_spendsample WHERE budget_id = wanted.budget_id ORDER BY at LIMIT 1)
            ORDER BY at DESC LIMIT 1
        ) AS sample
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(wanted), list(wanted.values())])
        rows: list[tuple[int, datetime, Decimal]] = cursor.fetchall()
    return {budget_id: (at, seen[budget_id].total.spent - spent) for budget_id, at, spent in rows}


def _sample(seen: Mapping[int, Seen], *, now: datetime) -> None:
    """Note what is spent once a quarter of an hour, and read the notes back with the present as their end."""
    samples = SpendSample.objects.filter(at__gte=now - LOOK_BACK, budget__in=list(seen))
    for budget_id, at, spent in samples.order_by("budget", "at").values_list("budget_id", "at", "spent"):
        seen[budget_id].samples.append((at, spent))
    slot = now - timedelta(seconds=now.timestamp() % SAMPLE_EVERY.total_seconds())
    missing = []
    for budget_id, one in seen.items():
        spent = one.total.spent
        if not one.samples or one.samples[-1][0] < slot:
            missing.append(SpendSample(budget_id=budget_id, at=slot, spent=spent))
            one.samples.append((slot, spent))
        if one.samples[-1][0] < now:
            one.samples.append((now, spent))
    SpendSample.objects.bulk_create(missing, ignore_conflicts=True)


def _last_calls(budget_ids: list[int]) -> dict[int, LastCalls]:
    sql = """
        SELECT budget.id, count(*), avg(cost.charged + cost.excess), max(cost.charged + cost.excess)
        FROM unnest(%s::bigint[]) AS budget (id)
        CROSS JOIN LATERAL (
            SELECT reference FROM billing_ledgerentry entry
            WHERE entry.budget_id = budget.id AND entry.kind = 'charge' ORDER BY entry.booked_at DESC LIMIT %s
        ) AS last
        JOIN billing_callcost cost ON cost.reference = last.reference
        GROUP BY budget.id
    """
    return {row[0]: LastCalls(row[1], row[2], row[3]) for row in _rows(sql, [budget_ids, LAST_CALLS])}


def _last_prices(budget_ids: list[int]) -> dict[int, LastPrices]:
    sql = """
        SELECT entry.budget_id, count(*), sum(last.carrier_price), sum(last.carrier_estimate)
        FROM (
            SELECT reference, carrier_price, carrier_estimate FROM billing_callcost
            WHERE carrier_price IS NOT NULL ORDER BY carrier_priced_at DESC LIMIT %s
        ) AS last
        JOIN billing_ledgerentry entry ON entry.reference = last.reference AND entry.kind = 'charge'
        WHERE entry.budget_id = ANY (%s)
        GROUP BY entry.budget_id
    """
    return {row[0]: LastPrices(row[1], row[2], row[3]) for row in _rows(sql, [LAST_PRICED, budget_ids])}


def _rows(sql: str, parameters: list[Any]) -> list[tuple[int, int, Decimal, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[int, int, Decimal, Decimal]] = cursor.fetchall()
    return rows
