"""Slots of a plan, on days when the clock is changed above all."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.domain.recurring import Plan, local_time, wrong_with

NEW_YORK = "America/New_York"
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
NOW = datetime(2026, 11, 10, 19, tzinfo=UTC)
DAY = timedelta(days=1)


def slots_around(day: date, at: time, zone: str) -> list[datetime]:
    noon = datetime.combine(day, time(12), UTC)
    return Plan(at=at, weekdays=(day.weekday(),), zone=zone).slots(noon - DAY, noon + DAY)


def test_a_time_that_the_clock_skips_comes_once_when_it_would_have_come() -> None:
    assert slots_around(date(2026, 3, 8), time(2, 30), NEW_YORK) == [datetime(2026, 3, 8, 7, 30, tzinfo=UTC)]


def test_a_time_that_the_clock_shows_twice_comes_once_when_it_is_shown_first() -> None:
    assert slots_around(date(2026, 11, 1), time(1, 30), NEW_YORK) == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]


def test_half_an_hour_at_lord_howe() -> None:
    zone = "Australia/Lord_Howe"
    assert slots_around(date(2026, 10, 4), time(2, 15), zone) == [datetime(2026, 10, 3, 15, 45, tzinfo=UTC)]
    assert slots_around(date(2026, 4, 5), time(1, 45), zone) == [datetime(2026, 4, 4, 14, 45, tzinfo=UTC)]


def test_a_week() -> None:
    plan = Plan(at=time(9), weekdays=(0, 3), zone=NEW_YORK)
    found = plan.slots(NOW, NOW + 14 * DAY)
    assert [f"{slot.astimezone(ZoneInfo(NEW_YORK)):%a %d %H:%M}" for slot in found] == [
        "Thu 12 09:00",
        "Mon 16 09:00",
        "Thu 19 09:00",
        "Mon 23 09:00",
    ]
    assert plan.next_slot(NOW) == found[0]
    assert plan.next_slot(found[0]) == found[1]


def test_both_ends() -> None:
    plan = Plan(at=time(9), weekdays=EVERY_DAY)
    slot = datetime(2026, 11, 11, 9, tzinfo=UTC)
    assert plan.slots(slot - DAY, slot) == [slot]
    assert plan.slots(slot, slot + DAY - timedelta(seconds=1)) == []


def test_once() -> None:
    plan = Plan(once_at=NOW)
    assert plan.slots(NOW - DAY, NOW) == [NOW]
    assert plan.slots(NOW, NOW + DAY) == []
    assert plan.next_slot(NOW - DAY) == NOW
    assert plan.next_slot(NOW) is None


def test_a_plan_without_a_time_has_no_slot() -> None:
    assert Plan().slots(NOW, NOW + DAY) == []
    assert Plan().next_slot(NOW) is None


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(sorted(available_timezones())),
    at=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(tuple),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2028, 3, 1)).map(lambda t: t.replace(tzinfo=UTC)),  # noqa: DTZ001
    looks=st.lists(st.integers(1, 3 * 24 * 60), max_size=8),
)
def test_however_often_somebody_looks_every_day_has_one_slot(
    zone: str, at: time, weekdays: tuple[int, ...], start: datetime, looks: list[int]
) -> None:
    plan, found, last = Plan(at=at, weekdays=weekdays, zone=zone), list[datetime](), start
    for minutes in looks:
        until = last + timedelta(minutes=minutes)
        found += plan.slots(last, until)
        last = until
    assert found == plan.slots(start, last)
    local_days = [datetime.combine(date(2025, 12, 30) + n * DAY, at, ZoneInfo(zone)) for n in range(900)]
    due = [day.astimezone(UTC) for day in local_days if day.weekday() in weekdays]
    assert found == [slot for slot in due if start < slot <= last]


def test_what_is_typed_is_local() -> None:
    assert local_time(datetime(2026, 11, 10, 12), "America/Denver") == NOW  # noqa: DTZ001


@pytest.mark.parametrize(
    ("plan", "wrong"),
    [
        (Plan(), {"at": "Say when: a time of day with its weekdays, or one date and time."}),
        (
            Plan(once_at=NOW + DAY, at=time(9)),
            {"at": "Once or every week: clear the time of day, or the one date and time."},
        ),
        (Plan(at=time(9)), {"weekdays": "Choose at least one day of the week."}),
        (
            Plan(once_at=NOW + DAY, weekdays=(1,)),
            {"weekdays": "Weekdays go with a time of day: clear them, or write the time of day."},
        ),
        (Plan(once_at=NOW), {"once_at": "2026-11-10 19:00 UTC is over: choose a later time."}),
        (
            Plan(at=time(9), weekdays=(1,), zone="Mars/Olympus"),
            {"zone": "Mars/Olympus is no IANA time zone: write one such as America/Denver."},
        ),
        (
            Plan(at=time(9), weekdays=(1,), zone=""),
            {"zone": "Nothing is no IANA time zone: write one such as America/Denver."},
        ),
        (Plan(at=time(9), weekdays=(1,), zone=NEW_YORK), {}),
        (Plan(once_at=NOW + DAY), {}),
    ],
)
def test_what_is_wrong_with_a_plan(plan: Plan, wrong: dict[str, str]) -> None:
    assert wrong_with(plan, zones=available_timezones(), now=NOW) == wrong


def test_a_plan_that_was_kept_is_not_wrong_for_being_over() -> None:
    assert wrong_with(Plan(once_at=NOW), zones={"UTC"}, now=NOW + DAY, is_new=False) == {}
