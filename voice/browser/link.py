"""One conversation's media over a WebRTC connection: what comes, what goes, and whether the page is still there."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import structlog
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from voice.browser.sound import Microphone, VoiceTrack
from voice.media.pacer import Outgoing, Pacer
from voice.media.ports import MediaEvents
from voice.pipeline import LinkPipeline

log = structlog.get_logger(__name__)

_SILENT_S = 5  # looks without a packet: a browser sends fifty a second, muted or not
_HEARD_S = 0.2  # from the wire to the ear: the network, and the browser's own buffer
_KEYS = frozenset("0123456789*#")


class BrowserLink:
    """``voice.pipeline.Link`` over ``connection``, which stays open afterwards: the page is told how it ended.

    A browser sends no marks: that something was heard is told by the clock.
    """

    def __init__(
        self,
        connection: SmallWebRTCConnection,
        *,
        events: MediaEvents,
        on_key: Callable[[str], None],
        pacer: Pacer,
        clock: Callable[[], float],
    ) -> None:
        self._connection, self._events, self._on_key = connection, events, on_key
        self._pacer, self._clock = pacer, clock
        self._voice, self._microphone = VoiceTrack(), Microphone()
        self.outgoing = Outgoing(pacer, send=self._send, mark=self._mark, look=self._look)
        self._reading: asyncio.Task[None] | None = None
        self._marks: set[asyncio.TimerHandle] = set()
        self._came = self._silent = 0
        self._closed = False
        # At once: the page is told that the call is live before the pipeline has started, and may answer as fast.
        connection.add_event_handler("closed", self._page_closed)
        connection.add_event_handler("failed", self._connection_failed)
        connection.add_event_handler("app-message", self._told)

    def open(self) -> None:
        if self._closed:
            return
        self._connection.replace_audio_track(self._voice)  # type: ignore[no-untyped-call]
        self._pacer.join(self.outgoing)
        self._reading = asyncio.create_task(self._read())

    def hush(self) -> None:
        self.outgoing.hush()
        self._voice.clear()

    async def close(self) -> None:
        self._end()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        track = self._connection.audio_input_track()  # type: ignore[no-untyped-call]
        with contextlib.suppress(MediaStreamError):  # the page has closed its microphone, and is on its way out
            while track is not None:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    self._came += 1
                    self._guarded(self._hear, frame)

    def _hear(self, frame: AudioFrame) -> None:
        for pcm, at in self._microphone.hear(frame, self._clock()):
            self._events.on_audio(pcm, at)

    def _send(self, _coded: bytes, pcm: bytes) -> None:
        self._voice.play(pcm)
        self._guarded(self._events.on_sent, pcm)

    def _mark(self, name: str) -> None:
        self._guarded(self._events.on_mark_sent, name)

        def heard() -> None:
            self._marks.discard(timer)
            self._guarded(self._events.on_mark, name)

        timer = asyncio.get_running_loop().call_later(self._voice.waiting_s + _HEARD_S, heard)
        self._marks.add(timer)

    def _look(self) -> None:
        if self._came:
            self._pacer.meter.received(self._clock(), self._came)
            self._came = self._silent = 0
            return
        self._silent += 1
        if self._silent >= _SILENT_S:
            log.warning("talk.broken", reason="the browser sends nothing")
            self._lost(False)

    async def _page_closed(self, _connection: SmallWebRTCConnection) -> None:
        self._lost(True)

    async def _connection_failed(self, _connection: SmallWebRTCConnection) -> None:
        self._lost(False)

    async def _told(self, _connection: SmallWebRTCConnection, message: Any) -> None:
        """What the page says: a key was pressed, or the end button."""
        kind, key = (message.get("type"), message.get("key")) if isinstance(message, dict) else (None, None)
        if kind == "hang_up":
            self._lost(True)
        elif kind == "key" and isinstance(key, str) and key in _KEYS and not self._closed:
            self._guarded(self._on_key, key)

    def _lost(self, orderly: bool) -> None:
        if not self._closed:
            self._end()
            self._events.on_closed(orderly)

    def _end(self) -> None:
        self._closed = True
        self.hush()
        self._pacer.part(self.outgoing)
        for timer in self._marks:
            timer.cancel()
        self._marks.clear()

    def _guarded(self, event: Callable[..., None], *args: object) -> None:
        try:
            event(*args)
        except Exception as error:  # noqa: BLE001 - a call that goes deaf by a fault of ours has to end
            self._events.on_fault(error)


class BrowserPipeline(LinkPipeline):
    """``voice.media.ports.Media`` over a WebRTC connection."""

    def __init__(
        self,
        connection: SmallWebRTCConnection,
        *,
        events: MediaEvents,
        pacer: Pacer,
        clock: Callable[[], float],
    ) -> None:
        link = BrowserLink(connection, events=events, on_key=self.pressed, pacer=pacer, clock=clock)
        super().__init__(link, events)
