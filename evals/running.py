"""One seeded call of one person, from the queue to its end, on the real services and database, and taken back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.test import TestCase

from billing.services import meter
from calls.models import Call, Lead
from calls.services.placing import place
from evals import noise, spoken
from evals.grading import Grade, Slots, found, grade, touched_beside
from evals.house import House, call_for, writes
from evals.line import Clock, TextDialer, TextPlane, Turn
from evals.mind import PersonsMind
from evals.noise import Noise
from evals.person import PLACES, Person


@dataclass(frozen=True, slots=True)
class Run:
    """What one call came to. ``failures`` are sentences, none where all is as it was meant.

    ``cost`` is the call's in USD by its ledger, ``tokens`` what language models used of it.
    """

    person: str
    kind: str
    seed: int
    noise: Noise
    disposition: str = ""
    failures: tuple[str, ...] = ()
    slots: Slots = field(default_factory=Slots)
    turns: tuple[Turn, ...] = ()
    booked: bool = False
    wrong_time: bool = False
    opted_out: bool = False
    wanted_out: bool = False
    cost: Decimal = Decimal(0)
    tokens: Decimal = Decimal(0)

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def words(self) -> list[int]:
        """Words of each of the agent's turns."""
        return [len(turn.text.split()) for turn in self.turns if turn.who == "agent" and turn.text]

    @property
    def chars(self) -> int:
        """Characters that the agent said."""
        return sum(len(turn.text) for turn in self.turns if turn.who == "agent")


def run(house: House, person: Person, seed: int, *, noise_level: Noise | None = None) -> Run:
    """Call the person. The same person and seed say the same words, whenever and wherever."""
    rng = random.Random(f"{person.id}/{seed}")  # noqa: S311 - people, not keys
    level = noise_level or noise.level(rng)
    clock = Clock(person.at.replace(tzinfo=ZoneInfo(PLACES[person.lead.place].zone)).astimezone(UTC))
    mind = PersonsMind(person, rng, level)
    plane = TextPlane(mind, clock)
    with taken_back():
        call = call_for(house, person, now=clock.now)
        stranger = _row(house.stranger)
        before = writes()
        with TestCase.captureOnCommitCallbacks(execute=True):
            place(call.pk, plane=plane, dialer=TextDialer(), owner="evals", clock=clock)
        after = writes()
        changed = {table: count for table, count in after.items() if count != before.get(table, 0)}
        connection.check_constraints()
        cost = Call.objects.values_list("cost", flat=True).get(pk=call.pk)
        tokens = [quantity for (_, unit), quantity in meter.used_by(call.pk).items() if unit == "token"]
        came = found(call, touched=touched_beside(changed), stranger_untouched=_row(house.stranger) == stranger)
    try:
        graded = grade(person, mind.told, came, plane.talk)
    except spoken.Misspoken as wrong:
        graded = Grade((str(wrong),), Slots())
    return Run(
        person.id,
        person.kind,
        seed,
        level,
        came.disposition,
        graded.failures,
        graded.slots,
        tuple(plane.talk.turns),
        booked=graded.booked,
        wrong_time=graded.wrong_time,
        opted_out=any(source in ("voice", "key") for _, source in came.suppressed),
        wanted_out=person.expects.do_not_call,
        cost=cost or Decimal(0),
        tokens=sum(tokens, Decimal(0)),
    )


@contextmanager
def taken_back() -> Iterator[None]:
    """One transaction that leaves nothing behind, so every call finds the same house."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _row(lead: Lead) -> object:
    return Lead.objects.filter(pk=lead.pk).values().get()
