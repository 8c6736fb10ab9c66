"""Strangers at the media socket: what they get, what they cost, and that no live call hears of them."""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from agents.domain.types import EndedBy, Reply
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue
from tests.voice.flood import frame, upgrade
from tests.voice.phone import Phone, answered, connected, start
from tests.voice.speech import ScriptedRecogniser, spoken
from voice.domain.types import Live
from voice.doors import DoorLimits, Doors, network_of
from voice.plane import VoicePlane
from voice.server import MAX_HEADERS, MAX_MESSAGE

ROOT = Path(__file__).resolve().parents[2]
CONNECTED = json.dumps(connected()).encode()


class Stranger:
    """A raw socket at the media server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.began = time.monotonic()

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self, within_s: float = 5.0) -> bytes:
        """All that comes until the server closes, by whatever means."""
        heard = b""
        async with asyncio.timeout(within_s):
            with contextlib.suppress(ConnectionError):
                while data := await self._reader.read(65536):
                    heard += data
        return heard

    async def first(self) -> bytes:
        """The first line of what comes."""
        async with asyncio.timeout(5):
            return await self._reader.readline()

    def leave(self) -> None:
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def stranger(plane: VoicePlane, address: str = "127.0.0.1") -> AsyncIterator[Stranger]:
    one = Stranger(*await asyncio.open_connection("127.0.0.1", plane.port, local_addr=(address, 0)))
    try:
        yield one
    finally:
        one.leave()


async def nobody_waits(plane: VoicePlane) -> None:
    async with asyncio.timeout(5):
        while plane._server.doors.waiting:
            await asyncio.sleep(0.02)


async def still_answers(watch: Watch, address: str = "127.0.0.1") -> None:
    """The carrier comes as if nothing had been."""
    async with connect(watch.line.stream.url, compression=None, local_addr=(address, 0)) as socket:
        await socket.send(json.dumps(connected()))
        await socket.send(json.dumps(start(watch.line.stream.token)))
        phone = Phone(socket)
        await phone.spoken_to()
        watch.line.close()
        assert await phone.gone() == 1000
        await phone.hang_up()
    await watch.report()


async def test_who_never_speaks_is_dropped_in_time(make_plane: PlaneMaker) -> None:
    plane = await make_plane()  # which gives half a second, and one more for its last words
    watch = open_line(plane)
    with capture_logs() as logs:
        async with stranger(plane) as one:
            assert await one.answer() == b""
            assert time.monotonic() - one.began == pytest.approx(1.5, abs=0.4)
        await asyncio.sleep(1.2)
    assert [(log["event"], log["reason"], log["sockets"]) for log in logs] == [
        ("media.dropped", "no token in time", 1)
    ]
    await still_answers(watch)


@pytest.mark.parametrize("accepted", [False, True])
async def test_who_speaks_byte_by_byte_has_no_longer(make_plane: PlaneMaker, accepted: bool) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with stranger(plane) as one:
        if accepted:
            one.send(upgrade())
            assert await one.first() == b"HTTP/1.1 101 Switching Protocols\r\n"
        answer = asyncio.create_task(one.answer())
        for byte in (upgrade() if not accepted else frame(CONNECTED)) + bytes(200):
            one.send(bytes([byte]))
            await asyncio.wait({answer}, timeout=0.02)
            if answer.done():
                break
        heard = await answer
        assert time.monotonic() - one.began < 2.2
    assert (b"no handshake in time" in heard) is accepted
    await nobody_waits(plane)
    await still_answers(watch)


async def test_headers_without_end_are_not_kept(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    async with stranger(plane) as one:
        one.send(b"GET /media HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (MAX_HEADERS + 64 * 1024))
        assert (await one.answer()).startswith(b"HTTP/1.1 400")
        assert time.monotonic() - one.began < 0.4  # at once, not when its time is up
    await nobody_waits(plane)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([frame(b"", claimed=1 << 40)], 1009),
        ([frame(b"x" * 40_000, last=False), frame(b"x" * 40_000, opcode=0)], 1009),
        ([frame(b"x" * 4, opcode=2)], 1003),
        ([frame(b"\xff\xff")], 1007),
        ([frame(b"x", opcode=3)], 1002),
        ([frame(b"", opcode=9) * 4, frame(b"nothing")], 1007),
    ],
)
async def test_frames_that_no_carrier_sends_end_the_socket(
    make_plane: PlaneMaker, sent: list[bytes], code: int
) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with stranger(plane) as one:
        one.send(upgrade())
        assert await one.first() == b"HTTP/1.1 101 Switching Protocols\r\n"
        one.send(b"".join(sent))
        heard = await one.answer()
    assert code.to_bytes(2, "big") in heard
    assert watch.events == []
    assert MAX_MESSAGE == 65536
    await nobody_waits(plane)
    await still_answers(watch)


async def test_pings_without_end_are_not_answered(make_plane: PlaneMaker) -> None:
    plane = await make_plane(handshake_timeout_s=5.0)
    async with stranger(plane) as one:
        one.send(upgrade())
        assert await one.first() == b"HTTP/1.1 101 Switching Protocols\r\n"
        one.send(frame(b"?", opcode=9) * 500)
        assert (await one.answer(2)).count(b"\x8a\x01?") <= 4
    await nobody_waits(plane)


async def test_requests_without_end_are_not_answered(make_plane: PlaneMaker) -> None:
    plane = await make_plane(handshake_timeout_s=5.0)
    async with stranger(plane) as one:
        one.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        assert 0 < (await one.answer(3)).count(b"HTTP/1.1 200") <= 2
    await nobody_waits(plane)


async def test_a_token_opens_its_own_line_alone_and_once(make_plane: PlaneMaker) -> None:
    """Whatever else the start message claims."""
    plane = await make_plane(ScriptedDialogue(opening=BYE))
    first, second = open_line(plane), open_line(plane, call_id="call-2")
    token = second.line.stream.token
    claims = start(token, callSid="CA" + "1" * 32, customParameters={"token": token, "call": "call-1"})
    async with connect(plane.media_url, compression=None) as socket:
        await socket.send(json.dumps(connected()))
        await socket.send(json.dumps(claims))
        phone = Phone(socket)
        assert await phone.gone() == 1000
        await phone.hang_up()
    await second.report()
    assert [type(event) for event in second.events].count(Live) == 1
    assert first.events == []
    for _ in range(2):  # a replay, during no call and after its own
        async with connect(plane.media_url, compression=None) as socket:
            await socket.send(json.dumps(connected()))
            await socket.send(json.dumps(claims))
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (1008, "unknown or used token")
    assert first.events == []
    await still_answers(first)


async def test_sockets_that_stay_silent_give_their_place_to_a_call(make_plane: PlaneMaker) -> None:
    """Of one address, as behind a proxy that nobody declared."""
    plane = await make_plane(lines=1, handshake_timeout_s=5.0)
    most = 2 * 1 + 8
    async with contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(stranger(plane)) for _ in range(most)]
        await asyncio.sleep(0.1)
        assert plane._server.doors.waiting == most
        watch = open_line(plane)
        await still_answers(watch)
        assert await silent[0].answer(1) == b""  # the oldest alone
        with pytest.raises(TimeoutError):
            await silent[1].answer(0.2)
        assert plane._server.doors.waiting == most - 1
    await nobody_waits(plane)


async def test_too_many_in_a_second_from_one_address_are_dropped_and_another_address_is_not(
    make_plane: PlaneMaker,
) -> None:
    plane = await make_plane(lines=1, handshake_timeout_s=5.0)
    watch = open_line(plane)
    with capture_logs() as logs:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(60):  # 21 in a second are let in
                await stack.enter_async_context(stranger(plane, "127.0.0.7"))
            await still_answers(watch, "127.0.0.8")
        await asyncio.sleep(1.2)
    dropped = Counter[str]()
    for entry in logs:
        if entry["event"] == "media.dropped":
            dropped[entry["reason"]] += entry["sockets"]
    assert dropped["too many sockets a second from one address"] >= 60 - 2 * 21
    assert plane._server.doors._of_one == {}


async def test_behind_a_declared_proxy_clients_are_told_apart_by_its_word(make_plane: PlaneMaker) -> None:
    plane = await make_plane(lines=1, handshake_timeout_s=5.0, trusted_proxies=("127.0.0.0/8",))

    async def come(client: str) -> Any:
        headers = {"X-Forwarded-For": client}
        return await connect(plane.media_url, compression=None, additional_headers=headers)

    sockets = [await come("203.0.113.5") for _ in range(11)]
    async with asyncio.timeout(3):
        await sockets[0].wait_closed()  # ten of one client may wait
    assert plane._server.doors.waiting == 10
    assert {address: len(held) for address, held in plane._server.doors._of_one.items()} == {"203.0.113.5": 10}
    sockets += [await come("198.51.100.7")]
    assert plane._server.doors.waiting == 11
    assert all(socket.close_code is None for socket in sockets[1:])
    await asyncio.gather(*(socket.close() for socket in sockets))
    await nobody_waits(plane)


async def test_without_a_declared_proxy_nobodys_word_counts(make_plane: PlaneMaker) -> None:
    plane = await make_plane(lines=1, handshake_timeout_s=5.0)
    headers = {"X-Forwarded-For": "203.0.113.5"}
    async with connect(plane.media_url, compression=None, additional_headers=headers):
        assert list(plane._server.doors._of_one) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(host: str, network: str) -> None:
    assert network_of(host) == network


async def test_the_door_keeps_the_newest_and_forgets_who_left() -> None:
    dropped: list[str] = []
    doors = Doors(DoorLimits(waiting=2, waiting_of_one=2, arriving=5, arriving_of_one=3, patience_s=60))
    visits = [doors.enter(host, lambda host=host: dropped.append(host)) for host in ("a", "b", "c")]  # type: ignore[misc]
    assert dropped == ["a"]
    assert [doors.enter("d", lambda: dropped.append("d")) is None for _ in range(3)] == [False, False, True]
    assert dropped == ["a", "b", "c"]
    assert doors.waiting == 2
    assert {address: len(held) for address, held in doors._of_one.items()} == {"d": 2}
    for visit in visits:
        assert visit is not None
        doors.leave(visit)
        doors.leave(visit)
    assert doors.waiting == 2
    assert list(doors._of_one) == ["d"]


@pytest.mark.slow
async def test_a_flood_disturbs_no_live_call_keeps_no_new_one_out_and_leaves_nothing(make_plane: PlaneMaker) -> None:
    long = Reply("Well. " * 60, agent="conversation")  # nine seconds
    dialogue = ScriptedDialogue(long, opening=Reply("Hello.", agent="conversation"))
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me all about it."), lines=4)
    process, question = psutil.Process(), spoken("Tell me all about it.")
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        files, memory = process.num_fds(), process.memory_info().rss
        flood = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.voice.flood", str(plane.port), "300", "127.0.0.9", "8"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(1)
        said = await phone.say(question)
        assert await phone.answer() - said < 2.0  # it hears and answers as ever
        newcomer = open_line(plane, call_id="call-2")
        await still_answers(newcomer, "127.0.0.8")
        assert process.num_fds() < files + 2 * (4 * 4 + 16)
        out, _ = await flood.communicate()
        assert int(out) > 300
        stats, busy = plane.media_stats(), plane.headroom.measured.busy_percent
        assert phone.closed_at is None
        watch.line.close()
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.AGENT
    assert stats.packets_out > 100
    # No gap that the person hears, and next to none of the loop's time.
    assert (stats.underruns, busy < 40) == (0, True), stats
    assert dialogue.heard[0][1] == "Tell me all about it."
    await nobody_waits(plane)
    assert process.num_fds() <= files + 2
    assert process.memory_info().rss - memory < 40 * 1024 * 1024
