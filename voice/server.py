"""The media server: lets a carrier's media socket through to the line whose token it brings, and nobody else."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator

from voice.wire import Start

log = structlog.get_logger(__name__)

MAX_MESSAGE = 64 * 1024
_UNSUPPORTED, _INVALID, _POLICY, _TOO_BIG, _LATER = 1003, 1007, 1008, 1009, 1013

Connected = Callable[[str, WebSocket, Start], Coroutine[Any, Any, bool]]


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

    With an ``auth_token`` the handshake must carry Twilio's signature of ``public_url``.
    """

    def __init__(
        self,
        connected: Connected,
        health: Callable[[], Health],
        *,
        handshake_timeout_s: float,
        most_handshakes: int,
        auth_token: str,
        public_url: Callable[[], str],
    ) -> None:
        self._connected, self._health = connected, health
        self._handshake_timeout_s, self._most_handshakes = handshake_timeout_s, most_handshakes
        self._validator = RequestValidator(auth_token) if auth_token else None
        self._public_url = public_url
        self._handshakes = 0
        self.app = Starlette(
            routes=[Route("/healthz", self._healthz), WebSocketRoute("/media", self._media)],
        )

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
            await websocket.close(refusal.code, refusal.reason)
        except WebSocketDisconnect as gone:
            reason = "message too big" if gone.code == _TOO_BIG else "closed before it started"
            log.warning("media.refused", reason=reason, code=gone.code)

    def _admit(self, websocket: WebSocket) -> None:
        """Before anything is accepted: closing here answers the handshake with 403."""
        if self._validator is not None:
            signature = websocket.headers.get("x-twilio-signature", "")
            if not self._validator.validate(self._public_url(), {}, signature):
                raise _Refusal("bad signature", _POLICY)
        if self._handshakes >= self._most_handshakes:
            raise _Refusal("too many handshakes", _LATER)

    async def _start(self, websocket: WebSocket) -> Start:
        self._handshakes += 1
        try:
            async with asyncio.timeout(self._handshake_timeout_s):
                if (await self._message(websocket)).get("event") != "connected":
                    raise _Refusal("no connected message", _INVALID)
                message = await self._message(websocket)
        except TimeoutError:
            raise _Refusal("no handshake in time", _POLICY) from None
        finally:
            self._handshakes -= 1
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


def _host(websocket: WebSocket) -> str:
    return websocket.client.host if websocket.client else ""
