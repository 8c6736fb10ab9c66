"""What a calendar elsewhere has to be able to do."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from calls.domain.availability import Span
from calls.domain.invitation import Meeting


class CalendarError(Exception):
    """The calendar could not be asked; the text is one sentence for people. Nothing is known of what it did."""


class CalendarAway(CalendarError):
    """It did not answer, or answered nonsense: try again later."""


class CalendarRefused(CalendarError):
    """It answered no: a person has to change what the sentence names."""


class CalendarTaken(CalendarError):
    """It gave the time to somebody else: agree on another."""


class CalendarCannot(CalendarError):
    """It has no way to do this: trying again does not help, a person does it there."""


class RemoteCalendar(Protocol):
    """Every method raises CalendarError. A meeting's ``uid`` is the idempotency key: once more changes nothing."""

    async def busy(self, within: Span, *, but: Collection[str]) -> list[Span]:
        """What is taken, whole days among it, repeated events at each of their times; not by the uids in ``but``."""

    async def standing(self, uids: Collection[str], within: Span) -> Mapping[str, datetime]:
        """When those of our events begin that are there, marked as free or not; looked for in ``within``."""

    async def put(self, meeting: Meeting, *, now: datetime) -> None:
        """Write the event, or bring the one of this ``uid`` up to date. CalendarTaken comes from calendars that see
        to it themselves that a time is given once.
        """

    async def rewrite(self, meeting: Meeting, *, now: datetime) -> None:
        """Bring the words of an event that stands there up to date, past or not. Raises CalendarCannot."""

    async def cancel(self, uid: str) -> None:
        """Remove the event; one that is not there is removed already."""

    async def check(self) -> None:
        """Whether this is a calendar that may be read and written."""
