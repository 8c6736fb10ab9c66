"""The simulated ElevenLabs on loopback, with a tone for a voice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from simulator import audio
from simulator.elevenlabs.api import create_app
from simulator.elevenlabs.faults import Switches
from simulator.elevenlabs.studio import Account, Studio, ToneSpeech
from simulator.speech import Speech, Voice
from tests.simulator.world import web

KEY = "sk_a-secret-key"
VOICE = "21m00Tcm4TlvDq8ikWAM"
CHAR_BYTES = 60 * 8  # mu-law


@dataclass
class Provider:
    """``connections`` are the clients' ports, one a request."""

    studio: Studio
    url: str
    http: httpx.AsyncClient
    connections: list[int]

    def faults(self, **switches: Any) -> None:
        self.studio.switch(Switches.model_validate(switches))

    async def until_live(self, count: int) -> None:
        """Wait until so many requests are being answered."""
        async with asyncio.timeout(5):
            while self.studio.live != count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def provider(
    *, concurrency: int = 10, credits: int | None = None, speech: Speech | None = None, **switches: Any
) -> AsyncIterator[Provider]:
    account = Account(KEY, concurrency, credits)
    studio = Studio(account, {VOICE: Voice()}, speech or ToneSpeech(), Switches.model_validate(switches))
    app, connections = create_app(studio), list[int]()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            connections.append(scope["client"][1])
        await app(scope, receive, send)

    async with web(watched) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield Provider(studio, url, http, connections)


def tone(text: str) -> bytes:
    """What the provider says, as mu-law."""
    return audio.beep(len(text) * 60 / 1000, 440)
