"""Speech in: Whisper and smart-turn in their own process, and what of it may be believed."""

import math
import re

from voice.speech.ports import Hearing
from voice.speech.process import ModelProcess

# Whisper's own thresholds for "nobody spoke" (openai/whisper, transcribe.py); it writes "you" into noise.
_NO_SPEECH = 0.6
_LOW_SCORE = -1.0
_MIN_VOICED_MS = 120

# Answers that are whole in themselves: no need to ask how they sounded.
_WHOLE = frozenset(
    {
        "stop",
        "bye",
        "goodbye",
        "bye bye",
        "thanks",
        "thank you",
        "no thanks",
        "no thank you",
        "yes please",
        "not interested",
        "i'm not interested",
        "stop calling me",
        "don't call me again",
        "wrong number",
        "sounds good",
        "that works",
        "go ahead",
    }
)
_PUNCTUATION = re.compile(r"[^\w' ]+")


def bare(text: str) -> str:
    """Lower-case words without punctuation, one space apart."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower()).split())


def believed(text: str, *, no_speech: float, score: float, voiced_ms: int) -> str:
    """``text``, or nothing where the model heard words into noise."""
    if voiced_ms < _MIN_VOICED_MS or (no_speech > _NO_SPEECH and score < _LOW_SCORE) or not bare(text):
        return ""
    return text.strip()


class WhisperRecogniser:
    """``voice.speech.ports.Recogniser`` over the process that holds ``voice.speech.whisper.Ear``."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process

    @property
    def busy(self) -> bool:
        return self._process.busy

    async def hear(self, pcm: bytes, *, voiced_ms: int) -> Hearing:
        text, no_speech, score = await self._process.run("hear", pcm)
        text = believed(text, no_speech=no_speech, score=score, voiced_ms=voiced_ms)
        confidence = round(math.exp(min(score, 0.0)), 3)
        if not text or bare(text) in _WHOLE:
            return Hearing(text, confidence, turn_ended=1.0)
        return Hearing(text, confidence, turn_ended=await self.turn_ended(pcm))

    async def turn_ended(self, pcm: bytes) -> float:
        return float(await self._process.run("turn_ended", pcm))
