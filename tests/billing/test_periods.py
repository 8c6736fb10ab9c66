"""Days, weeks and months of a budget in its own zone, whatever the clocks there do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.domain.periods import Period, window_of

ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("posix", "right")))
BOUNDED = [Period.DAY, Period.WEEK, Period.MONTH]
MOMENT = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instants(*, since: int) -> st.SearchStrategy[datetime]:
    """Whole seconds from the begin of a year to 2100."""
    begin = datetime(since, 1, 1, tzinfo=UTC)
    seconds = int((datetime(2100, 1, 1, tzinfo=UTC) - begin).total_seconds())
    return st.integers(0, seconds).map(lambda s: begin + timedelta(seconds=s))


@pytest.mark.parametrize(
    ("period", "zone", "at", "begin", "end"),
    [
        # The same instant is another day, week and month elsewhere.
        (Period.DAY, "UTC", "2026-11-01T03:00", "2026-11-01T00:00", "2026-11-02T00:00"),
        (Period.DAY, "America/Denver", "2026-11-01T03:00", "2026-10-31T06:00", "2026-11-01T06:00"),
        (Period.WEEK, "UTC", "2026-11-02T03:00", "2026-11-02T00:00", "2026-11-09T00:00"),
        (Period.WEEK, "America/Denver", "2026-11-02T03:00", "2026-10-26T06:00", "2026-11-02T07:00"),
        (Period.MONTH, "UTC", "2026-11-01T03:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        (Period.MONTH, "America/Denver", "2026-11-01T03:00", "2026-10-01T06:00", "2026-11-01T06:00"),
        (Period.MONTH, "Asia/Tokyo", "2026-10-31T15:00", "2026-10-31T15:00", "2026-11-30T15:00"),
        # A new year, and a leap day.
        (Period.MONTH, "America/Denver", "2027-01-01T06:59", "2026-12-01T07:00", "2027-01-01T07:00"),
        (Period.WEEK, "UTC", "2027-01-01T12:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        (Period.DAY, "America/Denver", "2028-02-29T12:00", "2028-02-29T07:00", "2028-03-01T07:00"),
        (Period.MONTH, "America/Denver", "2028-02-29T12:00", "2028-02-01T07:00", "2028-03-01T07:00"),
        # 23 hours in spring, 25 in autumn.
        (Period.DAY, "America/Denver", "2026-03-08T12:00", "2026-03-08T07:00", "2026-03-09T06:00"),
        (Period.DAY, "America/Denver", "2026-11-01T12:00", "2026-11-01T06:00", "2026-11-02T07:00"),
        # A midnight that does not exist: the day begins at 01:00.
        (Period.DAY, "Asia/Beirut", "2023-03-25T22:00", "2023-03-25T22:00", "2023-03-26T21:00"),
        (Period.DAY, "Asia/Beirut", "2023-03-25T21:59", "2023-03-24T22:00", "2023-03-25T22:00"),
        (Period.DAY, "America/Asuncion", "2023-10-01T04:00", "2023-10-01T04:00", "2023-10-02T03:00"),
        (Period.MONTH, "America/Asuncion", "2023-10-01T04:00", "2023-10-01T04:00", "2023-11-01T03:00"),
        # A skipped midnight inside the gap, from 23:30 to 00:30: the day begins at 00:30.
        (Period.DAY, "America/Toronto", "1919-03-31T04:31", "1919-03-31T04:30", "1919-04-01T04:00"),
        # A midnight that comes twice: at 01:00 it is 00:00 again. The day has both hours.
        (Period.DAY, "America/Havana", "2026-11-01T04:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        (Period.DAY, "America/Havana", "2026-11-01T05:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        # At 00:01 it is 23:01 of the day before again: the new day has begun all the same.
        (Period.DAY, "America/St_Johns", "2010-11-07T03:00", "2010-11-07T02:30", "2010-11-08T03:30"),
        # At 24:00 it is 23:00 again: the old day has 25 hours.
        (Period.DAY, "America/Asuncion", "2024-03-24T03:30", "2024-03-23T03:00", "2024-03-24T04:00"),
        # A day that never was: the 30th of December 2011 in Samoa.
        (Period.DAY, "Pacific/Apia", "2011-12-30T09:59", "2011-12-29T10:00", "2011-12-30T10:00"),
        (Period.DAY, "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),
    ],
)
def test_a_period_begins_and_ends_where_its_zone_says(
    period: Period, zone: str, at: str, begin: str, end: str
) -> None:
    assert window_of(period, zone, utc(at)) == (utc(begin), utc(end))


def test_the_total_has_no_bounds() -> None:
    assert window_of(Period.TOTAL, "America/Denver", utc("2026-11-01T03:00")) == (None, None)


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    period=st.sampled_from(BOUNDED),
    at=instants(since=1900),
)
@example(zone="America/St_Johns", period=Period.DAY, at=utc("2010-11-07T03:00"))
@example(zone="America/Toronto", period=Period.DAY, at=utc("1919-03-31T04:30"))
@example(zone="Pacific/Kwajalein", period=Period.DAY, at=utc("1969-09-30T20:00"))
@example(zone="Asia/Beirut", period=Period.WEEK, at=utc("2023-03-25T22:00"))
def test_the_windows_of_a_zone_tile_time(zone: str, period: Period, at: datetime) -> None:
    """Each contains its instant, all its instants have the same one, and the next begins where it ends."""
    begin, end = window_of(period, zone, at)
    assert begin is not None
    assert end is not None
    assert begin <= at < end
    assert window_of(period, zone, begin) == window_of(period, zone, end - MOMENT) == (begin, end)
    assert window_of(period, zone, begin - MOMENT)[1] == begin
    assert window_of(period, zone, end)[0] == end


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=instants(since=1972),
)
def test_weeks_and_months_are_whole_days(zone: str, at: datetime) -> None:
    """The day of an instant lies wholly within its week and its month."""
    first, last = window_of(Period.DAY, zone, at)
    assert first is not None
    assert last is not None
    for period in (Period.WEEK, Period.MONTH):
        begin, end = window_of(period, zone, at)
        assert begin is not None
        assert end is not None
        assert begin <= first < last <= end
