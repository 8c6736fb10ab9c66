"""What all calls of a process share: the speech models, and the voice that is paid for where one is set up."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog

from agents.domain.standing import phrases_of
from agents.domain.types import Brief
from voice.domain.types import VoiceConfig
from voice.speech.elevenlabs import ElevenLabsSynthesiser
from voice.speech.keeping import furnish, prepare
from voice.speech.phrases import Frequency, PhraseCache
from voice.speech.pool import ModelPool
from voice.speech.ports import Recogniser, StreamingSynthesiser, Synthesiser
from voice.speech.process import ModelProcess
from voice.speech.recognition import WhisperRecogniser
from voice.speech.synthesis import LocalSynthesiser
from voice.speech.vad import SileroModel

log = structlog.get_logger(__name__)

_GPU_BATCH = 16
_PREMIUM_S = 5.0  # to start or stop the premium voice


@dataclass(frozen=True, slots=True)
class Engines:
    """What a call is given. ``premium`` is None where only the local voice is set up.

    ``frequency`` counts the clauses of all calls.
    """

    vad: SileroModel
    recogniser: Recogniser
    synthesiser: Synthesiser
    disk: ThreadPoolExecutor
    premium: StreamingSynthesiser | None = None
    frequency: Frequency = field(default_factory=Frequency)


class EngineRoom:
    """Starts and stops the engines of ``config``; the arguments that are given replace them, and are only used."""

    def __init__(
        self,
        config: VoiceConfig,
        *,
        recogniser: Recogniser | None = None,
        synthesiser: Synthesiser | None = None,
        premium: StreamingSynthesiser | None = None,
    ) -> None:
        self._config = config
        self._recogniser, self._synthesiser, self._premium = recogniser, synthesiser, premium
        self._local: LocalSynthesiser | None = None
        self._elevenlabs: ElevenLabsSynthesiser | None = None
        self._preparing: set[asyncio.Task[None]] = set()
        self._prepared: set[tuple[str, ...]] = set()
        self.processes: list[ModelProcess] = []
        self._pools: list[ModelPool] = []

    @property
    def queues(self) -> list[ModelProcess | ModelPool]:
        """Where jobs wait."""
        return [*self.processes, *self._pools]

    async def start(self, disk: ThreadPoolExecutor, *, first_words: str, phrases: Sequence[str] = ()) -> Engines:
        """Load the models, and speak ``first_words`` so that they are at hand. Raises SpeechError.

        ``phrases`` are spoken ahead afterwards, while no call needs the voice.
        """
        recogniser = self._recogniser or self._whisper()
        synthesiser = self._synthesiser or self._voice()
        await asyncio.gather(*(process.start() for process in self.processes), self._start_premium())
        await self._furnish(disk)
        await synthesiser.speech(first_words, keep=True)
        self._say_ahead(phrases)
        return Engines(SileroModel(), recogniser, synthesiser, disk, self._premium or self._elevenlabs)

    def learn_script(self, brief: Brief) -> None:
        """Have the words of the brief's script spoken ahead, once for each script. On the loop's thread."""
        key = (brief.script.version, brief.company, brief.agent_name)
        if brief.script.version and key not in self._prepared:
            self._prepared.add(key)
            self._say_ahead(phrases_of(brief))

    def _say_ahead(self, phrases: Sequence[str]) -> None:
        if self._local is None:
            return
        task = asyncio.create_task(prepare(self._local, phrases))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def stop(self) -> None:
        for task in self._preparing:
            task.cancel()
        await asyncio.gather(*self._preparing, return_exceptions=True)
        await asyncio.gather(*(process.stop() for process in self.processes), self._stop_premium())

    def _whisper(self) -> WhisperRecogniser:
        config = self._config
        options = {
            "model": config.whisper_model,
            "device": config.whisper_device,
            "compute_type": config.whisper_compute_type,
        }
        ears = [self._process("voice.speech.whisper:Ear", options) for _ in range(config.whisper_processes)]
        pool = ModelPool(ears, batch=_GPU_BATCH if config.whisper_device == "cuda" else 1)
        self._pools.append(pool)
        return WhisperRecogniser(pool)

    def _voice(self) -> LocalSynthesiser:
        config = self._config
        factory, options = (
            ("voice.speech.hibari:Mouth", {"voice": config.hibari_voice})
            if config.local_voice == "hibari"
            else ("voice.speech.piper:Mouth", {"model": config.piper_model})
        )
        processes = [self._process(factory, options) for _ in range(config.local_voice_processes)]
        self._local = LocalSynthesiser(processes)
        return self._local

    async def _furnish(self, disk: ThreadPoolExecutor) -> None:
        """Each voice has its phrases of before."""
        voices: list[tuple[PhraseCache, str]] = []
        if self._local is not None:
            voices.append((self._local.cache, await self._local.identity()))
        if self._elevenlabs is not None:
            voices.append((self._elevenlabs.cache, self._elevenlabs.identity))
        if self._config.phrases_dir is None:
            return
        for cache, voice in voices:
            limit = self._config.phrases_bytes
            found = await furnish(cache, self._config.phrases_dir, voice, disk, limit_bytes=limit)
            log.info("phrases.found", voice=voice, count=found)

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
