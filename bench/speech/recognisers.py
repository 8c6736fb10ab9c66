"""The two that are compared, on one thread each."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import soxr
from faster_whisper import WhisperModel

from voice.speech.heard import believed
from voice.speech.ports import RATE
from voice.speech.whisper import Ear, installed_model

_WHISPER_RATE = 16000


class Ours:
    """The engine and the rules of belief, as a call has them."""

    name = "ours"

    def __init__(self, model: str = "") -> None:
        self._ear = Ear(model)

    def __call__(self, pcm: bytes, hints: Sequence[str] = ()) -> str:
        (heard,) = self._ear.hear([(pcm, hints)])
        return heard.text if believed(heard, voiced_ms=len(pcm) * 1000 // (2 * RATE)) else ""


class Plain:
    """The same weights as faster-whisper uses them when asked for greedy search, padded to 30 s, and nothing else."""

    name = "plain"

    def __init__(self, model: str = "") -> None:
        self._model = WhisperModel(model or installed_model(), device="cpu", compute_type="int8", cpu_threads=1)

    def __call__(self, pcm: bytes, hints: Sequence[str] = ()) -> str:
        narrow = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        samples = soxr.resample(narrow, RATE, _WHISPER_RATE, quality="HQ")
        segments, _ = self._model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)


def timed(recogniser: Callable[..., str], pcm: bytes, **options: Any) -> tuple[str, float]:
    """The text, and how long it took in ms."""
    began = time.perf_counter()
    text = recogniser(pcm, **options)
    return text, (time.perf_counter() - began) * 1000


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else math.nan
