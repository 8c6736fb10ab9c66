"""One call's Pipecat pipeline: the media socket in, the ears, the mouth, the media socket out.

8 kHz both ways, no RTVI and no turn tracking, and inbound audio goes no further than the ears: at ten calls the stock
pipeline costs twice as much.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from loguru import logger as loguru
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketOutputTransport,
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocket

from voice.speech.ports import RATE
from voice.wire import TwilioWire

log = structlog.get_logger(__name__)

_CHUNK_10MS = 4
_CHUNK = _CHUNK_10MS * RATE // 100 * 2  # bytes
_LEAD_S = 0.12
_GAP_S = 0.5


class _Listener(FrameProcessor):
    """Hands the person's audio and keys to the session; audio stops here."""

    def __init__(
        self,
        on_audio: Callable[[bytes, float], None],
        on_key: Callable[[str], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        super().__init__(enable_direct_mode=True)
        self._on_audio, self._on_key, self._on_fault = on_audio, on_key, on_fault

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        try:
            if isinstance(frame, InputAudioRawFrame):
                self._on_audio(frame.audio, frame.metadata["at"])
                return
            if isinstance(frame, InputDTMFFrame):
                self._on_key(frame.button.value)
        except Exception as error:  # noqa: BLE001 - Pipecat would log it and leave a deaf call
            self._on_fault(error)
        await self.push_frame(frame, direction)


class _Speaker(FrameProcessor):
    """Where our speech enters the pipeline."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)
        self.ready = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.ready.set()


class _PacedOutput(FastAPIWebsocketOutputTransport):
    """Sends by an absolute clock and a little ahead of it: a late wake-up is caught up with, not passed on."""

    _due: float = 0.0

    async def _write_audio_sleep(self) -> None:
        now = time.monotonic()
        if now - self._due > _GAP_S:  # a new utterance
            self._due = now
        self._due += self._send_interval
        await asyncio.sleep(max(0.0, self._due - _LEAD_S - now))


class _Transport(FastAPIWebsocketTransport):
    def __init__(self, websocket: WebSocket, params: FastAPIWebsocketParams) -> None:
        super().__init__(websocket, params)
        self._output = _PacedOutput(self, self._client, self._params, name=self._output_name)


class CallPipeline:
    """The pipeline of one call, and our mouth in it."""

    def __init__(
        self,
        websocket: WebSocket,
        wire: TwilioWire,
        *,
        on_audio: Callable[[bytes, float], None],
        on_key: Callable[[str], None],
        on_closed: Callable[[], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._wire = wire
        transport = _Transport(
            websocket,
            FastAPIWebsocketParams(
                audio_in_enabled=True,
                audio_out_enabled=True,
                audio_out_10ms_chunks=_CHUNK_10MS,
                audio_out_end_silence_secs=0,
                allowed_origins=[],
                serializer=wire,
            ),
        )

        async def closed(*_: object) -> None:
            on_closed()

        transport.add_event_handler("on_client_disconnected", closed)
        self._speaker = _Speaker()
        processors = [transport.input(), _Listener(on_audio, on_key, on_fault), self._speaker, transport.output()]
        self._worker = PipelineWorker(
            Pipeline(processors),
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
        await runner.add_workers(self._worker)
        await runner.run()

    async def ready(self) -> None:
        """Wait until something can be said."""
        await self._speaker.ready.wait()

    async def say(self, pcm: bytes) -> int:
        """Queue ``pcm`` to be spoken after what is queued already; the samples that it takes.

        Filled to whole packets, since the transport would keep a last part of one to itself.
        """
        self._wire.open = True
        pcm += bytes(-len(pcm) % _CHUNK)
        await self._speaker.push_frame(OutputAudioRawFrame(pcm, RATE, 1))
        return len(pcm) // 2

    async def mark(self, name: str) -> None:
        """Ask the carrier to tell when it has played what was said until here."""
        message = {"event": "mark", "streamSid": self._wire.stream_sid, "mark": {"name": name}}
        await self._speaker.push_frame(OutputTransportMessageFrame(message=message))

    async def hush(self) -> None:
        """Stop speaking at once, at the carrier too."""
        self._wire.open = False
        await self._speaker.push_frame(InterruptionFrame())

    async def stop(self) -> None:
        await self._worker.cancel()


def quiet_logs() -> None:
    """Have Pipecat's warnings in our log, and its chatter nowhere: it may quote what people say."""
    loguru.remove()
    loguru.add(_log, level="WARNING", format="{message}")


def _log(message: str) -> None:
    log.warning("pipecat", pii={"message": message.strip()})
