"""Spoken times, in the lead's zone, across daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain import spoken
from agents.domain.times import EARLIEST, LATEST, instant, zone_of

DENVER = ZoneInfo("America/Denver")
MONDAY_11 = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "local"),
    [
        ("call me Tuesday after lunch", "2026-11-24 13:30"),
        ("tomorrow at three", "2026-11-24 15:00"),
        ("in twenty minutes", "2026-11-23 11:20"),
        ("in an hour and a half", "2026-11-23 12:30"),
        ("in half an hour", "2026-11-23 11:30"),
        ("next week", "2026-11-30 10:00"),
        ("next Tuesday", "2026-12-01 10:00"),
        ("Tuesday next week at two", "2026-12-01 14:00"),
        ("this Friday around 4:30", "2026-11-27 16:30"),
        ("monday", "2026-11-30 10:00"),
        ("at 8", "2026-11-24 08:00"),
        ("half past two", "2026-11-23 14:30"),
        ("quarter to five", "2026-11-23 16:45"),
        ("quarter past nine tomorrow morning", "2026-11-24 09:15"),
        ("three thirty p.m.", "2026-11-23 15:30"),
        ("tomorrow at 10 A M", "2026-11-24 10:00"),
        ("four thirty tomorrow", "2026-11-24 16:30"),
        ("December third at noon", "2026-12-03 12:00"),
        ("March 3 at 14:15", "2027-03-03 14:15"),
        ("the 5th", "2026-12-05 10:00"),
        ("on the twenty third", "2026-12-23 10:00"),
        ("the 31st", "2026-12-31 10:00"),
        ("in january", "2027-01-01 10:00"),
        ("next month", "2026-12-01 10:00"),
        ("this evening", "2026-11-23 18:00"),
        ("tonight after dinner", "2026-11-23 18:00"),
        ("the day after tomorrow after work", "2026-11-25 17:30"),
        ("over the weekend", "2026-11-28 10:00"),
        ("in a couple of weeks", "2026-12-07 10:00"),
        ("in five days at noon", "2026-11-28 12:00"),
        ("in a few hours", "2026-11-23 14:00"),
        ("first thing tomorrow", "2026-11-24 09:00"),
        ("tomorrow late morning", "2026-11-24 11:00"),
        ("this afternoon", "2026-11-23 14:00"),
        ("at eleven at night", "2026-11-23 20:00"),
        ("tomorrow at five in the morning", "2026-11-24 08:00"),
        ("today at nine", "2026-11-24 09:00"),
        ("tomorrow at 430 p.m.", "2026-11-24 16:30"),  # as speech recognition writes it
        ("tomorrow at 4.30pm", "2026-11-24 16:30"),
        ("can we call Thursday at 5.30", "2026-11-26 17:30"),
        ("Tuesday, 1015 a.m.", "2026-11-24 10:15"),
        ("today", "2026-11-23 13:00"),
        ("November 23rd", "2026-11-23 13:00"),
        ("this morning", "2026-11-23 13:00"),
        ("the week after", "2026-11-30 10:00"),
        ("not tomorrow, the day after", "2026-11-25 10:00"),
        ("I have a conflict on December 1st, December 2nd is good", "2026-12-02 10:00"),
    ],
)
def test_what_people_mean(said: str, local: str) -> None:
    found = instant(said, now=MONDAY_11, zone=DENVER)

    assert found is not None
    assert found.tzinfo is UTC
    assert found.astimezone(DENVER).strftime("%Y-%m-%d %H:%M") == local


@pytest.mark.parametrize(
    "said", ["", "call me later", "good morning", "have a good evening", "ten is fine", "two days ago", "in 900 days",
             "the first one", "three bedrooms", "after a while"],
)  # fmt: skip
def test_no_time_is_none(said: str) -> None:
    assert instant(said, now=MONDAY_11, zone=DENVER) is None


def test_a_bare_hour_counts_where_a_time_was_asked_for() -> None:
    found = instant("ten is fine", now=MONDAY_11, zone=DENVER, bare_hour=True)

    assert found == datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def test_minutes_ahead_are_kept_inside_calling_hours() -> None:
    late = datetime(2026, 11, 24, 2, 50, tzinfo=UTC)

    assert instant("in twenty minutes", now=late, zone=DENVER) == datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "utc"),
    [
        (datetime(2026, 3, 6, 18, 0, tzinfo=UTC), datetime(2026, 3, 10, 16, 0, tzinfo=UTC)),
        (datetime(2026, 10, 30, 18, 0, tzinfo=UTC), datetime(2026, 11, 3, 17, 0, tzinfo=UTC)),
    ],
)
def test_ten_on_tuesday_is_ten_on_either_side_of_a_clock_change(now: datetime, utc: datetime) -> None:
    assert instant("tuesday at ten", now=now, zone=DENVER) == utc


def test_an_unknown_zone_is_utc() -> None:
    assert [zone_of(name).key for name in ("Nowhere/Land", "", "../etc", "Europe/Paris")] == [
        "UTC",
        "UTC",
        "UTC",
        "Europe/Paris",
    ]


def test_today_is_tomorrow_once_the_day_is_over() -> None:
    late = datetime(2026, 11, 23, 19, 30, tzinfo=DENVER)

    assert instant("call me today", now=late, zone=DENVER) == datetime(2026, 11, 24, 10, tzinfo=DENVER)
    assert instant("this evening", now=late, zone=DENVER) == datetime(2026, 11, 24, 18, tzinfo=DENVER)


START, END = (datetime(year, 1, 1) for year in (2025, 2030))  # noqa: DTZ001 (Hypothesis adds the zone)
DAYS = ("", "today", "tomorrow", "tuesday", "next friday", "next week", "the 31st", "february 29th", "in two weeks")
CLOCKS = ("", "at three", "at 9 pm", "after lunch", "half past seven", "at 2:30", "at 11:59 pm", "in ten minutes")


@given(
    st.datetimes(START, END, timezones=st.just(UTC)),
    st.sampled_from(("America/New_York", "America/Denver", "Pacific/Auckland", "Europe/London", "America/Phoenix")),
    st.sampled_from(DAYS),
    st.sampled_from(CLOCKS),
)
def test_a_time_lies_ahead_within_hours_on_the_wall_clock(now: datetime, zone: str, day: str, clock: str) -> None:
    found = instant(f"call me {day} {clock}", now=now, zone=ZoneInfo(zone))

    if found is None:
        assert not day
        assert not clock
        return
    local = found.astimezone(ZoneInfo(zone))
    assert now < found <= now + timedelta(days=366 * 8)
    assert EARLIEST <= local.time() <= LATEST
    if clock == "at three" and day:
        assert (local.hour, local.minute) == (15, 0)


@pytest.mark.parametrize(
    ("local", "words"),
    [
        (datetime(2026, 11, 23, 15, 0, tzinfo=DENVER), "today at three P M"),
        (datetime(2026, 11, 24, 10, 0, tzinfo=DENVER), "tomorrow at ten A M"),
        (datetime(2026, 11, 27, 12, 0, tzinfo=DENVER), "Friday at noon"),
        (datetime(2026, 12, 1, 9, 5, tzinfo=DENVER), "Tuesday, December first at nine oh five A M"),
        (datetime(2026, 12, 31, 0, 45, tzinfo=DENVER), "Thursday, December thirty first at twelve forty five A M"),
    ],
)
def test_times_for_the_ear(local: datetime, words: str) -> None:
    assert spoken.moment(local, zone=DENVER, now=MONDAY_11) == words


@pytest.mark.parametrize(
    ("address", "street"),
    [
        ("12 Maple St, Denver, CO", "Maple Street"),
        ("401 N. 5th Ave Apt 3", "North 5th Avenue"),
        ("7 St. James Rd", "St. James Road"),
        ("88 Elm Blvd #4, Austin", "Elm Boulevard"),
        ("", ""),
    ],
)
def test_streets_for_the_ear(address: str, street: str) -> None:
    assert spoken.street(address) == street


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web_form", "the web form"),
        ("our open house", "our open house"),
        ("Zillow", "Zillow"),
        ("open-house list", "the open house list"),
        ("a-b", "a b"),
        ("", ""),
    ],
)
def test_sources_for_the_ear(name: str, said: str) -> None:
    assert spoken.source(name) == said


def test_dates_for_the_ear() -> None:
    dates = [datetime(year, 3, 22, 12, tzinfo=UTC) for year in (1999, 2000, 2007, 2026)]

    assert [spoken.calendar_date(date, zone=DENVER) for date in dates] == [
        "March twenty second, nineteen ninety nine",
        "March twenty second, two thousand",
        "March twenty second, two thousand seven",
        "March twenty second, twenty twenty six",
    ]


@pytest.mark.parametrize(
    ("said", "local"),
    [
        ("Wednesday at 915", "2026-11-25 09:15"),
        ("Wednesday at 9.15", "2026-11-25 09:15"),
        ("Wednesday at 450 thousand", "2026-11-25 10:00"),
        ("Wednesday, 915", "2026-11-25 10:00"),
    ],
)
def test_figures_run_together_are_a_time_where_one_was_asked_for(said: str, local: str) -> None:
    found = instant(said, now=MONDAY_11, zone=DENVER, bare_hour=True)
    assert found is not None
    assert f"{found.astimezone(DENVER):%Y-%m-%d %H:%M}" == local


def test_a_price_is_no_time() -> None:
    assert instant("it is listed at 450", now=MONDAY_11, zone=DENVER) is None
