"""Rows with a key, of which one holds at an instant: prices, calling rules. What began is ended and replaced, never
edited, since something was done by it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar


class Dated(Protocol):
    """``valid_until`` is the first instant at which the row does not hold; None: until further notice."""

    @property
    def key(self) -> str: ...
    @property
    def valid_from(self) -> datetime: ...
    @property
    def valid_until(self) -> datetime | None: ...
    def valid_at(self, at: datetime) -> bool: ...


Row = TypeVar("Row", bound=Dated)


@dataclass(frozen=True, slots=True)
class Timeline:
    """How changes are refused: ``noun`` goes before a key, ``used`` says what was done by a row that began.

    ``bad`` is raised, with the field, for what makes no sense, ``past`` for what would change what was done, and
    ``overlapping`` where two rows of one key would hold at once.
    """

    noun: str
    used: str
    bad: Callable[..., Exception]
    past: Callable[[str], Exception]
    overlapping: Callable[[str], Exception]

    def ended_by(self, row: Row, history: Sequence[Row], *, now: datetime) -> Row | None:
        """Which row of its key's ``history`` ends where ``row`` begins; None where there is none at that instant.

        Raises ``past`` where another row held between the begin and ``now``, ``overlapping`` where one begins later.
        """
        begun = (one for one in history if one.valid_from < now and _reaches(one, row.valid_from))
        if row.valid_from < now and any(begun):
            raise self.past(
                f"The {self.noun} {row.key!r} was another after {when(row.valid_from)}, and {self.used} by it: let "
                f"the new one begin now or later."
            )
        self.check_no_later(row, history)
        return next((one for one in history if one.valid_at(row.valid_from)), None)

    def check_no_later(self, row: Row, history: Iterable[Row]) -> None:
        """Raises ``overlapping`` where a row of ``history`` begins while ``row`` holds."""
        for other in history:
            if row.valid_at(other.valid_from):
                raise self.overlapping(
                    f"Another {self.noun} {row.key!r} begins at {when(other.valid_from)}: withdraw it first, or let "
                    f"this one hold only until then."
                )

    def check_end(self, row: Dated, until_at: datetime | None, *, now: datetime) -> None:
        """That ``row`` may end at ``until_at``; None is until further notice.

        Raises ``past`` where it ended before ``now`` or would have, ``bad`` for an end that is not after its begin.
        """
        if row.valid_until is not None and row.valid_until <= now:
            raise self.past(f"This {self.noun} {row.key!r} ended at {when(row.valid_until)}: set a new one instead.")
        if until_at is None:
            return
        if until_at < now:
            raise self.past(
                f"{self.used.capitalize()} by {row.key!r} since {when(until_at)}: let it end now or later."
            )
        self.check_span(row.key, row.valid_from, until_at)

    def check_span(self, key: str, valid_from: datetime, valid_until: datetime) -> None:
        """Raises ``bad`` for an end that is not after the begin."""
        if valid_until <= valid_from:
            raise self.bad(
                f"{key!r} would end at {when(valid_until)} and begin at {when(valid_from)}: choose a later end.",
                field="valid_until",
            )

    def check_not_begun(self, key: str, valid_from: datetime, *, now: datetime) -> None:
        """Raises ``past`` for a row that began, which cannot be withdrawn."""
        if valid_from <= now:
            raise self.past(
                f"This {self.noun} {key!r} began at {when(valid_from)}, and {self.used} by it: set a new one, or let "
                f"it end."
            )


def when(at: datetime) -> str:
    """``2026-12-01 00:00 UTC``; ``at`` is in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _reaches(row: Dated, at: datetime) -> bool:
    return row.valid_until is None or row.valid_until > at


@dataclass(frozen=True, slots=True)
class Difference(Generic[Row]):
    """How one key differs: ``ours`` None is a key that we lack, ``theirs`` None one that only we have.

    ``words`` say what differs, each in a few words.
    """

    key: str
    ours: Row | None
    theirs: Row | None
    words: tuple[str, ...]

    @property
    def sort(self) -> str:
        if self.ours is None:
            return "new"
        return "own" if self.theirs is None else "other"


def differences(
    ours: Mapping[str, Row],
    theirs: Mapping[str, Row],
    *,
    described: Callable[[Row], str],
    compared: Callable[[Row, Row], Iterable[str]],
) -> list[Difference[Row]]:
    """What one set of rows has otherwise than another, by key; ``compared`` says in what two rows differ."""

    def pair(key: str) -> Difference[Row]:
        mine, other = ours.get(key), theirs.get(key)
        if mine is not None and other is not None:
            return Difference(key, mine, other, tuple(compared(mine, other)))
        return Difference(key, mine, other, tuple(described(one) for one in (mine, other) if one is not None))

    return [found for key in sorted({*ours, *theirs}) if (found := pair(key)).words]


def keyed(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.key: row for row in rows}


def yes_or_no(value: Any) -> str:
    """A term for reading."""
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
