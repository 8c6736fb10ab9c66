"""The calendar behind a link, opened and asked in bounded time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import structlog
from django.conf import settings
from django.db.models import prefetch_related_objects

from calls.services import reserving
from integrations import secrets
from integrations.adapters import http
from integrations.calendars.calcom import CalComCalendar
from integrations.calendars.caldav import CalDavCalendar
from integrations.calendars.google import GoogleCalendar
from integrations.calendars.ports import CalendarAway, CalendarError, CalendarRefused, RemoteCalendar
from integrations.models import CalendarLink

log = structlog.get_logger(__name__)
T = TypeVar("T")
DEADLINE_S = 15.0
"""For one request to a calendar, however its server drips."""


class Opener(Protocol):
    def __call__(self, link: CalendarLink) -> AbstractAsyncContextManager[RemoteCalendar]:
        """The calendar behind ``link``. Raises CalendarRefused where its password cannot be read."""


class opened:
    """The real calendar behind a link, with an HTTP client of its own."""

    def __init__(self, link: CalendarLink) -> None:
        self._link = link
        self._client = http.client(any_address=settings.DEBUG)

    async def __aenter__(self) -> RemoteCalendar:
        link = self._link
        try:
            secret = secrets.opened(link.sealed)
        except secrets.Unreadable as error:
            await self._client.aclose()
            raise CalendarRefused(str(error)) from None
        zone = link.calendar.zone
        if link.kind == CalendarLink.Kind.GOOGLE:
            api = settings.GOOGLE_CALENDAR_API
            return GoogleCalendar(self._client, calendar_id=link.address, key=secret, zone=zone, api=api)
        if link.kind == CalendarLink.Kind.CALCOM:
            rules, email = reserving.rules_of(link.calendar), link.calendar.email
            return CalComCalendar(self._client, url=link.address, key=secret, rules=rules, email=email)
        return CalDavCalendar(self._client, url=link.address, username=link.username, password=secret, zone=zone)

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


def asked(link: CalendarLink, what: Callable[[RemoteCalendar], Awaitable[T]], open_: Opener) -> T:
    """Ask in bounded time. Raises CalendarError."""
    prefetch_related_objects([link], "calendar__hours")  # nothing is read from the database while it is asked

    async def answer() -> T:
        async with asyncio.timeout(DEADLINE_S), open_(link) as remote:
            return await what(remote)

    try:
        return asyncio.run(answer())
    except TimeoutError:
        raise CalendarAway(f"The calendar did not answer within {DEADLINE_S:g} s.") from None
    except CalendarError:
        raise
    except Exception as error:  # one calendar's nonsense must not keep the others from being read and written
        log.exception("calendar.broke", calendar_id=link.calendar_id)
        raise CalendarAway(f"The calendar's answer cannot be read ({type(error).__name__}, see the log).") from error
