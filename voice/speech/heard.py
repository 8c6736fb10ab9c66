"""What a recogniser wrote, and how much of it may be believed."""

import re
from typing import NamedTuple

# Whisper's own thresholds for "nobody spoke" (openai/whisper, transcribe.py).
_NO_SPEECH = 0.6
_LOW_SCORE = -1.0
_MIN_VOICED_MS = 120
_PUNCTUATION = re.compile(r"[^\w' ]+")


class Heard(NamedTuple):
    """The words with their likelihoods, the likelihood that nobody spoke, the mean log-probability of a token."""

    words: tuple[tuple[str, float], ...]
    no_speech: float
    score: float

    @property
    def text(self) -> str:
        return " ".join(word for word, _ in self.words)


def bare(text: str) -> str:
    """Lower-case words without punctuation, one space apart."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower()).split())


def believed(heard: Heard, *, voiced_ms: int) -> bool:
    """Whether somebody said it; False where the model heard words into noise."""
    if voiced_ms < _MIN_VOICED_MS or not bare(heard.text):
        return False
    return not (heard.no_speech > _NO_SPEECH and heard.score < _LOW_SCORE)
