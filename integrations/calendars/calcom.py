"""Cal.com over its API, version 2, on cal.com or on a server of one's own: one event type is one calendar.

The API knows what is free rather than what is taken: what no slot covers counts as busy. A booking carries our uid in
its metadata, which is how it is found again. It is made for the calendar's own e-mail address: Cal.com writes to
whom it books for, and to the lead only a person of the team does (docs/appointments.md).

Shapes: docs/api-reference/v2/openapi.json of github.com/calcom/cal.com.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from calls.domain.availability import Availability, Span, starts
from calls.domain.invitation import Meeting
from integrations.calendars.asking import Answer, ask
from integrations.calendars.calcom_event_type import EventType, misfit
from integrations.calendars.calcom_shapes import Booking, Bookings, Found, Made, Slots
from integrations.calendars.ports import CalendarAway, CalendarCannot, CalendarRefused, CalendarTaken

_ADDRESS = re.compile(r"(?P<api>https?://[^/?#]+(?:/[^/?#]+)*/v2)/event-types/(?P<id>\d+)/?")
_BOOKINGS, _SLOTS, _EVENT_TYPES = "2024-08-13", "2024-09-04", "2024-06-14"
"""Versions of the API, one for each kind of thing: what is asked without one is answered in an older way."""
_UID = "reautomation_uid"
_PAGE, _MOST_PAGES, _MOST_MOVED = 100, 20, 4
_MOST_NAME, _MOST_NOTES, _MOST_TOLD = 120, 2_000, 160
_EXPLAINED = frozenset({400, 401, 403, 404, 409, 422})
NO_EMAIL = (
    "Cal.com books for somebody with an e-mail address, to which it writes: enter the e-mail of the calendar, on the "
    "page of the calendar itself."
)
ADDRESS_HELP = (
    "enter it as https://api.cal.com/v2/event-types/123, with the number that stands in the address of the event "
    "type's page in Cal.com, and the API of your own server where you have one."
)
Parsed = TypeVar("Parsed", bound=BaseModel)


class Address(NamedTuple):
    """``api`` ends in ``/v2``."""

    api: str
    event_type: int


def address_of(url: str) -> Address | None:
    """The API and the event type that ``url`` names; None where it is no such address."""
    found = _ADDRESS.fullmatch(url.strip())
    return Address(found["api"], int(found["id"])) if found else None


class CalComCalendar:
    """``url`` is the event type's in the API; ``rules`` are those of the calendar that offers its time, ``email`` is
    for whom is booked.
    """

    def __init__(self, client: httpx.AsyncClient, *, url: str, key: str, rules: Availability, email: str) -> None:
        self._client, self._address, self._rules, self._email = client, address_of(url), rules, email
        self._event_type: EventType | None = None
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    async def busy(self, within: Span, *, but: Collection[str]) -> list[Span]:
        await self._fitting()
        slots = await self._slots(within)
        ours = await self._standing(but)  # afterwards, so that none is missed that an earlier attempt books meanwhile
        for one in ours[:_MOST_MOVED]:  # free as well is what touches, or is kept apart from, where they stand now
            slots = sorted({*slots, *await self._slots(within, instead_of=one.uid)})
        free = [*slots, *(Span(one.start, one.end) for one in ours)]
        return sorted([*_between(free, within), *self._off_the_grid(slots, within)])

    async def standing(self, uids: Collection[str], within: Span) -> dict[str, datetime]:
        ours = [one for one in await self._standing(uids) if Span(one.start, one.end).overlaps(within)]
        return {str(one.metadata[_UID]): one.start for one in ours}

    async def put(self, meeting: Meeting, *, now: datetime) -> None:
        await self._fitting()
        found = await self._standing([meeting.uid])
        before = next((one for one in found if one.start == meeting.start_at), None) or next(iter(found), None)
        for other in found:  # of an attempt whose answer was lost; it may be in the way
            if other is not before:
                await self._call_off(other)
        made = before
        if made is None or made.start != meeting.start_at:
            made = await self._book(meeting, instead_of=before)
        if made.status != "accepted" or made.start != meeting.start_at:
            raise CalendarRefused(
                f"{self._host} has the booking as {made.status} at {made.start:%Y-%m-%d %H:%M} UTC: confirm it there "
                f"for {meeting.start_at:%Y-%m-%d %H:%M} UTC."
            )

    async def rewrite(self, meeting: Meeting, *, now: datetime) -> None:
        """The API changes no notes of a booking."""
        raise CalendarCannot(f"{self._host} lets nobody change the notes of a booking over its API.")

    async def cancel(self, uid: str) -> None:
        for one in await self._standing([uid]):
            await self._call_off(one)

    async def check(self) -> None:
        await self._fitting()
        await self._page(0)

    async def _fitting(self) -> EventType:
        """The event type, asked for once. Raises CalendarRefused where it and the calendar do not fit each other."""
        if self._event_type is not None:
            return self._event_type
        if not self._email:
            raise CalendarRefused(NO_EMAIL)
        number = self._where().event_type
        answer = await self._ask("GET", f"event-types/{number}", version=_EVENT_TYPES)
        if answer.status in (400, 403, 404):
            raise CalendarRefused(
                f"{self._host} shows us no event type {number} (HTTP {answer.status}): check the address, and that "
                f"the API key is of the person whose event type it is."
            )
        found = self._parsed(Found, answer).data
        if why := misfit(found, self._rules):
            raise CalendarRefused(f"The event type {number} of {self._host} {why}")
        self._event_type = found
        return found

    async def _slots(self, within: Span, *, instead_of: str = "") -> list[Span]:
        """The free slots that touch ``within``; days beside it are asked for, since slots are counted from the
        beginning of what is asked for.
        """
        event_type, day = await self._fitting(), timedelta(days=1)
        params = {
            "eventTypeId": str(self._where().event_type),
            "start": f"{within.start.astimezone(UTC) - day:%Y-%m-%d}",
            "end": f"{within.end.astimezone(UTC) + day:%Y-%m-%d}",
            "timeZone": "UTC",
            "format": "range",
            **({"duration": str(self._rules.minutes)} if event_type.lengths else {}),
            **({"bookingUidToReschedule": instead_of} if instead_of else {}),
        }
        query = httpx.QueryParams(params)
        told = self._parsed(Slots, await self._ask("GET", f"slots?{query}", version=_SLOTS))
        found = {Span(one.start, one.end) for slots in told.data.values() for one in slots}
        return sorted(one for one in found if one.overlaps(within))

    async def _standing(self, uids: Collection[str]) -> list[Booking]:
        """Bookings that stand, lie ahead and carry one of the uids; nothing is asked for none."""
        if not uids:
            return []
        found: list[Booking] = []
        for number in range(_MOST_PAGES):
            page = await self._page(number)
            found += [one for one in page.data if one.stands and one.metadata.get(_UID) in uids]
            if not page.pagination.more:
                return found
        raise CalendarAway(f"{self._host} sent more than {_MOST_PAGES} pages of bookings.")

    async def _page(self, number: int) -> Bookings:
        """Of the bookings that lie ahead; which of them are ours only their metadata tell."""
        which = {"eventTypeId": str(self._where().event_type), "status": "upcoming,unconfirmed"}
        query = httpx.QueryParams({**which, "take": str(_PAGE), "skip": str(number * _PAGE)})
        return self._parsed(Bookings, await self._ask("GET", f"bookings?{query}", version=_BOOKINGS))

    async def _book(self, meeting: Meeting, *, instead_of: Booking | None) -> Booking:
        """Raises CalendarTaken where it is refused and the slot is gone: no status tells that from other refusals.

        The slot may be gone to an earlier attempt of ours, of whose answer nothing is known: that is the booking.
        """
        if instead_of is None:
            path, body = "bookings", self._body(meeting, await self._fitting())
        else:
            path = f"bookings/{instead_of.uid}/reschedule"
            body = {"start": _utc(meeting.start_at), "reschedulingReason": "Moved to another time."}
        answer = await self._ask("POST", path, body, version=_BOOKINGS)
        if answer.status in (400, 409):
            by_now = await self._standing([meeting.uid])
            if made := next((one for one in by_now if one.start == meeting.start_at), None):
                return made
            if [one.uid for one in by_now] != ([instead_of.uid] if instead_of else []):
                raise CalendarAway(f"{self._host} has just changed this booking: it is moved later.")
            within = Span(meeting.start_at, meeting.end_at)
            slots = await self._slots(within, instead_of=instead_of.uid if instead_of else "")
            if all(slot.start != meeting.start_at for slot in slots):
                raise CalendarTaken(f"{self._host} has no free slot at this time.")
        return self._parsed(Made, answer).data

    async def _call_off(self, booking: Booking) -> None:
        body = {"cancellationReason": "Called off."}
        answer = await self._ask("POST", f"bookings/{booking.uid}/cancel", body, version=_BOOKINGS)
        if not answer.is_success and answer.status != httpx.codes.NOT_FOUND:
            raise self._refusal(answer)

    def _body(self, meeting: Meeting, event_type: EventType) -> dict[str, Any]:
        notes = "\n".join(text for text in (meeting.description, meeting.place) if text)
        return {
            "eventTypeId": self._where().event_type,
            "start": _utc(meeting.start_at),
            "attendee": {
                "name": (meeting.attendee_name or meeting.title)[:_MOST_NAME],
                "email": self._email,
                "timeZone": meeting.zone,
            },
            "metadata": {_UID: meeting.uid},
            **({"bookingFieldsResponses": {"notes": notes[:_MOST_NOTES]}} if notes else {}),
            **({"lengthInMinutes": meeting.minutes} if event_type.lengths else {}),
        }

    def _off_the_grid(self, slots: Sequence[Span], within: Span) -> Iterator[Span]:
        """Times that the calendar would offer and that lie in free time, but at which no slot begins."""
        begin = {slot.start for slot in slots}
        for start in starts(self._rules, within):
            if start not in begin and any(slot.start < start < slot.end for slot in slots):
                yield Span(start, start + timedelta(minutes=self._rules.minutes))

    @property
    def _host(self) -> str:
        return httpx.URL(self._where().api).host

    def _where(self) -> Address:
        if self._address is None:
            raise CalendarRefused(f"This is no address of an event type: {ADDRESS_HELP}")
        return self._address

    async def _ask(self, method: str, path: str, body: object = None, *, version: str) -> Answer:
        """The answer, also one that refuses and says why."""
        content = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "cal-api-version": version}
        url = f"{self._where().api}/{path}"
        return await ask(self._client, method, url, headers=headers, content=content, fine=_EXPLAINED)

    def _refusal(self, answer: Answer) -> CalendarRefused:
        if answer.status in (401, 403):
            return CalendarRefused(
                f"{self._host} refuses the API key (HTTP {answer.status}): make one in Cal.com under settings, "
                f"security, and enter it here."
            )
        return CalendarRefused(f"{self._host} does not accept the request (HTTP {answer.status}): {_why(answer)}")

    def _parsed(self, kind: type[Parsed], answer: Answer) -> Parsed:
        if not answer.is_success:
            raise self._refusal(answer)
        try:
            return kind.model_validate_json(answer.body)
        except ValidationError as error:
            raise CalendarAway(
                f"{self._host} answered {error.error_count()} things that cannot be read: check that the address is "
                f"that of the API, version 2."
            ) from None


def _why(answer: Answer) -> str:
    """What the server says, cut to a length; the sentence on it is theirs."""
    try:
        told = json.loads(answer.body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        told = ""
    return str(told)[:_MOST_TOLD] or "check the settings of the event type."


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _between(free: Sequence[Span], within: Span) -> Iterator[Span]:
    """What of ``within`` none of ``free`` covers."""
    until = within.start
    for start, end in sorted(free):
        if until < min(start, within.end):
            yield Span(until, min(start, within.end))
        until = max(until, end)
    if until < within.end:
        yield Span(until, within.end)
