"""Any interleaving of holds, reports, settlements, releases, corrections, changed limits and crashes keeps the books.

A state machine plays against real PostgreSQL and, after each step, against a model that knows nothing of balances: it
keeps the calls, adds up what each holds and was charged, and prices them by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.domain.periods import Period, window_of
from billing.models import Balance, Budget, Review
from billing.services import ledger, meter, settling
from billing.services.auditing import audit
from billing.services.card import load_defaults
from billing.services.ledger import BudgetExhausted, NotHeld, Wanted

FIRST = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
"""A Sunday: a week and a month end within the next days."""
ZONES = ("UTC", "America/Denver", "Asia/Tokyo")
COLUMNS = {Period.TOTAL: "limit", Period.DAY: "day_limit", Period.WEEK: "week_limit", Period.MONTH: "month_limit"}
COMPONENT = "elevenlabs.flash_v2_5"

numbers = st.integers(0, 999)
micros = st.integers(0, 400_000).map(lambda number: Decimal(number) / 1_000_000)
signed = st.integers(-300_000, 300_000).map(lambda number: Decimal(number) / 1_000_000)
limits = st.one_of(st.none(), st.none(), st.integers(0, 2_000_000).map(lambda number: Decimal(number) / 1_000_000))
call_limits = st.none() | st.integers(200_000, 400_000).map(lambda number: Decimal(number) / 1_000_000)
instants = st.integers(0, 72 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
crashes = st.integers(0, 80).map(lambda number: number if number < 13 else 0)
"""The statement before which the process dies; 0: none."""

Key = tuple[int, Period, datetime | None]
"""A balance: of a budget, in the period that begins at an instant."""


class Crash(Exception):
    """The process dies before its commit."""


@dataclass
class ModelCall:
    budgets: list[int]
    held: Decimal
    at: datetime
    reports: dict[int, int] = field(default_factory=dict)
    over: bool = False
    charged: Decimal | None = None
    corrections: dict[str, Decimal] = field(default_factory=dict)

    @property
    def spent(self) -> Decimal:
        return sum(self.corrections.values(), self.charged or Decimal(0))


class Books(RuleBasedStateMachine):
    """Four budgets with limits of their own, and calls on any of them, within three days."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: dict[int, dict[Period, Decimal | None]] = {}
        self.call_limits: dict[int, Decimal | None] = {}
        self.zones: dict[int, str] = {}
        self.open: dict[Key, Decimal | None] = {}
        self.calls: dict[UUID, ModelCall] = {}
        self.reviews: set[str] = set()
        self.late: set[UUID] = set()
        self.whole = transaction.atomic()
        self.whole.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)

    @initialize(
        rows=st.lists(
            st.tuples(st.sampled_from(ZONES), call_limits, st.lists(limits, min_size=4, max_size=4)),
            min_size=4,
            max_size=4,
        )
    )
    def begin(self, rows: list[tuple[str, Decimal | None, list[Decimal | None]]]) -> None:
        load_defaults()
        for number, (zone, call_limit, row) in enumerate(rows):
            by_period = dict(zip(Period, row, strict=True))
            columns = {COLUMNS[period]: limit for period, limit in by_period.items()}
            made = Budget.objects.create(name=f"Budget {number}", zone=zone, call_limit=call_limit, **columns)
            self.limits[made.pk], self.call_limits[made.pk], self.zones[made.pk] = by_period, call_limit, zone

    # What the model knows

    def key_of(self, budget: int, period: Period, at: datetime) -> Key:
        return budget, period, window_of(period, self.zones[budget], at)[0]

    def booked(self, key: Key) -> tuple[Decimal, Decimal]:
        """Spent and held, by the calls alone."""
        budget, period, _ = key
        mine = [
            one for one in self.calls.values() if budget in one.budgets and self.key_of(budget, period, one.at) == key
        ]
        return sum((one.spent for one in mine), Decimal(0)), sum(
            (one.held for one in mine if not one.over), Decimal(0)
        )

    def room(self, budgets: list[int], at: datetime) -> Decimal:
        free = [Decimal(10**6)]
        for key in (self.key_of(budget, period, at) for budget in budgets for period in Period):
            limit = self.open.get(key, self.limits[key[0]][key[1]])
            if limit is not None:
                free.append(limit - sum(self.booked(key)))
        return min(free)

    def new_calls(self, count: int) -> list[UUID]:
        first = max((reference.int for reference in self.calls), default=0) + 1
        return [UUID(int=first + number) for number in range(count)]

    def a_call(self, number: int, likely: Callable[[ModelCall], bool]) -> tuple[UUID, ModelCall]:
        """Mostly a likely one; now and then any other, or one that was never held for."""
        known = sorted(self.calls)
        promising = [reference for reference in known if likely(self.calls[reference])]
        if number % 7 == 0 or not known:
            reference = UUID(int=10**9)
        else:
            choice = promising if promising and number % 3 else known
            reference = choice[number % len(choice)]
        return reference, self.calls.get(reference, ModelCall([], Decimal(0), FIRST, over=True))

    # What may happen

    def commit(self, act: Callable[[], Any], crash: int) -> Any:
        """Carry it out in a transaction, which dies before its ``crash``-th statement or its commit: raises Crash."""
        left = crash

        def count(execute: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if crash and left == 0:
                raise Crash
            return execute(*arguments)

        with transaction.atomic(), connection.execute_wrapper(count):
            result = act()
            if left > 0:
                raise Crash
        return result

    @rule(some=st.lists(numbers, min_size=1, max_size=3), amount=micros, at=instants, crash=crashes)
    def hold(self, some: list[int], amount: Decimal, at: datetime, crash: int) -> None:
        budgets = list({sorted(self.limits)[one % 4] for one in some})
        call = self.new_calls(1)[0]
        own = [limit for key in budgets if (limit := self.call_limits[key]) is not None]
        fits = amount <= min([self.room(budgets, at), *own])
        try:
            self.commit(lambda: ledger.hold(call, budgets, amount, currency="USD", at=at), crash)
        except Crash:
            return
        except BudgetExhausted:
            assert not fits
            return
        assert fits
        self.calls[call] = ModelCall(budgets, amount, at)
        for budget in budgets:
            for period in Period:
                self.open.setdefault(self.key_of(budget, period, at), self.limits[budget][period])

    @rule(
        some=st.lists(st.tuples(st.lists(numbers, min_size=1, max_size=3), micros), min_size=1, max_size=5),
        at=instants,
        crash=crashes,
    )
    def hold_many(self, some: list[tuple[list[int], Decimal]], at: datetime, crash: int) -> None:
        """In their order: a budget that had no room for one has none for those after it."""
        wanted = [
            Wanted(
                reference,
                tuple(sorted({sorted(self.limits)[one % 4] for one in budgets})),
                amount,
                "USD",
            )
            for reference, (budgets, amount) in zip(self.new_calls(len(some)), some, strict=True)
        ]
        expected, given, full = list[UUID](), dict.fromkeys(self.limits, Decimal(0)), set[int]()
        for one in wanted:
            own = [limit for key in one.budget_ids if (limit := self.call_limits[key]) is not None]
            if own and one.amount > min(own):
                expected.append(one.reference)
                continue
            full |= {key for key in one.budget_ids if self.room([key], at) - given[key] < one.amount}
            if full & set(one.budget_ids):
                expected.append(one.reference)
                continue
            for key in one.budget_ids:
                given[key] += one.amount
        assert list(ledger.would_refuse(wanted, at=at)) == expected
        try:
            refused = self.commit(lambda: ledger.hold_all(wanted, at=at), crash)
        except Crash:
            return
        assert list(refused) == expected
        held = [one for one in wanted if one.reference not in refused]
        for one in held:
            self.calls[one.reference] = ModelCall(list(one.budget_ids), one.amount, at)
            for budget in one.budget_ids:
                for period in Period:
                    self.open.setdefault(self.key_of(budget, period, at), self.limits[budget][period])

    @precondition(lambda self: self.calls)
    @rule(number=numbers, seq=st.integers(1, 4), quantity=st.integers(-1, 3000), crash=crashes)
    def report(self, number: int, seq: int, quantity: int, crash: int) -> None:
        """A report comes doubled, late, or for a call that nobody knows."""
        reference, call = self.a_call(number, lambda one: not one.over)
        used = meter.Measured(COMPONENT, "char", Decimal(quantity), seq)
        try:
            self.commit(lambda: meter.record(reference, [used, used], reporter="claim 1", at=FIRST), crash)
        except Crash:
            return
        key = f"{reference}:claim 1:{COMPONENT}:{seq}"
        if quantity < 0:
            self.reviews.add(f"bad_usage:{key}")
        elif not call.budgets:
            self.reviews.add(f"unknown_usage:{key}")
        elif not call.over:
            call.reports.setdefault(seq, quantity)
        elif seq not in call.reports and reference not in self.late:
            self.late.add(reference)  # what comes later is added to this review
            self.reviews.add(f"late_usage:{key}")

    @precondition(lambda self: self.calls)
    @rule(number=numbers, answered_s=st.none() | st.integers(0, 400), crash=crashes)
    def settle(self, number: int, answered_s: int | None, crash: int) -> None:
        reference, call = self.a_call(number, lambda one: not one.over)
        minutes = 0 if answered_s is None else max(1, -(-answered_s // 60))
        telephony = (Decimal("0.0184") * minutes + Decimal("0.0075")) * bool(minutes)
        cost = telephony * Decimal("1.1") + Decimal("0.00005") * sum(call.reports.values())
        try:
            charged = self.commit(lambda: settling.settle(reference, settling.Ending(answered_s), at=FIRST), crash)
        except Crash:
            return
        except NotHeld:
            assert call.over
            assert call.charged is None
            return
        if call.charged is None:
            assert not call.over
            call.over, call.charged = True, min(cost, call.held)
            if cost > call.held:
                self.reviews.add(f"excess:{reference}")
        assert charged == call.charged

    @precondition(lambda self: self.calls)
    @rule(number=numbers, crash=crashes)
    def release(self, number: int, crash: int) -> None:
        reference, call = self.a_call(number, lambda one: one.charged is None)
        try:
            self.commit(lambda: ledger.release(reference, at=FIRST), crash)
        except Crash:
            return
        call.over = True

    @precondition(lambda self: self.calls)
    @rule(number=numbers, amount=signed, cause=st.sampled_from(["carrier", "review 7"]), crash=crashes)
    def correct(self, number: int, amount: Decimal, cause: str, crash: int) -> None:
        reference, call = self.a_call(number, lambda one: one.charged is not None)
        own = [limit - call.spent for key in call.budgets if (limit := self.call_limits[key]) is not None]
        room = max(Decimal(0), min([self.room(call.budgets, call.at), *own]))
        try:
            change = self.commit(lambda: ledger.correct(reference, amount, cause=cause, at=FIRST), crash)
        except Crash:
            return
        except NotHeld:
            assert call.charged is None
            return
        call.corrections.setdefault(cause, max(amount, -call.spent) if amount < 0 else min(amount, room))
        assert change == call.corrections[cause]

    @rule(number=numbers, period=st.sampled_from(Period), limit=limits, at=instants, crash=crashes)
    def change_limit(self, number: int, period: Period, limit: Decimal | None, at: datetime, crash: int) -> None:
        """As a person does it at ``at``: of the budget, and of the period that runs then."""
        budget = sorted(self.limits)[number % 4]
        key = self.key_of(budget, period, at)

        def change() -> None:
            Budget.objects.select_for_update(no_key=True).get(pk=budget)
            Budget.objects.filter(pk=budget).update(**{COLUMNS[period]: limit})
            Balance.objects.filter(budget=budget, period=period.value, window__contains=at).update(limit=limit)

        try:
            self.commit(change, crash)
        except Crash:
            return
        except IntegrityError:
            assert limit is not None
            assert limit < sum(self.booked(key))
            return
        self.limits[budget][period] = limit
        if key in self.open:
            self.open[key] = limit

    # What always holds

    @invariant()
    def the_books_agree(self) -> None:
        assert audit() == []
        assert set(Review.objects.values_list("key", flat=True)) == self.reviews
        rows = Balance.objects.all()
        found = {
            (row.budget_id, Period(row.period), row.window.lower): (row.limit, row.spent, row.held) for row in rows
        }
        assert found == {key: (limit, *self.booked(key)) for key, limit in self.open.items()}
        assert all(limit is None or spent + held <= limit for limit, spent, held in found.values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("examples", "steps"),
    [(10, 25), pytest.param(30, 40, marks=[pytest.mark.slow, pytest.mark.timeout(400)])],
    ids=["quick", "thorough"],
)
def test_any_interleaving_keeps_the_books(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
