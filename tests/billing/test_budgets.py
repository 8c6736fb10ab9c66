"""Limits change under the budget's lock, for the periods that run; whose calls a budget pays for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import connection

from billing.domain.money import MixedCurrencies
from billing.models import Balance, Budget
from billing.services import auditing, budgets, ledger
from billing.services.budgets import BudgetRefused, Limits, change, change_limits
from billing.services.ledger import BudgetExhausted, BudgetStopped
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, sums

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def limits(**values: str) -> Limits:
    return Limits(**{"total": None} | {name: Decimal(value) for name, value in values.items()})


def used(**fields: str) -> Budget:
    """Of which 0.1 is spent and 0.25 held."""
    budget = make.budget(**fields)
    make.hold(CALL, budget)
    ledger.charge(CALL, Decimal("0.1"), at=AT)
    make.hold(OTHER, budget)
    return budget


def refused(budget: Budget, to: Limits, *, at: datetime = AT) -> dict[str, str]:
    before = list(Balance.objects.order_by("pk").values_list("period", "limit"))
    with pytest.raises(BudgetRefused) as error:
        change_limits(budget.pk, to, at=at)
    assert list(Balance.objects.order_by("pk").values_list("period", "limit")) == before
    return error.value.problems


def test_every_limit_is_set_on_the_budget_and_on_the_periods_that_run() -> None:
    budget = used()
    change_limits(budget.pk, limits(total="9", day="1", week="2", month="3", call="0.5"), at=AT)
    budget.refresh_from_db()
    amounts = (budget.limit, budget.day_limit, budget.week_limit, budget.month_limit, budget.call_limit)
    assert amounts == tuple(Decimal(amount) for amount in ("9", "1", "2", "3", "0.5"))
    assert dict(Balance.objects.values_list("period", "limit")) == {"total": 9, "day": 1, "week": 2, "month": 3}
    change_limits(budget.pk, limits(), at=AT)
    assert set(Balance.objects.values_list("limit", flat=True)) == {None}


def test_a_period_that_is_over_keeps_its_limit_and_one_that_began_since_does_not() -> None:
    budget = make.budget("9", day_limit="1")
    for day in (-1, 0, 1):
        make.hold(uuid4(), budget, at=AT + day * DAY)
    change_limits(budget.pk, limits(total="9", day="2"), at=AT)
    days = Balance.objects.filter(period="day").order_by("window")
    assert [day.limit for day in days] == [1, 2, 2]


def test_a_new_limit_counts_for_the_next_call() -> None:
    budget = make.budget("1")
    change_limits(budget.pk, limits(total="1", day="0.2"), at=AT)
    with pytest.raises(BudgetExhausted, match=r"cannot hold 0\.25 USD more"):
        make.hold(CALL, budget)
    change_limits(budget.pk, limits(day="0.25"), at=AT)
    make.hold(CALL, budget)
    change_limits(budget.pk, limits(), at=AT)
    make.hold(OTHER, budget, amount="5")
    assert sums(budget) == (ZERO, Decimal("5.25"))


@pytest.mark.parametrize(
    ("field", "period", "when"),
    [
        ("limit", "total", ""),
        ("day_limit", "day", " today"),
        ("week_limit", "week", " this week"),
        ("month_limit", "month", " this month"),
    ],
)
def test_a_limit_below_what_is_used_is_refused(field: str, period: str, when: str) -> None:
    budget = used()
    assert refused(budget, limits(**{period: "0.349999"})) == {
        field: f"0.349999 USD is less than the 0.10 USD spent and 0.25 USD held{when}: enter at least 0.35 USD, "
        f"or wait for calls to settle."
    }
    change_limits(budget.pk, limits(**{period: "0.35"}), at=AT)


def test_every_limit_that_is_too_low_is_told() -> None:
    problems = refused(used(), limits(total="0", month="0", call="0.01"))
    assert set(problems) == {"month_limit", "limit"}


@pytest.mark.parametrize("amount", ["-0.01", "0.0000001", "100000000", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    problems = refused(used(), limits(day=amount, call=amount))
    sentence = f"{Decimal(amount)} is not an amount: it must be from 0 to 99999999.999999, with at most 6 places."
    assert problems == {"day_limit": sentence, "call_limit": sentence}


def test_an_unknown_budget_is_none() -> None:
    with pytest.raises(Budget.DoesNotExist):
        change_limits(999, limits(), at=AT)


@pytest.mark.parametrize("field", ["currency", "zone", "scope"])
def test_what_was_booked_keeps_its_meaning(field: str) -> None:
    other = {"currency": "EUR", "zone": "America/Denver", "scope": "company"}[field]
    fresh, budget = make.budget(), used()
    change(fresh.pk, {field: other}, limits(), at=AT)
    fresh.refresh_from_db()
    assert getattr(fresh, field) == other
    with pytest.raises(BudgetRefused) as error:
        change(budget.pk, {field: other, "name": "X"}, limits(total="9"), at=AT)
    assert error.value.problems == {
        field: "Money was held on this budget, so this cannot change: retire it, and make a new one in its place."
    }
    budget.refresh_from_db()
    assert (budget.limit, budget.name == "X") == (Decimal(1), False)
    change(budget.pk, {field: getattr(budget, field), "name": "X"}, limits(total="9"), at=AT)
    budget.refresh_from_db()
    assert (budget.limit, budget.name) == (Decimal(9), "X")


def test_a_zones_day_decides_which_limit_is_too_low() -> None:
    budget = make.budget("9", zone="America/Denver")
    late = datetime(2026, 11, 4, 5, 0, tzinfo=UTC)  # 22:00 on the 3rd in Denver
    make.hold(CALL, budget, at=late)
    assert "day_limit" in refused(budget, limits(day="0.1"), at=late + HOUR)
    change_limits(budget.pk, limits(day="0.1"), at=late + 3 * HOUR)


def test_who_pays_for_a_call() -> None:
    own, company, web = make.budget(), make.budget(scope="company"), make.budget(scope="source", source="web")
    make.budget(scope="source", source="other")
    assert budgets.concerned(own.pk, source="web") == [own, company, web]
    assert budgets.concerned(own.pk, source="") == [own, company]
    assert budgets.concerned(company.pk, source="none") == [company]


def test_what_a_hold_would_say_is_said_without_one() -> None:
    budget = make.budget("1", day_limit="0.3", call_limit="0.28")
    make.hold(CALL, budget)

    def check(amount: str, at: datetime = AT, currency: str = "USD") -> None:
        ledger.check_room([budget.pk], Decimal(amount), currency=currency, at=at)

    check("0.05")
    check("0.28", AT + DAY)
    with pytest.raises(BudgetExhausted, match=r"cannot hold 0\.050001 USD more today"):
        check("0.050001")
    with pytest.raises(BudgetExhausted, match=r"allows 0\.28 USD for one"):
        check("0.29", AT + DAY)
    with pytest.raises(MixedCurrencies):
        check("0.01", currency="EUR")
    Budget.objects.update(call_limit=None)
    with pytest.raises(BudgetExhausted, match=r"cannot hold 0\.31 USD more today"):
        check("0.31", AT + DAY)
    Budget.objects.update(stopped_at=AT, stopped_reason="too dear")
    with pytest.raises(BudgetStopped):
        check("0.01")
    assert sums(budget) == (ZERO, Decimal("0.25"))
    assert Balance.objects.count() == 4


def together(*acts: Callable[[], None]) -> list[object]:
    """All at the same moment, each on a connection of its own; what each returned or raised."""
    start = Barrier(len(acts))

    def run(act: Callable[[], None]) -> object:
        start.wait(10)
        try:
            act()
        except (BudgetRefused, BudgetExhausted) as error:
            return type(error)
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.django_db(transaction=True)
def test_calls_that_are_held_for_while_a_limit_sinks_never_overrun_it() -> None:
    for round in range(8):
        budget = make.budget("9", day_limit="9")
        holds = [partial(make.hold, UUID(int=100 * round + number), budget) for number in range(7)]
        came_of = together(*holds, partial(change_limits, budget.pk, limits(total="1", day="1"), at=AT))
        held = came_of[:7].count(None)
        assert sums(budget) == (ZERO, held * Decimal("0.25"))
        budget.refresh_from_db()
        refused = came_of[7] is BudgetRefused
        assert budget.limit == budget.day_limit == (9 if refused else 1)
        assert set(budget.balances.filter(period__in=["total", "day"]).values_list("limit", flat=True)) == {
            budget.limit
        }
        assert held == 7 if refused else held <= 4
    assert auditing.audit() == []


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_set_limits_at_once_the_later_one_counts_whole() -> None:
    budget = used()
    for _ in range(5):
        sets = [limits(total=str(number), day=str(number), month=str(number)) for number in range(1, 5)]
        together(*(partial(change_limits, budget.pk, one, at=AT) for one in sets))
        budget.refresh_from_db()
        assert budget.limit == budget.day_limit == budget.month_limit
        assert set(budget.balances.exclude(period="week").values_list("limit", flat=True)) == {budget.limit}
