"""The carrier's end of a media socket, by script: plays what it gets at its pace, echoes marks, obeys ``clear``."""

import asyncio
import base64
import contextlib
import json
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voice.domain.types import StreamTarget

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

STREAM_SID = "MZ" + "0" * 32
_PACKET = 160


def mulaw(pcm: bytes) -> bytes:
    return audioop.lin2ulaw(pcm, 2)


def connected() -> dict[str, Any]:
    return {"event": "connected", "protocol": "Call", "version": "1.0.0"}


def start(token: str | None, **changes: Any) -> dict[str, Any]:
    body = {
        "accountSid": "AC" + "0" * 32,
        "streamSid": STREAM_SID,
        "callSid": "CA" + "0" * 32,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {} if token is None else {"token": token},
    }
    return {"event": "start", "sequenceNumber": "1", "start": body | changes, "streamSid": STREAM_SID}


@dataclass
class Phone:
    """Streams silence, and ``queue``'s audio where there is any. Times are seconds from the stream's start."""

    socket: ClientConnection
    echoes: bool = True
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    cleared: list[float] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    closed_at: float | None = None

    def __post_init__(self) -> None:
        self._queue = bytearray()
        self._gain, self._delay_s = 0.0, 0.0
        self._played: list[tuple[float, bytes]] = []
        self._sent = 0
        self._buffered_until = 0.0
        self._spoke = asyncio.Event()
        self._cleared = asyncio.Event()
        self._said = asyncio.Event()
        self._tasks = {asyncio.create_task(self._stream()), asyncio.create_task(self._listen())}

    @property
    def now(self) -> float:
        return time.monotonic() - self.started

    @property
    def pcm(self) -> bytes:
        """All that we got, as PCM."""
        return b"".join(audioop.ulaw2lin(payload, 2) for _, payload in self.heard)

    async def say(self, pcm: bytes) -> float:
        """Speak, and return when it was spoken: the time of its end."""
        self._said.clear()
        self._queue += pcm + bytes(-len(pcm) % (_PACKET * 2))
        await self._said.wait()
        return self.now

    def feeds_back(self, *, gain: float, delay_ms: int) -> None:
        """From now on what is played comes back through our microphone, ``delay_ms`` later."""
        self._gain, self._delay_s = gain, delay_ms / 1000

    async def press(self, digit: str) -> None:
        await self._send(
            {"event": "dtmf", "streamSid": STREAM_SID, "dtmf": {"track": "inbound_track", "digit": digit}}
        )

    async def spoken_to(self) -> float:
        """When the first audio came."""
        if not self.heard:
            await self._spoke.wait()
        return self.heard[0][0]

    async def answer(self) -> float:
        """When they began to speak again, once they have finished."""
        began = await self.resumed()
        await self.quiet()
        return began

    async def resumed(self) -> float:
        """When they begin to speak again."""
        self._spoke.clear()
        await self._spoke.wait()
        return self.heard[-1][0]

    async def silenced(self) -> None:
        await self._cleared.wait()
        self._cleared.clear()

    async def quiet(self, s: float = 0.4) -> None:
        """Wait until nothing has been played for ``s`` seconds."""
        while (left := max(self._buffered_until, self.heard[-1][0]) + s - self.now) > 0:
            await asyncio.sleep(left)

    async def stop(self) -> None:
        await self._send({"event": "stop", "streamSid": STREAM_SID, "stop": {}})

    async def gone(self) -> int | None:
        """Wait until the other side closes; its close code."""
        await self.socket.wait_closed()
        return self.socket.close_code

    async def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def _stream(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                pcm = bytes(self._queue[: _PACKET * 2]) or bytes(_PACKET * 2)
                del self._queue[: _PACKET * 2]
                pcm = self._with_echo(pcm) if self._gain else pcm
                payload = base64.b64encode(mulaw(pcm)).decode()
                media = {"track": "inbound", "timestamp": str(self._sent * 20), "payload": payload}
                await self._send({"event": "media", "streamSid": STREAM_SID, "media": media})
                self._sent += 1
                if not self._queue:
                    self._said.set()
                await asyncio.sleep(max(0.0, self._sent * 0.02 - self.now))

    def _with_echo(self, pcm: bytes) -> bytes:
        """``pcm`` with what was being played ``delay_ms`` before it."""
        track = np.zeros(_PACKET, dtype=np.float64)
        start = self._sent * 0.02 - self._delay_s
        for begun, played in self._played:
            first = round((begun - start) * 8000)
            low, high = max(0, first), min(_PACKET, first + len(played) // 2)
            if low < high:
                track[low:high] += np.frombuffer(played, "<i2")[low - first : high - first]
        mixed = np.frombuffer(pcm.ljust(_PACKET * 2, b"\0"), "<i2") + track * self._gain
        return bytes(np.clip(mixed, -32768, 32767).astype("<i2").tobytes())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                await self._take(json.loads(text))
        self.closed_at = self.now

    async def _take(self, message: dict[str, Any]) -> None:
        if message["event"] == "media":
            payload = base64.b64decode(message["media"]["payload"])
            self.heard.append((self.now, payload))
            self._played.append((max(self._buffered_until, self.now), audioop.ulaw2lin(payload, 2)))
            self._buffered_until = max(self._buffered_until, self.now) + len(payload) / 8000
            self._spoke.set()
        elif message["event"] == "clear":
            self.cleared.append(self.now)
            self._played = [(at, pcm) for at, pcm in self._played if at < self.now]
            self._buffered_until = self.now
            self._cleared.set()
        elif message["event"] == "mark":
            self.marks.append(message["mark"]["name"])
            if self.echoes:
                asyncio.get_running_loop().call_later(
                    max(0.0, self._buffered_until - self.now),
                    lambda: self._tasks.add(asyncio.create_task(self._echo(message))),
                )

    async def _echo(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._send(message)


@contextlib.asynccontextmanager
async def answered(stream: StreamTarget, *, echoes: bool = True, headers: dict[str, str] | None = None) -> Any:
    """An answered call: the carrier's socket, open and streaming."""
    async with connect(stream.url, additional_headers=headers, compression=None) as socket:
        await socket.send(json.dumps(connected()))
        await socket.send(json.dumps(start(stream.token)))
        phone = Phone(socket, echoes=echoes)
        try:
            yield phone
        finally:
            await phone.hang_up()
