"""When a lead that was not reached is called again: how long after, how often, in which part of the day. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from agents.domain.types import Disposition

DAY = timedelta(days=1)
AFTER_A_MISSED_PROMISE = timedelta(minutes=15)
Opening = Callable[[datetime], datetime | None]
"""The first allowed instant at or after one; None where none is near."""


@dataclass(frozen=True, slots=True)
class RetryTerms:
    """``attempts`` calls at most may end so. ``spacing`` is the time until the next call after the first such end,
    the second, and so on; the last repeats.
    """

    attempts: int
    spacing: tuple[timedelta, ...]
    rotate: bool = True

    def after(self, ends: int) -> timedelta:
        """The time until the next call after so many calls that ended so, from 1."""
        return self.spacing[min(max(ends, 1), len(self.spacing)) - 1]


def _minutes(*minutes: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=one) for one in minutes)


DEFAULTS: Mapping[Disposition, RetryTerms] = {
    # 45 minutes, 4 hours, then days 2, 5 and 14 after the inquiry.
    Disposition.NO_ANSWER: RetryTerms(6, _minutes(45, 240, 1440, 4320, 12960)),
    # Somebody is there: sooner, and in the same part of the day.
    Disposition.BUSY: RetryTerms(6, _minutes(10, 30, 120, 1440), rotate=False),
    Disposition.VOICEMAIL: RetryTerms(2, _minutes(240, 1440)),
    Disposition.HUNG_UP: RetryTerms(2, _minutes(1440, 4320)),
    # Ten of them take six days: an outage of ours uses up no lead, and a call that always breaks has an end.
    Disposition.FAILED: RetryTerms(10, _minutes(5, 15, 60, 240, 1440), rotate=False),
}
"""Source: the default cadence of the trade, at most 6 attempts and 2 voicemails; ``docs/leads.md`` has the table."""


class Part(StrEnum):
    """A part of the day on the lead's clock. The night, 21:00 to 8:00, is none."""

    MORNING = "morning"
    NOON = "noon"
    AFTERNOON = "afternoon"
    EVENING = "evening"


_BEGINS = {Part.MORNING: time(8), Part.NOON: time(11), Part.AFTERNOON: time(14), Part.EVENING: time(17)}
_NIGHT = time(21)


def part_of(clock: time) -> Part | None:
    """The part of the day of a local time; None at night."""
    if clock < _BEGINS[Part.MORNING] or clock >= _NIGHT:
        return None
    return max((part for part in Part if _BEGINS[part] <= clock), key=lambda part: _BEGINS[part])


@dataclass(frozen=True, slots=True)
class Rotated:
    """``part`` is where the attempt was moved to; None where it stayed at its spacing."""

    at: datetime
    part: Part | None = None


def rotate(earliest: datetime, tried_at: Iterable[datetime], *, zone: str, opening: Opening) -> Rotated:
    """The first instant at or after ``earliest``, less than a day later, in the part of the day with fewest tries.

    ``tried_at`` are the calls so far, ``zone`` the lead's. Of parts with as few tries the first to come wins. Where
    no part opens within the day ``earliest`` stays: the gates know when it opens.
    """
    clock = ZoneInfo(zone)
    tries = Counter(part_of(at.astimezone(clock).time()) for at in tried_at)
    coming = sorted(_coming(earliest, clock, opening), key=lambda found: (tries[found[1]], found[0]))
    if not coming:
        return Rotated(earliest)
    at, part = coming[0]
    return Rotated(earliest) if at == earliest else Rotated(at, part)


def _coming(earliest: datetime, clock: ZoneInfo, opening: Opening) -> Iterable[tuple[datetime, Part]]:
    """The first open instant of every part that comes within a day of ``earliest``; of its own part, the rest too."""
    today = earliest.astimezone(clock).date()
    here = part_of(earliest.astimezone(clock).time())
    begins = [
        datetime.combine(today + DAY * n, _BEGINS[part], clock).astimezone(UTC) for n in (0, 1) for part in Part
    ]
    for begin in ([earliest] if here else []) + [one for one in begins if earliest < one < earliest + DAY]:
        at, part = opening(begin), part_of(begin.astimezone(clock).time())
        if part and at and at < earliest + DAY and part_of(at.astimezone(clock).time()) is part:
            yield at, part
