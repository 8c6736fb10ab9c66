"""What the conversation asks of speech models.

Audio is PCM: 8 kHz, 16-bit little-endian, mono.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

RATE = 8000
BYTES_PER_MS = RATE * 2 // 1000


class SpeechError(Exception):
    """A speech model failed twice in a row: this call cannot go on."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was understood. ``text`` is empty where nobody said words.

    ``confidence`` is 0 to 1, ``turn_ended`` the likelihood, 0 to 1, that the person has finished. ``words`` are those
    of the text in order, as they stand in it, each with its likelihood of having been said, 0 to 1.
    """

    text: str
    confidence: float
    turn_ended: float
    words: tuple[tuple[str, float], ...] = ()


class Guess:
    """A pause that may not be the end of what is said. Once it is ``sure`` to be, its jobs wait like any other."""

    def __init__(self) -> None:
        self.sure = False
        self._told: list[Callable[[], None]] = []

    def when_sure(self, tell: Callable[[], None]) -> None:
        self._told.append(tell)

    def confirm(self) -> None:
        self.sure = True
        while self._told:
            self._told.pop()()


class Recogniser(Protocol):
    @property
    def busy(self) -> bool:
        """True while no model is free: guessing ahead would only delay others."""

    async def hear(
        self, pcm: bytes, *, voiced_ms: int, hints: Sequence[str] = (), guess: Guess | None = None
    ) -> Hearing:
        """The words in ``pcm``, of which ``voiced_ms`` are voice. Raises SpeechError.

        ``hints`` are names and streets to expect. ``guess``: until it is sure every other job comes first. Asked
        again for the same speech, with or without more silence behind it, it is not paid for again, and who asks
        without a guess hastens one that still waits. Who is cancelled leaves the queue.
        """

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

    def keep(self, text: str) -> None:
        """``text``, if it is held, is one of the words that come in every call from now on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text's audio, which ends between two words: by then ``said`` characters of the text are spoken."""

    pcm: bytes
    said: int


class StreamingSynthesiser(Synthesiser, Protocol):
    """A voice that is heard while the rest of the text is still being made."""

    def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[Piece]:
        """``text`` as audio, as it comes. Raises SpeechError, also after a part of it."""
