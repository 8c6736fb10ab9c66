"""Speech without models: what is heard is scripted, what is said is a tone."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import soxr

from voice.speech.ports import RATE, Guess, Hearing, Piece, Speech

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

    async def hear(
        self, pcm: bytes, *, voiced_ms: int, hints: Sequence[str] = (), guess: Guess | None = None
    ) -> Hearing:
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
    """Every character takes ``CHAR_MS``, at a pitch that tells one voice from another."""

    component = "tts.local"

    def __init__(self, *, hz: float = 440) -> None:
        self._hz = hz
        self.available = True
        self.said: list[str] = []
        self.kept: list[str] = []

    def holds(self, text: str) -> bool:
        return text in self.said

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        cached = text in self.said
        self.said.append(text)
        if keep:
            self.kept.append(text)
        return Speech(tone(len(text) * CHAR_MS, self._hz), cached=cached)

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[Piece]:
        yield Piece((await self.speech(text, keep=keep)).pcm, len(text))

    def keep(self, text: str) -> None:
        self.kept.append(text)


class PremiumTone(ToneSynthesiser):
    """A voice that is paid for. ``faults`` maps a text to an error, or to an event that its audio waits for."""

    component = "elevenlabs.flash_v2_5"

    def __init__(self, faults: Mapping[str, Exception | asyncio.Event] | None = None) -> None:
        super().__init__(hz=880)
        self._faults = dict(faults or {})
        self.asked: list[str] = []

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        if not self.holds(text):
            self.asked.append(text)
        fault = self._faults.get(text)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            await fault.wait()
        return await super().speech(text, keep=keep)


def pitches(pcm: bytes) -> list[float]:
    """The pitches of the tones in ``pcm``, to the nearest 220 Hz, in order, one for each run of the same."""
    window = RATE // 20
    samples = np.frombuffer(pcm, "<i2")
    found: list[float] = []
    for at in range(0, len(samples) - window, window):
        spectrum = np.abs(np.fft.rfft(samples[at : at + window]))
        hz = 220.0 * round(float(np.argmax(spectrum)) * RATE / window / 220)
        if spectrum.max() > 1e5 and found[-1:] != [hz]:
            found.append(hz)
    return found
