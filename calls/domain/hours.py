"""When a person may be called: inside the hours of every zone under every row, and of the campaign."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calls.domain.rules import Hours, RuleBook, Window, legal_holidays

LOOK_AHEAD = timedelta(days=28)
_QUARTER = timedelta(minutes=15)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is: what the hours of a call depend on. ``states`` are the number's and the address's."""

    country: str
    states: tuple[str, ...]
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    terms: Hours
    place: str
    zones: tuple[str, ...]


class Timetable:
    """The hours of one place under one book and one campaign's windows; made once, asked for many instants."""

    def __init__(self, place: Place, book: RuleBook, own: tuple[Window, ...]) -> None:
        self._book = book
        self._rows = [_Row(Hours(own), "", place.zones)]
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

        Hours open where a window begins on some clock, or where a clock is changed, which happens on a quarter.
        """
        for day in _days(after):
            for at in sorted(set(self._candidates(day))):
                if after < at <= after + LOOK_AHEAD and self.allows(at):
                    return at
        return None

    def _windows(self, row: _Row, day: date) -> Sequence[Window]:
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


def _days(after: datetime) -> Iterator[date]:
    first = after.astimezone(UTC).date()
    return (first + _DAY * n for n in range(LOOK_AHEAD.days + 1))
