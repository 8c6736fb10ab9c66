"""The periods of a budget, in the budget's own zone."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    TOTAL = "total"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


Window = tuple[datetime | None, datetime | None]
"""From an instant to before another, aware UTC; None has no bound."""


def window_of(period: Period, zone: str, at: datetime) -> Window:
    """The period that ``at`` falls into. A day begins at local midnight, a week on Monday, a month on its first.

    A day on which the clock changes has 23 or 25 hours; one whose midnight does not exist begins at the first instant
    after the gap.
    """
    if period is Period.TOTAL:
        return None, None
    today = at.astimezone(ZoneInfo(zone)).date()
    first, following = _days(period, today)
    return _midnight(first, zone), _midnight(following, zone)


def _days(period: Period, today: date) -> tuple[date, date]:
    if period is Period.DAY:
        return today, today + timedelta(days=1)
    if period is Period.WEEK:
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _midnight(day: date, zone: str) -> datetime:
    """``fold`` 0 reads a midnight inside a gap with the offset before it, which is the gap's end in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
