"""When a person may be called: inside the hours of every zone under every row, and of the campaign.

Days and times are those of the clock where the person is. A person whose zone is not known for sure has many clocks,
and each must allow the call: that goes for a campaign's first and last day too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calls.domain.places import STATE_ZONES
from calls.domain.rules import EVERY_DAY, Hours, RuleBook, Window, legal_holidays

LOOK_AHEAD = timedelta(days=28)
_QUARTER = timedelta(minutes=15)
_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is: what the hours of a call depend on. ``states`` are the number's and the address's."""

    country: str
    states: tuple[str, ...]
    zones: tuple[str, ...]

    @property
    def with_holidays(self) -> tuple[str, ...]:
        """Those whose legal holidays count: every state concerned, or the country where no state is known."""
        states = tuple(f"US-{state}" for state in self.states if state in STATE_ZONES)
        abroad = self.country not in ("", "US")
        return (*states, self.country) if abroad else states or ("US",)


@dataclass(frozen=True, slots=True)
class OwnHours:
    """When a campaign calls, on top of the law: in ``windows``, from its first day to its last, both included, but on
    no day of ``closed_on``, nor on legal holidays where it skips them.
    """

    windows: tuple[Window, ...]
    starts_on: date | None = None
    ends_on: date | None = None
    closed_on: frozenset[date] = frozenset()
    skips_holidays: bool = False

    def on(self, day: date) -> tuple[Window, ...]:
        """The windows of a day that is no holiday."""
        begun = self.starts_on is None or day >= self.starts_on
        ended = self.ends_on is not None and day > self.ends_on
        return self.windows if begun and not ended and day not in self.closed_on else ()


@dataclass(frozen=True, slots=True)
class _Row:
    """``place`` is the rule's; empty for the campaign's own hours."""

    terms: Hours
    place: str
    zones: tuple[str, ...]


class Timetable:
    """The hours of one place under one book and one campaign's own; made once, asked for many instants."""

    def __init__(self, place: Place, book: RuleBook, own: OwnHours) -> None:
        self._book = book
        self._own = own
        self._holidays_of = place.with_holidays if own.skips_holidays else ()
        self._rows = [_Row(Hours(own.windows), "", place.zones)]
        self.rules = book.hours(place.country, place.states)
        for rule in self.rules:
            if isinstance(rule.terms, Hours):
                # Of a state that is only one of all, its own clock is no matter.
                own_clock = rule.terms.zone and rule.place.removeprefix("US-") in place.states
                zones = dict.fromkeys((*place.zones, rule.terms.zone) if own_clock else place.zones)
                self._rows.append(_Row(rule.terms, rule.place, tuple(zones)))
        self._zones = {name: ZoneInfo(name) for row in self._rows for name in row.zones}

    def allows(self, at: datetime) -> bool:
        """Whether ``at`` is inside the windows of every row on every clock."""
        clocks = {name: at.astimezone(zone) for name, zone in self._zones.items()}
        return all(
            any(window.holds(clocks[zone]) for window in self._windows(row, clocks[zone].date()))
            for row in self._rows
            for zone in row.zones
        )

    def next_opening(self, after: datetime) -> datetime | None:
        """When it opens after ``after``, which is closed; None when it does not within four weeks.

        The four weeks begin with the campaign, and again after its closed days of the coming year, so that a long
        pause is no reason to give anybody up. Hours open where a window begins on some clock, or where a clock is
        changed, which happens on a quarter.
        """
        first, last = self._span(after)
        if not self.has_an_hour():
            return None
        for day in _days(first, last):
            for at in sorted(set(self._candidates(day))):
                if after < at <= last and self.allows(at):
                    return at
        return None

    def has_an_hour(self) -> bool:
        """Whether the windows of all rows meet at some time of some week; dates and holidays are left aside.

        False where nobody can ever be called. Of many clocks it is not told here how far they are apart.
        """
        windows = [(*row.terms.windows, *(row.terms.on_holidays or ())) for row in self._rows]
        if len(self._zones) > 1:
            return all(windows)
        begins = {window.opens for row in windows for window in row}
        return any(
            all(any(day in one.weekdays and one.opens <= at < one.closes for one in row) for row in windows)
            for day in EVERY_DAY
            for at in begins
        )

    def _span(self, after: datetime) -> tuple[datetime, datetime]:
        """Where an opening is looked for. A day begins, somewhere, up to 14 hours before it does in UTC."""
        first, own = after, self._own
        if own.starts_on is not None:
            first = max(first, datetime.combine(own.starts_on, time(0), UTC) - _DAY)
        soon = (datetime.combine(day, time(0), UTC) for day in own.closed_on)
        closed = max((day for day in soon if first < day < first + _YEAR), default=first)
        last = closed + LOOK_AHEAD
        if own.ends_on is not None:
            last = min(last, datetime.combine(own.ends_on, time(0), UTC) + 2 * _DAY)
        return first, last

    def _windows(self, row: _Row, day: date) -> Sequence[Window]:
        if not row.place:
            quiet_day = any(day in legal_holidays(self._book, place, day.year) for place in self._holidays_of)
            return () if quiet_day else self._own.on(day)
        quiet = row.terms.on_holidays
        if quiet is not None and day in legal_holidays(self._book, row.place, day.year):
            return quiet
        return row.terms.windows

    def _candidates(self, day: date) -> Iterator[datetime]:
        """The instants of the UTC day ``day`` at which hours may open. A clock is up to 14 hours off UTC."""
        begins: dict[str, set[time]] = {}
        for row in self._rows:
            windows = (*row.terms.windows, *(row.terms.on_holidays or ()))
            for zone in row.zones:
                begins.setdefault(zone, {time(0)}).update(window.opens for window in windows)
        for zone, opens in begins.items():
            for local_day in (day - _DAY, day, day + _DAY):
                yield from self._on_clock(day, local_day, opens, self._zones[zone])

    def _on_clock(self, day: date, local_day: date, opens: Iterable[time], zone: ZoneInfo) -> Iterator[datetime]:
        midnight = datetime.combine(local_day, time(0), zone)
        changes: Iterable[datetime] = ()
        if midnight.utcoffset() != (midnight + _DAY).utcoffset():
            start = datetime.combine(local_day, time(0), UTC) - _DAY
            changes = (start + _QUARTER * n for n in range(3 * 24 * 4))
        folds = (
            datetime.combine(local_day, clock, zone).replace(fold=fold).astimezone(UTC)
            for clock in opens
            for fold in (0, 1)
        )
        yield from (at for at in (*folds, *changes) if at.date() == day)


def _days(first: datetime, last: datetime) -> Iterator[date]:
    day, end = first.astimezone(UTC).date(), last.astimezone(UTC).date()
    while day <= end:
        yield day
        day += _DAY
