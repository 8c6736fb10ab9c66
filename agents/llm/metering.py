"""What one use of a model came to: how long until it began, and its tokens, as the server or else we count them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.domain.types import ModelUse
from agents.llm import tokens
from agents.llm.config import OWN
from agents.llm.port import Piece, Prompt, Request

_MOST = 10_000_000
"""Tokens of one request: a server that tells of more, or of fewer than none, has told nothing."""
_UNANSWERED = frozenset({"failed", "refused"})
"""A request that ended so before its first piece cost nothing."""


@dataclass(slots=True)
class _Sent:
    """One request, and what came back on it."""

    request: Request
    pieces: list[str] = field(default_factory=list)
    tokens_in: int | None = None
    tokens_out: int | None = None

    def count(self, piece: Piece) -> None:
        """Keep what a piece holds; of counts the last, since some servers tell the sum again and again."""
        self.pieces.append(piece.text)
        self.tokens_in = _sound(piece.tokens_in, self.tokens_in)
        self.tokens_out = _sound(piece.tokens_out, self.tokens_out)

    @property
    def estimated(self) -> bool:
        return self.tokens_in is None or self.tokens_out is None

    def tokens(self) -> tuple[int, int]:
        """In and out: by the server where it told, else by our own count of what was sent and what has come."""
        into = tokens.count_messages(self.request.messages) if self.tokens_in is None else self.tokens_in
        out = tokens.count("".join(self.pieces)) if self.tokens_out is None else self.tokens_out
        return into, out


class UseMeter:
    """Measures one use, which may be two requests. ``any_sign`` counts any token as its beginning, else a whole
    clause does."""

    def __init__(self, prompt: Prompt, model: str, clock: Callable[[], float], *, any_sign: bool = False) -> None:
        self._prompt, self._model, self._clock, self._any_sign = prompt, model, clock, any_sign
        self.started = clock()
        self.cut = False
        self._first_s: float | None = None
        self._sent: list[_Sent] = []

    @property
    def began(self) -> bool:
        return self._first_s is not None

    def came(self) -> None:
        if self._first_s is None:
            self._first_s = self._clock() - self.started

    def asks(self, request: Request) -> None:
        """``request`` goes out; the pieces that follow are its answer."""
        self._sent.append(_Sent(request))

    def count(self, piece: Piece) -> None:
        if piece.text.strip() and self._any_sign:
            self.came()
        self._sent[-1].count(piece)

    def use(self, dropped: str) -> ModelUse:
        """What it came to by now. A request that was withdrawn has read its prompt all the same."""
        sent = [one for one in self._sent if one.pieces or dropped not in _UNANSWERED]
        counts = [one.tokens() for one in sent]
        return ModelUse(
            model=self._model,
            prompt_version=self._prompt.versioned,
            prompt_hash=self._prompt.sha256,
            tokens_in=sum(into for into, _ in counts) if counts else None,
            tokens_out=sum(out for _, out in counts) if counts else None,
            first_ms=None if self._first_s is None else round(self._first_s * 1000),
            dropped=dropped,
            estimated=any(one.estimated for one in sent),
        )


class TokenTally:
    """Tokens of all uses in one conversation, those among them of answers that nobody wanted any more.

    ``components`` are the rate card's keys for tokens in and out, which may be one.
    """

    def __init__(self, components: tuple[str, str] = (OWN, OWN)) -> None:
        self._into, self._out = components
        self._counts = Counter[str]()

    def add(self, use: ModelUse) -> None:
        if use.tokens_in is not None and use.tokens_out is not None:
            self.add_counts(use.tokens_in, use.tokens_out)

    def add_counts(self, into: int, out: int) -> None:
        self._counts[self._into] += into
        self._counts[self._out] += out

    @property
    def counts(self) -> Mapping[str, int]:
        """Tokens until now, by component; none is ever taken off."""
        return self._counts


def _sound(told: object, before: int | None) -> int | None:
    """``told`` where it is a count, else what was told ``before``."""
    return told if isinstance(told, int) and 0 <= told <= _MOST else before
