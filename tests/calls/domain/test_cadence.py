"""How long after, how often, and in which part of the day."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.types import Disposition
from calls.domain.cadence import DEFAULTS, Part, RetryTerms, Rotated, part_of, rotate

DENVER = "America/Denver"
TUESDAY = datetime(2026, 11, 10, tzinfo=ZoneInfo(DENVER))


def at(hour: float, day: int = 0) -> datetime:
    return (TUESDAY + timedelta(days=day, hours=hour)).astimezone(UTC)


def always(instant: datetime) -> datetime:
    return instant


def moved(earliest: datetime, *tried: datetime, zone: str = DENVER) -> Rotated:
    return rotate(earliest, tried, zone=zone, opening=always)


def test_the_default_cadence_of_a_lead_that_never_answers() -> None:
    called, cadence = [at(9)], DEFAULTS[Disposition.NO_ANSWER]
    for ends in range(1, cadence.attempts):
        called.append(called[-1] + cadence.after(ends))
    assert [(one - at(9)) for one in called] == [
        timedelta(0),
        timedelta(minutes=45),
        timedelta(hours=4, minutes=45),
        timedelta(days=1, hours=4, minutes=45),
        timedelta(days=4, hours=4, minutes=45),
        timedelta(days=13, hours=4, minutes=45),
    ]  # days 1, 1, 1, 2, 5 and 14
    assert (cadence.attempts, DEFAULTS[Disposition.VOICEMAIL].attempts) == (6, 2)


def test_busy_is_sooner_and_every_outcome_has_terms() -> None:
    assert DEFAULTS[Disposition.BUSY].after(1) < DEFAULTS[Disposition.NO_ANSWER].after(1)
    assert set(DEFAULTS) == {
        Disposition.NO_ANSWER,
        Disposition.BUSY,
        Disposition.VOICEMAIL,
        Disposition.HUNG_UP,
        Disposition.FAILED,
    }


@pytest.mark.parametrize(("ends", "minutes"), [(0, 5), (1, 5), (2, 15), (3, 60), (4, 60), (99, 60)])
def test_the_last_spacing_repeats(ends: int, minutes: int) -> None:
    terms = RetryTerms(9, (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60)))
    assert terms.after(ends) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("clock", "part"),
    [
        (time(0), None),
        (time(7, 59, 59), None),
        (time(8), Part.MORNING),
        (time(10, 59), Part.MORNING),
        (time(11), Part.NOON),
        (time(14), Part.AFTERNOON),
        (time(16, 59), Part.AFTERNOON),
        (time(17), Part.EVENING),
        (time(20, 59), Part.EVENING),
        (time(21), None),
    ],
)
def test_the_parts_of_the_day(clock: time, part: Part | None) -> None:
    assert part_of(clock) is part


def test_a_part_that_was_tried_gives_way_to_the_next_to_come() -> None:
    assert moved(at(9.75), at(9)) == Rotated(at(11), Part.NOON)
    assert moved(at(15), at(9), at(11)) == Rotated(at(15))
    assert moved(at(15), at(9), at(11), at(15)) == Rotated(at(17), Part.EVENING)
    assert moved(at(19), at(9), at(11), at(15), at(19)) == Rotated(at(19))


def test_the_least_tried_may_be_tomorrow() -> None:
    assert moved(at(12), at(12), at(15), at(18)) == Rotated(at(8, day=1), Part.MORNING)


def test_a_day_later_is_too_late() -> None:
    """From 10:00 on every part comes before the next 10:00, but for the morning that began at eight."""
    tried = (at(11), at(14), at(17))
    assert moved(at(10), *tried) == Rotated(at(10))
    assert moved(at(10), *tried, at(8), at(9)) == Rotated(at(11), Part.NOON)


def test_a_night_call_counts_for_no_part() -> None:
    assert moved(at(9), at(3), at(23)) == Rotated(at(9))


def test_at_night_the_first_part_to_come() -> None:
    assert moved(at(22)) == Rotated(at(8, day=1), Part.MORNING)
    assert moved(at(22), at(9)) == Rotated(at(11, day=1), Part.NOON)


def test_the_clock_is_the_leads() -> None:
    nine_in_denver = at(9)  # 11:00 in New York, 16:00 in London
    assert moved(nine_in_denver, nine_in_denver, zone="America/New_York") == Rotated(at(12), Part.AFTERNOON)
    assert moved(nine_in_denver, nine_in_denver, zone="Europe/London") == Rotated(at(10), Part.EVENING)


def test_a_part_that_is_never_open_is_not_waited_for() -> None:
    def nine_to_five(instant: datetime) -> datetime | None:
        clock = instant.astimezone(ZoneInfo(DENVER))
        if clock.hour < 9:
            return clock.replace(hour=9, minute=0).astimezone(UTC)
        return instant if clock.hour < 17 else None

    tried = (at(9), at(11), at(14))
    assert rotate(at(14.75), tried, zone=DENVER, opening=nine_to_five) == Rotated(at(14.75))
    assert rotate(at(14.75), (at(14), at(11)), zone=DENVER, opening=nine_to_five) == Rotated(
        at(9, day=1), Part.MORNING
    )


def test_where_no_part_opens_the_spacing_stands() -> None:
    assert rotate(at(9), (at(9),), zone=DENVER, opening=lambda _: None) == Rotated(at(9))
    assert rotate(at(9), (at(9),), zone=DENVER, opening=lambda one: one + timedelta(days=3)) == Rotated(at(9))


INSTANTS = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
ZONES = st.sampled_from([DENVER, "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(INSTANTS, st.lists(INSTANTS, max_size=9), ZONES)
def test_never_before_the_spacing_never_a_day_after_and_always_the_same(
    earliest: datetime, tried: list[datetime], zone: str
) -> None:
    found = moved(earliest, *tried, zone=zone)
    assert earliest <= found.at < earliest + timedelta(days=1)
    assert found == moved(earliest, *reversed(tried), zone=zone)
    parts = [part_of(one.astimezone(ZoneInfo(zone)).time()) for one in tried]
    chosen = part_of(found.at.astimezone(ZoneInfo(zone)).time())
    assert chosen is not None
    assert parts.count(chosen) == min(parts.count(part) for part in Part)
