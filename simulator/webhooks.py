"""What the carrier asks of and tells to the application: signed HTTP requests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Self
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit, urlunsplit

import httpx
import structlog

from simulator.domain.call import Call, Status
from simulator.domain.signing import signature
from simulator.faults import CallbackSwitches, Dice

log = structlog.get_logger(__name__)
_TIMEOUT_S = 15.0
_REORDERED_AFTER_S = 3.0
_RETRY_AFTER_S = 0.2

EVENT_OF = {
    Status.INITIATED: "initiated",
    Status.RINGING: "ringing",
    Status.IN_PROGRESS: "answered",
    Status.COMPLETED: "completed",
    Status.BUSY: "completed",
    Status.NO_ANSWER: "completed",
    Status.FAILED: "completed",
    Status.CANCELED: "completed",
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where the status of one call is told, and which events of it."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True, slots=True)
class Retries:
    """When a request is repeated, and how often at most.

    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """

    count: int = 1
    causes: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> Self:
        """From the fragment of a webhook's URL, such as ``rc=5&rp=5xx,rt``; Twilio's defaults elsewhere."""
        given = dict(parse_qsl(fragment))
        causes = frozenset(given.get("rp", "ct").split(","))
        every = frozenset({"4xx", "5xx", "ct", "rt"})
        count = given.get("rc", "1")
        return cls(min(int(count), 5) if count.isdecimal() else 1, every if "all" in causes else causes)

    def cover(self, outcome: httpx.Response | httpx.HTTPError) -> bool:
        if isinstance(outcome, httpx.Response):
            return f"{outcome.status_code // 100}xx" in self.causes
        never_arrived = isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout)
        return ("ct" if never_arrived else "rt") in self.causes


@dataclass(slots=True)
class _Outbox:
    """The callbacks of one call: numbered as they arise, delivered one at a time."""

    sequence: int = 0
    arisen: int = 0
    last_sent: int = 0
    turn: asyncio.Condition = field(default_factory=asyncio.Condition)


def call_fields(call: Call) -> dict[str, str]:
    """The fields that every request about a call carries."""
    fields = {
        "CallSid": call.sid,
        "AccountSid": call.account_sid,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
        "CallStatus": call.status.value,
        "ApiVersion": "2010-04-01",
        "Direction": call.direction,
    }
    if call.parent_sid:
        fields["ParentCallSid"] = call.parent_sid
    if call.answered_by:
        fields["AnsweredBy"] = call.answered_by
    return fields


class Webhooks:
    """Requests to the application. Callbacks never raise: an application that is away is not told."""

    def __init__(self, auth_token: str, *, switches: CallbackSwitches, dice: Dice) -> None:
        self._auth_token, self._switches, self._dice = auth_token, switches, dice
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT_S, headers={"User-Agent": "TwilioProxy/1.1"}, trust_env=False, follow_redirects=True
        )
        self._outboxes: dict[str, _Outbox] = {}
        self._deliveries: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        await self._client.aclose()

    async def request(self, url: str, method: str, fields: Mapping[str, str]) -> httpx.Response:
        """Ask as Twilio asks, and again as the URL's fragment says. Raises httpx.HTTPError where nobody answers."""
        url, fragment = urldefrag(url)
        retries = Retries.of(fragment)
        for left in reversed(range(retries.count + 1)):
            try:
                response = await self._ask(url, method, fields)
            except httpx.HTTPError as error:
                if not (left and retries.cover(error)):
                    raise
            else:
                if not (left and retries.cover(response)):
                    return response
            await asyncio.sleep(_RETRY_AFTER_S)
        raise AssertionError("The last attempt returns or raises.")

    async def _ask(self, url: str, method: str, fields: Mapping[str, str]) -> httpx.Response:
        if method == "GET":
            parts = urlsplit(url)
            query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
            url, fields = urlunsplit(parts._replace(query=query)), {}
        headers = {"X-Twilio-Signature": signature(url, fields, self._auth_token)}
        return await self._client.request(method, url, data=dict(fields) or None, headers=headers)

    def status(self, call: Call, subscription: Subscription | None, at: datetime) -> None:
        """Tell the call's present status to whoever subscribed to it."""
        event = EVENT_OF.get(call.status)
        if subscription is None or event not in subscription.events:
            return
        outbox = self._outboxes.setdefault(call.sid, _Outbox())
        fields = call_fields(call) | {
            "Timestamp": format_datetime(at),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(outbox.sequence),
        }
        if call.status.final:
            fields |= {"CallDuration": str(call.duration_s), "Duration": str(call.billed_minutes)}
        if call.sip_code is not None:
            fields["SipResponseCode"] = str(call.sip_code)
        outbox.sequence += 1
        self.tell(call, subscription.url, subscription.method, fields)

    def tell(self, call: Call, url: str, method: str, fields: Mapping[str, str]) -> None:
        """Deliver a callback soon, after those of the same call that arose before it, unless a fault strikes."""
        outbox = self._outboxes.setdefault(call.sid, _Outbox())
        outbox.arisen += 1
        work = self._deliver(outbox, outbox.arisen, partial(self._send, call.sid, url, method, dict(fields)))
        task = asyncio.get_running_loop().create_task(work)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, outbox: _Outbox, number: int, send: Callable[[], Awaitable[None]]) -> None:
        faults, dice = self._switches, self._dice
        if dice.strikes(faults.lost):
            log.info("callback.lost_on_purpose", number=number)
            return
        if dice.strikes(faults.delayed):
            await asyncio.sleep(dice.within_s(faults.delay_ms))
        if dice.strikes(faults.reordered):
            await self._overtaken(outbox, number)
        for _ in range(2 if dice.strikes(faults.doubled) else 1):
            async with outbox.turn:
                await send()
                outbox.last_sent = max(outbox.last_sent, number)
                outbox.turn.notify_all()

    async def _overtaken(self, outbox: _Outbox, number: int) -> None:
        """Wait until a later callback of the call has gone out, at most a few seconds."""
        try:
            async with asyncio.timeout(_REORDERED_AFTER_S), outbox.turn:
                await outbox.turn.wait_for(lambda: outbox.last_sent > number)
        except TimeoutError:
            log.info("callback.not_overtaken", number=number)

    async def _send(self, sid: str, url: str, method: str, fields: Mapping[str, str]) -> None:
        try:
            response = await self.request(url, method, fields)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("callback.failed", call_sid=sid, url=url, error=repr(error))
            return
        if response.is_error:
            log.warning("callback.refused", call_sid=sid, url=url, status=response.status_code)


def now() -> datetime:
    return datetime.now(UTC)
