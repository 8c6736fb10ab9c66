"""A Cal.com on a loopback port: one person, one event type, the time that is open and the bookings of it.

What it is asked and what it answers is held against the published description (``calcom_published``).
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from calls.domain.availability import Span
from tests.integrations.calendars.calcom_published import answered_well, asked_well
from tests.integrations.calendars.server import Asked, Said

KEY = "cal_live_0123456789"
NUMBER = 123
TAKEN = "User either already has booking at this time or is not available"
"""As apps/api/v2/src/platform/bookings/2024-08-13/services/errors.service.ts says it."""


@dataclass
class CalCom:
    """``open`` is when the person works, ``busy`` what else they have. ``page`` bookings come at a time. ``settings``
    are of the event type. ``refuses`` is said to whoever books.
    """

    open: list[Span]
    busy: list[Span] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    status: str = "accepted"
    page: int = 2
    refuses: str = ""
    bookings: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(asked)
        path = urlsplit(asked.path).path
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "ApiAuthStrategy - api key - Your api key is not valid")
        body = json.loads(asked.body) if asked.body else None
        asked_well(asked.method, asked.path, asked.headers, body)
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        steps = path.removeprefix("/v2/").split("/")
        said = self._said(asked.method, steps, query, body or {})
        if said.status < 400:
            answered_well(asked.method, asked.path, said.status, json.loads(said.body))
        return said

    def standing(self) -> list[dict[str, Any]]:
        return [one for one in self.bookings if one["status"] in ("accepted", "pending")]

    def told(self, verb: str = "") -> list[str]:
        """Methods and paths without their queries, of what was asked."""
        return [f"{one.method} {urlsplit(one.path).path}" for one in self.asked if one.method.startswith(verb)]

    def _said(self, method: str, steps: list[str], query: dict[str, str], body: dict[str, Any]) -> Said:
        match method, steps:
            case "GET", ["event-types", number]:
                return _good(200, self._event_type()) if number == str(NUMBER) else _error(404, "Not found")
            case "GET", ["slots"]:
                return _good(200, self._days(query))
            case "GET", ["bookings"]:
                return self._listed(query)
            case "POST", ["bookings"]:
                return self._book(body, _instant(body["start"]), before=None)
        one = next((one for one in self.bookings if one["uid"] == steps[1]), None)
        if one is None:
            return _error(404, f"Booking with uid={steps[1]} was not found in the database")
        if steps[2] == "cancel":
            one |= {"status": "cancelled", "cancellationReason": body["cancellationReason"]}
            return _good(200, one)
        if one["status"] == "cancelled":
            return _error(400, f"Can't reschedule booking with uid={steps[1]} because it has been cancelled.")
        return self._book(one["asked"], _instant(body["start"]), before=one)

    def _event_type(self) -> dict[str, Any]:
        usual = {"id": NUMBER, "title": "Visit", "slug": "visit", "lengthInMinutes": 30, "slotInterval": None}
        asks = [
            {"type": "name", "slug": "name", "required": True, "isDefault": True},
            {"type": "textarea", "slug": "notes", "required": False, "isDefault": True},
        ]
        return {**usual, "locations": [], "recurrence": None, "bookingFields": asks, **self.settings}

    def _days(self, query: dict[str, str]) -> dict[str, list[dict[str, str]]]:
        day = timedelta(days=1)
        asked = Span(_instant(query["start"]), _instant(query["end"]) + day)
        days: dict[str, list[dict[str, str]]] = {}
        minutes = int(query.get("duration", self._event_type()["lengthInMinutes"]))
        for slot in self._slots(minutes, but=query.get("bookingUidToReschedule", "")):
            if asked.start <= slot.start < asked.end:
                days.setdefault(f"{slot.start:%Y-%m-%d}", []).append(
                    {"start": _written(slot.start), "end": _written(slot.end)}
                )
        return days

    def _slots(self, minutes: int, *, but: str = "") -> list[Span]:
        booked = [Span(_instant(one["start"]), _instant(one["end"])) for one in self.standing() if one["uid"] != but]
        length = timedelta(minutes=minutes)
        every = timedelta(minutes=self._event_type()["slotInterval"] or minutes)
        found = []
        for hours in self.open:
            start = hours.start
            while start + length <= hours.end:
                slot = Span(start, start + length)
                if not any(slot.overlaps(other) for other in [*booked, *self.busy]):
                    found.append(slot)
                start += every
        return found

    def _listed(self, query: dict[str, str]) -> Said:
        assert query["eventTypeId"] == str(NUMBER)
        assert query["status"] == "upcoming,unconfirmed"
        first, standing = int(query["skip"]), self.standing()
        # The page that is asked for is shortened, so that a test has several.
        number = first // int(query["take"]) * self.page
        more = number + self.page < len(standing)
        return _good(200, standing[number : number + self.page], pagination={"hasNextPage": more})

    def _book(self, body: dict[str, Any], start: datetime, *, before: dict[str, Any] | None) -> Said:
        if self.refuses:
            return _error(400, self.refuses)
        event_type = self._event_type()
        if "lengthInMinutes" in body and not event_type.get("lengthInMinutesOptions"):
            return _error(400, "Can't specify 'lengthInMinutes'")
        minutes = body.get("lengthInMinutes", event_type["lengthInMinutes"])
        free = self._slots(minutes, but=before["uid"] if before else "")
        if all(slot.start != start for slot in free):
            return _error(400, TAKEN)
        attendee, uid = body["attendee"], f"booking{len(self.bookings) + 1}"
        made = {
            **{"id": len(self.bookings) + 1, "uid": uid, "title": "Visit", "description": "", "hosts": []},
            **{"status": self.status, "start": _written(start), "duration": minutes, "location": ""},
            "end": _written(start + timedelta(minutes=minutes)),
            **{"eventTypeId": NUMBER, "eventType": {"id": NUMBER, "slug": "visit"}, "absentHost": False},
            **{"createdAt": _written(start), "updatedAt": _written(start), "metadata": body.get("metadata", {})},
            "attendees": [{**attendee, "displayEmail": attendee["email"], "absent": False}],
            "bookingFieldsResponses": body.get("bookingFieldsResponses", {}),
            "asked": body,
        }
        if before is not None:
            before["status"], made["rescheduledFromUid"] = "cancelled", before["uid"]
        self.bookings.append(made)
        return _good(201, made)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def _good(status: int, data: object, **more: object) -> Said:
    return Said(status, json.dumps({"status": "success", "data": data, **more}).encode())


def _error(status: int, message: str) -> Said:
    """As apps/api/v2/src/filters/http-exception.filter.ts answers."""
    error = {"code": "Error", "message": message}
    return Said(status, json.dumps({"status": "error", "timestamp": "", "path": "", "error": error}).encode())
