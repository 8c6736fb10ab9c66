"""Many calls, one budget, real PostgreSQL, real threads."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connections

from billing.models import Budget, LedgerEntry
from billing.services import BudgetExhausted, audit, hold, release, settle

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)
THREADS = 32


def at_once(act: Callable[[int], str]) -> Counter[str]:
    """What ``act`` came to in each of the threads, all let go at the same moment."""
    start = threading.Barrier(THREADS)

    def run(number: int) -> str:
        try:
            start.wait(timeout=30)
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(run, range(THREADS)))


def test_a_budget_with_room_for_ten_takes_ten_of_thirty_two() -> None:
    budget = Budget.objects.create(name="Ten", limit=Decimal("1.18"))

    def take(_: int) -> str:
        try:
            hold(uuid4(), budget.pk, Decimal("0.117900"), at=AT)
        except BudgetExhausted:
            return "exhausted"
        return "held"

    assert at_once(take) == {"held": 10, "exhausted": 22}
    budget.refresh_from_db()
    assert (budget.spent, budget.held) == (Decimal(0), Decimal("1.179"))
    assert LedgerEntry.objects.count() == 10
    assert audit() == []


def test_thirty_two_settlements_of_one_call_are_one() -> None:
    budget = Budget.objects.create(name="One", limit=Decimal(1))
    call = uuid4()
    hold(call, budget.pk, Decimal("0.25"), at=AT)
    costs = at_once(
        lambda number: str(settle(call, {"a": Decimal(number + 1) / 1000}, at=AT).quantize(Decimal("0.001")))
    )
    assert len(costs) == 1
    budget.refresh_from_db()
    assert (str(budget.spent.quantize(Decimal("0.001"))), budget.held) == (costs.most_common()[0][0], Decimal(0))
    assert LedgerEntry.objects.count() == 3
    assert audit() == []


def test_settling_and_releasing_calls_over_two_budgets_never_locks_up() -> None:
    budgets = [Budget.objects.create(name=name, limit=Decimal(10)) for name in ("Campaign", "Everything")]

    def live(number: int) -> str:
        call: UUID = uuid4()
        for budget in budgets:
            hold(call, budget.pk, Decimal("0.25"), at=AT)
        if number % 2:
            release(call, at=AT)
            return "released"
        settle(call, {"a": Decimal("0.02")}, at=AT)
        return "settled"

    assert at_once(live) == {"released": 16, "settled": 16}
    assert list(Budget.objects.values_list("name", "spent", "held")) == [
        ("Campaign", Decimal("0.32"), Decimal(0)),
        ("Everything", Decimal("0.32"), Decimal(0)),
    ]
    assert audit() == []
