"""A page without a browser: aiortc speaks and listens, and reads the data channel."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler

from tests.voice.dialogues import brief
from voice.browser.invitations import Invitation, invite
from voice.browser.sound import VoiceTrack
from voice.plane import VoicePlane
from voice.speech.ports import RATE


def invited(redis_url: str, *, max_length_s: int = 60) -> str:
    return invite(redis_url, Invitation(brief("of the web"), max_length_s, hints=("Maple Street",)))


async def post(plane: VoicePlane, content: Any, *, method: str = "POST") -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        return await client.request(method, f"{plane.internal_url}/browser/offer", content=body)


class Page:
    """``messages`` as they came; ``heard`` is our voice at 8 kHz."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection()
        self.microphone = VoiceTrack()
        self.messages: list[dict[str, Any]] = []
        self.heard = bytearray()
        self._news = asyncio.Condition()
        self.channel = self.peer.createDataChannel("talk")
        self.channel.on("message", self._told)
        self.peer.addTrack(self.microphone)
        self.peer.on("track", self._listen)
        self._tasks: set[asyncio.Task[None]] = set()
        self.answer: dict[str, Any] = {}

    async def call(self, plane: VoicePlane, token: str) -> httpx.Response:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        response = await post(plane, {"token": token, "sdp": self.peer.localDescription.sdp})
        if response.status_code == 200:
            await self.accept(response)
        return response

    async def accept(self, response: httpx.Response) -> None:
        self.answer = response.json()
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=self.answer["sdp"], type=self.answer["type"]))

    async def until(self, kind: str, *, count: int = 1, within_s: float = 20.0) -> list[dict[str, Any]]:
        """All messages of ``kind``, once there are ``count``."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def tell(self, **message: Any) -> None:
        self.channel.send(json.dumps(message))

    async def close(self) -> None:
        await self.peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _told(self, message: str) -> None:
        async with self._news:
            self.messages.append(json.loads(message))
            self._news.notify_all()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler("s16", "mono", RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                for narrow in resampler.resample(frame):
                    self.heard += bytes(narrow.planes[0])[: narrow.samples * 2]


@contextlib.asynccontextmanager
async def talking(plane: VoicePlane, token: str) -> AsyncIterator[Page]:
    page = Page()
    try:
        response = await page.call(plane, token)
        assert response.status_code == 200, response.text
        yield page
    finally:
        await page.close()
