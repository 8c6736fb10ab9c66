"""The periods of a budget, in the budget's own zone."""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    TOTAL = "total"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


IN_WORDS = {Period.TOTAL: "in all", Period.DAY: "today", Period.WEEK: "this week", Period.MONTH: "this month"}
"""The period that is running now, in a sentence."""

Window = tuple[datetime | None, datetime | None]
"""From an instant to before another, aware UTC; None has no bound."""


def window_of(period: Period, zone: str, at: datetime) -> Window:
    """The period that ``at`` falls into. A day begins at local midnight, a week on Monday, a month on its first.

    A day begins at the first instant whose local date is not before it. So one on which the clock changes has 23 or
    25 hours, one whose midnight does not exist begins at the end of the gap, and where the clock goes back over
    midnight the repeated minutes belong to the new day. The windows of a period have no gap and no overlap.
    """
    if period is Period.TOTAL:
        return None, None
    local = ZoneInfo(zone)
    today = at.astimezone(local).date()
    if at >= _begin(today + timedelta(days=1), local):
        today += timedelta(days=1)
    first, following = _days(period, today)
    return _begin(first, local), _begin(following, local)


def _days(period: Period, today: date) -> tuple[date, date]:
    if period is Period.DAY:
        return today, today + timedelta(days=1)
    if period is Period.WEEK:
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """The first instant whose local date is ``day`` or later.

    ``fold`` 0 and 1 read a midnight with the offsets before and after a change of the clock. They differ where it
    comes twice, when the earlier one is the day's begin, and where it is skipped, when the begin is the change
    itself, which lies between the two.
    """
    midnight = datetime.combine(day, time(), zone)
    early, late = sorted(midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).date() >= day:
        return early
    seconds = int((late - early).total_seconds())
    skipped = bisect_left(range(seconds), True, key=lambda s: _local_date(early, s, zone) >= day)
    return early + timedelta(seconds=skipped)


def _local_date(start: datetime, seconds: int, zone: ZoneInfo) -> date:
    return (start + timedelta(seconds=seconds)).astimezone(zone).date()
