"""How often a time is given away twice when many threads want one calendar: 10,000 attempts, never.

Each attempt books a time of a crowded calendar at random, every tenth after holding times as a call does. Afterwards
the database is asked for two rows that overlap.

    python -m bench.booking [--attempts 10000] [--threads 8]
"""

import argparse
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from bench.scratch import database

NOW = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
CALLS, QUARTERS = 400, 4 * 24 * 60
_OVERLAPS = """
    SELECT count(*) FROM calls_reservation one JOIN calls_reservation other
    ON one.id < other.id AND one.calendar_id = other.calendar_id AND one.span && other.span
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=8)
    given = parser.parse_args()
    with database("booking"):
        attempt = prepared()
        began = time.perf_counter()
        with ThreadPoolExecutor(given.threads) as pool:
            won = sum(pool.map(attempt, range(given.attempts)))
        took_s = time.perf_counter() - began
        booked, held, overlaps = judged()
    print(
        f"{given.attempts:,} attempts by {given.threads} threads in {took_s:.0f} s: {won:,} were told that they won."
    )
    print(f"Booked in the database: {booked:,}. Held: {held:,}. Overlapping pairs: {overlaps}.")
    if overlaps or booked != won:
        raise SystemExit("A time was given away twice.")


def prepared() -> Callable[[int], int]:
    """One attempt by its number: 1 where it got its time."""
    from billing.models import Budget
    from calls.models import Calendar, CalendarHours, Call, Campaign, Lead
    from calls.services import reserving

    calendar = Calendar.objects.create(name="Desk", zone="UTC", every_min=15, before_min=5, after_min=5)
    CalendarHours.objects.create(calendar=calendar, weekdays=list(range(7)))
    budget = Budget.objects.create(name="Bench", limit=Decimal(1))
    ids: list[UUID] = []
    campaigns = [Campaign.objects.create(name=f"Bench {n}", budget=budget, calendar=calendar) for n in range(2)]
    for n in range(CALLS):
        phone = f"+1303555{n:04d}"
        lead = Lead.objects.create(campaign=campaigns[n % 2], phone=phone, next_attempt_at=NOW)
        made = Call.objects.create(
            lead=lead,
            campaign=lead.campaign,
            attempt=1,
            to_number=phone,
            from_number="+12125550199",
            status="live",
            status_at=NOW,
            queued_at=NOW,
            max_length_s=300,
        )
        ids.append(made.pk)

    def attempt(number: int) -> int:
        chance = random.Random(number)  # noqa: S311 - which time is tried
        call = Call.objects.get(pk=chance.choice(ids))
        if number % 10 == 0:
            reserving.hold(call, "UTC", now=NOW)
        start_at = NOW + timedelta(minutes=15 * chance.randrange(QUARTERS))
        before = call.reservations.filter(start_at=start_at, expires_at=None).exists()
        return int(not before and reserving.secure(call, start_at))

    return attempt


def judged() -> tuple[int, int, int]:
    """Booked, held, and pairs that overlap."""
    from django.db import connection

    from calls.models import Reservation

    with connection.cursor() as cursor:
        cursor.execute(_OVERLAPS)
        overlaps = int(cursor.fetchone()[0])
    return Reservation.objects.filter(expires_at=None).count(), Reservation.objects.held().count(), overlaps


if __name__ == "__main__":
    main()
