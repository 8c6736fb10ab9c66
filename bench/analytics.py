"""The cost pages at a million calls: ``python -m bench.analytics [--calls N] [--plans]``.

Makes a database of its own, fills it, folds, and times each query of the pages against 100 ms. The same sums over the
raw events are timed in the same run, so the numbers can be compared on any machine. Exit status 1 where a median is
above the limit. The database is dropped at the end.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import partial
from typing import TYPE_CHECKING

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from bench.scratch import database

if TYPE_CHECKING:
    from calls.domain.costs import Dimension
    from calls.services.costs import Part, Question

Rows = list[tuple[object, ...]]

LIMIT_MS = 100.0
RUNS, RAW_RUNS = 20, 3
DAYS, CAMPAIGNS, CALLER_IDS, LISTS = 90, 20, 50, 200
WAITING = 2_000
"""Events that are not folded yet: more than come in between two folds."""
LONG_WAITING = 22_000
"""What comes in while nobody folds for two days."""
LAST = date(2026, 11, 20)

_EVENTS = f"""
    INSERT INTO calls_costevent (reference, correction, at, day, campaign, lead_list, hour, caller_id, script, voice,
        tier, currency, budgets, booked_at, dials, conversations, qualified, appointments, seconds, cost, folded)
    SELECT gen_random_uuid(), false, at, at::date, campaign, campaign * 1000 + random(1, {LISTS // CAMPAIGNS}), hour,
           '+1303555' || lpad(random(1, {CALLER_IDS})::text, 4, '0'), 'v' || random(1, 4), 'voice ' || random(1, 3),
           CASE WHEN random() < 0.25 THEN 'premium' ELSE 'local' END, 'USD', ARRAY[1, 1 + campaign],
           at, 1, (luck < 0.18)::int,
           (luck < 0.03)::int, (luck < 0.015)::int, CASE WHEN luck < 0.18 THEN random(20, 180) ELSE 0 END,
           CASE WHEN luck < 0.18 THEN random(0.030000, 0.080000) ELSE 0.008250 END, false
    FROM (
        SELECT random(1, {CAMPAIGNS}) AS campaign, random(8, 20) AS hour, random() AS luck,
               '{LAST} 12:00Z'::timestamptz - (%(count)s - one) * interval '1 day' * %(days)s / %(count)s AS at
        FROM generate_series(1, %(count)s::bigint) AS one
    ) AS calls
"""  # noqa: S608 - made of the constants above

_RAW = """
    SELECT {value}, sum(dials), sum(conversations), sum(qualified), sum(appointments), sum(seconds), sum(cost)
    FROM calls_costevent
    WHERE currency = 'USD' AND day BETWEEN %s AND %s AND (%s::bigint IS NULL OR campaign = %s) GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Timing:
    name: str
    median_ms: float
    p95_ms: float
    raw_ms: float | None
    statements: list[str]


def load(count: int, *, days: int) -> float:
    """So many events of the last ``days``, as random each time; seconds that took."""
    from django.db import connection

    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(_EVENTS, {"count": count, "days": days})
    return time.perf_counter() - began


def open_budgets() -> None:
    """The company's budget, numbered 1, and one for each campaign, with the balances of those days."""
    from billing.domain.periods import Period, window_of
    from billing.models import Balance, Budget

    budgets = Budget.objects.bulk_create(
        Budget(pk=1 + n, name=f"Budget {n}", scope="campaign" if n else "company") for n in range(CAMPAIGNS + 1)
    )
    noons = [datetime.combine(LAST - timedelta(days=n), clock(12), UTC) for n in range(DAYS)]
    windows = {(period.value, window_of(period, "UTC", noon)) for period in Period for noon in noons}
    Balance.objects.bulk_create(
        Balance(budget=budget, period=period, window=window) for budget in budgets for period, window in windows
    )


def vacuum() -> None:
    """What autovacuum does within minutes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) calls_costevent, calls_costdaily, calls_budgetsum, billing_balance")


def measured(name: str, act: Callable[[], object], raw: Callable[[], object] | None = None) -> Timing:
    """Median and 95th percentile of the runs, in ms, and the median of the same from the raw events."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        act()
    took = sorted(_ms(act) for _ in range(RUNS))
    raw_ms = statistics.median(_ms(raw) for _ in range(RAW_RUNS)) if raw else None
    statements = [query["sql"] for query in captured.captured_queries]
    return Timing(name, statistics.median(took), took[int(RUNS * 0.95) - 1], raw_ms, statements)


def _ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def timings() -> list[Timing]:
    """Each dimension, of every campaign and of one; the days; the whole page."""
    from billing.domain.periods import Period
    from calls.domain.costs import Dimension
    from calls.services import budget_report, cost_report, costs
    from calls.services.costs import Question

    first = LAST - timedelta(days=DAYS - 1)
    found = []
    for campaign in (None, 7):
        question = Question(first, LAST, campaign)
        whose = "one campaign" if campaign else "every campaign"
        for dimension in Dimension:
            found.append(
                measured(
                    f"by {dimension}, {whose}",
                    partial(costs.by, dimension, question),
                    partial(_raw, dimension, question),
                )
            )
            _check(costs.by(dimension, question), _raw(dimension, question))
        found.append(measured(f"per day, {whose}", partial(costs.per_day, question)))
        found.append(measured(f"forecasts, {whose}", partial(cost_report.outlooks, question, today=LAST)))
    found.append(measured("currencies", costs.currencies))
    for period in Period:
        page = list(budget_report.periods(first, LAST, period=period)[:50])
        found.append(measured(f"budgets, {len(page)} by {period}", partial(budget_report.compliance_of, page)))
    return found


def waiting_timings() -> list[Timing]:
    """The same where nobody has folded for two days."""
    from calls.domain.costs import Dimension
    from calls.services import costs
    from calls.services.costs import Question

    question = Question(LAST - timedelta(days=DAYS - 1), LAST)
    dimensions = (Dimension.CAMPAIGN, Dimension.LIST)
    return [
        measured(f"by {dimension}, {LONG_WAITING:,} waiting", partial(costs.by, dimension, question))
        for dimension in dimensions
    ]


def _raw(dimension: "Dimension", question: "Question") -> Rows:
    from django.db import connection

    from calls.services.costs import _VALUE_OF

    with connection.cursor() as cursor:
        campaign = question.campaign_id
        cursor.execute(_RAW.format(value=_VALUE_OF[dimension]), [question.since, question.until, campaign, campaign])
        rows: Rows = cursor.fetchall()
        return rows


def _check(parts: "list[Part]", raw: Rows) -> None:
    """The sums are those of the raw events, to the last micro-dollar."""
    from dataclasses import astuple

    assert {(part.value, *astuple(part.figures)) for part in parts} == set(raw)


def explain(timing: Timing) -> str:
    """The plan of the slowest of the statements."""
    from django.db import connection

    with connection.cursor() as cursor:
        plans = []
        for statement in timing.statements:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return "\n\n".join(plans)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--plans", action="store_true", help="Show the plans of the three slowest queries.")
    options = parser.parse_args()
    with database("analytics"):
        return run(options.calls, plans=options.plans)


def run(calls: int, *, plans: bool) -> int:
    from calls.models import CostDaily
    from calls.services import costs

    load_s = load(calls, days=DAYS)
    began = time.perf_counter()
    folded = costs.fold()
    fold_s = time.perf_counter() - began
    load(WAITING, days=1)
    open_budgets()
    vacuum()
    print(
        f"{calls:,} calls of {DAYS} days, {CAMPAIGNS} campaigns, {LISTS} lists, {CALLER_IDS} caller IDs: written in "
        f"{load_s:.0f} s, folded in {fold_s:.0f} s ({folded / fold_s:,.0f} events/s) into "
        f"{CostDaily.objects.count():,} daily sums; {WAITING:,} more wait."
    )
    found = timings()
    load(LONG_WAITING - WAITING, days=2)
    found += waiting_timings()
    print(f"{'query':<32} {'median':>9} {'p95':>9} {'raw':>10} {'ratio':>7}")
    for one in found:
        raw = f"{one.raw_ms:>7.1f} ms {one.raw_ms / one.median_ms:>6.0f}x" if one.raw_ms else ""
        print(f"{one.name:<32} {one.median_ms:>6.1f} ms {one.p95_ms:>6.1f} ms {raw}")
    if plans:
        for one in sorted(found, key=lambda one: -one.median_ms)[:3]:
            print(f"\n{one.name}\n{explain(one)}")
    slow = [one for one in found if one.median_ms > LIMIT_MS]
    print(
        "\n" + (f"Above {LIMIT_MS:.0f} ms: {', '.join(one.name for one in slow)}." if slow else "All within 100 ms.")
    )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
