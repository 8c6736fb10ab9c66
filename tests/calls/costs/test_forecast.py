"""What a week or a month will come to, by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from calls.domain.costs import Forecast, forecast

MONDAY = date(2026, 11, 2)


def spent(*costs: str, first: date = MONDAY) -> dict[date, Decimal]:
    return {first + timedelta(days=n): Decimal(cost) for n, cost in enumerate(costs) if cost}


def test_even_days_go_on_evenly() -> None:
    today = MONDAY + timedelta(days=4)
    costs = spent("10", "10", "10", "10", "4")
    assert forecast(costs, first=MONDAY, today=today, last=MONDAY + timedelta(days=6)) == Forecast(
        so_far=Decimal(44), at_end=Decimal(70), low=Decimal(70), high=Decimal(70)
    )


def test_a_day_that_cost_more_than_usual_lowers_no_other() -> None:
    today = MONDAY + timedelta(days=4)
    found = forecast(spent("10", "10", "10", "10", "25"), first=MONDAY, today=today, last=today)
    assert found == Forecast(Decimal(65), Decimal(65), Decimal(65), Decimal(65))


def test_a_weekend_without_calls_is_expected_to_be_one_again() -> None:
    week = ("7", "7", "7", "7", "7", "", "")
    costs = spent(*week, *week)
    today = MONDAY + timedelta(days=14)
    assert forecast(costs, first=today, today=today, last=today + timedelta(days=6)) == Forecast(
        so_far=Decimal(0), at_end=Decimal(35), low=Decimal(35), high=Decimal(35)
    )


def test_the_spread_is_that_of_the_days() -> None:
    """Four days of 8, 12, 8, 12: variance 16/3 a day, for two days 2 * 16/3, for their mean 4/4 * 16/3 more."""
    today = MONDAY + timedelta(days=4)
    found = forecast(spent("8", "12", "8", "12"), first=MONDAY, today=today, last=today + timedelta(days=1))
    assert found is not None
    assert (found.so_far, found.at_end) == (Decimal(40), Decimal(60))
    error = Decimal("1.2816") * Decimal(16).sqrt()
    assert (found.low, found.high) == (Decimal(60) - error, Decimal(60) + error)


def test_nothing_is_expected_to_be_given_back() -> None:
    today = MONDAY + timedelta(days=4)
    found = forecast(spent("0", "0", "0", "100"), first=MONDAY, today=today, last=today)
    assert found is not None
    assert (found.low, found.so_far) == (Decimal(100), Decimal(100))


@pytest.mark.parametrize("costs", [(), ("10",), ("10", "10", "10"), ("", "10", "10", "10")])
def test_too_few_days_tell_nothing(costs: tuple[str, ...]) -> None:
    today = MONDAY + timedelta(days=len(costs))
    assert forecast(spent(*costs), first=MONDAY, today=today, last=today) is None
