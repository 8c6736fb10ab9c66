"""What is published of Cal.com's API, version 2, as far as it is used here: what the server of the tests is asked
and answers is held against it.

Source: docs/api-reference/v2/openapi.json of github.com/calcom/cal.com at fea00aa8bd9b, and for what that leaves open
(slots, event types) packages/platform/types there: slots-2024-09-04/inputs/get-slots.input.ts at 07c7ee6d848f,
slots-2024-09-04/outputs/slots.output.ts at 6a132bc5238e, event-types_2024_06_14/outputs/event-type.output.ts at
03670679c00d.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema  # type: ignore[import-untyped]

Schema = dict[str, Any]
TEXT, NUMBER, WHOLE, FLAG, ANY = ({"type": kind} for kind in ("string", "number", "integer", "boolean", "object"))
_EVENT_TYPE = {"type": "object", "required": ["id", "slug"], "properties": {"id": NUMBER, "slug": TEXT}}
_ATTENDEE = {
    "type": "object",
    "required": ["name", "email", "displayEmail", "timeZone", "absent"],
    "properties": {"name": TEXT, "email": TEXT, "timeZone": TEXT, "absent": FLAG},
}
BOOKING: Schema = {
    "type": "object",
    "required": [
        *("id", "uid", "title", "description", "hosts", "status", "start", "end", "duration", "eventTypeId"),
        *("eventType", "location", "absentHost", "createdAt", "updatedAt", "attendees", "bookingFieldsResponses"),
    ],
    "properties": {
        "id": NUMBER,
        "uid": TEXT,
        "title": TEXT,
        "description": TEXT,
        "hosts": {"type": "array"},
        "status": {"enum": ["cancelled", "accepted", "rejected", "pending"]},
        "start": TEXT,
        "end": TEXT,
        "duration": NUMBER,
        "eventTypeId": NUMBER,
        "eventType": _EVENT_TYPE,
        "location": TEXT,
        "absentHost": FLAG,
        "createdAt": TEXT,
        "updatedAt": TEXT,
        "metadata": ANY,
        "attendees": {"type": "array", "items": _ATTENDEE},
        "bookingFieldsResponses": ANY,
        "rescheduledFromUid": TEXT,
        "cancellationReason": TEXT,
    },
}
_EVENT_TYPE_WHOLE: Schema = {
    "type": "object",
    "required": ["id", "lengthInMinutes", "title", "slug", "bookingFields", "recurrence", "locations"],
    "properties": {
        "id": WHOLE,
        "lengthInMinutes": {"type": "integer", "minimum": 1},
        "lengthInMinutesOptions": {"type": "array", "items": WHOLE},
        "slotInterval": {"type": ["integer", "null"]},
        "recurrence": {"type": ["object", "null"]},
        "seats": ANY,
        "confirmationPolicy": ANY,
        "requiresBookerEmailVerification": FLAG,
        "bookingFields": {"type": "array", "items": ANY},
    },
}
_SLOTS = {
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "items": {"type": "object", "required": ["start", "end"], "properties": {"start": TEXT, "end": TEXT}},
    },
}
_BOOK: Schema = {
    "type": "object",
    "required": ["start", "attendee"],
    "additionalProperties": False,
    "properties": {
        "start": {"type": "string", "pattern": r"Z$"},
        "attendee": {
            "type": "object",
            "required": ["name", "timeZone"],
            "anyOf": [{"required": ["email"]}, {"required": ["phoneNumber"]}],
            "additionalProperties": False,
            "properties": {"name": TEXT, "email": TEXT, "timeZone": TEXT, "phoneNumber": TEXT, "language": TEXT},
        },
        "bookingFieldsResponses": ANY,
        "eventTypeId": WHOLE,
        "lengthInMinutes": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"maxLength": 40},
            "additionalProperties": {"type": "string", "maxLength": 500},
        },
    },
}


def _of(data: Schema, **more: Schema) -> Schema:
    required = ["status", "data", *more]
    return {
        "type": "object",
        "required": required,
        "properties": {"status": {"enum": ["success", "error"]}, "data": data, **more},
    }


@dataclass(frozen=True)
class Operation:
    """``query`` are the parameters that there are, ``needs`` those that have to be there."""

    version: str
    good: int
    answer: Schema
    query: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    body: Schema | None = None


_PAGED = {"pagination": {"type": "object", "required": ["hasNextPage"], "properties": {"hasNextPage": FLAG}}}
_OPTIONS = frozenset({"eventTypeId", "timeZone", "duration", "format", "bookingUidToReschedule"})
OPERATIONS = {
    "GET /v2/slots": Operation(
        "2024-09-04", 200, _of(_SLOTS), _OPTIONS | {"start", "end"}, frozenset({"start", "end"})
    ),
    "GET /v2/event-types/{}": Operation("2024-06-14", 200, _of(_EVENT_TYPE_WHOLE)),
    "GET /v2/bookings": Operation(
        *("2024-08-13", 200, _of({"type": "array", "items": BOOKING}, **_PAGED)),
        frozenset({"status", "eventTypeId", "afterStart", "beforeEnd", "take", "skip"}),
    ),
    "POST /v2/bookings": Operation("2024-08-13", 201, _of(BOOKING), body=_BOOK),
    "POST /v2/bookings/{}/reschedule": Operation(
        *("2024-08-13", 201, _of(BOOKING)),
        body={
            "type": "object",
            "required": ["start"],
            "additionalProperties": False,
            "properties": {"start": TEXT, "reschedulingReason": TEXT, "rescheduledBy": TEXT},
        },
    ),
    "POST /v2/bookings/{}/cancel": Operation(
        *("2024-08-13", 200, _of(BOOKING)),
        body={"type": "object", "additionalProperties": False, "properties": {"cancellationReason": TEXT}},
    ),
}
_NAMED = re.compile(r"^(?P<head>/v2/(?:bookings|event-types))/[^/]+(?P<tail>.*)$")


def operation_of(method: str, path: str) -> Operation:
    """Raises KeyError for what is not published, or not used."""
    template = _NAMED.sub(r"\g<head>/{}\g<tail>", urlsplit(path).path)
    return OPERATIONS[f"{method} {template}"]


def asked_well(method: str, path: str, headers: dict[str, str], body: object) -> None:
    """Raises KeyError, AssertionError or jsonschema.ValidationError for what the API does not know."""
    operation, query = operation_of(method, path), set(parse_qs(urlsplit(path).query))
    assert headers["cal-api-version"] == operation.version
    assert headers["authorization"].startswith("Bearer cal_")
    assert operation.needs <= query <= operation.query
    assert (operation.body is None) == (body is None)
    if operation.body is not None:
        jsonschema.validate(body, operation.body)


def answered_well(method: str, path: str, status: int, body: object) -> None:
    """Raises as above for an answer that the API does not give."""
    operation = operation_of(method, path)
    assert status == operation.good
    jsonschema.validate(body, operation.answer)
