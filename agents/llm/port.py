"""The port to a language model, in our words, and what lies behind it.

``LanguageModel`` is what a conversation asks; ``Server`` is what an adapter has to bring, one small method.
Deadlines, the request cap and the breaker stand between the two (``agents/llm/model.py``), the same for every server.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel

from agents.breaker import ProviderError
from agents.domain.types import ModelUse

Shape = TypeVar("Shape", bound=BaseModel)


class ModelError(Exception):
    """The model gave nothing that can be used: go on without it."""


class ModelBusy(ModelError):
    """It was not asked, since it has enough to do or failed a moment ago: ask later where nobody waits."""


class ModelLate(ModelError, ProviderError):
    """The deadline passed and the request was withdrawn: ask again with more time where nobody waits."""


class ModelDown(ModelError, ProviderError):
    """The server is away, failed, or broke off: the same request may succeed later."""


class ModelRefused(ModelError, ProviderError):
    """The server will not take the request as it is set up, such as a model that it does not have: a person has to
    change the settings."""

    lasting = True


class ModelUnusable(ModelError):
    """It answered, and not in the form that was asked for, also the second time. Asking again rarely helps."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is sent, and where it comes from: its name, its version and the sha256 of its file."""

    name: str
    version: int
    sha256: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0

    @property
    def versioned(self) -> str:
        """Name and version, as they are recorded."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds from the question on: to the first clause (of a structured answer: to its first sign), and in all."""

    first_s: float
    whole_s: float


Told = Callable[[ModelUse], None]
"""Told once for every request, however it ended."""


class LanguageModel(Protocol):
    """A model that may be asked while a person waits. Used from one event loop."""

    @property
    def name(self) -> str:
        """The model's name, as its server knows it."""

    def clauses(self, prompt: Prompt, patience: Patience, *, told: Told) -> AsyncGenerator[str]:
        """The answer as it comes, in whole clauses; joined by spaces they are the text.

        Raises ModelError, also after some clauses: whoever speaks them at once has to end by itself. Closing it
        early, or cancelling whoever waits, withdraws the request.
        """

    async def structured(self, prompt: Prompt, shape: type[Shape], patience: Patience, *, told: Told) -> Shape:
        """The answer as ``shape``. One that does not fit is sent back once with what is wrong with it, within the
        same deadline. Raises ModelError."""

    async def warm(self, *, told: Told) -> None:
        """Have the model loaded, however long it takes. Never raises."""

    async def close(self) -> None:
        """Let go of connections. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer; the last may bring the server's counts. ``cut`` says that ``max_tokens`` ended it."""

    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What a server is asked. ``schema`` is the JSON schema that the answer has to fit, None for free text."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    schema: Mapping[str, Any] | None = field(default=None, hash=False)


class Server(Protocol):
    """An adapter: one model on one server."""

    @property
    def name(self) -> str:
        """The model's name."""

    def pieces(self, request: Request) -> AsyncGenerator[Piece]:
        """The answer as the server sends it. No deadline of its own; closing it withdraws the request.

        Raises ModelDown or ModelRefused, also after some pieces.
        """

    async def close(self) -> None:
        """Let go of connections. Safe to call twice."""
