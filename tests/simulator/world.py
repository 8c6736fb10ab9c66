"""A carrier and an application on loopback, on one event loop, with a speech that needs no model."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.rest import Client
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from simulator import audio
from simulator.domain.people import People, parse
from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.rest import create_app
from simulator.serving import listen
from simulator.speech import Voice

SID = "AC" + "a1" * 16
TOKEN = "a-secret-token"
OURS = "+13035550000"
TONE = audio.beep(0.3)


class FakeSpeech:
    """Every text sounds like 0.3 s of a tone; what is understood is scripted, in order."""

    def __init__(self, understands: Iterable[str] = ()) -> None:
        self._understands = list(understands)
        self.rendered: list[str] = []

    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        self.rendered += [text for text, _ in lines]

    async def render(self, text: str, voice: Voice) -> bytes:
        return TONE

    async def understand(self, mulaw: bytes) -> str:
        return self._understands.pop(0) if self._understands else ""

    def close(self) -> None:
        self._understands.clear()


def everybody(*people: dict[str, Any]) -> People:
    return parse({"people": list(people)})


def human(number: str = "*0101", **more: Any) -> dict[str, Any]:
    return {"id": f"p{number[1:]}", "number": number, "answers": {"after_s": 0.05}, **more}


@asynccontextmanager
async def web(app: ASGIApp) -> AsyncIterator[str]:
    """Serve on a free port of loopback; the address."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class OnLoopback(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's own HTTP client, with Twilio's address replaced by the simulator's."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.session.trust_env = False

    def request(self, method: str, url: str, *arguments: Any, **more: Any) -> TwilioResponse:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *arguments, **more)


@dataclass
class Carrier:
    """The simulator under test, with Twilio's client and a plain one."""

    exchange: Exchange
    url: str
    http: httpx.AsyncClient
    twilio: Client

    async def ring(self, to: str = "+13035550101", **parameters: Any) -> str:
        """Create a call with Twilio's client; its sid."""
        call = await asyncio.to_thread(self.twilio.calls.create, to=to, from_=OURS, **parameters)
        return str(call.sid)

    async def over(self, sid: str) -> dict[str, Any]:
        """Wait for the call's end; what the simulator saw of it."""
        await asyncio.wait_for(self.exchange.settled(sid), 20)
        return await self.seen(sid)

    async def seen(self, sid: str) -> dict[str, Any]:
        calls = (await self.http.get("/simulator/calls")).json()["calls"]
        return next(call for call in calls if call["sid"] == sid)

    async def until(self, sid: str, status: str) -> None:
        """Wait until the call is in that status."""
        async with asyncio.timeout(10):
            while (await self.seen(sid))["status"] != status:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def carrier(
    people: People, *, understands: Iterable[str] = (), cps: float = 100, load_mode: bool = False, **switches: Any
) -> AsyncIterator[Carrier]:
    exchange = Exchange(
        Account(SID, TOKEN, cps),
        people,
        FakeSpeech(understands),
        switches=Switches.model_validate(switches),
        load_mode=load_mode,
    )
    async with web(create_app(exchange)) as url:
        http = httpx.AsyncClient(base_url=url, auth=(SID, TOKEN), trust_env=False)
        async with http:
            yield Carrier(exchange, url, http, Client(SID, TOKEN, http_client=OnLoopback(url)))


@dataclass
class Asked:
    """One request that the application got."""

    method: str
    url: str
    path: str
    fields: dict[str, str]
    signature: str


@dataclass
class Application:
    """Whoever uses the carrier: answers by path, records every request."""

    answers: dict[str, str | bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def at(self, path: str) -> list[Asked]:
        return [request for request in self.asked if request.path == path]

    async def expect(self, path: str, count: int) -> list[Asked]:
        """Wait for that many requests; a moment longer, to see that there are not more."""
        async with asyncio.timeout(10):
            while len(self.at(path)) < count:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        return self.at(path)

    async def _answer(self, request: Request) -> Response:
        body = (await request.body()).decode()
        fields = dict(httpx.QueryParams(body or request.url.query))
        path = request.url.path
        self.asked.append(
            Asked(request.method, str(request.url), path, fields, request.headers.get("x-twilio-signature", ""))
        )
        answer = self.answers.get(path, "")
        if isinstance(answer, bytes):
            return Response(answer, media_type="audio/x-mulaw")
        return PlainTextResponse(answer, status_code=500 if answer == "broken" else 200, media_type="text/xml")


@asynccontextmanager
async def application(**answers: str | bytes) -> AsyncIterator[Application]:
    """An application whose paths are the keywords' names."""
    app = Application({f"/{name}": answer for name, answer in answers.items()})
    routes = [Route("/{path:path}", app._answer, methods=["GET", "POST"])]
    async with web(Starlette(routes=routes)) as url:
        app.url = url
        yield app


@dataclass
class Socket:
    """What came over one media socket, and the way back."""

    connection: ServerConnection
    signature: str
    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sid(self) -> str:
        return str(next(m["streamSid"] for m in self.messages if m["event"] == "start"))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    async def send(self, event: str, **more: Any) -> None:
        await self.connection.send(json.dumps({"event": event, "streamSid": self.sid, **more}))

    async def speak(self, seconds: float) -> None:
        """Send a tone in frames of 20 ms, all at once."""
        tone = audio.beep(seconds)
        for at in range(0, len(tone), audio.FRAME):
            payload = base64.b64encode(tone[at : at + audio.FRAME]).decode()
            await self.send("media", media={"payload": payload})

    async def until(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            while len(self.of(event)) < count:
                await asyncio.sleep(0.005)
        return self.of(event)


@dataclass
class Sockets:
    """A media server. ``behave`` runs once a stream has started; what comes is recorded all along."""

    url: str = ""
    all: list[Socket] = field(default_factory=list)

    async def first(self) -> Socket:
        async with asyncio.timeout(10):
            while not self.all:
                await asyncio.sleep(0.005)
            await self.all[0].started.wait()
        return self.all[0]

    def twiml(self, after: str = "", **parameters: str) -> str:
        inner = "".join(f'<Parameter name="{name}" value="{value}"/>' for name, value in parameters.items())
        return f'<Response><Connect><Stream url="{self.url}">{inner}</Stream></Connect>{after}</Response>'


@asynccontextmanager
async def sockets(behave: Callable[[Socket], Awaitable[None]] | None = None) -> AsyncIterator[Sockets]:
    server = Sockets()

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        signature = connection.request.headers.get("X-Twilio-Signature", "")
        one = Socket(connection, signature, connection.request.path)
        server.all.append(one)
        acting: asyncio.Future[None] | None = None
        with suppress(ConnectionClosed):
            async for message in connection:
                one.messages.append(json.loads(message))
                if one.messages[-1]["event"] == "start":
                    one.started.set()
                    acting = asyncio.ensure_future(behave(one)) if behave else None
        if acting is not None:
            await asyncio.wait_for(acting, 5)
        one.closed.set()

    async with serve(handle, "127.0.0.1", 0, compression=None) as listening:
        server.url = f"ws://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}/media"
        yield server
