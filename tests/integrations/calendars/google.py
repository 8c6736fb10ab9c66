"""Google's Calendar API, version 3, as far as it is documented and used here, on a loopback port.

Shapes: developers.google.com/workspace/calendar/api/v3/reference/events (list, get, insert, update, delete), tokens:
developers.google.com/identity/protocols/oauth2/service-account.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integrations.calendars.server import Asked, Said

CALENDAR = "maria@example.com"
TOKEN = "ya29.a-token"


def new_key(server: str) -> str:
    """The JSON file of a service account whose tokens ``server`` gives out."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "calls@project.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": private.decode(),
            "token_uri": f"{server}/token",
        }
    )


@dataclass
class Google:
    """``page`` events come at a time. ``role`` is what the service account may do. What was removed stays in
    ``events``, as cancelled.
    """

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    role: str = "writer"
    page: int = 2
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(asked)
        parts = urlsplit(asked.path)
        if parts.path == "/token":
            return _json(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _json(401, {"error": {"code": 401}})
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        if steps[:3] != ["calendars", CALENDAR, "events"]:
            return _json(404, {"error": {"code": 404}})
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = json.loads(asked.body) if asked.body else {}
        return self._events(asked.method, steps[3] if len(steps) > 3 else "", query, body)

    def _events(self, method: str, event_id: str, query: dict[str, str], body: dict[str, Any]) -> Said:
        match method:
            case "GET" if not event_id:
                start, items = int(query.get("pageToken", 0)), list(self.events.values())
                more = {"nextPageToken": str(start + self.page)} if start + self.page < len(items) else {}
                return _json(200, {"accessRole": self.role, "items": items[start : start + self.page], **more})
            case "POST":
                if body["id"] in self.events:
                    return _json(409, {"error": {"code": 409}})
                self.events[body["id"]] = body
                return _json(200, body)
        there = self.events.get(event_id)
        if there is None:
            return _json(404, {"error": {"code": 404}})
        match method:
            case "GET":
                return _json(200, there)
            case "PUT":
                if body.get("sequence", 0) < there.get("sequence", 0):
                    return _json(400, {"error": {"code": 400, "message": "Invalid sequence value."}})
                self.events[event_id] = {**body, "id": event_id}
                return _json(200, self.events[event_id])
        if there.get("status") == "cancelled":
            return _json(410, {"error": {"code": 410}})
        self.edit(event_id, status="cancelled")
        return Said(204)

    def standing(self) -> dict[str, dict[str, Any]]:
        return {key: one for key, one in self.events.items() if one.get("status") != "cancelled"}

    def edit(self, event_id: str, **changes: object) -> None:
        """What a person does to the event."""
        there = self.events[event_id]
        self.events[event_id] = {**there, **changes, "sequence": there.get("sequence", 0) + 1}


def _json(status: int, body: dict[str, Any]) -> Said:
    return Said(status, json.dumps(body).encode(), (("content-type", "application/json"),))
