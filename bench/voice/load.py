"""People on phones, in real time: one process that drives many media sockets and measures what comes back.

Reads one JSON line (streams, seconds, warm-up, folder of speech), says when it begins to measure, and prints what it
found. It speaks the carrier's protocol over hand-made frames, so that it stays far cheaper than what it measures.
"""

import asyncio
import base64
import json
import random
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import uvloop

from bench.voice.speech import RATE, Utterance, line_noise, utterances

_SLICES = 10  # of each 20 ms, so that calls do not all speak at the same instant
_NEW_UTTERANCE_S = 0.25
_GIVE_UP_S = 8.0
_PAUSE_S = 1.0  # between our last word and the person's next


def _frame(payload: bytes, opcode: int = 1) -> bytes:
    """A masked WebSocket frame whose mask is zero."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


def _media(mulaw: bytes) -> bytes:
    """Without a timestamp, as the frames are shared by all calls."""
    media = b'{"track":"inbound","chunk":"5","payload":"%s"}' % base64.b64encode(mulaw)
    return _frame(b'{"event":"media","sequenceNumber":"7","media":%s,"streamSid":"MZ"}' % media)


def media_frames(packets: Sequence[bytes]) -> list[bytes]:
    """Each packet of mu-law as the carrier sends it."""
    return [_media(packet) for packet in packets]


@dataclass
class Found:
    """Seconds each. ``late`` is a packet's arrival against the moment at which it had to be played."""

    late: list[float] = field(default_factory=list)
    by_set: dict[str, list[float]] = field(default_factory=dict)  # answers, by the set of what was said
    unanswered: int = 0
    own_lateness: list[float] = field(default_factory=list)
    measuring: bool = False

    @property
    def answers(self) -> list[float]:
        return [one for some in self.by_set.values() for one in some]


class Phone(asyncio.Protocol):
    """One person: waits until nobody speaks, says something, waits for the answer."""

    def __init__(self, number: int, stream: dict[str, str], said: list[tuple[Utterance, list[bytes]]], found: Found):
        self._random = random.Random(number)  # noqa: S311 - the same calls in every run
        self._stream, self._said, self._found = stream, said, found
        self._rest = [_media(one) for one in line_noise()]
        self._buffer = b""
        self.up = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tick = self._at = 0
        self._talk: tuple[Utterance, list[bytes]] | None = None
        self._ended: float | None = None
        self._of = ""
        self._next_at = 0.0
        self._burst_at: float | None = None
        self._played_s = 0.0
        self._heard_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        address = urlsplit(self._stream["url"])
        self._transport.write(
            f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.up = False
        if not self.gone.done():
            self.gone.set_result(None)

    def hang_up(self) -> None:
        """As the carrier does: a word, then the socket is closed."""
        if self.up:
            self.up = False
            self._say({"event": "stop", "streamSid": "MZ" + "0" * 32, "stop": {}})
            self._transport.write(_frame(b"\x03\xe8", 8))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._buffer += data
        if not self.up and not self._shaken(now):
            return
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1] & 127, 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), 4
            elif size == 127:
                if len(buffer) - at < 10:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 10], "big"), 10
            if len(buffer) - at < head + size:
                break
            payload = buffer[at + head : at + head + size]
            if buffer[at] & 15 == 9:
                self._transport.write(_frame(payload, 10))
            elif buffer[at] & 15 == 1:
                self._message(payload, now)
            at += head + size
        self._buffer = buffer[at:]

    def tick(self, now: float) -> None:
        """20 ms of voice, or of the line at rest."""
        if not self.up:
            return
        if self._talk is None:
            self._transport.write(self._rest[self._tick % len(self._rest)])
            self._tick += 1
            self._consider(now)
            return
        utterance, frames = self._talk
        self._transport.write(frames[self._at])
        self._at += 1
        if self._at == len(frames):
            self._talk, self._ended, self._of = None, now + 0.02 - utterance.tail_s, utterance.of

    def _consider(self, now: float) -> None:
        if self._ended is not None and now - self._ended > _GIVE_UP_S:
            self._found.unanswered += self._found.measuring
            self._ended, self._next_at = None, now + _PAUSE_S
        quiet_from = max(self._next_at, self._heard_at + _PAUSE_S)
        if self._ended is None and now >= quiet_from:
            self._talk, self._at, self._burst_at = self._random.choice(self._said), 0, None

    def _shaken(self, now: float) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101 " not in head:
            raise ConnectionError(head.decode(errors="replace"))
        self._buffer, self.up = rest, True
        sid = "MZ" + "0" * 32
        start = {
            "streamSid": sid,
            "callSid": "CA" + "0" * 32,
            "accountSid": "AC" + "0" * 32,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
            "customParameters": {"token": self._stream["token"]},
        }
        self._say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self._say({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": sid})
        self._next_at = now + self._random.uniform(1.0, 4.0)
        return True

    def _say(self, message: dict[str, Any]) -> None:
        if self._transport.is_closing():  # a mark that was due after the end
            return
        self._transport.write(_frame(json.dumps(message).encode()))

    def _message(self, payload: bytes, now: float) -> None:
        if b'"media"' not in payload:
            self._other(payload)
            return
        begin = payload.find(b'"', payload.find(b'"payload":') + 10)
        end = payload.find(b'"', begin + 1)
        lasts_s = ((end - begin - 1) * 3 // 4 - payload.count(b"=", begin, end)) / RATE
        if self._burst_at is None or now - self._burst_at > self._played_s + _NEW_UTTERANCE_S:
            self._burst_at, self._played_s = now, 0.0
            if self._ended is not None:
                if self._found.measuring:
                    self._found.by_set.setdefault(self._of, []).append(now - self._ended)
                self._ended = None
        elif self._found.measuring:
            self._found.late.append(now - (self._burst_at + self._played_s))
        self._played_s += lasts_s
        self._heard_at = self._burst_at + self._played_s

    def _other(self, payload: bytes) -> None:
        message = json.loads(payload)
        if message["event"] == "mark":
            # As soon as what was sent before it has been played.
            left_s = max(0.0, self._heard_at - time.perf_counter())
            asyncio.get_running_loop().call_later(left_s, self._say, message)
        elif message["event"] == "clear":
            self._burst_at, self._heard_at = None, time.perf_counter()


async def _run(order: dict[str, Any]) -> dict[str, Any]:
    loop, found = asyncio.get_running_loop(), Found()
    said = [(one, media_frames(one.packets)) for one in utterances(Path(order["speech"]))]
    phones: list[Phone] = []
    for number, stream in enumerate(order["streams"]):
        address = urlsplit(stream["url"])
        _, phone = await loop.create_connection(
            lambda number=number, stream=stream: Phone(number, stream, said, found),  # type: ignore[misc]
            address.hostname,
            address.port,
        )
        phones.append(phone)
        await asyncio.sleep(0.03)
    drive = asyncio.create_task(_drive(phones, found))
    await asyncio.sleep(order["warm_s"])
    print(json.dumps({"measuring": True}), flush=True)
    found.measuring = True
    await asyncio.sleep(order["seconds"])
    found.measuring = False
    live = sum(phone.up for phone in phones)
    print(json.dumps({"measured": live}), flush=True)
    drive.cancel()
    return {
        "calls": len(phones),
        "live": live,
        "answers": len(found.answers),
        "unanswered": found.unanswered,
        "latency_p50_ms": _ms(found.answers, 50),
        "latency_p95_ms": _ms(found.answers, 95),
        "by_set": {of: (_ms(some, 50), _ms(some, 95)) for of, some in sorted(found.by_set.items())},
        "late_p50_ms": _ms(found.late, 50),
        "late_p99_ms": _ms(found.late, 99),
        "packets": len(found.late),
        "generator_late_p99_ms": _ms(found.own_lateness, 99),
    }


async def _drive(phones: list[Phone], found: Found) -> None:
    groups = [phones[at::_SLICES] for at in range(_SLICES)]
    began, tick = time.perf_counter(), 0
    while True:
        due = began + tick * 0.02 / _SLICES
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        now = time.perf_counter()
        if found.measuring:
            found.own_lateness.append(now - due)
        for phone in groups[tick % _SLICES]:
            phone.tick(now)
        tick += 1


def _ms(values: list[float], percentile: float) -> float | None:
    return round(float(np.percentile(values, percentile)) * 1000, 1) if values else None


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.loads(sys.stdin.readline())))), flush=True)
