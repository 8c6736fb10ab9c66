"""A carrier that misbehaves: sends what it is told, in the order and the pieces that it is told."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.voice.phone import STREAM_SID, connected, mulaw, start
from voice.domain.types import StreamTarget

PACKET_MS = 20
_PACKET = 320


@dataclass(frozen=True)
class Packet:
    """20 ms of the person: mu-law, and the time that it bears."""

    stamp_ms: int
    coded: bytes

    @property
    def text(self) -> str:
        media = {
            "track": "inbound",
            "timestamp": str(self.stamp_ms),
            "payload": base64.b64encode(self.coded).decode(),
        }
        return json.dumps({"event": "media", "streamSid": STREAM_SID, "media": media})


def packets(pcm: bytes) -> list[Packet]:
    """``pcm`` as a carrier streams it, from the call's start."""
    pcm += bytes(-len(pcm) % _PACKET)
    return [Packet(at // _PACKET * PACKET_MS, mulaw(pcm[at : at + _PACKET])) for at in range(0, len(pcm), _PACKET)]


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A masked websocket frame of a client."""
    mask, size = os.urandom(4), len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes((first,)) + length + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


class Carrier:
    """The socket of one answered call, and what came over it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard = 0  # bytes of mu-law
        self.events: list[str] = []
        self.spoken_to = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def stream(self, sent: Iterable[Packet], *, burst: int = 1) -> None:
        """Send in real time, ``burst`` packets at once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, packet in enumerate(sent):
            if number % burst == 0:
                await asyncio.sleep(began + number * PACKET_MS / 1000 - loop.time())
            await self.connection.send(packet.text)

    async def pieces(self, data: bytes, sizes: Sequence[int]) -> None:
        """Write raw bytes, in TCP segments of ``sizes``, again and again."""
        at = number = 0
        while at < len(data):
            size = sizes[number % len(sizes)]
            self.connection.transport.write(data[at : at + size])
            at, number = at + size, number + 1
            await asyncio.sleep(0)

    async def stop(self) -> None:
        await self.connection.send(json.dumps({"event": "stop", "streamSid": STREAM_SID, "stop": {}}))

    async def gone(self) -> int | None:
        """Wait until the other side closes; its close code."""
        await self.connection.wait_closed()
        return self.connection.close_code

    def freeze(self) -> None:
        """Read nothing from here on."""
        self._listening.cancel()
        self.connection.transport.pause_reading()

    async def _listen(self) -> None:
        async for text in self.connection:
            message = json.loads(text)
            self.events.append(message["event"])
            if message["event"] == "media":
                self.heard += len(base64.b64decode(message["media"]["payload"]))
                self.spoken_to.set()

    async def leave(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self.connection.transport.abort()


@contextlib.asynccontextmanager
async def carried(stream: StreamTarget, *, receive_buffer: int | None = None) -> AsyncIterator[Carrier]:
    """An answered call over which nothing is streamed by itself."""
    address = urlsplit(stream.url)
    raw = socket.socket()
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
    connection = await connect(stream.url, sock=raw, compression=None, ping_interval=None, max_queue=4)
    carrier = Carrier(connection)
    try:
        await connection.send(json.dumps(connected()))
        await connection.send(json.dumps(start(stream.token)))
        yield carrier
    finally:
        await carrier.leave()
