"""Speech without models: what is heard is told by its length, what is said is a short tone."""

from collections.abc import Sequence

import numpy as np

from tests.chaos.speech_lines import HELLO, REFUSES, STOPS
from voice import engines
from voice.speech.ports import RATE, Guess, Hearing, Speech

_LONGEST_HELLO_MS, _LONGEST_REFUSAL_MS = 650, 1800
_CHAR_MS = 5


class LengthRecogniser:
    """Tells the run's three lines apart by how long they are voiced. ``voice.speech.ports.Recogniser``."""

    busy = False

    async def hear(
        self, pcm: bytes, *, voiced_ms: int, hints: Sequence[str] = (), guess: Guess | None = None
    ) -> Hearing:
        text = HELLO if voiced_ms <= _LONGEST_HELLO_MS else REFUSES if voiced_ms <= _LONGEST_REFUSAL_MS else STOPS
        return Hearing(text, 0.9, 1.0)

    async def turn_ended(self, pcm: bytes) -> float:
        return 1.0


class QuickTone:
    """Every character takes 5 ms. ``voice.speech.ports.Synthesiser``."""

    component = "tts.local"
    available = True

    def holds(self, text: str) -> bool:
        return False

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        at = np.arange(len(text) * _CHAR_MS * RATE // 1000)
        tone = (np.sin(2 * np.pi * 440 * at / RATE) * 0.3 * 32767).astype("<i2")
        return Speech(tone.tobytes(), cached=False)


def install() -> None:
    """From now on this process's voice plane starts with these instead of Whisper and Piper."""
    engines.EngineRoom._whisper = lambda self: LengthRecogniser()  # type: ignore[method-assign,assignment,return-value]
    engines.EngineRoom._voice = lambda self: QuickTone()  # type: ignore[method-assign,assignment,return-value]
