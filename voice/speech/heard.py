"""What a recogniser wrote, and how much of it may be believed."""

import re
import zlib
from typing import NamedTuple

# Whisper's own thresholds for "nobody spoke" (openai/whisper, transcribe.py).
_NO_SPEECH = 0.6
_LOW_SCORE = -1.0
_MIN_VOICED_MS = 120
# What it was trained to write under silence, music and noise; to be believed it has to be likelier than usual.
_WRITTEN_INTO_NOISE = frozenset(
    {
        "you",
        "thank you",
        "thank you very much",
        "thank you so much",
        "thanks for watching",
        "thank you for watching",
        "thanks for listening",
        "please subscribe",
        "bye",
        "bye bye",
        "so",
        "oh",
        "the",
        "i'm sorry",
    }
)
_MAYBE_NO_SPEECH, _SURELY_NO_SPEECH = 0.5, 0.8
_UNLIKELY = 0.1
# A text that deflates so well repeats itself (openai/whisper, transcribe.py); nobody speaks so fast besides.
_REPEATING = 2.4
_FASTEST_WORDS_PER_S = 7
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
    said = bare(heard.text)
    if voiced_ms < _MIN_VOICED_MS or not said:
        return False
    if heard.no_speech > _NO_SPEECH and heard.score < _LOW_SCORE:
        return False
    if said in _WRITTEN_INTO_NOISE and heard.no_speech > _MAYBE_NO_SPEECH:
        return heard.no_speech <= _SURELY_NO_SPEECH and min(likelihood for _, likelihood in heard.words) >= _UNLIKELY
    fast = len(heard.words) * 1000 > _FASTEST_WORDS_PER_S * voiced_ms
    return not (fast and _deflation(said) > _REPEATING)


def _deflation(text: str) -> float:
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))
