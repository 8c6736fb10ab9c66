"""Tokens for supervisors: made by whoever grants them, known here by their hash, good once and for a minute."""

import hashlib
import time
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from voice.domain.types import Signal
from voice.supervision import Pass

LASTS_S = 60.0
_MOST = 100


class Grant(BaseModel):
    """The value of a signal that lets somebody in: the token's hash, and whether it may take the call over."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    takes_over: bool = False


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Passes:
    """Those of one process. Used from its loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._issued: dict[str, Pass] = {}

    def issue(self, signal: Signal) -> None:
        """Let the holder of the token in whose hash ``signal`` carries. Raises ValidationError."""
        grant, now = Grant.model_validate_json(signal.value), self._clock()
        self._issued = {key: one for key, one in self._issued.items() if one.until > now}
        if len(self._issued) >= _MOST:
            del self._issued[next(iter(self._issued))]
        self._issued[grant.sha256] = Pass(signal.call_id, signal.by, grant.takes_over, now + LASTS_S)

    def redeem(self, token: str) -> Pass | None:
        """What ``token`` allows; None for one that is unknown, was used, or is too old."""
        found = self._issued.pop(hashed(token), None)
        return found if found is not None and found.until > self._clock() else None
