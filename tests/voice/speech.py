"""Speech without models: what is heard is scripted, what is said is a tone."""

import asyncio
from functools import cache
from typing import Any

import numpy as np
import soxr

from voice.speech.ports import RATE, Hearing, Speech

CHAR_MS = 25


def tone(ms: float, hz: float = 440, level: float = 0.3) -> bytes:
    samples = np.sin(2 * np.pi * hz * np.arange(int(ms * RATE / 1000)) / RATE)
    return bytes((samples * level * 32767).astype("<i2").tobytes())


def silence(ms: float) -> bytes:
    return bytes(int(ms * RATE / 1000) * 2)


@cache
def _voice() -> Any:
    from hibari import Hibari

    return Hibari(voice="heart")


@cache
def spoken(text: str) -> bytes:
    """A real enough voice saying ``text``: 8 kHz PCM without silence at its ends."""
    voice = _voice()
    narrow = np.asarray(soxr.resample(voice(text, seed=1), voice.sample_rate, RATE))
    narrow = 0.5 * narrow / np.max(np.abs(narrow))
    loud = np.flatnonzero(np.abs(narrow) > 0.02)
    return bytes((narrow[loud[0] : loud[-1] + 1] * 32767).astype("<i2").tobytes())


class ScriptedRecogniser:
    """Hears ``texts`` in order whatever was said, then nothing."""

    def __init__(self, *texts: str, turn_ended: float = 1.0) -> None:
        self.texts, self._turn_ended = list(texts), turn_ended
        self.asked: list[bytes] = []
        self.asked_again = 0
        self.busy = False
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def hear(self, pcm: bytes, *, voiced_ms: int) -> Hearing:
        if self.fault is not None:
            raise self.fault
        self.asked.append(pcm)
        if self.gate is not None:
            await self.gate.wait()
        text = self.texts.pop(0) if self.texts else ""
        return Hearing(text, 0.9, self._turn_ended)

    async def turn_ended(self, pcm: bytes) -> float:
        self.asked_again += 1
        return self._turn_ended


class ToneSynthesiser:
    """Every character takes ``CHAR_MS``."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.kept: list[str] = []

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        cached = text in self.said
        self.said.append(text)
        if keep:
            self.kept.append(text)
        return Speech(tone(len(text) * CHAR_MS), cached=cached)
