"""A calendar over CalDAV (RFC 4791): Nextcloud, Radicale, Fastmail, iCloud and others.

The ``caldav`` library is not used: it brings ``niquests``, whose ``urllib3-future`` takes the place of the
``urllib3`` that others here stand on. Four requests are all that is needed of the protocol.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import httpx
from defusedxml import DefusedXmlException, ElementTree
from icalendar import Calendar, Event

from calls.domain.availability import Span
from calls.domain.invitation import Meeting, event
from integrations.calendars.asking import Answer, ask, host_of
from integrations.calendars.ports import CalendarAway, CalendarRefused

_DAV, _CAL = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_STAMP = "%Y%m%dT%H%M%SZ"
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
  <D:prop><C:calendar-data><C:expand start="{start}" end="{end}"/></C:calendar-data></D:prop>
  <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
    <C:time-range start="{start}" end="{end}"/>
  </C:comp-filter></C:comp-filter></C:filter>
</C:calendar-query>"""
_KIND = """<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/></D:prop></D:propfind>"""
_XML = {"content-type": "application/xml; charset=utf-8"}


class CalDavCalendar:
    """``url`` is the calendar's own collection; ``zone`` is where its whole days and floating times are."""

    def __init__(self, client: httpx.AsyncClient, *, url: str, username: str, password: str, zone: str) -> None:
        self._client, self._url, self._auth = client, url.rstrip("/") + "/", (username, password)
        self._zone = ZoneInfo(zone)

    async def busy(self, within: Span, *, but: Collection[str]) -> list[Span]:
        found = [span for one in await self._events(within) if (span := self._taken(one, but)) is not None]
        return sorted(span for span in found if span.overlaps(within))

    async def standing(self, uids: Collection[str], within: Span) -> dict[str, datetime]:
        ours = [one for one in await self._events(within) if _uid(one) in uids and not _is_off(one)]
        begins = sorted(((_uid(one), self._span(one).start) for one in ours), reverse=True)
        return dict(begins)  # of one that somebody lets repeat, the first

    async def put(self, meeting: Meeting, *, now: datetime) -> None:
        headers = {"content-type": "text/calendar; charset=utf-8"}
        await self._ask("PUT", self._address(meeting.uid), content=event(meeting, now=now), headers=headers)

    async def rewrite(self, meeting: Meeting, *, now: datetime) -> None:
        await self.put(meeting, now=now)

    async def cancel(self, uid: str) -> None:
        await self._ask("DELETE", self._address(uid), fine=(404, 410))

    async def check(self) -> None:
        answer = await self._ask("PROPFIND", self._url, content=_KIND.encode(), headers={**_XML, "depth": "0"})
        if self._parsed(answer).find(f".//{_DAV}resourcetype/{_CAL}calendar") is None:
            raise CalendarRefused(
                f"{host_of(self._url)} has no calendar at this address, but something else: enter the address "
                f"of one calendar, as your calendar program shows it."
            )

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        fine: Collection[int] = (),
    ) -> Answer:
        return await ask(self._client, method, url, headers=headers, content=content, auth=self._auth, fine=fine)

    def _address(self, uid: str) -> str:
        return f"{self._url}{uid}.ics"

    def _parsed(self, answer: Answer) -> Element:
        try:
            root: Element = ElementTree.fromstring(answer.body)
        except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):  # the last two: its encoding
            raise CalendarAway(f"{host_of(self._url)} answered no CalDAV: check the address.") from None
        return root

    async def _events(self, within: Span) -> list[Event]:
        """Those that touch ``within``, repeated ones at each of their times."""
        start, end = (at.astimezone(UTC).strftime(_STAMP) for at in within)
        query = _QUERY.format(start=start, end=end).encode()
        return list(self._read(await self._ask("REPORT", self._url, content=query, headers={**_XML, "depth": "1"})))

    def _read(self, answer: Answer) -> Iterator[Event]:
        for data in self._parsed(answer).iter(f"{_CAL}calendar-data"):
            try:
                parsed = Calendar.from_ical(data.text or "")
                events = [one for one in parsed.walk("VEVENT") if isinstance(one, Event)]
            except (ValueError, KeyError, IndexError, AttributeError) as error:
                raise CalendarAway(f"{host_of(self._url)} sent an event that cannot be read: {error}") from None
            if any("RRULE" in one for one in events):
                raise CalendarRefused(
                    f"{host_of(self._url)} does not tell when repeated events take place (expand of RFC 4791, "
                    f"9.6.5): use a calendar without them, or another server."
                )
            yield from events

    def _taken(self, one: Event, but: Collection[str]) -> Span | None:
        """None where it takes no time: it is one of ours, called off, or marked as free."""
        if _uid(one) in but or _is_off(one) or str(one.get("TRANSP", "")).upper() == "TRANSPARENT":
            return None
        span = self._span(one)
        return span if span.start < span.end else None

    def _span(self, one: Event) -> Span:
        try:
            return Span(self._instant(one.start), self._instant(one.end))
        except (ValueError, OverflowError) as error:
            raise CalendarAway(f"{host_of(self._url)} sent an event without a time: {error}") from None

    def _instant(self, at: datetime | date) -> datetime:
        if not isinstance(at, datetime):
            at = datetime.combine(at, time(), self._zone)
        elif at.tzinfo is None:
            at = at.replace(tzinfo=self._zone)
        try:
            return at.astimezone(UTC)
        except OverflowError:  # for ever, as some programs write it: until the last second of the year 9999
            return datetime.max.replace(tzinfo=UTC) if at.year > 1 else datetime.min.replace(tzinfo=UTC)


def _uid(one: Event) -> str:
    return str(one.get("UID", ""))


def _is_off(one: Event) -> bool:
    return str(one.get("STATUS", "")).upper() == "CANCELLED"
