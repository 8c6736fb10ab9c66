"""What the conversation asks of speech models.

Audio is PCM: 8 kHz, 16-bit little-endian, mono.
"""

from dataclasses import dataclass
from typing import Protocol

RATE = 8000
BYTES_PER_MS = RATE * 2 // 1000


class SpeechError(Exception):
    """A speech model failed twice in a row: this call cannot go on."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was understood. ``text`` is empty where nobody said words.

    ``confidence`` is 0 to 1, ``turn_ended`` the likelihood, 0 to 1, that the person has finished.
    """

    text: str
    confidence: float
    turn_ended: float


class Recogniser(Protocol):
    @property
    def busy(self) -> bool:
        """True while a job runs or waits: guessing ahead would only delay others."""

    async def hear(self, pcm: bytes, *, voiced_ms: int) -> Hearing:
        """The words in ``pcm``, of which ``voiced_ms`` are voice. Raises SpeechError."""

    async def turn_ended(self, pcm: bytes) -> float:
        """The likelihood that the person has finished, by how they sounded. Raises SpeechError."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Rendered text. ``cached`` is True where nothing had to be synthesised."""

    pcm: bytes
    cached: bool


class Synthesiser(Protocol):
    component: str
    """What its characters are counted as: a key of the rate card."""

    @property
    def available(self) -> bool:
        """Whether it is worth asking now; False while a provider that failed is left alone."""

    def holds(self, text: str) -> bool:
        """Whether ``text`` would be spoken from memory: nothing is synthesised, and nothing paid, for it."""

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        """``text`` as audio; ``keep`` for words that come in every call. Raises SpeechError."""
