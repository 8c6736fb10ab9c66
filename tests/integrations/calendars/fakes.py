"""Calendars elsewhere that do as a test tells them, and what is booked with us."""

from collections.abc import Collection
from datetime import datetime, timedelta

from calls.domain.availability import Span
from calls.domain.invitation import Meeting
from calls.domain.status import CallStatus
from calls.models import Appointment, Calendar
from integrations.calendars.ports import CalendarAway
from integrations.models import CalendarLink
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW

TEN = NOW + timedelta(hours=22)
HOUR = timedelta(hours=1)


class Fake:
    """A calendar that does as it is told; ``away`` is what it says instead. ``taken`` is what others have there,
    ``events`` are ours, by their uids.
    """

    def __init__(self, *busy: Span, away: str = "") -> None:
        self.taken, self.away, self.done = list(busy), away, list[tuple[str, object]]()
        self.events: dict[str, Span] = {}

    def __call__(self, link: CalendarLink) -> "Fake":
        return self

    async def __aenter__(self) -> "Fake":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def busy(self, within: Span, *, but: Collection[str]) -> list[Span]:
        self._answer()
        return [span for span in self.taken if span.overlaps(within)]

    async def standing(self, uids: Collection[str], within: Span) -> dict[str, datetime]:
        self._answer()
        return {uid: span.start for uid, span in self.events.items() if uid in uids}

    async def put(self, meeting: Meeting, *, now: datetime) -> None:
        self._answer()
        self.done.append(("put", (meeting.uid, meeting.sequence, meeting.start_at)))
        self.events[meeting.uid] = Span(meeting.start_at, meeting.end_at)

    async def rewrite(self, meeting: Meeting, *, now: datetime) -> None:
        self._answer()
        self.done.append(("rewrite", (meeting.uid, meeting.title, meeting.description)))

    async def cancel(self, uid: str) -> None:
        self._answer()
        self.done.append(("cancel", uid))
        self.events.pop(uid, None)

    async def check(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if self.away:
            raise CalendarAway(self.away)


class Breaking(Fake):
    """Its answers are such that what reads them breaks."""

    def _answer(self) -> None:
        raise RecursionError


class Remembering(Fake):
    """What was written there is taken, but by those that are left out."""

    async def busy(self, within: Span, *, but: Collection[str]) -> list[Span]:
        self._answer()
        return [span for uid, span in self.events.items() if uid not in but and span.overlaps(within)]


def booked(calendar: Calendar, at: datetime = TEN, *, confirmed: bool = True) -> Appointment:
    call = make.call(make.lead(make.campaign(calendar=calendar)), CallStatus.DONE)
    return make.appointment(call, at, confirmed=confirmed)
