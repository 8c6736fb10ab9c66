"""Who may talk from a browser, and about what: written by the web, read once by the voice worker that takes the call.

An invitation lies in Redis under the hash of its token for a minute. Whoever shows the token first has it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from agents.domain.types import Brief

LIFETIME_S = 60
MOST_S = 600
"""A test call lasts at most so long."""
_KEY = "reautomation:talk:"
_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Invitation:
    """A conversation to be held. ``lexicon`` and ``hints`` are those of ``TalkPlan``; it lasts ``max_length_s``."""

    brief: Brief
    max_length_s: int
    lexicon: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[str, ...] = ()


_INVITATION = TypeAdapter(Invitation)


def invite(redis_url: str, invitation: Invitation) -> str:
    """Keep ``invitation``; the token for it. Raises RedisError or OSError while Redis is away."""
    token = secrets.token_urlsafe(32)
    with Redis.from_url(redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as redis:
        redis.set(_key(token), _INVITATION.dump_json(invitation), ex=LIFETIME_S)
    return token


async def redeem(redis_url: str, token: str) -> Invitation | None:
    """The invitation of ``token``, once; None for any other. Raises RedisError or OSError while Redis is away."""
    async with AsyncRedis.from_url(redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as redis:
        found = await redis.getdel(_key(token))
    if found is None:
        return None
    try:
        return _INVITATION.validate_json(found)
    except ValidationError:  # another release wrote it
        return None


def _key(token: str) -> str:
    return _KEY + hashlib.sha256(token.encode()).hexdigest()
