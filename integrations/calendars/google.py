"""Google Calendar over its REST API, version 3, as a service account with which the calendar was shared."""

import json
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time
from time import time as unix_s
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import httpx
from google.auth import jwt
from google.auth.crypt import RSASigner
from pydantic import BaseModel, Field, ValidationError

from calls.domain.availability import Span
from calls.domain.invitation import Meeting
from integrations.calendars.asking import Answer, ask
from integrations.calendars.ports import CalendarAway, CalendarRefused

_SCOPE = "https://www.googleapis.com/auth/calendar"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523, 2.1
_TOKEN_S = 3600
_CODE = re.compile(r"[a-z_]{1,40}")
_MOST_PAGES = 20
Parsed = TypeVar("Parsed", bound=BaseModel)


class _When(BaseModel):
    """A whole day has a ``date`` alone."""

    date_time: datetime | None = Field(default=None, alias="dateTime")
    day: date | None = Field(default=None, alias="date")


class _Item(BaseModel):
    id: str
    status: str = "confirmed"
    sequence: int = 0
    transparency: str = "opaque"
    start: _When = _When()
    end: _When = _When()


class _Page(BaseModel):
    items: list[_Item] = []
    next_page: str = Field(default="", alias="nextPageToken")


class GoogleCalendar:
    """``calendar_id`` is its address in Google's settings; ``key`` the service account's JSON file."""

    def __init__(self, client: httpx.AsyncClient, *, calendar_id: str, key: str, zone: str, api: str) -> None:
        self._client, self._zone = client, ZoneInfo(zone)
        self._url = f"{api}/calendars/{quote(calendar_id, safe='')}"
        self._key = key
        self._token = ""

    async def busy(self, within: Span, *, but: Collection[str]) -> list[Span]:
        ours = {_event_id(uid) for uid in but}
        items = await self._items(within)
        found = [span for one in items if one.id not in ours and (span := self._taken(one)) is not None]
        return sorted(span for span in found if span.overlaps(within))

    async def standing(self, uids: Collection[str], within: Span) -> dict[str, datetime]:
        ours = {_event_id(uid): uid for uid in uids}
        there = [one for one in await self._items(within) if one.id in ours and one.status != "cancelled"]
        return {ours[one.id]: at for one in there if (at := self._instant(one.start)) is not None}

    async def _items(self, within: Span) -> list[_Item]:
        """What touches ``within``, repeated events at each of their times."""
        start, end = (at.astimezone(UTC).isoformat() for at in within)
        params = {"timeMin": start, "timeMax": end, "singleEvents": "true", "maxResults": "2500"}
        found: list[_Item] = []
        for _ in range(_MOST_PAGES):
            page = await self._page(params)
            found += page.items
            if not page.next_page:
                return found
            params["pageToken"] = page.next_page
        raise CalendarAway(f"Google Calendar sent more than {_MOST_PAGES} pages of events.")

    async def put(self, meeting: Meeting, *, now: datetime) -> None:
        if await self._update(meeting):
            return
        body = {"id": _event_id(meeting.uid), **_body(meeting)}
        made = await self._ask("POST", f"{self._url}/events", body, fine=(409,))
        # Another attempt of ours may have been first.
        if made.status == httpx.codes.CONFLICT and not await self._update(meeting):
            raise CalendarAway("Google Calendar has the event and does not show it.")

    async def rewrite(self, meeting: Meeting, *, now: datetime) -> None:
        await self.put(meeting, now=now)

    async def cancel(self, uid: str) -> None:
        await self._ask("DELETE", f"{self._url}/events/{_event_id(uid)}", fine=(404, 410))

    async def check(self) -> None:
        answer = await self._ask("GET", f"{self._url}/events?maxResults=1")
        if _json(answer).get("accessRole") not in ("writer", "owner"):
            raise CalendarRefused(
                "Google Calendar lets the service account read this calendar and not write: share it with the right "
                "to make changes to events."
            )

    async def _update(self, meeting: Meeting) -> bool:
        """False where there is no such event. One that was removed there is brought back.

        Who edits the event there has its sequence grow, and a lower one than that is refused.
        """
        event = f"{self._url}/events/{_event_id(meeting.uid)}"
        there = await self._ask("GET", event, fine=(404, 410))
        if not there.is_success:
            return False
        sequence = max(meeting.sequence, _parsed(_Item, there).sequence)
        await self._ask("PUT", event, {**_body(meeting), "sequence": sequence})
        return True

    async def _page(self, params: dict[str, str]) -> _Page:
        return _parsed(_Page, await self._ask("GET", f"{self._url}/events?{httpx.QueryParams(params)}"))

    def _taken(self, one: _Item) -> Span | None:
        if one.status == "cancelled" or one.transparency == "transparent":
            return None
        begins, ends = self._instant(one.start), self._instant(one.end)
        return None if begins is None or ends is None or begins >= ends else Span(begins, ends)

    def _instant(self, when: _When) -> datetime | None:
        if when.date_time is not None:
            aware = when.date_time if when.date_time.tzinfo else when.date_time.replace(tzinfo=self._zone)
            return aware.astimezone(UTC)
        return datetime.combine(when.day, time(), self._zone).astimezone(UTC) if when.day else None

    async def _ask(
        self, method: str, url: str, body: dict[str, Any] | None = None, *, fine: Collection[int] = ()
    ) -> Answer:
        self._token = self._token or await _token_of(self._client, self._key)
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        return await ask(self._client, method, url, headers=headers, content=content, fine=fine)


def _event_id(uid: str) -> str:
    """Ours for the event: letters a to v and digits, as the API asks; the same uid gives the same."""
    return uid.partition("@")[0].replace("-", "")


def _body(meeting: Meeting) -> dict[str, Any]:
    return {
        "iCalUID": meeting.uid,
        "sequence": meeting.sequence,
        "status": "confirmed",
        "summary": meeting.title,
        "description": meeting.description,
        "location": meeting.place,
        "start": {"dateTime": meeting.start_at.isoformat(), "timeZone": meeting.zone},
        "end": {"dateTime": meeting.end_at.isoformat(), "timeZone": meeting.zone},
    }


def _parsed(shape: type[Parsed], answer: Answer) -> Parsed:
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError as error:
        raise CalendarAway(f"Google Calendar answered {error.error_count()} things that cannot be read.") from None


def _json(answer: Answer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        raise CalendarAway("Google Calendar answered something else than JSON.") from None
    return told if isinstance(told, dict) else {}


async def _token_of(client: httpx.AsyncClient, key: str) -> str:
    """An access token for an hour. Raises CalendarRefused for a key that is none, CalendarAway without a token.

    Asked by our own client, as the key's text names who is asked: google-auth would ask any address, with a deadline
    of its own, and tell what was answered there.
    """
    try:
        info = json.loads(key)
        signer = RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]
        account, url = str(info["client_email"]), str(info["token_uri"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CalendarRefused(
            "This is no key of a service account: paste the JSON file that Google Cloud made for it, as it is."
        ) from None
    issued_s = int(unix_s())
    claims = {"iss": account, "scope": _SCOPE, "aud": url, "iat": issued_s, "exp": issued_s + _TOKEN_S}
    assertion = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    form = urlencode({"grant_type": _GRANT, "assertion": assertion})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await ask(client, "POST", url, headers=headers, content=form.encode(), fine=(400, 401, 403))
    told = _json(answer)
    if token := told.get("access_token"):
        return str(token)
    why = code if _CODE.fullmatch(code := str(told.get("error"))) else "no reason"
    raise CalendarAway(
        f"Google gave no access token (HTTP {answer.status}, {why}): check the key, and the clock of this server."
    )
