"""One call's Pipecat pipeline: what is said, broken off and pressed passes through it as frames.

What moves fifty times a second does not: the person's audio goes from the socket straight to the ears, and ours from
a clause, which is one frame, straight to the socket (``voice.media``, ``docs/adr/0016``).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from loguru import logger as loguru
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    CancelFrame,
    DataFrame,
    EndFrame,
    Frame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocket

from voice.media.link import PhoneLink
from voice.media.pacer import PACKET, Outgoing, Pacer
from voice.media.ports import MediaEvents
from voice.speech.ports import RATE

log = structlog.get_logger(__name__)


@dataclass
class OutputMulawFrame(DataFrame):
    """A clause that is mu-law already."""

    mulaw: bytes


class _Conversation(FrameProcessor):
    """Where our speech enters the pipeline, and the person's keys leave it."""

    def __init__(self, events: MediaEvents) -> None:
        super().__init__(enable_direct_mode=True)
        self._events = events
        self.ready = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.ready.set()
        elif isinstance(frame, InputDTMFFrame):
            try:
                self._events.on_key(frame.button.value)
            except Exception as error:  # noqa: BLE001 - Pipecat would log it and leave a deaf call
                self._events.on_fault(error)


class Link(Protocol):
    """A connection to the person. ``outgoing`` is our voice on it, which is sent once the link is open."""

    outgoing: Outgoing

    def open(self) -> None:
        """Begin to hear and to speak."""

    def hush(self) -> None:
        """Have nothing more heard of what was said."""

    async def close(self) -> None:
        """Let go of the connection. Safe to call twice."""


class _Phone(FrameProcessor):
    """The end of the pipeline: what the frames ask for is done on the link at once."""

    def __init__(self, link: Link) -> None:
        super().__init__(enable_direct_mode=True)
        self._link = link

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputAudioRawFrame):
            self._link.outgoing.say(frame.audio)
        elif isinstance(frame, OutputMulawFrame):
            self._link.outgoing.say_mulaw(frame.mulaw)
        elif isinstance(frame, OutputTransportMessageFrame):
            self._link.outgoing.mark(frame.message["mark"]["name"])
        elif isinstance(frame, InterruptionFrame):
            self._link.hush()
        elif isinstance(frame, StartFrame):
            self._link.open()
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._link.close()
        await self.push_frame(frame, direction)


class LinkPipeline:
    """``voice.media.ports.Media`` over ``link``."""

    def __init__(self, link: Link, events: MediaEvents) -> None:
        self._link = link
        self._conversation = _Conversation(events)
        self._keys: set[asyncio.Task[None]] = set()
        self._worker = PipelineWorker(
            Pipeline([self._conversation, _Phone(self._link)]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            enable_rtvi=False,
            enable_turn_tracking=False,
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
        )

    async def run(self) -> None:
        """Until ``stop``; the socket is closed then."""
        # A runner of its own: what ends one call must not end the others.
        runner = WorkerRunner(handle_sigint=False)
        try:
            await runner.add_workers(self._worker)
            await runner.run()
        finally:
            await self._link.close()

    async def ready(self) -> None:
        """Wait until something can be said."""
        await self._conversation.ready.wait()

    async def say(self, pcm: bytes) -> int:
        """Queue ``pcm`` to be spoken after what is queued already; the samples that it takes, in whole packets."""
        await self._conversation.push_frame(OutputAudioRawFrame(pcm, RATE, 1))
        return _whole(len(pcm) // 2)

    async def say_mulaw(self, mulaw: bytes) -> int:
        """The same for speech that is mu-law already, which costs less."""
        await self._conversation.push_frame(OutputMulawFrame(mulaw))
        return _whole(len(mulaw))

    async def mark(self, name: str) -> None:
        """Ask the carrier to tell when it has played what was said until here."""
        message = {"event": "mark", "mark": {"name": name}}
        await self._conversation.push_frame(OutputTransportMessageFrame(message=message))

    async def hush(self) -> None:
        """Stop speaking at once, at the carrier too."""
        await self._conversation.push_frame(InterruptionFrame())

    async def stop(self) -> None:
        await self._worker.cancel()

    def pressed(self, key: str) -> None:
        """The person pressed ``key``. Raises ValueError for what is no key of a telephone."""
        task = asyncio.get_running_loop().create_task(self._worker.queue_frame(InputDTMFFrame(KeypadEntry(key))))
        self._keys.add(task)
        task.add_done_callback(self._keys.discard)


class CallPipeline(LinkPipeline):
    """``voice.media.ports.Media`` over a carrier's media socket."""

    def __init__(
        self,
        websocket: WebSocket,
        stream_sid: str,
        *,
        events: MediaEvents,
        pacer: Pacer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        link = PhoneLink(websocket, stream_sid, events=events, on_key=self.pressed, pacer=pacer, clock=clock)
        super().__init__(link, events)


def _whole(samples: int) -> int:
    return samples + -samples % PACKET


def quiet_logs() -> None:
    """Have Pipecat's warnings in our log, and its chatter nowhere: it may quote what people say."""
    loguru.remove()
    loguru.add(_log, level="WARNING", format="{message}")


def _log(message: str) -> None:
    log.warning("pipecat", pii={"message": message.strip()})
