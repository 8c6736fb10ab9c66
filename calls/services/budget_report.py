"""Were budgets kept to? Every budget and period, with what its ledger says."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, When

from billing.domain.periods import Period
from billing.models import Balance
from calls.services.cost_report import as_csv, json_text

_PLACES = {Period.TOTAL.value: 0, Period.MONTH.value: 1, Period.WEEK.value: 2, Period.DAY.value: 3}

# The entries of each balance are found by the budget and the instants of its period; the calls above their hold are
# few, and found by their reviews.
_COUNT = """
    SELECT balance.id, entries.calls, entries.corrections, above.excess, stopped.calls
    FROM billing_balance balance
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE entry.kind = 'charge') AS calls,
               coalesce(sum(entry.amount) FILTER (WHERE entry.kind = 'correction'), 0) AS corrections
        FROM billing_ledgerentry entry
        WHERE entry.budget_id = balance.budget_id AND entry.kind IN ('charge', 'correction')
              AND entry.booked_at >= coalesce(lower(balance.window), '-infinity')
              AND entry.booked_at < coalesce(upper(balance.window), 'infinity')
    ) AS entries
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(cost.excess), 0) AS excess
        FROM billing_review review
        JOIN billing_callcost cost ON cost.reference = review.reference AND balance.window @> cost.booked_at
        WHERE review.kind = 'excess' AND EXISTS (
            SELECT 1 FROM billing_ledgerentry entry
            WHERE entry.reference = review.reference AND entry.budget_id = balance.budget_id AND entry.kind = 'charge'
        )
    ) AS above
    CROSS JOIN LATERAL (
        SELECT count(*) AS calls
        FROM calls_callevent event
        JOIN billing_ledgerentry entry ON entry.reference = event.call_id AND entry.kind = 'hold'
        WHERE event.kind = 'call.canceled_budget_stopped' AND entry.budget_id = balance.budget_id
              AND balance.window @> entry.booked_at
    ) AS stopped
    WHERE balance.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Compliance:
    """One budget in one period. ``since`` and ``until`` are None for the total, ``limit`` and ``share`` without one.

    ``calls`` were charged, ``stopped`` canceled before they rang because dialing was stopped. ``corrections`` are the
    part of ``spent`` that came after the charge, ``excess`` the cost above holds, which the budget was not charged.
    ``kept`` says that no more is spent and held than allowed.
    """

    budget: str
    currency: str
    zone: str
    period: str
    since: datetime | None
    until: datetime | None
    limit: Decimal | None
    spent: Decimal
    held: Decimal
    share: Decimal | None
    calls: int
    stopped: int
    corrections: Decimal
    excess: Decimal
    alerts: int
    kept: bool


def periods(since: date, until: date, *, period: str = "") -> QuerySet[Balance]:
    """The balances whose period touches the days, in the report zone; by budget,
    the longest periods first and of these the newest."""
    zone = ZoneInfo(settings.REPORT_ZONE)
    days = (datetime.combine(since, time(), zone), datetime.combine(until + timedelta(days=1), time(), zone))
    found = (
        Balance.objects.filter(window__overlap=days).select_related("budget").annotate(alert_count=Count("alerts"))
    )
    if period:
        found = found.filter(period=period)
    order = Case(*(When(period=name, then=place) for name, place in _PLACES.items()), output_field=IntegerField())
    return found.order_by("budget__name", order, F("window__startswith").desc(nulls_first=True))


def compliance_of(balances: list[Balance]) -> list[Compliance]:
    """The balances of ``periods``, in their order, with what their ledger says; one statement for all."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [[balance.pk for balance in balances]])
        counts = {key: rest for key, *rest in cursor.fetchall()}
    return [_compliance(balance, *counts[balance.pk]) for balance in balances]


def _compliance(balance: Balance, calls: int, corrections: Decimal, excess: Decimal, stopped: int) -> Compliance:
    budget, limit = balance.budget, balance.limit
    zone = ZoneInfo(budget.zone)
    since, until = balance.window.lower, balance.window.upper
    return Compliance(
        budget=budget.name,
        currency=budget.currency,
        zone=budget.zone,
        period=balance.period,
        since=since and since.astimezone(zone),
        until=until and until.astimezone(zone),
        limit=limit,
        spent=balance.spent,
        held=balance.held,
        share=balance.spent / limit if limit else None,
        calls=calls,
        stopped=stopped,
        corrections=corrections,
        excess=excess,
        alerts=balance.alert_count,  # type: ignore[attr-defined]
        kept=limit is None or balance.used <= limit,
    )


def overspent(since: date, until: date) -> int:
    """How many of the balances have more spent and held than their limit; the database lets none come to be."""
    return periods(since, until).filter(Q(limit__lt=F("spent") + F("held"))).count()


def all_of(found: QuerySet[Balance], *, batch: int = 200) -> Iterator[Compliance]:
    """Every one of them, a few at a time."""
    some: list[Balance] = []
    for balance in found.iterator(chunk_size=batch):
        some.append(balance)
        if len(some) == batch:
            yield from compliance_of(some)
            some = []
    if some:
        yield from compliance_of(some)


def as_record(row: Compliance) -> dict[str, object]:
    """For a file: instants in the budget's zone, amounts with six places."""
    record = {one.name: getattr(row, one.name) for one in fields(row)}
    for name in ("since", "until"):
        record[name] = record[name] and record[name].isoformat()
    if row.share is not None:
        record["share"] = row.share.quantize(Decimal("0.000001"))
    return record


def csv_lines(found: QuerySet[Balance]) -> Iterator[str]:
    header = [one.name for one in fields(Compliance)]
    return as_csv(header, (list(as_record(row).values()) for row in all_of(found)))


def json_lines(found: QuerySet[Balance]) -> Iterator[str]:
    """A list of records, one a line."""
    separator = "[\n"
    for row in all_of(found):
        yield separator + json_text(as_record(row), indent=None)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
