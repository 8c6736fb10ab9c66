"""One call's media over a carrier's websocket: what comes, what goes, and whether the carrier is still there."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from voice.media.pacer import Outgoing, Pacer
from voice.media.ports import MediaEvents
from voice.media.socket import MediaSocket
from voice.wire import TwilioWire

log = structlog.get_logger(__name__)

SILENT_S = 5  # a carrier sends fifty packets a second, silence included; the network may stand still for a while
_CLOSE_S = 1.0


class PhoneLink:
    """``events`` are told as of ``open``. ``outgoing`` is our voice, which stays on the wire until it is hushed.

    The link breaks where the carrier sends nothing for ``SILENT_S`` looks, a second apart, or reads nothing until
    64 kB wait: both leave the person with a dead line, whatever the connection says. Looks are counted, not seconds,
    so that a standstill of ours is not taken for one of theirs.
    """

    def __init__(
        self,
        websocket: WebSocket,
        stream_sid: str,
        *,
        events: MediaEvents,
        on_key: Callable[[str], None],
        pacer: Pacer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._websocket, self._stream_sid, self._events, self._pacer = websocket, stream_sid, events, pacer
        self._clock = clock
        self._socket = MediaSocket.of(websocket)
        self._wire = TwilioWire(stream_sid, events, on_key=on_key, on_stop=self._stopped, clock=clock)
        self.outgoing = Outgoing(pacer, send=self._send, mark=self._mark, look=self._look)
        self._came = 0  # messages since the last look
        self._silent = 0  # looks since the last message
        self._closed = False

    def open(self) -> None:
        """Begin to hear and to speak."""
        self._pacer.join(self.outgoing)
        self._socket.take(self._message, self._lost)

    def hush(self) -> None:
        """Send no more of what was said, and have the carrier forget what it did not play."""
        self.outgoing.hush()
        if not self._closed:
            self._write(self._wire.clear())

    async def close(self) -> None:
        """Let go of the connection. Safe to call twice."""
        self._end()
        self._socket.leave()
        try:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it closes by itself already
                async with asyncio.timeout(_CLOSE_S):
                    await self._websocket.close()
        except TimeoutError:  # the carrier reads nothing
            self._socket.abort()

    def _message(self, message: bytes) -> None:
        self._came += 1
        self._wire.read(message)

    def _look(self) -> None:
        if self._came:
            self._pacer.meter.received(self._clock(), self._came)
            self._came = self._silent = 0
            return
        self._silent += 1
        if self._silent >= SILENT_S:
            self._break("the carrier sends nothing")

    def _send(self, coded: bytes, pcm: bytes) -> None:
        if self._write(self._wire.media(coded)):
            self._guarded(self._events.on_sent, pcm)

    def _mark(self, name: str) -> None:
        if self._write(self._wire.mark(name)):
            self._guarded(self._events.on_mark_sent, name)

    def _write(self, message: bytes) -> bool:
        if self._socket.write(message):
            return True
        self._break("the carrier reads nothing")
        return False

    def _break(self, reason: str) -> None:
        if self._closed:
            return
        log.warning("media.broken", stream_sid=self._stream_sid, reason=reason)
        self._socket.abort()
        self._lost(False)

    def _stopped(self) -> None:
        self._lost(True)

    def _lost(self, orderly: bool) -> None:
        if not self._closed:
            self._end()
            self._events.on_closed(orderly)

    def _end(self) -> None:
        self._closed = True
        self.outgoing.hush()
        self._pacer.part(self.outgoing)

    def _guarded(self, event: Callable[..., None], *args: object) -> None:
        try:
            event(*args)
        except Exception as error:  # noqa: BLE001 - a call that goes deaf by a fault of ours has to end
            self._events.on_fault(error)
