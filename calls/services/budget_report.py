"""Were budgets kept to? Every budget and period, with what its ledger says."""

from collections.abc import Iterator, Mapping
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
from calls.services.costs import QUARTER

_PLACES = {Period.TOTAL.value: 0, Period.MONTH.value: 1, Period.WEEK.value: 2, Period.DAY.value: 3}

# The calls of a period are summed by the quarter of an hour, what is not folded yet before all else. What was
# corrected is what is spent besides the charges. Calls above their hold are few and found by their reviews, canceled
# ones by their status.
_COUNT = f"""
    WITH page AS MATERIALIZED (
        SELECT id, budget_id, spent, held, coalesce(lower("window"), '-infinity') AS since,
               coalesce(upper("window"), 'infinity') AS until
        FROM billing_balance WHERE id = ANY(%s)
    ), waiting AS MATERIALIZED (
        SELECT budget, {QUARTER} AS since, count(*) AS calls, sum(cost) AS charged
        FROM calls_costevent CROSS JOIN LATERAL unnest(budgets) AS budget
        WHERE NOT folded AND NOT correction GROUP BY 1, 2
    ), above AS MATERIALIZED (
        SELECT entry.budget_id, cost.booked_at AS since, cost.excess
        FROM billing_review review
        JOIN billing_callcost cost ON cost.reference = review.reference
        JOIN billing_ledgerentry entry ON entry.reference = review.reference AND entry.kind = 'charge'
        WHERE review.kind = 'excess'
    ), stopped AS MATERIALIZED (
        SELECT entry.budget_id, entry.booked_at AS since
        FROM calls_call call
        JOIN calls_callevent event ON event.call_id = call.id AND event.kind = 'call.canceled_budget_stopped'
        JOIN billing_ledgerentry entry ON entry.reference = call.id AND entry.kind = 'hold'
        WHERE call.status = 'canceled'
    )
    SELECT page.id, page.spent, page.held, used.calls, page.spent - used.charged AS corrections,
           (SELECT coalesce(sum(excess), 0) FROM above
            WHERE budget_id = page.budget_id AND since >= page.since AND since < page.until) AS excess,
           (SELECT count(*) FROM stopped
            WHERE budget_id = page.budget_id AND since >= page.since AND since < page.until) AS stopped
    FROM page
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(charged), 0) AS charged
        FROM (
            SELECT calls, charged FROM calls_budgetsum sums
            WHERE budget = page.budget_id AND sums.since >= page.since AND sums.since < page.until
            UNION ALL
            SELECT calls, charged FROM waiting
            WHERE budget = page.budget_id AND waiting.since >= page.since AND waiting.since < page.until
        ) AS quarters
    ) AS used
"""  # noqa: S608 - made of a constant


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
        names = [column.name for column in cursor.description]
        counts = {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    return [_compliance(balance, counts[balance.pk]) for balance in balances]


def _compliance(balance: Balance, counts: Mapping[str, Decimal]) -> Compliance:
    budget, limit = balance.budget, balance.limit
    zone = ZoneInfo(budget.zone)
    since, until = balance.window.lower, balance.window.upper
    spent, held = counts["spent"], counts["held"]
    return Compliance(
        budget=budget.name,
        currency=budget.currency,
        zone=budget.zone,
        period=balance.period,
        since=since and since.astimezone(zone),
        until=until and until.astimezone(zone),
        limit=limit,
        spent=spent,
        held=held,
        share=spent / limit if limit else None,
        calls=int(counts["calls"]),
        stopped=int(counts["stopped"]),
        corrections=counts["corrections"],
        excess=counts["excess"],
        alerts=balance.alert_count,  # type: ignore[attr-defined]
        kept=limit is None or spent + held <= limit,
    )


def overspent(found: QuerySet[Balance]) -> int:
    """How many of them have more spent and held than their limit; the database lets none come to be."""
    return found.filter(Q(limit__lt=F("spent") + F("held"))).count()


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
