"""The carrier's end of a media socket. Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages"""

import asyncio
import base64
import binascii
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidHandshake, InvalidURI

from simulator import audio
from simulator.domain.call import Call
from simulator.domain.signing import signature
from simulator.faults import MediaFaults

log = structlog.get_logger(__name__)
_STREAM_PROTOCOL_ERROR = 31951
_STREAM_HANDSHAKE_ERROR = 31920
_STREAM_CLOSE_ERROR = 31921
_CONNECT_TIMEOUT_S = 10
_MOST_UNSENT = 500
_GAP_TICKS = round(0.3 / audio.FRAME_S)


class PlayoutBuffer:
    """What the application sent and the person has not heard yet, with the marks in between."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self._received = 0
        self._marks: deque[tuple[int, str]] = deque()

    def add(self, mulaw: bytes) -> None:
        self._audio += mulaw
        self._received += len(mulaw)

    def mark(self, name: str) -> None:
        self._marks.append((self._received, name))

    def take(self) -> bytes | None:
        """The next 20 ms, filled up with silence at the very end; None when there is nothing to play."""
        if not self._audio:
            return None
        frame = bytes(self._audio[: audio.FRAME])
        del self._audio[: audio.FRAME]
        return frame + audio.SILENCE[len(frame) :]

    def reached(self) -> list[str]:
        """The marks before which everything has been played, each once."""
        played = self._received - len(self._audio)
        names = []
        while self._marks and self._marks[0][0] <= played:
            names.append(self._marks.popleft()[1])
        return names

    def clear(self) -> None:
        """Forget the audio; every mark counts as reached."""
        self._audio.clear()


class MediaStream:
    """One ``<Connect><Stream>``, a client of the application's socket. The line's clock pushes and pulls."""

    def __init__(
        self,
        call: Call,
        url: str,
        parameters: Mapping[str, str],
        *,
        stream_sid: str,
        auth_token: str,
        faults: MediaFaults,
    ) -> None:
        self.stream_sid = stream_sid
        self._call, self._url, self._parameters = call, url, dict(parameters)
        self._auth_token, self._faults = auth_token, faults
        self._buffer = PlayoutBuffer()
        self._unsent: asyncio.Queue[str | None] = asyncio.Queue()
        self._started = False
        self._sequence = self._chunk = 0
        self._timestamp_ms = 0
        self._dry = 0
        self._held: deque[tuple[int, int, bytes]] = deque()

    async def run(self, on_start: Callable[[], None]) -> None:
        """Connect, talk until either side closes. Returns also where the application cannot be reached."""
        headers = {"X-Twilio-Signature": signature(self._url, {}, self._auth_token)}
        try:
            connection = await connect(
                self._url,
                additional_headers=headers,
                user_agent_header="Twilio.TmeWs/1.0",
                open_timeout=_CONNECT_TIMEOUT_S,
                close_timeout=2,
                compression=None,
                proxy=None,
            )
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            self._fault(_STREAM_HANDSHAKE_ERROR, f"Stream - WebSocket - Handshake Error: {error}")
            return
        self._call.media.sockets += 1
        self._open()
        on_start()
        sender = asyncio.create_task(self._send(connection))
        try:
            async for message in connection:
                self._receive(message)
        except ConnectionClosedError as error:
            self._fault(_STREAM_CLOSE_ERROR, f"Stream - WebSocket - Close Error: {error}")
        finally:
            await self._stop(connection, sender)

    def push(self, frame: bytes) -> None:
        """20 ms of the person's voice."""
        if not self._started:
            return
        fate = self._faults.fate()
        now_ms = self._timestamp_ms
        self._timestamp_ms += 20
        if fate is None:
            self._call.media.lost_out += 1
        else:
            self._held.append((now_ms + fate, now_ms, frame))
        # Frames keep their order: one that is late holds back all behind it, as jitter on the way does.
        while self._held and self._held[0][0] <= now_ms:
            _, timestamp_ms, held = self._held.popleft()
            self._send_media(timestamp_ms, held)

    def pull(self) -> bytes | None:
        """20 ms of the application's voice, None while it has nothing to play."""
        frame = self._buffer.take()
        if frame is None:
            self._dry += 1
        self._echo_marks()
        return frame

    def press(self, digit: str) -> None:
        if self._started:
            self._put(
                {
                    "event": "dtmf",
                    "streamSid": self.stream_sid,
                    "sequenceNumber": self._next(),
                    "dtmf": {"track": "inbound_track", "digit": digit},
                }
            )

    def _open(self) -> None:
        self._put({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        start = {
            "accountSid": self._call.account_sid,
            "streamSid": self.stream_sid,
            "callSid": self._call.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": audio.RATE, "channels": 1},
            "customParameters": self._parameters,
        }
        self._put({"event": "start", "sequenceNumber": self._next(), "start": start, "streamSid": self.stream_sid})
        self._started = True

    def _send_media(self, timestamp_ms: int, frame: bytes) -> None:
        if self._unsent.qsize() >= _MOST_UNSENT:
            self._call.media.dropped_out += 1
            return
        self._chunk += 1
        self._call.media.frames_out += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(timestamp_ms),
            "payload": base64.b64encode(frame).decode("ascii"),
        }
        self._put({"event": "media", "sequenceNumber": self._next(), "media": media, "streamSid": self.stream_sid})

    def _receive(self, message: str | bytes) -> None:
        try:
            data: dict[str, Any] = json.loads(message)
            event = data["event"]
            if data["streamSid"] != self.stream_sid:
                raise ValueError(f"streamSid {data['streamSid']!r} is not this stream's")
            if event == "media":
                self._hear(base64.b64decode(data["media"]["payload"], validate=True))
            elif event == "mark":
                self._call.media.marks += 1
                self._buffer.mark(str(data["mark"]["name"]))
                self._echo_marks()
            elif event == "clear":
                self._call.media.clears += 1
                self._dry = _GAP_TICKS + 1
                self._buffer.clear()
                self._echo_marks()
            else:
                raise ValueError(f"event {event!r} is unknown")
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            self._fault(_STREAM_PROTOCOL_ERROR, f"Stream - Protocol - Invalid message: {error!r}")

    def _hear(self, mulaw: bytes) -> None:
        stats = self._call.media
        if 0 < self._dry <= _GAP_TICKS and stats.frames_in:
            stats.gaps += 1
            stats.late += self._dry
        self._dry = 0
        stats.frames_in += 1
        stats.bytes_in += len(mulaw)
        self._buffer.add(mulaw)

    def _echo_marks(self) -> None:
        for name in self._buffer.reached():
            self._put(
                {
                    "event": "mark",
                    "sequenceNumber": self._next(),
                    "streamSid": self.stream_sid,
                    "mark": {"name": name},
                }
            )

    def _next(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def _put(self, message: Mapping[str, Any]) -> None:
        self._unsent.put_nowait(json.dumps(message))

    async def _send(self, connection: ClientConnection) -> None:
        while (message := await self._unsent.get()) is not None:
            try:
                await connection.send(message)
            except ConnectionClosed:
                return

    async def _stop(self, connection: ClientConnection, sender: asyncio.Task[None]) -> None:
        self._started = False
        stop = {"accountSid": self._call.account_sid, "callSid": self._call.sid}
        self._put({"event": "stop", "sequenceNumber": self._next(), "stop": stop, "streamSid": self.stream_sid})
        self._unsent.put_nowait(None)
        await asyncio.wait([sender], timeout=2)
        sender.cancel()
        await connection.close()

    def _fault(self, code: int, message: str) -> None:
        self._call.errors.append((code, message))
        log.warning("stream.error", call_sid=self._call.sid, code=code, error=message)
