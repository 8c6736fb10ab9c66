"""Which times of a calendar are free: the agent's hours and the lead's, across zones and changes of the clock."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.domain.availability import Availability, Hours, Span, free_times, problems, starts

WEEK = frozenset(range(5))
OFFICE = Availability("America/New_York", (Hours(WEEK, time(9), time(17)),))
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
"""A Monday, 15:00 in New York."""
ZONES = (
    "America/New_York",
    "America/Denver",
    "America/Los_Angeles",
    "America/Phoenix",
    "Pacific/Honolulu",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
)


def local(times: tuple[datetime, ...], zone: str) -> list[str]:
    return [f"{at.astimezone(ZoneInfo(zone)):%a %d %H:%M}" for at in times]


def test_offers_differ_in_day_and_hour_in_the_leads_zone() -> None:
    found = free_times(OFFICE, "America/Denver", now=NOW)
    assert local(found, "America/Denver") == ["Tue 24 10:00", "Wed 25 14:00", "Thu 26 11:00", "Fri 27 13:00"]
    assert all(at.tzinfo is UTC for at in found)


def test_the_hours_alone_give_every_start_of_a_span() -> None:
    within = Span(datetime(2026, 11, 24, 20, 30, tzinfo=UTC), datetime(2026, 11, 25, 15, tzinfo=UTC))
    assert local(tuple(starts(OFFICE, within)), "America/New_York") == ["Tue 24 16:00", "Wed 25 09:00"]


def test_the_agents_hours_hold_where_the_lead_lives_far_away() -> None:
    every = free_times(OFFICE, "Pacific/Honolulu", now=NOW, count=1000)
    assert {at.astimezone(ZoneInfo("Pacific/Honolulu")).hour for at in every} == {8, 9, 10, 11}
    assert {at.astimezone(ZoneInfo("America/New_York")).hour for at in every} == {13, 14, 15, 16}


def test_no_common_hour_is_no_time() -> None:
    assert free_times(OFFICE, "Asia/Tokyo", now=NOW) == ()


def test_buffers_keep_appointments_apart() -> None:
    rules = replace(OFFICE, minutes=60, every_min=30, before_min=15, after_min=15)
    noon = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
    every = free_times(rules, rules.zone, now=NOW, taken=[rules.span(noon)], count=1000)
    tuesday = [text for text in local(tuple(sorted(every)), rules.zone) if text.startswith("Tue 24")]
    assert rules.span(noon) == Span(noon - timedelta(minutes=15), noon + timedelta(minutes=75))
    assert tuesday == ["Tue 24 10:00", "Tue 24 14:00", "Tue 24 15:30"]  # the hours that people like come first


def test_a_full_day_and_a_day_off_are_passed_over() -> None:
    rules = replace(OFFICE, most_per_day=1, days_off=frozenset({date(2026, 11, 25)}))
    booked = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    found = free_times(rules, rules.zone, now=NOW, taken=[rules.span(booked)], booked=[booked], count=3)
    assert local(found, rules.zone) == ["Thu 26 10:00", "Fri 27 14:00", "Mon 30 11:00"]


def test_notice_and_horizon() -> None:
    rules = replace(OFFICE, notice_min=60, horizon_days=1)
    every = free_times(rules, rules.zone, now=NOW, count=1000)
    assert local(tuple(sorted(every))[:2], rules.zone) == ["Mon 23 16:00", "Tue 24 09:00"]
    assert local(tuple(sorted(every))[-1:], rules.zone) == ["Tue 24 16:00"]


def test_a_clock_time_that_is_skipped_is_never_offered() -> None:
    """New York skips 02:00 to 03:00 on 8 March 2026; London is awake then."""
    night = Availability("America/New_York", (Hours(frozenset({6}), time(1), time(5)),), every_min=30, notice_min=0)
    now = datetime(2026, 3, 7, 12, tzinfo=UTC)
    every = sorted(free_times(replace(night, horizon_days=2), "Asia/Kolkata", now=now, count=100))
    assert local(tuple(every), "America/New_York") == [
        *("Sun 08 01:00", "Sun 08 01:30", "Sun 08 03:00", "Sun 08 03:30", "Sun 08 04:00", "Sun 08 04:30"),
    ]


RULES = st.builds(
    Availability,
    st.sampled_from(ZONES),
    st.lists(
        st.builds(
            Hours,
            st.frozensets(st.integers(0, 6), min_size=1),
            st.times(max_value=time(12)).map(lambda at: at.replace(second=0, microsecond=0)),
            st.times(min_value=time(13)).map(lambda at: at.replace(second=0, microsecond=0)),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    minutes=st.sampled_from((15, 30, 45, 60, 90)),
    every_min=st.sampled_from((15, 30, 60)),
    before_min=st.sampled_from((0, 10, 45)),
    after_min=st.sampled_from((0, 15, 60)),
    notice_min=st.sampled_from((0, 60, 1440)),
    horizon_days=st.integers(1, 10),
    most_per_day=st.sampled_from((None, 1, 3)),
)
MOMENTS = st.one_of(
    st.integers(0, 1_000_000).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    # The days before the clocks change in America, Europe and Lord Howe.
    st.sampled_from(((3, 7), (10, 31), (10, 24), (4, 4))).map(lambda day: datetime(2026, *day, 12, tzinfo=UTC)),
)
BUSY = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=5)


@settings(max_examples=150, deadline=None)
@given(RULES, st.sampled_from(ZONES), MOMENTS, BUSY, st.integers(1, 40))
def test_every_offer_keeps_every_rule(
    rules: Availability, lead_zone: str, now: datetime, busy: list[tuple[int, int]], count: int
) -> None:
    hour = timedelta(hours=1)
    taken = [Span(now + begin * hour, now + (begin + length) * hour) for begin, length in busy]
    found = free_times(rules, lead_zone, now=now, taken=taken, count=count)
    zone, theirs = ZoneInfo(rules.zone), ZoneInfo(lead_zone)
    spans = sorted(rules.span(at) for at in found)

    assert len(found) <= count
    assert all(not one.overlaps(other) for one, other in pairwise(spans))
    for at in found:
        begins, ends = at.astimezone(zone), (at + timedelta(minutes=rules.minutes)).astimezone(zone)
        assert at >= now + timedelta(minutes=rules.notice_min)
        assert (begins.date() - now.astimezone(zone).date()).days <= rules.horizon_days
        assert any(
            begins.weekday() in hours.weekdays and hours.opens_at <= begins.time() and ends.time() <= hours.closes_at
            for hours in rules.hours
        )
        assert begins.date() == ends.date()
        assert time(8) <= at.astimezone(theirs).time() < time(20)
        assert not any(rules.span(at).overlaps(span) for span in taken)
    if rules.most_per_day:
        days = Counter(at.astimezone(zone).date() for at in found)
        assert max(days.values(), default=0) <= rules.most_per_day


def test_good_rules_have_no_problem() -> None:
    assert problems(OFFICE) == {}


@pytest.mark.parametrize(
    ("rules", "field", "sentence"),
    [
        (
            replace(OFFICE, zone="Mars/Olympus"),
            "zone",
            "There is no time zone 'Mars/Olympus': enter an IANA name such as America/Denver.",
        ),
        (replace(OFFICE, zone=""), "zone", "There is no time zone '': enter an IANA name such as America/Denver."),
        (
            replace(OFFICE, hours=(Hours(WEEK, time(17), time(9)),)),
            "hours",
            "The hours 17:00 to 09:00 end before they start: let them close later.",
        ),
        (
            replace(OFFICE, minutes=600),
            "hours",
            "No hour is left for an appointment of 600 minutes: add a day with hours at least that long.",
        ),
        (
            replace(OFFICE, hours=()),
            "hours",
            "No hour is left for an appointment of 30 minutes: add a day with hours at least that long.",
        ),
        (
            replace(OFFICE, notice_min=20_160),
            "notice_min",
            "A notice of 20160 minutes leaves nothing of 14 days: make it shorter, or look further ahead.",
        ),
    ],
)
def test_rules_that_leave_nothing_are_named(rules: Availability, field: str, sentence: str) -> None:
    assert problems(rules) == {field: sentence}
