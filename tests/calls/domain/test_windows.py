"""A campaign's windows, dates, closed days and holidays, minute by minute on the wall clocks of the zones."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import holidays
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from calls.domain.calling_windows import allowed_everywhere, allowed_in, allowed_somewhere, wrong_with
from calls.domain.compliance import DialRules, Never, Wait
from calls.domain.gates import decide
from calls.domain.hours import LOOK_AHEAD, OwnHours, Place, Timetable
from calls.domain.places import STATE_ZONES
from calls.domain.rules import EVERY_DAY, RuleBook, Window
from tests.calls.domain.book import BOOK, coloradan

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NO_LAW = RuleBook.of([], version="no law", at=datetime(2026, 1, 1, tzinfo=UTC))
ALL_DAY = Window(EVERY_DAY, time(0), time(23, 59, 59))
ZONES = sorted(available_timezones())
LORD_HOWE = "Australia/Lord_Howe"  # its clock is changed by half an hour
DENVER = "America/Denver"
TURNS = [
    date(2026, 3, 8),  # the clocks of the United States go forward
    date(2026, 11, 1),  # and back
    date(2026, 3, 29),  # of Europe
    date(2026, 10, 25),
    date(2026, 4, 5),  # of Lord Howe, back
    date(2026, 10, 4),
    date(2026, 9, 6),  # of Chile, at midnight
    date(2026, 4, 24),  # of Egypt, at midnight
    date(2028, 2, 29),
    date(2026, 12, 31),
    date(2026, 11, 26),  # Thanksgiving
]
minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
days = st.sampled_from(TURNS).flatmap(lambda day: st.integers(-3, 4).map(lambda n: day + n * DAY))
instants = st.builds(
    lambda day, seconds: datetime.combine(day, time(0), UTC) + timedelta(seconds=seconds),
    days,
    st.integers(0, 86_399),
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first, second = sorted(draw(st.lists(minutes, min_size=2, max_size=2, unique=True)))
    return Window(tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1)))), first, second)


own_hours = st.builds(
    OwnHours,
    st.lists(windows(), min_size=1, max_size=3).map(tuple),
    starts_on=st.none() | days,
    ends_on=st.none() | days,
    closed_on=st.frozensets(days, max_size=4),
    skips_holidays=st.booleans(),
)


@cache
def holidays_of(state: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("US", subdiv=state or None, years=year))


def on_the_wall(own: OwnHours, clock: datetime, states: tuple[str, ...]) -> bool:
    """What a person would say who looks at one clock and at the campaign's page."""
    day = clock.date()
    if (own.starts_on and day < own.starts_on) or (own.ends_on and day > own.ends_on) or day in own.closed_on:
        return False
    if own.skips_holidays and any(day in holidays_of(state, day.year) for state in states or ("",)):
        return False
    return any(clock.weekday() in w.weekdays and w.opens <= clock.time() < w.closes for w in own.windows)


def open_minutes(
    own: OwnHours, zones: tuple[str, ...], first: datetime, last: datetime, states: tuple[str, ...]
) -> Iterator[datetime]:
    clocks = [ZoneInfo(zone) for zone in zones]
    at = first.replace(second=0, microsecond=0)
    while at < last:
        if at >= first and all(on_the_wall(own, at.astimezone(clock), states) for clock in clocks):
            yield at
        at += MINUTE


@settings(max_examples=50, deadline=None)
@given(
    own=own_hours,
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True).map(tuple),
    state=st.sampled_from(["", "CO", "NY", "LA"]),
    now=instants,
)
@example(  # 02:30 does not exist on that day
    own=OwnHours((Window(EVERY_DAY, time(2, 30), time(4)),)),
    zones=("America/New_York",),
    state="NY",
    now=datetime(2026, 3, 8, 5, tzinfo=UTC),
)
@example(  # 01:30 comes twice, and the hours open twice
    own=OwnHours((Window(EVERY_DAY, time(1, 30), time(1, 45)),)),
    zones=("America/New_York",),
    state="NY",
    now=datetime(2026, 11, 1, 5, 50, tzinfo=UTC),
)
@example(  # from 02:00 the clock goes back to 01:30
    own=OwnHours((Window(EVERY_DAY, time(1, 40), time(1, 50)),)),
    zones=(LORD_HOWE,),
    state="",
    now=datetime(2026, 4, 4, 14, 51, tzinfo=UTC),
)
@example(
    own=OwnHours((ALL_DAY,), starts_on=date(2028, 2, 29), ends_on=date(2028, 2, 29)),
    zones=("Pacific/Kiritimati", "Pacific/Pago_Pago"),
    state="",
    now=datetime(2028, 2, 27, tzinfo=UTC),
)
def test_the_next_opening_is_the_first_open_minute(
    own: OwnHours, zones: tuple[str, ...], state: str, now: datetime
) -> None:
    states = (state,) if state else ()
    times = Timetable(Place("US", states, zones), NO_LAW, own)
    seconds = timedelta(seconds=now.second)
    is_open = all(on_the_wall(own, now.astimezone(ZoneInfo(zone)), states) for zone in zones)
    assert times.allows(now) is is_open
    assume(not is_open)
    found = times.next_opening(now)
    end = found if found is not None else now + LOOK_AHEAD
    assert next(open_minutes(own, zones, now - seconds + MINUTE, end, states), None) is None
    if found is not None:
        assert found > now
        assert times.allows(found)
        assert not times.allows(found - timedelta(microseconds=1))
        assert (found.second, found.microsecond) == (0, 0)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(own=own_hours, states=st.lists(st.sampled_from(sorted(STATE_ZONES)), max_size=2, unique=True), at=instants)
def test_what_is_allowed_is_inside_the_law_and_the_dates(own: OwnHours, states: list[str], at: datetime) -> None:
    zones = tuple(dict.fromkeys(STATE_ZONES[state][0] for state in states)) or (DENVER,)
    place = Place("US", tuple(states), zones)
    times = Timetable(place, BOOK, own)
    at = at if times.allows(at) else times.next_opening(at) or at
    assume(times.allows(at))
    assert Timetable(place, BOOK, OwnHours((ALL_DAY,))).allows(at)
    for zone in zones:
        clock = at.astimezone(ZoneInfo(zone))
        assert time(8) <= clock.time() < time(21)
        assert own.starts_on is None or own.starts_on <= clock.date()
        assert own.ends_on is None or clock.date() <= own.ends_on
        assert clock.date() not in own.closed_on


def denver(own: OwnHours, *, states: tuple[str, ...] = ("CO",)) -> Timetable:
    return Timetable(Place("US", states, (DENVER,)), BOOK, own)


def local(day: date, hour: int, zone: str = DENVER) -> datetime:
    return datetime.combine(day, time(hour), ZoneInfo(zone)).astimezone(UTC)


def test_a_start_far_away_is_found() -> None:
    own = OwnHours((Window(EVERY_DAY, time(9), time(17)),), starts_on=date(2027, 7, 1))
    assert denver(own).next_opening(local(date(2026, 11, 10), 12)) == local(date(2027, 7, 1), 9)


def test_a_day_begins_and_ends_where_the_last_clock_says_so() -> None:
    """With a zone in the east and one in the west, the first day begins by the western clock, the last ends by the
    eastern one.
    """
    own = OwnHours((ALL_DAY,), starts_on=date(2026, 11, 10), ends_on=date(2026, 11, 10))
    times = Timetable(Place("XX", (), ("Pacific/Auckland", "Pacific/Pago_Pago")), NO_LAW, own)
    assert times.next_opening(datetime(2026, 11, 1, tzinfo=UTC)) is None
    near = Timetable(Place("XX", (), ("America/New_York", "America/Los_Angeles")), NO_LAW, own)
    opens = near.next_opening(datetime(2026, 11, 1, tzinfo=UTC))
    assert opens == local(date(2026, 11, 10), 0, "America/Los_Angeles")
    last = local(date(2026, 11, 11), 0, "America/New_York") - timedelta(seconds=2)
    assert near.allows(last)
    assert not near.allows(last + timedelta(seconds=2))


def test_a_month_without_calls_gives_nobody_up() -> None:
    december = frozenset(date(2026, 12, 1) + n * DAY for n in range(31))
    own = OwnHours((Window(EVERY_DAY, time(9), time(17)),), closed_on=december)
    assert denver(own).next_opening(local(date(2026, 11, 30), 18)) == local(date(2027, 1, 1), 9)


def test_days_that_are_closed_far_ahead_do_no_harm() -> None:
    own = OwnHours((Window(EVERY_DAY, time(9), time(17)),), closed_on=frozenset({date(2099, 1, 1)}))
    assert denver(own).next_opening(local(date(2026, 11, 30), 18)) == local(date(2026, 12, 1), 9)


@pytest.mark.parametrize(
    ("states", "day", "is_open"),
    [
        (("CO",), date(2026, 11, 26), False),  # Thanksgiving
        (("CO",), date(2026, 7, 24), True),
        (("UT",), date(2026, 7, 24), False),  # Pioneer Day, of Utah alone
        (("CO", "UT"), date(2026, 7, 24), False),  # a number of one state and an address in the other
        ((), date(2026, 11, 27), True),  # the day after, a holiday in some states only
        ((), date(2026, 11, 26), False),
    ],
)
def test_holidays_of_the_states_concerned(states: tuple[str, ...], day: date, is_open: bool) -> None:
    own = OwnHours((ALL_DAY,), skips_holidays=True)
    times = Timetable(Place("US", states, (DENVER,)), NO_LAW, own)
    assert times.allows(local(day, 12)) is is_open
    assert Timetable(Place("US", states, (DENVER,)), NO_LAW, replace(own, skips_holidays=False)).allows(
        local(day, 12)
    )


def test_holidays_of_another_country() -> None:
    own = OwnHours((ALL_DAY,), skips_holidays=True)
    toronto = Timetable(Place("CA", (), ("America/Toronto",)), NO_LAW, own)
    assert not toronto.allows(local(date(2026, 7, 1), 12, "America/Toronto"))  # Canada Day
    assert toronto.allows(local(date(2026, 11, 26), 12, "America/Toronto"))


NOON = local(date(2026, 11, 10), 12)
NINE_TO_FIVE = DialRules((Window(EVERY_DAY, time(9), time(17)),), max_attempts=6)


@pytest.mark.parametrize(
    ("ends_on", "sentence"),
    [
        (date(2026, 11, 9), "The campaign ended on 2026-11-09: give it a later last day."),
        (
            date(2026, 11, 10),
            "No allowed hour is left until the campaign's last day, 2026-11-10: give it a later one.",
        ),
    ],
)
def test_a_campaign_that_is_over_says_so(ends_on: date, sentence: str) -> None:
    evening = NOON + timedelta(hours=7)
    decision = decide(coloradan(), now=evening, rules=replace(NINE_TO_FIVE, ends_on=ends_on), book=BOOK)
    assert isinstance(decision, Never)
    assert decision.reason == sentence


def test_hours_that_are_never_legal_are_the_reason_also_with_a_last_day() -> None:
    night = replace(NINE_TO_FIVE, windows=(Window(EVERY_DAY, time(2), time(4)),), ends_on=date(2026, 12, 1))
    decision = decide(coloradan(), now=NOON, rules=night, book=BOOK)
    assert isinstance(decision, Never)
    assert decision.reason == "No hour of the next four weeks is allowed: widen the campaign's hours."


def test_waiting_for_another_gate_may_outlast_the_campaign() -> None:
    called = tuple(NOON - timedelta(hours=hours) for hours in (1, 2, 3))
    rules = replace(NINE_TO_FIVE, ends_on=date(2026, 11, 10))
    decision = decide(coloradan(called_at=called), now=NOON, rules=rules, book=BOOK)
    assert isinstance(decision, Never)
    assert decision.reason == "The campaign ended on 2026-11-10: give it a later last day."


def test_a_campaign_that_has_not_begun_waits_for_its_first_day() -> None:
    decision = decide(coloradan(), now=NOON, rules=replace(NINE_TO_FIVE, starts_on=date(2027, 1, 4)), book=BOOK)
    assert isinstance(decision, Wait)
    assert decision.until == local(date(2027, 1, 4), 9)


@pytest.mark.parametrize(
    ("window", "field", "sentence"),
    [
        (((), time(9), time(17)), "weekdays", "Choose at least one day on which leads may be called."),
        (
            (EVERY_DAY, time(21), time(8)),
            "closes_at",
            "The window would close at 08:00, before it opens at 21:00: enter a later closing time. "
            "Calling through midnight is not possible.",
        ),
        (
            (EVERY_DAY, time(9), time(9)),
            "closes_at",
            "The window would close at 09:00, when it opens: enter a later closing time. "
            "Calling through midnight is not possible.",
        ),
        (
            (EVERY_DAY, time(18), time(0)),
            "closes_at",
            "A window closes on the day on which it opens: write 23:59 for midnight.",
        ),
    ],
)
def test_what_is_wrong_with_a_window(window: tuple[tuple[int, ...], time, time], field: str, sentence: str) -> None:
    assert wrong_with(*window) == {field: sentence}


def test_nothing_is_wrong_with_a_usual_window_or_one_that_is_not_typed_yet() -> None:
    assert wrong_with(EVERY_DAY, time(8), time(21)) == {}
    assert wrong_with((0,), time(23), time(23, 59)) == {}
    assert wrong_with((0,), None, time(9)) == {}


def test_where_windows_are_allowed() -> None:
    night, usual = Window(EVERY_DAY, time(2), time(4)), Window(EVERY_DAY, time(8), time(21))
    sunday = Window((6,), time(10), time(12))
    late = Window(EVERY_DAY, time(21), time(21, 30))  # in Canada alone, on weekdays
    assert not allowed_somewhere([night], BOOK)
    assert allowed_somewhere([night, sunday], BOOK)
    assert allowed_somewhere([late], BOOK)
    assert allowed_everywhere([usual], BOOK)
    assert not allowed_everywhere([sunday], BOOK)
    texan, coloradan = Place("US", ("TX",), ("America/Chicago",)), Place("US", ("CO",), (DENVER,))
    assert not allowed_in([sunday], [texan], BOOK)  # Texas opens at noon
    assert allowed_in([sunday], [texan, coloradan], BOOK)
    assert not allowed_in([sunday], [], BOOK)


def test_of_clocks_far_apart_it_is_not_said_that_no_hour_is_left() -> None:
    far = Place("US", ("FL",), ("America/New_York", "Pacific/Kiritimati"))
    assert allowed_in([Window(EVERY_DAY, time(12), time(13))], [far], BOOK)
    assert not Timetable(far, BOOK, OwnHours(())).has_an_hour()
