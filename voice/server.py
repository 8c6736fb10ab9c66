"""The media server: lets a carrier's media socket through to the line whose token it brings, and nobody else."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import structlog
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator

from voice.browser.desk import BrowserDesk
from voice.doors import DoorLimits, Doors, protocols, visit_of
from voice.wire import Start

log = structlog.get_logger(__name__)

MAX_MESSAGE = 64 * 1024
MAX_HEADERS = 16 * 1024
_LAST_WORDS_S = 1.0  # for our close to reach a socket that was too slow, before it is dropped
_UNSUPPORTED, _INVALID, _POLICY, _TOO_BIG, _LATER = 1003, 1007, 1008, 1009, 1013

Connected = Callable[[str, WebSocket, Start], Coroutine[Any, Any, bool]]
Supervise = Callable[[str, WebSocket], Coroutine[Any, Any, bool]]


@dataclass(frozen=True, slots=True)
class Health:
    """``free`` lines may be taken now. ``offered`` may be in use at a time, 0 while no call is to begin; ``why`` says
    what keeps it from being all.
    """

    lines: int
    free: int
    draining: bool
    offered: int = 0
    why: str = ""


class _Refusal(Exception):
    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


class MediaServer:
    """``connected`` is called with the token, the socket and its start message; it returns when the call is over,
    False at once where no line expects that token.

    With an ``auth_token`` the handshake must carry Twilio's signature of ``public_url``. A socket has
    ``handshake_timeout_s`` from its opening to its start message; how many may be at that, and come in a second, goes
    by ``lines``. ``trusted_proxies`` are addresses or networks whose X-Forwarded-For counts. ``desk`` takes what
    browsers offer, ``supervise`` the sockets of supervisors, which begin with their token.

    A token has 256 bits and is looked up by its hash, so how long a refusal takes tells nothing of any token. The
    signature is compared in constant time by Twilio's library.
    """

    def __init__(
        self,
        connected: Connected,
        health: Callable[[], Health],
        *,
        handshake_timeout_s: float,
        lines: int,
        auth_token: str,
        public_url: Callable[[], str],
        trusted_proxies: Sequence[str] = (),
        desk: BrowserDesk | None = None,
        supervise: Supervise | None = None,
    ) -> None:
        self._connected, self._health, self._supervise = connected, health, supervise
        self._handshake_timeout_s, self._proxies = handshake_timeout_s, tuple(trusted_proxies)
        self._validator = RequestValidator(auth_token) if auth_token else None
        self._public_url = public_url
        self.doors = Doors(_limits(lines, handshake_timeout_s, self._proxies))
        self.app = Starlette(
            routes=[
                Route("/healthz", self._healthz),
                WebSocketRoute("/media", self._media),
                *([WebSocketRoute("/supervise", self._supervised)] if supervise is not None else ()),
                *(desk.routes(self.admit) if desk is not None else ()),
            ],
        )

    def options(self) -> dict[str, Any]:
        """How Uvicorn is to serve ``app``."""
        http, socket = protocols(self.doors)
        return {
            "http": http,
            "ws": socket,
            "ws_max_size": MAX_MESSAGE,
            "ws_per_message_deflate": False,
            "h11_max_incomplete_event_size": MAX_HEADERS,
            "timeout_keep_alive": 1,
            "proxy_headers": bool(self._proxies),
            "forwarded_allow_ips": list(self._proxies),
        }

    def admit(self, connection: HTTPConnection) -> None:
        """``connection`` is a call's: from now on it is none of those whose number and time are limited."""
        self.doors.leave(visit_of(connection.scope))

    async def _healthz(self, _: Request) -> JSONResponse:
        health = self._health()
        return JSONResponse({"lines": health.lines, "free": health.free, "draining": health.draining})

    async def _media(self, websocket: WebSocket) -> None:
        try:
            self._admit(websocket)
            await websocket.accept()
            start = await self._start(websocket)
            token = start.custom_parameters.get("token", "")
            if not await self._connected(token, websocket, start):
                raise _Refusal("unknown or used token", _POLICY)
        except _Refusal as refusal:
            log.warning("media.refused", reason=refusal.reason, client=_host(websocket))
            # It has left meanwhile, or Uvicorn has closed it for what it sent; each is an error of its own there.
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await websocket.close(refusal.code, refusal.reason)
        except WebSocketDisconnect as gone:
            reason = "message too big" if gone.code == _TOO_BIG else "closed before it started"
            log.warning("media.refused", reason=reason, code=gone.code)

    async def _supervised(self, websocket: WebSocket) -> None:
        try:
            self._knocks(websocket)
            await websocket.accept()
            try:
                async with asyncio.timeout(self._handshake_timeout_s):
                    token = (await self._message(websocket)).get("token")
            except TimeoutError:
                raise _Refusal("no token in time", _POLICY) from None
            if self._supervise is None or not isinstance(token, str) or not await self._supervise(token, websocket):
                raise _Refusal("unknown or used token", _POLICY)
        except _Refusal as refusal:
            log.warning("supervisor.refused", reason=refusal.reason, client=_host(websocket))
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await websocket.close(refusal.code, refusal.reason)
        except WebSocketDisconnect:
            log.info("supervisor.gone_early", client=_host(websocket))

    def _admit(self, websocket: WebSocket) -> None:
        """Before anything is accepted: closing here answers the handshake with 403."""
        if self._validator is not None:
            signature = websocket.headers.get("x-twilio-signature", "")
            if not self._validator.validate(self._public_url(), {}, signature):
                raise _Refusal("bad signature", _POLICY)
        self._knocks(websocket)

    def _knocks(self, websocket: WebSocket) -> None:
        visit = visit_of(websocket.scope)
        if not visit.address and not self.doors.is_from(visit, _host(websocket)):
            raise _Refusal("too many sockets a second from one address", _LATER)

    async def _start(self, websocket: WebSocket) -> Start:
        try:
            async with asyncio.timeout(self._handshake_timeout_s):
                if (await self._message(websocket)).get("event") != "connected":
                    raise _Refusal("no connected message", _INVALID)
                message = await self._message(websocket)
        except TimeoutError:
            raise _Refusal("no handshake in time", _POLICY) from None
        if message.get("event") != "start":
            raise _Refusal("no start message", _INVALID)
        try:
            start = Start.model_validate(message.get("start"))
        except ValidationError:
            raise _Refusal("malformed start message", _INVALID) from None
        if not start.telephone:
            raise _Refusal("not mu-law at 8 kHz", _UNSUPPORTED)
        return start

    async def _message(self, websocket: WebSocket) -> dict[str, Any]:
        received = await websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1006))
        text = received.get("text")
        if text is None:
            raise _Refusal("binary message", _UNSUPPORTED)
        try:
            message = json.loads(text)
        except ValueError:
            raise _Refusal("not JSON", _INVALID) from None
        except RecursionError:
            raise _Refusal("too deep JSON", _INVALID) from None
        if not isinstance(message, dict):
            raise _Refusal("not a message", _INVALID)
        return message


def _limits(lines: int, handshake_timeout_s: float, proxies: Sequence[str]) -> DoorLimits:
    """All calls of a process may begin at once, from one address; a carrier has many, and a proxy may hide them."""
    networks = [ip_network(one) for one in proxies]

    def trusted(host: str) -> bool:
        try:
            return any(ip_address(host) in network for network in networks)
        except ValueError:  # a Unix socket has no address
            return False

    return DoorLimits(
        waiting=4 * lines + 16,
        waiting_of_one=2 * lines + 8,
        arriving=2 * lines + 100,
        arriving_of_one=lines + 20,
        patience_s=handshake_timeout_s + _LAST_WORDS_S,
        trusted=trusted,
    )


def _host(websocket: WebSocket) -> str:
    return websocket.client.host if websocket.client else ""
