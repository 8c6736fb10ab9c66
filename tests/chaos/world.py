"""The records and the people of a run, drawn from its seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction

from billing.models import Scope
from calls.domain.compliance import allowed
from calls.domain.phone import zones_of
from calls.domain.rules import Kind
from calls.models import Consent, Lead
from calls.services.gates import rules_of
from calls.services.opting_out import suppress
from calls.services.rules import book_at, change_end, in_force
from reautomation.demo.place import PLACES, Place, facts_of
from tests.billing.factories import budget
from tests.calls import factories
from tests.chaos.speech_lines import HELLO, REFUSES, STOPS

CAMPAIGNS = 4
OPENS_H, CLOSES_H = 8, 21
"""Local hours in which the law lets anybody be called; a state or a campaign may say less."""
UNPAID_SOURCE = "unpaid"
_RUN_LASTS = timedelta(minutes=20)


class Fate(StrEnum):
    """What must become of a lead."""

    CALLED = "called"
    ASLEEP = "outside its hours"
    SUPPRESSED = "suppressed before the run"
    UNPAID = "its source's budget pays for no call"


@dataclass(frozen=True, slots=True)
class Planned:
    """A lead before it is in the database. ``due_s`` counts from the run's begin."""

    number: str
    campaign: int
    fate: Fate
    due_s: float


@dataclass(frozen=True, slots=True)
class World:
    """``called`` are the numbers that ring, ``zones`` where each number is."""

    leads: tuple[Planned, ...]
    people: dict[str, Any]
    zones: dict[str, tuple[str, ...]]

    @property
    def called(self) -> list[str]:
        return sorted({lead.number for lead in self.leads if lead.fate is Fate.CALLED})


_SAYS = {"silence_s": 0.6, "once": True, "then": "hang_up"}
_ANSWERS: tuple[tuple[int, dict[str, Any]], ...] = (
    (42, {"answers": {"how": "no_answer"}}),
    (14, {"answers": {"how": "busy", "after_s": 0.6}}),
    (3, {"answers": {"how": "invalid"}}),
    (
        8,
        {
            "answers": {"how": "voicemail", "after_s": 0.8},
            "voicemail": {"greeting": "This is a machine.", "listens_s": 3},
        },
    ),
    (15, {"answers": {"after_s": 0.8}, "greeting": HELLO, "rules": [{**_SAYS, "says": REFUSES}]}),
    (9, {"answers": {"after_s": 0.8}, "greeting": HELLO, "rules": [{**_SAYS, "says": STOPS}]}),
    (
        9,
        {
            "answers": {"after_s": 0.8},
            "greeting": HELLO,
            "rules": [{"silence_s": 0.6, "presses": "9", "once": True}],
            "gives_up_s": 4,
        },
    ),
)
"""Weights and what a phone does."""


def plan(seed: int, *, leads: int, lasts_s: float, open_at: Place, closed_at: Place) -> World:
    """Nine in ten leads are to be called; of their numbers one in twelve is a lead of another campaign as well."""
    dice = random.Random(f"{seed} people")
    fates = [Fate.CALLED] * (leads - 3 * (leads // 30)) + [Fate.ASLEEP, Fate.SUPPRESSED, Fate.UNPAID] * (leads // 30)
    dice.shuffle(fates)
    planned: list[Planned] = []
    for number, fate in enumerate(fates, start=1000):
        place = closed_at if fate is Fate.ASLEEP else open_at
        due_s = round(dice.uniform(0, lasts_s), 2)
        shares = [one for one in planned if one.fate is Fate.CALLED and one.campaign != number % CAMPAIGNS]
        if fate is Fate.CALLED and shares and dice.random() < 1 / 12:
            shared = dice.choice(shares)
            taken = {one.campaign for one in planned if one.number == shared.number}
            if number % CAMPAIGNS not in taken and len(taken) < 3:
                planned.append(Planned(shared.number, number % CAMPAIGNS, fate, shared.due_s))
                continue
        planned.append(Planned(f"{place.prefix}{number}", number % CAMPAIGNS, fate, due_s))
    numbers = list(dict.fromkeys(lead.number for lead in planned))
    kinds = dice.choices([one for _, one in _ANSWERS], [weight for weight, _ in _ANSWERS], k=len(numbers))
    people = [
        {"id": f"p{number[1:]}", "number": number, "gives_up_s": 6, **kind}
        for number, kind in zip(numbers, kinds, strict=True)
    ]
    return World(tuple(planned), {"people": people}, {number: zones_of(number) for number in numbers})


def places(now: datetime) -> tuple[Place, Place]:
    """One where people may be called from now until the run is over, and one where they may not all that time."""
    book = book_at(now)
    with transaction.atomic():
        rules = rules_of(factories.campaign())
        transaction.set_rollback(True)
    hours = {place: {allowed(facts_of(place), at, rules, book) for at in (now, now + _RUN_LASTS)} for place in PLACES}
    opens = next(place for place, states in hours.items() if states == {True})
    return opens, next(place for place, states in hours.items() if states == {False})


def populate(leads: Sequence[Planned], *, concurrency: int, now: datetime) -> None:
    """Campaigns with a budget each, a company's budget, one that pays for nobody, and everybody's consent."""
    _never_halt(now)
    budget("1000", name="Company", scope=Scope.COMPANY)
    budget("0.01", name="Unpaid", scope=Scope.SOURCE, source=UNPAID_SOURCE)
    campaigns = [
        factories.campaign(name=f"Chaos {index}", max_concurrency=concurrency, max_call_s=60)
        for index in range(CAMPAIGNS)
    ]
    for planned in leads:
        lead = factories.lead(
            campaigns[planned.campaign],
            consent="",
            phone=planned.number,
            name="Dana Reed",
            next_attempt_at=now + timedelta(seconds=planned.due_s),
            source=UNPAID_SOURCE if planned.fate is Fate.UNPAID else "",
        )
        Consent.objects.create(lead=lead, kind="written", source="web form 7", given_at=now - timedelta(days=3))
        if planned.fate is Fate.SUPPRESSED:
            suppress(planned.number, source="admin", said="before the run", now=now)
    Lead.objects.filter(phone__in=[one.number for one in leads if one.fate is Fate.SUPPRESSED]).update(
        status="open", closed_reason=""
    )


def _never_halt(now: datetime) -> None:
    """A killed worker abandons those it talks with, and more than 3 % abandoned calls halt a campaign."""
    for rule in in_force(now).filter(kind=Kind.ABANDONMENT.value):
        change_end(rule.pk, now + timedelta(seconds=1), now=now)
