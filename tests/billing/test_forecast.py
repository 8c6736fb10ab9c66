"""The pace of spending, counted in calling hours, and when a limit is reached at it."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from billing.domain.forecast import CallingHours, Pace, Sample, forecast, pace_of

UTC_DAYS = CallingHours("UTC", tuple((day, time(8), time(20)) for day in range(7)))
OFFICE = CallingHours("UTC", tuple((day, time(9), time(17)) for day in range(5)))
MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def at(hour: float, *, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def samples(start: datetime, *spent: str) -> list[Sample]:
    """One every quarter of an hour, from nothing, each with what was spent since the one before."""
    found, total = [(start, Decimal(0))], Decimal(0)
    for number, amount in enumerate(spent, start=1):
        total += Decimal(amount)
        found.append((start + number * QUARTER, total))
    return found


def steady(per_hour: str) -> Pace:
    return Pace(Decimal(per_hour), Decimal(0), Decimal(0))


def test_calling_time_leaves_nights_and_weekends_out() -> None:
    assert OFFICE.spans(at(16, day=4), at(10, day=7)) == [
        (at(16, day=4), at(17, day=4)),
        (at(9, day=7), at(10, day=7)),
    ]


def test_windows_that_overlap_count_once() -> None:
    both = CallingHours("UTC", ((0, time(8), time(12)), (0, time(9), time(11)), (0, time(11), time(14))))
    assert both.spans(at(0), at(24)) == [(at(8), at(12)), (at(12), at(14))]


def test_calling_time_is_on_the_zones_own_clock() -> None:
    denver = CallingHours("America/Denver", tuple((day, time(8), time(20)) for day in range(7)))
    summer, winter = datetime(2026, 10, 31, 12, tzinfo=UTC), datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert [start.hour for start, _ in denver.spans(summer, winter)] == [14, 15]  # the clock went back on 1 November


def test_a_steady_pace_has_no_spread() -> None:
    assert pace_of(samples(at(8), *["3"] * 8), UTC_DAYS) == steady("12")


def test_the_pace_of_late_hours_weighs_more() -> None:
    pace = pace_of(samples(at(8), *["1"] * 12, *["3"] * 12), UTC_DAYS)
    assert pace is not None
    # Three hours at 12 weigh twice as much as the three at 4 before them: (12 · 2 + 4) / 3.
    assert round(pace.per_hour, 6) == round(Decimal(28) / 3, 6)
    assert pace.error > 0
    assert pace.noise > 0


@pytest.mark.parametrize("spent", [[], ["3"], ["3"] * 3])
def test_too_little_tells_no_pace(spent: list[str]) -> None:
    assert pace_of(samples(at(8), *spent), UTC_DAYS) is None


def test_four_short_looks_are_too_little_too() -> None:
    short = [(at(8) + number * timedelta(minutes=10), Decimal(number)) for number in range(5)]
    assert pace_of(short, UTC_DAYS) is None


def test_a_night_does_not_slow_the_pace() -> None:
    evening = samples(at(19), *["3"] * 4)
    morning = [(at(8, day=1), Decimal(12)), *((at(8, day=1) + QUARTER, Decimal(15)),)]
    assert pace_of([*evening, *morning], UTC_DAYS) == steady("12")


def test_what_is_spent_after_hours_counts_to_the_next() -> None:
    late = [*samples(at(19), *["3"] * 4), (at(21), Decimal(14)), (at(8, day=1), Decimal(14))]
    pace = pace_of([*late, (at(8, day=1) + QUARTER, Decimal(17))], UTC_DAYS)
    assert pace is not None
    assert pace.per_hour > 12


def test_nobody_spends_nothing_at_a_pace_of_nothing() -> None:
    assert pace_of(samples(at(8), *["0"] * 8), UTC_DAYS) == steady("0")


def test_a_limit_that_lasts() -> None:
    ahead = forecast(Decimal(40), Decimal(120), steady("10"), UTC_DAYS, now=at(12), ends_at=at(24))
    assert (ahead.at_end, ahead.low, ahead.high) == (Decimal(120), Decimal(120), Decimal(120))
    assert ahead.hours_short == ahead.hours_short_low == 0


def test_a_limit_that_does_not() -> None:
    ahead = forecast(Decimal(40), Decimal(100), steady("10"), UTC_DAYS, now=at(12), ends_at=at(24))
    assert (ahead.at_end, ahead.exhausted_at, ahead.hours_short) == (Decimal(120), at(18), Decimal(2))


def test_the_end_is_found_across_nights() -> None:
    ahead = forecast(Decimal(0), Decimal(200), steady("10"), OFFICE, now=at(9), ends_at=at(24, day=6))
    assert (ahead.exhausted_at, ahead.hours_short) == (at(13, day=2), Decimal(20))
    assert ahead.at_end == 400


def test_a_limit_that_is_reached_already() -> None:
    ahead = forecast(Decimal(100), Decimal(100), steady("10"), UTC_DAYS, now=at(12), ends_at=at(24))
    assert (ahead.exhausted_at, ahead.hours_short) == (at(12), Decimal(8))


def test_after_the_last_calling_hour_nothing_more_is_spent() -> None:
    ahead = forecast(Decimal(99), Decimal(100), steady("10"), UTC_DAYS, now=at(21), ends_at=at(24))
    assert ahead.at_end == 99
    assert ahead.hours_short == 0
    assert ahead.exhausted_at is None


def test_without_a_limit_there_is_an_end_alone() -> None:
    ahead = forecast(Decimal(99), None, steady("10"), UTC_DAYS, now=at(12), ends_at=at(24))
    assert ahead.at_end == 179
    assert ahead.hours_short == 0
    assert ahead.exhausted_at is None


def test_the_spread_grows_with_what_is_not_known() -> None:
    unsure = Pace(Decimal(10), Decimal(1), Decimal(4))
    ahead = forecast(Decimal(40), Decimal(100), unsure, UTC_DAYS, now=at(12), ends_at=at(24))
    # √((8 · 1)² + 8 · 4) = 9.798; times 1.2816 is 12.557.
    assert [round(one, 3) for one in (ahead.low, ahead.at_end, ahead.high)] == [
        Decimal("107.443"),
        Decimal("120"),
        Decimal("132.557"),
    ]
    assert ahead.hours_short == 2
    assert round(ahead.hours_short_low, 3) == Decimal("0.883")


def test_less_than_nothing_is_never_foreseen() -> None:
    wild = Pace(Decimal(1), Decimal(9), Decimal(0))
    ahead = forecast(Decimal(40), Decimal(100), wild, UTC_DAYS, now=at(12), ends_at=at(24))
    assert ahead.low == 40
    assert ahead.hours_short_low == 0


def test_a_steady_spender_is_foreseen_to_the_cent() -> None:
    pace = pace_of(samples(at(8), *["3"] * 16), UTC_DAYS)
    assert pace is not None
    ahead = forecast(Decimal(48), Decimal(100), pace, UTC_DAYS, now=at(12), ends_at=at(24))
    assert (round(ahead.at_end, 2), ahead.exhausted_at) == (Decimal(144), at(16) + timedelta(minutes=20))
