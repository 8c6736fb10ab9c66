"""Strangers at a media server, in a process of their own: ``python -m tests.voice.flood PORT SOCKETS ADDRESS S``.

Keeps ``SOCKETS`` connections from ``ADDRESS`` busy for ``S`` seconds, each with one kind of junk after the other, and
prints how many were opened.
"""

import asyncio
import base64
import contextlib
import os
import sys
import time
from itertools import count

_UPGRADE = (
    "GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: {}\r\n\r\n"
)


def upgrade() -> bytes:
    return _UPGRADE.format(base64.b64encode(os.urandom(16)).decode()).encode()


def frame(payload: bytes, *, opcode: int = 1, claimed: int | None = None, last: bool = True) -> bytes:
    """A client's frame, masked with zeros; ``claimed`` is the length that its head names."""
    length = len(payload) if claimed is None else claimed
    if length < 126:
        head = bytes([128 | length])
    elif length < 1 << 16:
        head = bytes([128 | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([128 | 127]) + length.to_bytes(8, "big")
    return bytes([opcode | (128 if last else 0)]) + head + bytes(4) + payload


PLAIN = (b"", b"GET /media HT", b"GET / HTTP/1.1\r\nX: " + b"x" * 30_000, os.urandom(4096))
FRAMES = (
    b"",
    frame(b'{"event":"connected"}') + frame(b'{"event":"start","start":{"streamSid":"MZ1"}}'),
    frame(b"\0" * 9000, opcode=2),
    frame(b"[" * 60_000),
    frame(b"", claimed=1 << 40),
    frame(b"\0", opcode=9) * 500,
)
"""What follows once the server has answered an upgrade; until then it reads none."""


async def _one(port: int, address: str, until: float, numbers: "count[int]") -> None:
    while time.monotonic() < until:
        kind = next(numbers) % (len(PLAIN) + len(FRAMES))
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            writer.write(PLAIN[kind] if kind < len(PLAIN) else upgrade())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    while await reader.read(65536):
                        if kind >= len(PLAIN):
                            writer.write(FRAMES[kind - len(PLAIN)])
            writer.transport.abort()
        await asyncio.sleep(0.2)


async def _flood(port: int, sockets: int, address: str, seconds: float) -> int:
    until, numbers = time.monotonic() + seconds, count()
    await asyncio.gather(*(_one(port, address, until, numbers) for _ in range(sockets)))
    return next(numbers)


if __name__ == "__main__":
    _port, _sockets, _address, _seconds = sys.argv[1:]
    os.nice(10)  # strangers have machines of their own
    print(asyncio.run(_flood(int(_port), int(_sockets), _address, float(_seconds))))
