"""When somebody has time for appointments: rules of their week in their own zone, and what is left of it. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LEAD_FROM, LEAD_UNTIL = time(8), time(20)
"""An appointment begins within these hours where the lead lives, whatever the agent's hours are there."""
_LIKED = (10, 14, 11, 15, 16, 13, 9, 17, 12, 18, 8, 19)
"""Hours of the lead, the most convenient first."""


class Span(NamedTuple):
    """Aware instants; ``end`` is outside."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Hours:
    """Local hours of the agent on some days of the week; 0 is Monday."""

    weekdays: frozenset[int]
    opens_at: time
    closes_at: time


@dataclass(frozen=True, slots=True)
class Availability:
    """``zone`` is the agent's, IANA. An appointment lasts ``minutes`` and begins every ``every_min`` from the opening
    on. Two of them, each with its own ``before_min`` and ``after_min``, do not overlap. It begins ``notice_min`` from
    now at the earliest and within ``horizon_days``; ``most_per_day`` None: as many as fit.
    """

    zone: str
    hours: tuple[Hours, ...]
    minutes: int = 30
    every_min: int = 60
    before_min: int = 0
    after_min: int = 0
    notice_min: int = 720
    horizon_days: int = 14
    days_off: frozenset[date] = frozenset()
    most_per_day: int | None = None

    def span(self, start_at: datetime) -> Span:
        """What an appointment takes of the calendar, with its buffers."""
        end_at = start_at + timedelta(minutes=self.minutes)
        return Span(start_at - timedelta(minutes=self.before_min), end_at + timedelta(minutes=self.after_min))


def free_times(
    rules: Availability,
    lead_zone: str,
    *,
    now: datetime,
    taken: Iterable[Span] = (),
    booked: Iterable[datetime] = (),
    count: int = 4,
) -> tuple[datetime, ...]:
    """The next ``count`` free starts, in UTC; days alternate with the hour so that two offers differ in both.

    ``taken`` are spans, with their buffers, that are held, booked or busy elsewhere; ``booked`` are the starts that
    count towards ``most_per_day``.
    """
    zone, theirs = ZoneInfo(rules.zone), ZoneInfo(lead_zone)
    full = Counter(start.astimezone(zone).date() for start in booked)
    busy = sorted(taken)
    days = []
    for day in _days(rules, now.astimezone(zone).date()):
        if rules.most_per_day is not None and full[day] >= rules.most_per_day:
            continue
        starts = {start for start in _starts(rules, day, zone) if _fits(rules, start, theirs, now, busy)}
        if starts:
            days.append(sorted(starts, key=lambda start: _liking(start, theirs)))
    longest = max(map(len, days), default=0)
    found = (
        starts[(place + turn) % len(starts)]
        for turn in range(longest)
        for place, starts in enumerate(days)
        if turn < len(starts)
    )
    return tuple(_limited(found, rules, full, zone, count))


def starts(rules: Availability, within: Span) -> Iterator[datetime]:
    """Every start within ``within`` that the hours allow, taken or not, in UTC."""
    zone = ZoneInfo(rules.zone)
    day = within.start.astimezone(zone).date()
    while day <= within.end.astimezone(zone).date():
        yield from (start for start in _starts(rules, day, zone) if within.start <= start < within.end)
        day += timedelta(days=1)


def _limited(
    found: Iterable[datetime], rules: Availability, full: Counter[date], zone: ZoneInfo, count: int
) -> Iterator[datetime]:
    """At most ``count``, no two that could not both be booked, and no more on a day than are left of it."""
    given: list[Span] = []
    left = Counter(full)
    for start in found:
        if len(given) == count:
            return
        day, span = start.astimezone(zone).date(), rules.span(start)
        if rules.most_per_day is not None and left[day] >= rules.most_per_day:
            continue
        if not any(span.overlaps(other) for other in given):
            left[day] += 1
            given.append(span)
            yield start


def _days(rules: Availability, today: date) -> Iterator[date]:
    for offset in range(rules.horizon_days + 1):
        day = today + timedelta(days=offset)
        if day not in rules.days_off:
            yield day


def _starts(rules: Availability, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Starts of appointments that end within the agent's hours of ``day``, in UTC; none at a clock time that
    daylight saving skips, and of one that comes twice the first.
    """
    for hours in rules.hours:
        if day.weekday() not in hours.weekdays:
            continue
        local = datetime.combine(day, hours.opens_at)
        closes = datetime.combine(day, hours.closes_at, zone).astimezone(UTC)
        while local.date() == day:
            start = local.replace(tzinfo=zone).astimezone(UTC)
            end = start + timedelta(minutes=rules.minutes)
            if end > closes:
                break
            if start.astimezone(zone).replace(tzinfo=None) == local and _within(end, hours, day, zone):
                yield start
            local += timedelta(minutes=rules.every_min)


def _within(end: datetime, hours: Hours, day: date, zone: ZoneInfo) -> bool:
    """Whether the clock of the agent, too, says that ``end`` is not past closing: a day may have 25 hours."""
    local = end.astimezone(zone)
    return local.date() == day and local.time() <= hours.closes_at


def _fits(rules: Availability, start: datetime, theirs: ZoneInfo, now: datetime, busy: Sequence[Span]) -> bool:
    if start < now + timedelta(minutes=rules.notice_min):
        return False
    local, span = start.astimezone(theirs), rules.span(start)
    return LEAD_FROM <= local.time() < LEAD_UNTIL and not any(span.overlaps(other) for other in busy)


def _liking(start: datetime, theirs: ZoneInfo) -> tuple[int, datetime]:
    hour = start.astimezone(theirs).hour
    return _LIKED.index(hour), start


def problems(rules: Availability) -> dict[str, str]:
    """What makes the rules useless: field to a sentence that says what to change. Empty: they are fine."""
    found: dict[str, str] = {}
    try:
        ZoneInfo(rules.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found["zone"] = f"There is no time zone {rules.zone!r}: enter an IANA name such as America/Denver."
    for hours in rules.hours:
        if hours.opens_at >= hours.closes_at:
            found["hours"] = (
                f"The hours {hours.opens_at:%H:%M} to {hours.closes_at:%H:%M} end before they start: "
                f"let them close later."
            )
    length = timedelta(minutes=rules.minutes)
    if "hours" not in found and not any(hours.weekdays and _length(hours) >= length for hours in rules.hours):
        found["hours"] = (
            f"No hour is left for an appointment of {rules.minutes} minutes: add a day with hours at least that long."
        )
    if rules.notice_min >= rules.horizon_days * 24 * 60:
        found["notice_min"] = (
            f"A notice of {rules.notice_min} minutes leaves nothing of {rules.horizon_days} days: "
            f"make it shorter, or look further ahead."
        )
    return found


def _length(hours: Hours) -> timedelta:
    day = date(2000, 1, 1)
    return datetime.combine(day, hours.closes_at) - datetime.combine(day, hours.opens_at)
