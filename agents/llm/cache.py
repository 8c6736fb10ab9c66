"""What a model said before, kept in Redis for a while, so that the next person need not wait for it.

Only what anybody might have said is kept: no names, figures or places, and nothing of whom it was said to. The key
holds the prompt's hash, the model and every other variable of the prompt, so an answer is found again only where it
would have been asked for in the same words. Redis may be slow, away or hold nonsense: then there is no answer kept.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar, cast

import structlog
from rapidfuzz import fuzz
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from agents.breaker import Breaker, ProviderError, Resting
from agents.domain.numbers import digits
from agents.domain.text import normalise
from agents.llm.prompts import PromptTemplate

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")
PREFIX = "reautomation:llm:"
MOST = 200
"""Answers kept for one prompt with the same variables; a full one takes no more until it expires."""
SIMILAR = 85
"""How like each other two longer words have to be (rapidfuzz, 0 to 100): what recognition makes of one word."""
_TIMEOUT_S = 0.05
_REST_S = 30.0
_MOST_WORDS = 12
_SAME_LETTERS = 4
"""Words up to so many letters have to be the same: "not" and "now" are alike, and mean something else."""

_SLACK = frozenset(
    {"a", "an", "and", "guess", "i", "is", "it", "just", "kind", "like", "maybe", "of", "please", "really", "so",
     "sort", "that", "the", "then", "think", "to", "um", "was", "well"}
)  # fmt: skip
_TELLS_OF_ONE = re.compile(
    r"\b(?:names?|named|address|street|email|e mail|number|phone|birth\w*|born|social|account|called|mister|mrs"
    r"|missus|doctor|wife|husband|son|daughter|mother|father|mom|dad|sister|brother|sick|cancer|divorc\w*|died|death|job)\b"
)
_CAPITALS = re.compile(r"\b[A-Z][A-Za-z'\u2019]*")
_CAPITAL_INSIDE = re.compile(r"(?<=[a-z,;'\u2019] )(?!(?:I|AI)\b)[A-Z]")
_OPENING = (
    "a all and any are but can could did do does dont for have hello hey hi hmm how i id if ill im is isnt it its "
    "ive just let maybe me my no none not nothing of oh ok one or our really so some sorry sure thank thanks that "
    "thats the their then there they theyre this to uh um wait was we well were weve what whats when where who why "
    "will with would yeah yes you your youre"
)
_OPENERS = frozenset(_OPENING.split())
"""Words that may have a capital without being a name: they open sentences."""


class AnswerCache(Protocol):
    async def find(self, space: str, said: str) -> str | None:
        """The answer to ``said`` in ``space``; None where there is none. Never raises."""

    async def keep(self, space: str, said: str, value: str) -> None:
        """Keep ``value``. Never raises."""

    async def close(self) -> None:
        """Let go of connections."""


class NoCache:
    """Keeps nothing."""

    async def find(self, space: str, said: str) -> str | None:
        return None

    async def keep(self, space: str, said: str, value: str) -> None:
        return None

    async def close(self) -> None:
        return None


def space_of(template: PromptTemplate, model: str, values: Mapping[str, str]) -> str:
    """Where answers to this prompt are kept: by its hash, the model, and every variable but what was said."""
    facts = sorted((name, value) for name, value in values.items() if name in template.variables and name != "said")
    return hashlib.sha256(repr((template.name, template.sha256, model, facts)).encode()).hexdigest()


def anybodys(said: str, private: frozenset[str]) -> bool:
    """Whether anybody might have said it: short, no figure, no name or place, none of the words in ``private``.

    Names are known by their capital; text that comes without any is not trusted.
    """
    words = normalise(said)
    if not words or len(words.split()) > _MOST_WORDS or not said.lstrip()[:1].isupper():
        return False
    if any(sign.isdigit() for sign in digits(words)) or _TELLS_OF_ONE.search(words):
        return False
    if any(re.sub("['\u2019]", "", word).lower() not in _OPENERS for word in _CAPITALS.findall(said)):
        return False
    return not private & set(words.split())


def names_nobody(words: str, private: frozenset[str]) -> bool:
    """Whether what a model said may be said to others: it was told no name, and seems to have made up none."""
    return not _CAPITAL_INSIDE.search(words) and not private & set(normalise(words).split())


def alike(one: str, other: str) -> bool:
    """Whether two normalised texts say the same: the same words in their order but for slack ones, where long words
    may be spelt a little differently. A negation or a number is never slack."""
    left, right = ([word for word in text.split() if word not in _SLACK] for text in (one, other))
    return len(left) == len(right) > 0 and all(_same(*pair) for pair in zip(left, right, strict=True))


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) <= _SAME_LETTERS or fuzz.ratio(one, other) < SIMILAR:
        return False
    # "Uninterested" and "interested", "shouldnt" and "should", "billion" and "million" are alike.
    turned_around = one[:2] != other[:2] or one.endswith("nt") is not other.endswith("nt")
    return not turned_around and not any(sign.isdigit() for sign in digits(f"{one} {other}"))


class _Away(ProviderError):
    lasting = True


class RedisCache:
    """``AnswerCache`` in Redis. Used from one event loop. A Redis that fails is left alone for half a minute."""

    def __init__(self, url: str, *, keeps_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._keeps_s = keeps_s
        self._breaker = Breaker(clock, rest_s=_REST_S)

    async def find(self, space: str, said: str) -> str | None:
        return await self._tried(lambda: self._find(PREFIX + space, normalise(said)))

    async def keep(self, space: str, said: str, value: str) -> None:
        await self._tried(lambda: self._keep(PREFIX + space, normalise(said), value))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _find(self, key: str, words: str) -> str | None:
        if (value := await cast(Awaitable[str | None], self._redis.hget(key, words))) is not None:
            return value
        known = await cast(Awaitable[dict[str, str]], self._redis.hgetall(key))
        return next((value for other, value in known.items() if alike(words, other)), None)

    async def _keep(self, key: str, words: str, value: str) -> None:
        if await self._redis.hlen(key) >= MOST:
            return
        await self._redis.hsetnx(key, words, value)
        if await self._redis.ttl(key) < 0:  # the space expires as a whole, counted from its first answer
            await self._redis.expire(key, self._keeps_s)

    async def _tried(self, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        try:
            with self._breaker.attempt():
                try:
                    async with asyncio.timeout(_TIMEOUT_S):
                        return await ask()
                except (RedisError, OSError, ValueError) as error:
                    log.warning("model.cache_away", error=type(error).__name__)
                    raise _Away from error
        except (Resting, _Away):
            return None
