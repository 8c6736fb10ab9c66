"""A carrier's websocket, read and written without a queue, a task or a lock for every packet.

uvicorn stops and starts reading, fills a queue and wakes a task for each message, which costs several times what the
message itself does (docs/adr/0016). Here whole text messages go straight to whom they are for; everything else about
the protocol (handshake, pings, fragments, closing, errors) is uvicorn's as before.
"""

import socket
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.utils import apply_mask as _slow_mask

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the compiled part
    apply_mask = _slow_mask

_STATE = "media_socket"
_SEND_BUFFER = 64 * 1024  # the kernel's, as asked for: five seconds of speech, where the default holds minutes
MOST_WAITING = 64 * 1024  # bytes of ours that wait for the carrier to read; a second of speech is 13 kB
_FINAL_TEXT = 0x81
_CONTROL = frozenset({0x88, 0x89, 0x8A})  # close, ping, pong
_MASKED = 0x80
_HEADER = 2
_MASK = 4
_LENGTH_16 = 126
_NORMAL_CLOSURE = 1000


class MediaSocket(WebSocketsSansIOProtocol):
    """One connection. Until ``take`` it is uvicorn's alone."""

    _on_message: Callable[[bytes], None] | None = None
    _on_lost: Callable[[bool], None] | None = None
    _rest = b""  # of a message that has not come whole
    # Between two messages, with nothing left over: only then may messages pass uvicorn's parser by.
    _aligned = True

    @classmethod
    def of(cls, websocket: WebSocket) -> "MediaSocket":
        """The connection below ``websocket``. Raises KeyError where the server uses another protocol."""
        connection = websocket.scope["state"][_STATE]
        assert isinstance(connection, cls)
        return connection

    def take(self, on_message: Callable[[bytes], None], on_lost: Callable[[bool], None]) -> None:
        """From now on each message goes to ``on_message``, those that wait included; binary ones come as they are.

        ``on_lost`` comes at most once, True where the other side closed in good order.
        """
        self._on_message, self._on_lost = on_message, on_lost
        if (raw := self.transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        while not self.queue.empty():
            event: Any = self.queue.get_nowait()
            if event["type"] == "websocket.disconnect":
                self._lost(event.get("code") == _NORMAL_CLOSURE)
            elif self._on_message is not None:
                text = event.get("text")
                self._on_message(event["bytes"] if text is None else text.encode())
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def leave(self) -> None:
        """Nothing is wanted of the connection any more."""
        self._on_message = self._on_lost = None

    def write(self, message: bytes) -> bool:
        """Send a text message. False where the other side has read nothing for seconds, or is gone."""
        if self.close_sent or self.transport.is_closing():
            return False
        size = len(message)
        head = bytes((_FINAL_TEXT, size)) if size < _LENGTH_16 else b"\x81\x7e" + size.to_bytes(2, "big")
        self.transport.write(head + message)
        return self.transport.get_write_buffer_size() <= MOST_WAITING

    def abort(self) -> None:
        """Drop the connection and what waits to be sent."""
        self.leave()
        self.transport.abort()

    # What uvicorn's protocol is told.

    async def run_asgi(self) -> None:
        self.scope["state"][_STATE] = self
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        if not self.handshake_complete:
            # Messages may follow the request at once: uvicorn's parser may hold a part of one then.
            self._aligned = self._aligned and not self.handshake_initiated and data.endswith(b"\r\n\r\n")
            super().data_received(data)
        elif self._aligned:
            self._split(self._rest + data if self._rest else data)
        else:
            super().data_received(data)

    def handle_close(self, event: Frame) -> None:
        ours = self.close_sent
        super().handle_close(event)
        if not ours and self.conn.close_rcvd is not None:
            self._lost(self.conn.close_rcvd.code == _NORMAL_CLOSURE)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost(False)

    def shutdown(self) -> None:
        super().shutdown()
        self._lost(False)

    def send_receive_event_to_app(self) -> None:
        """A message that came by uvicorn's parser is complete."""
        if self._on_message is None:
            super().send_receive_event_to_app()
            return
        message, self.frames = b"".join(self.frames), []
        self._on_message(message)

    def _lost(self, orderly: bool) -> None:
        on_lost = self._on_lost
        self.leave()
        if on_lost is not None:
            on_lost(orderly)

    def _split(self, data: bytes) -> None:
        """Take ``data`` apart into messages; what is odd goes to uvicorn's parser, with all that follows."""
        at, size = 0, len(data)
        while size - at >= _HEADER:
            first, length, body = data[at], data[at + 1] - _MASKED, at + _HEADER + _MASK
            plain = first == _FINAL_TEXT and 0 <= length <= _LENGTH_16
            if not plain and not (first in _CONTROL and 0 <= length < _LENGTH_16):
                self._aligned = False
                super().data_received(data[at:])
                return
            if length == _LENGTH_16:
                if size - at < _HEADER + 2:
                    break
                length, body = int.from_bytes(data[at + 2 : at + 4], "big"), body + 2
            end = body + length
            if end > size:
                break
            if plain and self._on_message is not None:
                mask, payload = data[body - _MASK : body], data[body:end]
                self._on_message(apply_mask(payload, mask) if any(mask) else payload)
            else:
                super().data_received(data[at:end])
            at = end
        self._rest = data[at:]
