"""Quick bookings by the thousand, committed, until calendars are full: none twice, none at another hour."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db.models import Count

from calls.models import Appointment, Call
from calls.services import dispatching
from calls.services.placing import place
from evals import noise
from evals.house import build, lead_of
from evals.line import Clock, TextDialer, TextPlane
from evals.mind import PersonsMind
from evals.person import PLACES, Expects, LeadOf, Line, Person

A_CAMPAIGN = 25
"""Bookings of one campaign: about half of its two weeks."""
_NUMBERS = 10_000
"""Of a place; a number that another campaign is talking with at the same moment would not be called."""
_DAYS = (
    datetime(2026, 11, 10, 12, 0),  # noqa: DTZ001 - each person's own wall clock, as those below
    datetime(2027, 11, 4, 12, 0),  # noqa: DTZ001 - before the clocks go back
    datetime(2027, 3, 11, 12, 0),  # noqa: DTZ001 - before they go forward
    datetime(2026, 12, 21, 13, 0),  # noqa: DTZ001 - before the holidays and the year's end
)
_AT_ONCE = Line(
    turn=(1, 1),
    says=(
        "Yes. Can someone come by?",
        "Yes, I would like to schedule a visit.",
        "Yes, I want to meet with an agent.",
    ),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The bookings of one campaign. ``number`` and ``seed`` replay it."""

    number: int
    seed: int
    count: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What a campaign's calls came to. ``unbooked`` read a time back that is not kept; ``refused`` none."""

    booked: int = 0
    refused: int = 0
    unbooked: int = 0
    wrong_time: int = 0
    double: int = 0
    failures: tuple[str, ...] = ()


def book(batch: Batch) -> Booked:
    """Queue all the campaign's leads, make their calls one after the other, and compare the calendar with what was
    agreed on. Commits.
    """
    rng = random.Random(f"bookings/{batch.number}/{batch.seed}")  # noqa: S311 - people, not keys
    house = build(f"Bookings {batch.number}")
    person = _person(batch.number, rng)
    now = person.at.replace(tzinfo=ZoneInfo(PLACES[person.lead.place].zone)).astimezone(UTC)
    numbers = (batch.number * A_CAMPAIGN + one for one in range(batch.count))
    leads = [lead_of(house, person, now=now, number=number % _NUMBERS) for number in numbers]
    dispatching.dispatch_batch(house.campaign.pk, now=now)
    total = Booked()
    for call in Call.objects.filter(lead__in=leads).order_by("queued_at", "pk"):
        total = _added(total, _one(call, person, rng, now))
    twice = Appointment.objects.filter(campaign=house.campaign).values("start_at").annotate(n=Count("pk"))
    double = sum(row["n"] - 1 for row in twice)
    return _added(total, Booked(double=double, failures=("two visits at one time",) if double else ()))


def _person(number: int, rng: random.Random) -> Person:
    return Person(
        id=f"books_{number}",
        lead=LeadOf(place=rng.choice(list(PLACES))),
        at=_DAYS[number % len(_DAYS)],
        answers={"slot": "first|second|either", "interest": "yes"},
        lines=(_AT_ONCE,),
        expects=Expects(disposition="appointment", appointment=True),
    )


def _one(call: Call, person: Person, rng: random.Random, now: datetime) -> Booked:
    clock, mind = Clock(now), PersonsMind(person, rng, noise.level(rng))
    place(call.pk, plane=TextPlane(mind, clock), dialer=TextDialer(), owner="evals", clock=clock)
    zone = ZoneInfo(PLACES[person.lead.place].zone)
    at = Appointment.objects.filter(call=call).values_list("start_at", flat=True).first()
    meant = mind.told.taken.replace(tzinfo=zone) if mind.told.taken else None
    call.refresh_from_db()
    if at is None and call.disposition != "appointment":
        return Booked(refused=1)
    if at is None:
        return Booked(unbooked=1, failures=(f"{person.id}: {meant:%c} was read back and is not kept",))
    if at != meant:
        return Booked(booked=1, wrong_time=1, failures=(f"{person.id}: {at.astimezone(zone):%c}, not {meant}",))
    return Booked(booked=1)


def _added(one: Booked, other: Booked) -> Booked:
    return Booked(
        one.booked + other.booked,
        one.refused + other.refused,
        one.unbooked + other.unbooked,
        one.wrong_time + other.wrong_time,
        one.double + other.double,
        one.failures + other.failures,
    )


def summed(batches: "list[Booked]") -> Booked:
    """All of them together."""
    total = Booked()
    for batch in batches:
        total = _added(total, batch)
    return total
