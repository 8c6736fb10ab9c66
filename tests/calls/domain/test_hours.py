"""The next opening against looking at every quarter of an hour: any zones, windows, clock changes, leap days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from calls.domain.hours import OwnHours, Place, Timetable
from calls.domain.rules import EVERY_DAY, RuleBook, Window
from calls.services.rule_file import rule_of
from tests.calls.domain.book import BOOK

ZONES = [
    "America/New_York",
    "America/Denver",
    "America/Phoenix",
    "America/St_Johns",
    "Pacific/Honolulu",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Europe/London",
]
QUARTER = timedelta(minutes=15)
quarters = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first, second = sorted(draw(st.lists(quarters, min_size=2, max_size=2, unique=True)))
    return Window(tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1)))), first, second)


def table(zones: list[str], window: Window) -> Timetable:
    """No law but the campaign's own window."""
    return Timetable(
        Place("XX", (), tuple(zones)), RuleBook.of([], version="", at=datetime.now(UTC)), OwnHours((window,))
    )


DAYS = [date(2026, 3, 8), date(2026, 11, 1), date(2026, 10, 25), date(2028, 2, 28), date(2026, 12, 31)]
near_changes = st.builds(
    lambda day, minutes: datetime.combine(day, time(0), UTC) + timedelta(minutes=minutes),
    st.sampled_from(DAYS),
    st.integers(-48 * 60, 48 * 60),
)


@settings(max_examples=120, deadline=None)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True), window=windows(), now=near_changes
)
@example(
    zones=["America/New_York"],
    window=Window(EVERY_DAY, time(2, 30), time(3)),
    now=datetime(2026, 3, 8, 0, tzinfo=UTC),
)
@example(
    zones=["America/New_York"],
    window=Window(EVERY_DAY, time(1, 30), time(2)),
    now=datetime(2026, 11, 1, 5, 45, tzinfo=UTC),
)
def test_the_next_opening_is_the_first_allowed_quarter(zones: list[str], window: Window, now: datetime) -> None:
    times = table(zones, window)
    assume(not times.allows(now))
    at = now.replace(minute=now.minute // 15 * 15)
    end = min(now + timedelta(days=8), times.next_opening(now) or now + timedelta(days=8))
    while (at := at + QUARTER) < end:
        assert not times.allows(at), at
    if (found := times.next_opening(now)) is not None:
        assert times.allows(found)
        assert found > now


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), window=windows(), at=near_changes)
def test_allowed_is_what_the_clock_on_the_wall_says(zone: str, window: Window, at: datetime) -> None:
    clock = at.astimezone(ZoneInfo(zone))
    wall = clock.weekday() in window.weekdays and window.opens <= clock.time() < window.closes
    assert table([zone], window).allows(at) is wall


def test_an_hour_that_the_clock_skips_is_no_opening() -> None:
    times = table(["America/New_York"], Window((6,), time(2, 15), time(2, 45)))
    before = datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert times.next_opening(before) == datetime(2026, 3, 15, 6, 15, tzinfo=UTC)


def test_an_hour_that_the_clock_repeats_opens_twice() -> None:
    times = table(["America/New_York"], Window((6,), time(1, 15), time(1, 45)))
    first = datetime(2026, 11, 1, 5, 15, tzinfo=UTC)
    assert times.next_opening(first - QUARTER) == first
    assert times.next_opening(first + timedelta(minutes=29)) == first + timedelta(hours=1)


def test_leap_day() -> None:
    times = table(["America/Denver"], Window((1,), time(9), time(10)))  # 29 February 2028 is a Tuesday
    assert times.next_opening(datetime(2028, 2, 28, tzinfo=UTC)) == datetime(2028, 2, 29, 16, tzinfo=UTC)


def test_midnight_opens_and_closes() -> None:
    times = table(["America/Denver"], Window((2,), time(0), time(23, 59)))
    midnight = datetime(2026, 11, 11, 7, tzinfo=UTC)
    assert times.next_opening(midnight - timedelta(hours=1)) == midnight
    assert not times.allows(midnight - timedelta(microseconds=1))
    assert not times.allows(midnight + timedelta(hours=23, minutes=59))


@pytest.mark.parametrize(
    "zones", [("America/New_York", "Pacific/Kiritimati"), ("Asia/Kathmandu", "Pacific/Honolulu")]
)
def test_windows_that_never_meet(zones: tuple[str, ...]) -> None:
    times = Timetable(Place("US", ("FL",), zones), BOOK, OwnHours((Window(EVERY_DAY, time(12), time(13)),)))
    assert times.next_opening(datetime(2026, 11, 10, tzinfo=UTC)) is None


def test_a_holiday_of_29_february() -> None:
    head = {"place": "US-CO", "mark": "O", "source": "a test", "effective_from": "2024-01-01T00:00:00Z"}
    quiet = rule_of(
        {**head, "key": "hours.US-CO", "kind": "hours", "windows": ["Mon-Sun 08:00-21:00"], "on_holidays": []}
    )
    leap = rule_of({**head, "key": "holiday.US-CO", "kind": "holiday", "name": "Leap", "month": 2, "day": 29})
    book = RuleBook.of([quiet, leap], version="leap", at=datetime(2026, 1, 1, tzinfo=UTC))
    times = Timetable(
        Place("US", ("CO",), ("America/Denver",)), book, OwnHours((Window(EVERY_DAY, time(0), time(23, 59)),))
    )
    assert not times.allows(datetime(2028, 2, 29, 18, tzinfo=UTC))
    assert times.allows(datetime(2027, 3, 1, 18, tzinfo=UTC))
