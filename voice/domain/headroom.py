"""Whether a process may take one more call, decided from what was measured. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

ENOUGH_CALLS = 4
"""From so many talking calls on, what one of them costs is taken from what all of them cost."""
EASE = 0.7
CALM_S = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Up to where new calls are taken; 0 switches a limit off.

    ``lag_ms``, ``lateness_ms`` and ``speech_wait_ms`` as in ``Measured``; ``busy_percent`` of the loop's thread's
    time; ``memory_mb`` that must stay free.
    """

    lag_ms: float = 0.0
    lateness_ms: float = 0.0
    speech_wait_ms: float = 0.0
    busy_percent: float = 0.0
    memory_mb: float = 0.0

    def eased(self) -> "Limits":
        """The limits that let calls in again, so that a process at its limit does not open and close in turn."""
        return Limits(
            self.lag_ms * EASE,
            self.lateness_ms * EASE,
            self.speech_wait_ms * EASE,
            self.busy_percent * EASE,
            self.memory_mb / EASE,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """Over the last seconds.

    ``lag_p99_ms``: how late the event loop came to what was due. ``lateness_p99_ms``: how late our packets left
    against the schedule of the audio. ``speech_wait_ms``: how long a recogniser's or synthesiser's job waited for its
    turn, nine times in ten. ``busy_percent``: the part of its time that the loop's thread computed.
    ``memory_free_mb``: what the machine, or this container, has left; None where that cannot be told.
    ``talking`` calls have their media, ``ringing`` ones will have it soon.
    """

    talking: int = 0
    ringing: int = 0
    lag_p99_ms: float = 0.0
    lateness_p99_ms: float = 0.0
    speech_wait_ms: float = 0.0
    busy_percent: float = 0.0
    memory_free_mb: float | None = None

    def figures(self) -> dict[str, float]:
        """The figures by name, rounded, without those that could not be told."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: round(value, 1) for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Yes:
    """``more`` calls, at least one, may begin beside those that ring or talk; None: as many as there are lines."""

    more: int | None = None


@dataclass(frozen=True, slots=True)
class No:
    """``strained``: calls that talk feel it or soon will; otherwise those that ring will need what is left."""

    reason: str
    strained: bool = True


def offers(measured: Measured, limits: Limits) -> Yes | No:
    """Whether a new call harms none that is there. A process without talking calls has nobody to harm."""
    memory = measured.memory_free_mb
    if limits.memory_mb and memory is not None and memory < limits.memory_mb:
        return No(f"{memory:.0f} MB of memory are left, and {limits.memory_mb:.0f} MB are to stay free.")
    if not measured.talking:
        return Yes()
    if broken := next(_broken(measured, limits), ""):
        return No(broken)
    more = _room(measured, limits)
    if more is not None and more < 1:
        reason = f"The {_calls(measured.talking)} that talk and the {measured.ringing} that ring need all its time."
        return No(reason, strained=False)
    return Yes(more)


def _broken(measured: Measured, limits: Limits) -> Iterator[str]:
    if 0 < limits.lag_ms < measured.lag_p99_ms:
        yield f"The event loop is {measured.lag_p99_ms:.0f} ms late, more than {limits.lag_ms:.0f} ms."
    if 0 < limits.lateness_ms < measured.lateness_p99_ms:
        yield f"Audio leaves {measured.lateness_p99_ms:.0f} ms late, more than {limits.lateness_ms:.0f} ms."
    if 0 < limits.speech_wait_ms < measured.speech_wait_ms:
        waits = f"Speech waits {measured.speech_wait_ms:.0f} ms for its model"
        yield f"{waits}, more than {limits.speech_wait_ms:.0f} ms."
    if 0 < limits.busy_percent < measured.busy_percent:
        yield f"The event loop is busy {measured.busy_percent:.0f} %, more than {limits.busy_percent:.0f} %."


def _room(measured: Measured, limits: Limits) -> int | None:
    """Calls that fit into the loop's time beside those that talk and ring; None where too few talk to tell.

    A call that rings costs nothing yet, and as much as the others as soon as it is answered.
    """
    if not limits.busy_percent or measured.talking < ENOUGH_CALLS or measured.busy_percent <= 0:
        return None
    each = measured.busy_percent / measured.talking
    return int((limits.busy_percent - measured.busy_percent) / each) - measured.ringing


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


class Gate:
    """``offers`` with a memory: once strained, nothing is offered until all was well below the limits for a while."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._eased = limits, limits.eased()
        self._closed: No | None = None
        self._calm_since: float | None = None

    @property
    def closed(self) -> bool:
        return self._closed is not None

    def judge(self, measured: Measured, *, now: float) -> Yes | No:
        """The verdict at ``now``, in seconds of any steady clock."""
        verdict = offers(measured, self._limits)
        if isinstance(verdict, No) and verdict.strained:
            self._closed, self._calm_since = verdict, None
            return verdict
        if self._closed is None:
            return verdict
        eased = offers(measured, self._eased)
        if isinstance(eased, No) and eased.strained:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        if self._calm_since is not None and (not measured.talking or now - self._calm_since >= CALM_S):
            self._closed = self._calm_since = None
            return verdict
        return replace(self._closed, reason=f"{self._closed.reason} It is settling.")
