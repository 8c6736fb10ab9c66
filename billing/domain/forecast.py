"""How fast a budget is spent, and when its limit will be reached. Pure; amounts are Decimal, times aware.

Money is spent while calls are made, so everything here is counted in *calling hours*: those in which a campaign that
pays from the budget calls at all. A night or a weekend neither slows the pace nor brings the end nearer.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.domain.money import rounded_up

Span = tuple[datetime, datetime]
Sample = tuple[datetime, Decimal]
"""An instant, and all that was spent up to it."""

HALF_LIFE_H = 3
"""Spending so many calling hours ago says half as much about the pace as spending now."""
LEAST_HOURS = Decimal(1)
LEAST_SPANS = 4
"""Less than these observed calling hours and spans of them tells no pace."""
_SPREAD = Decimal("1.2816")
"""Standard deviations to each side that hold 80 % of a normal distribution."""
_HOUR_S = 3600
_HALF = Decimal("0.5")
_EXACT = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class CallingHours:
    """A week's windows as (weekday, opens, closes), 0 is Monday, on the clock of ``zone``."""

    zone: str
    windows: tuple[tuple[int, time, time], ...]

    def spans(self, since: datetime, until: datetime) -> list[Span]:
        """The calling time between two instants, in order, without overlap, in UTC."""
        local = ZoneInfo(self.zone)
        day, last = since.astimezone(local).date(), until.astimezone(local).date()
        found: list[Span] = []
        while day <= last:
            for weekday, opens, closes in sorted(self.windows):
                if weekday == day.weekday():
                    start = max(datetime.combine(day, opens, local).astimezone(UTC), since)
                    end = min(datetime.combine(day, closes, local).astimezone(UTC), until)
                    if found:
                        start = max(start, found[-1][1])
                    if start < end:
                        found.append((start, end))
            day += timedelta(days=1)
        return found


@dataclass(frozen=True, slots=True)
class Pace:
    """Money a calling hour. ``error`` is the standard error of ``per_hour``, ``noise`` the variance of one hour."""

    per_hour: Decimal
    error: Decimal
    noise: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a period comes to at the present pace.

    ``low`` to ``high`` is where ``at_end`` will lie in four of five cases. ``exhausted_at`` is None where the limit
    lasts. ``hours_short`` are the calling hours of the period that are left when the limit is reached, 0 where it
    lasts; ``hours_short_low`` the same at the low edge of the spread.
    """

    at_end: Decimal
    low: Decimal
    high: Decimal
    exhausted_at: datetime | None
    hours_short: Decimal
    hours_short_low: Decimal


def pace_of(samples: Sequence[Sample], hours: CallingHours) -> Pace | None:
    """The pace of the last calling hours, later ones weighing more; None where too little was seen.

    ``samples`` are in order; the last one is now. What was spent outside the calling hours, by calls that outlast
    them or to leads in other zones, counts to the next of them. A ratio estimate: weighted spending over weighted
    hours.
    """
    observed = _observed(samples, hours)
    total = _sum(length for length, _ in observed)
    if len(observed) < LEAST_SPANS or total < LEAST_HOURS:
        return None
    weighted: list[tuple[Decimal, Decimal, Decimal]] = []
    age = Decimal(0)
    for length, spent in reversed(observed):
        weighted.append(((_HALF.ln() * age / HALF_LIFE_H).exp(), length, spent))
        age += length
    mass = _sum(weight * length for weight, length, _ in weighted)
    per_hour = _sum(weight * spent for weight, _, spent in weighted) / mass
    residuals = [(weight, spent - per_hour * length) for weight, length, spent in weighted]
    error = _sum((weight * residual) ** 2 for weight, residual in residuals).sqrt() / mass
    noise = _sum(weight * residual**2 for weight, residual in residuals) / mass
    return Pace(*(value.quantize(_EXACT) for value in (per_hour, error, noise)))


def forecast(
    spent: Decimal, limit: Decimal | None, pace: Pace, hours: CallingHours, *, now: datetime, ends_at: datetime
) -> Forecast:
    """What a period with ``spent`` so far comes to by ``ends_at``, and when its ``limit`` is reached."""
    spans = hours.spans(now, ends_at)
    left = _length(spans)
    more = left * pace.per_hour
    error = ((left * pace.error) ** 2 + left * pace.noise).sqrt() * _SPREAD
    low = max(more - error, Decimal(0))
    short, short_low = Decimal(0), Decimal(0)
    exhausted_at = None
    if limit is not None:
        room = max(limit - spent, Decimal(0))
        short, short_low = _short(room, more, left), _short(room, low, left)
        if room <= more and left:
            exhausted_at = _after(spans, left - short)
    return Forecast(
        at_end=rounded_up(spent + more),
        low=rounded_up(spent + low),
        high=rounded_up(spent + more + error),
        exhausted_at=exhausted_at,
        hours_short=short,
        hours_short_low=short_low,
    )


def _short(room: Decimal, more: Decimal, left: Decimal) -> Decimal:
    """Calling hours that are left when ``room`` is used up, where ``more`` would be spent in all ``left`` hours."""
    return left - left * room / more if more > room else Decimal(0)


def _after(spans: Iterable[Span], hours: Decimal) -> datetime:
    """The instant at which so many calling hours have passed."""
    end = None
    for start, end in spans:
        length = _length([(start, end)])
        if hours < length:
            return start + timedelta(seconds=round(hours * _HOUR_S))
        hours -= length
    if end is None:
        raise ValueError("There is no calling time.")
    return end


def _observed(samples: Sequence[Sample], hours: CallingHours) -> list[tuple[Decimal, Decimal]]:
    """Calling hours and spending between each two samples; what was spent in none of them counts to the next."""
    if len(samples) < 2:
        return []
    spans = hours.spans(samples[0][0], samples[-1][0])
    observed: list[tuple[Decimal, Decimal]] = []
    carried, first = Decimal(0), 0
    for (since, before), (until, after) in itertools.pairwise(samples):
        carried += after - before
        while first < len(spans) and spans[first][1] <= since:
            first += 1
        length, place = Decimal(0), first
        while place < len(spans) and spans[place][0] < until:
            length += _length([(max(spans[place][0], since), min(spans[place][1], until))])
            place += 1
        if length:
            observed.append((length, carried))
            carried = Decimal(0)
    return observed


def _length(spans: Iterable[Span]) -> Decimal:
    """In hours."""
    return _sum(Decimal(str((end - start).total_seconds())) for start, end in spans) / _HOUR_S


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))
