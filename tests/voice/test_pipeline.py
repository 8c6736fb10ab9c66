"""One call's pipeline on a real socket: what the conversation asks of it, and what it tells."""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect

from tests.voice.phone import STREAM_SID
from tests.voice.speech import tone
from voice.media import mulaw
from voice.media.pacer import Pacer
from voice.media.ports import MediaEvents
from voice.media.socket import MediaSocket
from voice.media.stats import MediaMeter
from voice.pipeline import CallPipeline


class Call:
    """A pipeline, its carrier's end, and all that it told. ``faulty`` names an event that raises."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.faulty = ""
        self.pipeline: CallPipeline | None = None
        self.up = asyncio.Event()
        self.pacer = Pacer(MediaMeter())

    def _tell(self, name: str) -> Any:
        def tell(*args: object) -> None:
            self.told.append((name, args[0]))
            if name == self.faulty:
                raise ValueError(name)

        return tell

    async def serve(self, websocket: WebSocket) -> None:
        names = ("on_audio", "on_key", "on_sent", "on_mark_sent", "on_mark", "on_closed", "on_fault")
        events = MediaEvents(**{name: self._tell(name) for name in names})
        await websocket.accept()
        self.pipeline = CallPipeline(websocket, STREAM_SID, events=events, pacer=self.pacer)
        self.up.set()
        await self.pipeline.run()

    def of(self, name: str) -> list[object]:
        return [what for event, what in self.told if event == name]

    async def until(self, name: str) -> None:
        async with asyncio.timeout(5):
            while not self.of(name):
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def called() -> AsyncIterator[tuple[Call, CallPipeline, ClientConnection]]:
    call = Call()
    app = Starlette(routes=[WebSocketRoute("/", call.serve)])
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws=MediaSocket, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with connect(f"ws://127.0.0.1:{listening.getsockname()[1]}/", compression=None) as connection:
                await call.up.wait()
                assert call.pipeline is not None
                await call.pipeline.ready()
                yield call, call.pipeline, connection
                await call.pipeline.stop()
        finally:
            server.should_exit = True
            await serving


async def message(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        found: dict[str, Any] = json.loads(await connection.recv())
    assert found.pop("streamSid") == STREAM_SID
    return found


def payload(found: dict[str, Any]) -> bytes:
    assert found["event"] == "media"
    return base64.b64decode(found["media"]["payload"])


async def test_what_is_said_goes_out_in_order() -> None:
    async with called() as (call, pipeline, connection):
        assert await pipeline.say(tone(50)) == 640
        assert await pipeline.say_mulaw(mulaw.encoded(tone(40, 880))) == 320
        await pipeline.mark("done")
        first, second, third = [payload(await message(connection)) for _ in range(3)]
        assert first + second == mulaw.encoded(tone(50) + bytes(30 * 16))
        assert third == mulaw.encoded(tone(40, 880))
        assert await message(connection) == {"event": "mark", "mark": {"name": "done"}}
        sent = b"".join(part for part in call.of("on_sent") if isinstance(part, bytes))
        assert mulaw.encoded(sent) == first + second + third
        assert call.of("on_mark_sent") == ["done"]
        await connection.send(json.dumps({"event": "mark", "mark": {"name": "done"}}))
        await call.until("on_mark")
    assert [name for name, _ in call.told] == ["on_sent", "on_sent", "on_sent", "on_mark_sent", "on_mark"]


async def test_a_hush_clears_the_carrier_and_is_followed_by_nothing() -> None:
    async with called() as (call, pipeline, connection):
        await pipeline.say(tone(2000))
        await pipeline.mark("never")
        await pipeline.hush()
        found = [await message(connection) for _ in range(5)]
        assert [one["event"] for one in found] == ["media"] * 4 + ["clear"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.3)
        await pipeline.say(tone(40))
        assert payload(await message(connection)) == mulaw.encoded(tone(40))
    assert call.of("on_mark_sent") == []


async def test_keys_and_audio_are_told_and_a_listener_that_breaks_is_a_fault() -> None:
    async with called() as (call, _, connection):
        audio = {"event": "media", "media": {"payload": base64.b64encode(mulaw.encoded(tone(20))).decode()}}
        for digit in "1#":
            await connection.send(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}))
        await connection.send(json.dumps(audio))
        await call.until("on_audio")
        await call.until("on_key")
        assert call.told[-1][0] == "on_key"
        assert call.of("on_key") == ["1", "#"]
        assert call.of("on_audio") == [mulaw.decoded(mulaw.encoded(tone(20)))]
        for faulty, sent in (("on_key", {"event": "dtmf", "dtmf": {"digit": "2"}}), ("on_audio", audio)):
            call.faulty = faulty
            await connection.send(json.dumps(sent))
            await call.until("on_fault")
            (fault,) = call.of("on_fault")
            assert repr(fault) == f"ValueError('{faulty}')"
            call.told.clear()


async def test_speech_whose_account_breaks_is_a_fault() -> None:
    async with called() as (call, pipeline, connection):
        call.faulty = "on_sent"
        await pipeline.say(tone(40))
        assert payload(await message(connection)) == mulaw.encoded(tone(40))
        (fault,) = call.of("on_fault")
        assert repr(fault) == "ValueError('on_sent')"


async def test_it_ends_once_however_often_it_is_stopped() -> None:
    async with called() as (call, pipeline, connection):
        await pipeline.stop()
        await pipeline.stop()
        await connection.wait_closed()
        assert connection.close_code == 1000
    assert call.told == []
    assert call.pacer.meter.stats().calls == 0


async def test_a_hush_after_the_end_says_nothing() -> None:
    async with called() as (call, pipeline, connection):
        await connection.send(json.dumps({"event": "stop"}))
        await call.until("on_closed")
        await pipeline.hush()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.2)
    assert call.told == [("on_closed", True)]
