"""From due leads to queued calls, as leads grow: ``python -m bench.dispatch [--leads N …] [--json FILE]``.

Makes a database of its own with 50 campaigns of five shapes and fills it up to each number of leads. Measured there:
the query for due leads, one decision (facts and gates), calls that are gated, held for, committed and told to Redis
by one dispatcher beside plain ``apply_async`` of as many tasks in the same run, and, on an idle voice worker, the
time from a queued call's commit to the carrier's request. Exit status 1 where an aim is missed or the books do not
agree.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from cProfile import Profile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from pstats import Stats
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from bench import ringing, scratch

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper
    from django.db.models import Model

    from calls.models import Campaign

SIZES = (10_000, 100_000, 1_000_000)
CAMPAIGNS = 50
SHAPES = ("nearly all later", "all due", "ten lists", "calls at the head", "opted out at the head")
"""Of ten campaigns each, told apart by the campaign's number modulo five."""
LATER, ALL_DUE, LISTED, CALLED, OPTED_OUT = range(5)
HEAD = 500
"""Leads at the head of a campaign that have an unfinished call, or are on the do-not-call list."""
COUNT, LOOKS, DECISIONS, ROUNDS, CALLS, RINGS = 50, 200, 200, 4, 500, 200
NOON = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""A Tuesday noon in Colorado, where all leads live."""
DUE_MS, PER_S, RING_MS = 10.0, 200.0, 50.0
"""What is aimed at: due-lead query and ring p99 at most, calls a second at least."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``p50`` and ``p99`` in milliseconds; of a rate ``per_s``, and what it is of plain ``apply_async``."""

    leads: int
    what: str
    p50: float = 0.0
    p99: float = 0.0
    per_s: float = 0.0
    ratio: float = 0.0


def timed(leads: int, what: str, count: int, act: Callable[[int], object]) -> Figure:
    took = []
    for number in range(count):
        began = time.perf_counter()
        act(number)
        took.append((time.perf_counter() - began) * 1000)
    return percentiles(leads, what, took)


def percentiles(leads: int, what: str, took_ms: list[float]) -> Figure:
    cuts = statistics.quantiles(took_ms, n=100, method="inclusive")
    return Figure(leads, what, round(cuts[49], 2), round(cuts[98], 2))


class House:
    """The campaigns and what they stand on, and leads by the hundred thousand."""

    def __init__(self) -> None:
        from billing.models import Budget
        from calls.models import CallerId, CallingWindow, Campaign, LeadList, VoiceWorker

        wide = Decimal(10**6)
        Budget.objects.create(name="All calls", scope="company", limit=wide, day_limit=wide)
        self.campaigns = []
        for number in range(CAMPAIGNS):
            budget = Budget.objects.create(name=f"Budget {number}", limit=wide, day_limit=wide)
            campaign = Campaign.objects.create(
                name=f"Campaign {number}", status="running", budget=budget, company_name="Summit", max_concurrency=500
            )
            CallingWindow.objects.create(campaign=campaign)
            self.campaigns.append(campaign)
        for number in range(20):
            CallerId.objects.create(number=f"+1720555{number:04}", daily_cap=10**6)
        for campaign in self.of(LISTED):
            for number in range(10):
                LeadList.objects.create(campaign=campaign, name=f"List {number}", priority=1 + number % 9)
        seen_at = datetime.now(UTC) + timedelta(days=1)
        VoiceWorker.objects.create(
            owner="lines", queues=["calls.local"], lines=10**6, started_at=seen_at, seen_at=seen_at
        )
        self.leads = 0

    def of(self, shape: int) -> list["Campaign"]:
        return [one for number, one in enumerate(self.campaigns) if number % len(SHAPES) == shape]

    def grow(self, leads: int) -> None:
        """Up to so many leads, each with a written consent."""
        from django.db import connection

        from calls.models import Consent, Lead

        asked = {
            "first": self.leads,
            "last": leads - 1,
            "campaigns": [one.pk for one in self.campaigns],
            "shapes": len(SHAPES),
            "noon": NOON,
        }
        template = Lead(campaign=self.campaigns[0], phone="", next_attempt_at=NOON, created_at=NOON)
        chosen = {
            "campaign_id": "(%(campaigns)s::bigint[])[1 + n %% cardinality(%(campaigns)s::bigint[])]",
            "list_id": f"""CASE WHEN n %% %(shapes)s = {LISTED} THEN (
                SELECT min(id) FROM calls_leadlist
                WHERE campaign_id = (%(campaigns)s::bigint[])[1 + n %% cardinality(%(campaigns)s::bigint[])]
            ) + n / cardinality(%(campaigns)s::bigint[]) %% 10 END""",
            "phone": "'+1303' || (2000000 + n)",
            "priority": f"CASE WHEN n %% %(shapes)s = {LISTED} THEN 1 + n / 500 %% 9 ELSE 5 END",
            "next_attempt_at": f"""%(noon)s::timestamptz + CASE
                WHEN n %% %(shapes)s = {LATER} AND random() < 0.99 THEN interval '1 day' * (1 + 30 * random())
                ELSE interval '-10 days' * random() END""",
        }
        with connection.cursor() as cursor:
            _copy_of(cursor, template, chosen, "generate_series(%(first)s::int, %(last)s::int) AS n", asked)
            consent = Consent(kind="written", source="form", given_at=NOON - timedelta(days=9), recorded_at=NOON)
            of_new = "calls_lead AS lead WHERE lead.phone >= '+1303' || (2000000 + %(first)s::int)"
            _copy_of(cursor, consent, {"lead_id": "lead.id"}, of_new, asked)
            self._fill_heads(cursor)
            for table in ("calls_lead", "calls_consent", "calls_call", "calls_suppression"):
                cursor.execute(f"VACUUM (ANALYZE) {table}")
        self.leads = leads

    def _fill_heads(self, cursor: "CursorWrapper") -> None:
        """The first leads of two shapes: the one is talking already, the other does not want to."""
        from calls.models import Call, Suppression

        call = Call(attempt=1, from_number="+17205550000", status="live", status_at=NOON, queued_at=NOON)
        columns = {"id": "gen_random_uuid()", "lead_id": "id", "campaign_id": "campaign_id", "to_number": "phone"}
        entry = Suppression(source="sms", created_at=NOON)
        cursor.execute("DELETE FROM calls_call WHERE status = 'live'")
        for campaign in self.of(CALLED):
            _copy_of(cursor, call, columns, _HEADS, {"campaign": campaign.pk, "head": HEAD})
        for campaign in self.of(OPTED_OUT):
            known = {"campaign": campaign.pk, "head": HEAD}
            _copy_of(cursor, entry, {"phone": "phone"}, f"{_HEADS} ON CONFLICT DO NOTHING", known)


_HEADS = """(
    SELECT * FROM calls_lead WHERE campaign_id = %(campaign)s AND status = 'open'
    ORDER BY next_attempt_at
    LIMIT least(%(head)s, (SELECT count(*) / 2 FROM calls_lead WHERE campaign_id = %(campaign)s))
) AS head"""


def _copy_of(
    cursor: "CursorWrapper", template: "Model", chosen: dict[str, str], source: str, asked: Mapping[str, Any]
) -> None:
    """Rows like the template but for the expressions ``chosen``, one for each row of ``source``."""
    from django.db import connection

    names: list[str] = []
    values: list[str] = []
    known: dict[str, Any] = dict(asked)
    for field in template._meta.local_concrete_fields:
        if field.generated or (field.primary_key and field.column not in chosen):
            continue
        names.append(f'"{field.column}"')
        if field.column in chosen:
            values.append(chosen[field.column])
        else:
            values.append(f"%(of_{field.column})s")
            known[f"of_{field.column}"] = field.get_db_prep_save(field.value_from_object(template), connection)
    table = template._meta.db_table
    # ruff: noqa: S608 - made of the constants above
    cursor.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {source}", known)


def due(house: House) -> Iterator[Figure]:
    from django.db import transaction

    from calls.services.due import next_due

    for shape, name in enumerate(SHAPES):
        campaigns = house.of(shape)

        def look(number: int, campaigns: list["Campaign"] = campaigns) -> None:
            with transaction.atomic():
                next_due(campaigns[number % len(campaigns)].pk, now=NOON, count=COUNT)
                transaction.set_rollback(True)

        timed(house.leads, "", len(campaigns), look)
        yield timed(house.leads, f"due leads, {name}", LOOKS, look)


def plan(house: House) -> str:
    """PostgreSQL's plan for a campaign with nearly all leads due later, as it was carried out."""
    from django.db import connection, transaction

    from calls.services.due import BY_INDEX, query

    sql, asked = query(house.of(LATER)[0].pk, now=NOON, count=COUNT)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {sql}", asked)
        return "\n".join(line for (line,) in cursor.fetchall())


def decisions(house: House) -> Iterator[Figure]:
    from calls.models import Lead
    from calls.services import gates

    some = list(Lead.objects.filter(campaign__in=house.of(ALL_DUE)).select_related("campaign")[: DECISIONS * 2])
    random.Random(house.leads).shuffle(some)  # noqa: S311 - a sample
    gates.ask(some[0], now=NOON)
    yield timed(house.leads, "one decision", DECISIONS, lambda number: gates.ask(some[number], now=NOON))
    campaign = house.of(ALL_DUE)[0]
    fifty = list(Lead.objects.filter(campaign=campaign)[:COUNT])
    yield timed(house.leads, f"{COUNT} decisions together", 40, lambda _: gates.ask_all(fifty, campaign, now=NOON))


def queued(house: House, profile: Profile | None) -> Iterator[Figure]:
    """One dispatcher and plain ``apply_async`` in turns; both put as many messages into Redis."""
    from calls.services.dispatching import dispatch
    from calls.tasks import place

    for campaign in house.campaigns:
        campaign.status = "running" if campaign in house.of(ALL_DUE) else "paused"
        campaign.max_concurrency = CALLS // len(house.of(ALL_DUE))
        campaign.save(update_fields=["status", "max_concurrency"])
    rates: dict[str, list[float]] = {"dispatched": [], "apply_async": []}
    for _ in range(ROUNDS):
        if profile:
            profile.enable()
        began = time.perf_counter()
        count = dispatch(now=NOON)
        rates["dispatched"].append(count / (time.perf_counter() - began))
        if profile:
            profile.disable()
        began = time.perf_counter()
        for _ in range(count):
            place.apply_async(kwargs={"call_id": str(uuid4())}, queue="calls.local")
        rates["apply_async"].append(count / (time.perf_counter() - began))
        _end_calls()
    found = {what: statistics.median(values) for what, values in rates.items()}
    for what, per_s in found.items():
        yield Figure(house.leads, what, per_s=round(per_s), ratio=round(per_s / found["apply_async"], 3))
    for campaign in house.campaigns:
        campaign.status = "running"
        campaign.save(update_fields=["status"])


def _end_calls() -> None:
    """As if nobody had answered: the leads are due another day, and the lines are free."""
    from calls.models import Call, Lead

    waiting = Call.objects.filter(status="queued")
    Lead.objects.filter(calls__in=waiting).update(next_attempt_at=NOON + timedelta(days=3))
    waiting.update(status="done", ended_at=NOON)


def rings(house: House, noon_at: float, child: subprocess.Popen[str]) -> Figure:
    """One call at a time: from its commit, when the doorbell rings, to the carrier's request."""
    from calls.models import Call, Campaign
    from calls.services import doorbell
    from calls.services.dispatching import dispatch_batch

    campaign = house.of(LISTED)[0]
    Campaign.objects.filter(pk=campaign.pk).update(max_concurrency=1)
    committed: dict[str, float] = {}
    ring = doorbell.ring

    def stamped(call_id: UUID, queue: str) -> bool:
        committed[str(call_id)] = time.time()
        return ring(call_id, queue)

    took: list[float] = []
    doorbell.ring = stamped
    assert child.stdout is not None
    while len(took) < RINGS:
        if not dispatch_batch(campaign.pk, now=ringing.clock_from(NOON, noon_at)).queued:
            continue  # the last call is just being finished
        for line in child.stdout:  # the worker has other things to say as well
            if line.startswith(ringing.RANG):
                _, call_id, at = line.split()
                took.append((float(at) - committed[call_id]) * 1000)
                break
    doorbell.ring = ring
    assert not Call.objects.filter(campaign=campaign, status="failed").exists()
    return percentiles(house.leads, "queued to ring asked", took[1:])


@contextmanager
def voice_worker(prefix: str, noon_at: float) -> Iterator[subprocess.Popen[str]]:
    """A Celery voice worker in a process of its own, ready for calls."""
    from django.conf import settings

    database = settings.DATABASES["default"]["NAME"]
    command = [sys.executable, "-m", "bench.ringing", str(database), prefix, NOON.isoformat(), str(noon_at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own
        try:
            assert child.stdout is not None
            if not any(line.strip() == ringing.READY for line in child.stdout):
                raise RuntimeError("The voice worker did not begin.")
            yield child
        finally:
            child.kill()


@contextmanager
def broker() -> Iterator[str]:
    """Queues of this run alone, gone afterwards; their prefix."""
    from django.conf import settings
    from redis import Redis

    prefix = f"bench-dispatch-{os.getpid()}:"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = prefix
    settings.CARRIER_CPS = 10**6
    settings.CACHES["default"]["KEY_PREFIX"] = prefix
    try:
        yield prefix
    finally:
        with Redis.from_url(settings.REDIS_URL) as redis:
            if keys := list(redis.scan_iter(f"{prefix}*")):
                redis.delete(*keys)


def drain(prefix: str) -> None:
    """Take what lies in the queue; nobody serves it."""
    from django.conf import settings
    from redis import Redis

    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(f"{prefix}calls.local")


def show(figure: Figure) -> None:
    times = f"{figure.p50:>8.2f}  {figure.p99:>8.2f}" if figure.p50 else f"{'':>8}  {'':>8}"
    rate = f"{figure.per_s:>7.0f}  {figure.ratio:>6.2f}" if figure.per_s else ""
    print(f"{figure.leads:>9,}  {figure.what:<34}  {times}  {rate}".rstrip(), flush=True)


def measure(sizes: list[int], prefix: str, profile: Profile | None) -> Iterator[Figure]:
    house = House()
    for size in sizes:
        began = time.perf_counter()
        house.grow(size)
        print(f"{size:,} leads after {time.perf_counter() - began:.0f} s", flush=True)
        yield from due(house)
        yield from decisions(house)
        yield from queued(house, profile)
        if profile:
            Stats(profile).sort_stats("cumulative").print_stats(90)
        drain(prefix)
    noon_at = time.time()
    with voice_worker(prefix, noon_at) as child:
        yield rings(house, noon_at, child)
    print(f"\n{plan(house)}\n")


def missed(figure: Figure) -> bool:
    if figure.what.startswith("due leads"):
        return figure.p99 > DUE_MS
    if figure.what == "queued to ring asked":
        return figure.p99 > RING_MS
    return figure.what == "dispatched" and figure.per_s < PER_S


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.dispatch", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--leads", type=int, nargs="+", default=list(SIZES), help="numbers of leads, growing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--profile", action="store_true", help="show where the dispatcher's time goes")
    options = parser.parse_args()
    profile = Profile() if options.profile else None
    command = f"python -m bench.dispatch {' '.join(sys.argv[1:])}".rstrip()
    print(f"$ {command}\n\n{'leads':>9}  {'what':<34}  {'p50 ms':>8}  {'p99 ms':>8}  {'a second':>7}  {'ratio':>6}")
    figures = []
    with scratch.database("dispatch"), broker() as prefix:
        from billing.services.auditing import audit

        for figure in measure(options.leads, prefix, profile):
            show(figure)
            figures.append(figure)
        wrong = [str(difference) for difference in audit()]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.", *wrong)
    if options.json:
        options.json.write_text(
            json.dumps({"command": command, "figures": [asdict(one) for one in figures]}, indent=2)
        )
    late = [figure for figure in figures if missed(figure)]
    for figure in late:
        print(f"Missed at {figure.leads:,} leads: {figure.what}.")
    return 1 if late or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
