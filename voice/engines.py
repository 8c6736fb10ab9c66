"""What all calls of a process share: the speech models, and the voice that is paid for where one is set up."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog

from voice.domain.types import VoiceConfig
from voice.speech.elevenlabs import ElevenLabsSynthesiser
from voice.speech.ports import Recogniser, Synthesiser
from voice.speech.process import ModelProcess
from voice.speech.recognition import WhisperRecogniser
from voice.speech.synthesis import PiperSynthesiser
from voice.speech.vad import SileroModel

log = structlog.get_logger(__name__)

_PREMIUM_S = 5.0  # to start or stop the premium voice


@dataclass(frozen=True, slots=True)
class Engines:
    """What a call is given. ``premium`` is None where only the local voice is set up."""

    vad: SileroModel
    recogniser: Recogniser
    synthesiser: Synthesiser
    disk: ThreadPoolExecutor
    premium: Synthesiser | None = None


class EngineRoom:
    """Starts and stops the engines of ``config``; the arguments that are given replace them, and are only used."""

    def __init__(
        self,
        config: VoiceConfig,
        *,
        recogniser: Recogniser | None = None,
        synthesiser: Synthesiser | None = None,
        premium: Synthesiser | None = None,
    ) -> None:
        self._config = config
        self._recogniser, self._synthesiser, self._premium = recogniser, synthesiser, premium
        self._elevenlabs: ElevenLabsSynthesiser | None = None
        self.processes: list[ModelProcess] = []

    async def start(self, disk: ThreadPoolExecutor, *, first_words: str) -> Engines:
        """Load the models, and speak ``first_words`` so that they are at hand. Raises SpeechError."""
        recogniser = self._recogniser or self._whisper()
        synthesiser = self._synthesiser or self._piper()
        await asyncio.gather(*(process.start() for process in self.processes), self._start_premium())
        await synthesiser.speech(first_words, keep=True)
        return Engines(SileroModel(), recogniser, synthesiser, disk, self._premium or self._elevenlabs)

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes), self._stop_premium())

    def _whisper(self) -> WhisperRecogniser:
        config = self._config
        options = {
            "model": config.whisper_model,
            "device": config.whisper_device,
            "compute_type": config.whisper_compute_type,
        }
        return WhisperRecogniser(self._process("voice.speech.whisper:Ear", options))

    def _piper(self) -> PiperSynthesiser:
        return PiperSynthesiser(self._process("voice.speech.piper:Mouth", {"model": self._config.piper_model}))

    def _process(self, factory: str, options: dict[str, Any]) -> ModelProcess:
        process = ModelProcess(factory, options)
        self.processes.append(process)
        return process

    async def _start_premium(self) -> None:
        """A provider that is away keeps no line from opening: the local voice speaks then."""
        config = self._config
        if self._premium is not None or not (config.elevenlabs_api_key and config.elevenlabs_voice_id):
            return
        self._elevenlabs = ElevenLabsSynthesiser(
            api_key=config.elevenlabs_api_key,
            url=config.elevenlabs_url,
            voice_id=config.elevenlabs_voice_id,
            model=config.elevenlabs_model,
            component=config.elevenlabs_component,
        )
        try:
            async with asyncio.timeout(_PREMIUM_S):
                await self._elevenlabs.start()
        except Exception:
            log.exception("voice.no_premium")

    async def _stop_premium(self) -> None:
        if self._elevenlabs is None:
            return
        try:
            async with asyncio.timeout(_PREMIUM_S):
                await self._elevenlabs.stop()
        except Exception:
            log.exception("voice.premium_not_stopped")
