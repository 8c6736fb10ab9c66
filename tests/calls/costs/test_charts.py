"""Bars: their sizes, their scale, and how many of them there are."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from calls.admin.charts import Bar, chart_of
from calls.admin.costs import amount, talked
from calls.domain.costs import Figures
from calls.services.costs import Day

FIRST = date(2026, 11, 1)


def days(*costs: str) -> list[Day]:
    return [Day(FIRST + timedelta(days=n), Figures(dials=n, cost=Decimal(cost))) for n, cost in enumerate(costs)]


def dollars(value: Decimal) -> str:
    return amount(value, "USD")


def test_one_day_is_a_bar_in_the_middle() -> None:
    chart = chart_of(days("4"), dollars)
    assert chart.bars == [Bar(470, 20, 60, 80, "2026-11-01: $4.00, 0 dials")]
    assert (chart.marks, chart.labels, chart.each) == (["$5.00", "$2.50", "$0.00"], ["Nov 1"], "day")


def test_ninety_days_have_a_bar_each_in_order() -> None:
    chart = chart_of(days(*["1"] * 89, "0"), dollars)
    assert len(chart.bars) == 90
    assert [bar.x for bar in chart.bars] == sorted({bar.x for bar in chart.bars})
    assert {bar.height for bar in chart.bars[:-1]} == {100}
    assert chart.bars[-1].height == 0
    assert chart.bars[1].title == "2026-11-02: $1.00, 1 dial"
    assert chart.labels == ["Nov 1", "Dec 16", "Jan 29"]


def test_longer_times_have_a_bar_a_week() -> None:
    chart = chart_of(days(*["1"] * 105), dollars)
    assert (len(chart.bars), chart.each) == (15, "week")
    assert chart.bars[0].title == "2026-11-01 to 2026-11-07: $7.00, 21 dials"
    assert chart.marks[0] == "$10.00"


def test_days_that_cost_nothing_or_less_have_no_bar() -> None:
    chart = chart_of(days("0", "-1"), dollars)
    assert [bar.height for bar in chart.bars] == [0, 0]
    assert chart.marks == ["$1.00", "$0.50", "$0.00"]


@pytest.mark.parametrize(
    ("most", "top"),
    [
        ("1", "1"),
        ("1.01", "2"),
        ("2.4", "2.5"),
        ("2.51", "5"),
        ("9", "10"),
        ("1234", "2000"),
        ("0.000004", "0.000005"),
    ],
)
def test_the_scale_ends_at_a_round_number(most: str, top: str) -> None:
    height = chart_of(days(most), dollars).bars[0].height
    assert height == round(float(Decimal(most) / Decimal(top)) * 100, 2)


@pytest.mark.parametrize(
    ("value", "currency", "words"),
    [
        ("0", "USD", "$0.00"),
        ("0.012345", "USD", "$0.0123"),
        ("0.1", "USD", "$0.10"),
        ("1234.5", "USD", "$1,234.50"),
        ("-0.02", "USD", "-$0.0200"),
        ("1234.5", "EUR", "1,234.50 EUR"),
        ("-0.5", "EUR", "-0.50 EUR"),
    ],
)
def test_amounts_have_the_places_that_say_something(value: str, currency: str, words: str) -> None:
    assert amount(Decimal(value), currency) == words


def test_talk_is_told_in_hours() -> None:
    assert [talked(seconds) for seconds in (0, 59, 3661, 3_600_000)] == [
        "0:00:00",
        "0:00:59",
        "1:01:01",
        "1,000:00:00",
    ]
