"""A circuit breaker: a provider that fails is left alone for a while, then tried once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ProviderError(Exception):
    """What a breaker counts. ``lasting`` failures do not go away by themselves, such as a key that is refused."""

    lasting = False


class Resting(Exception):
    """The provider is left alone: ask somebody else."""


class Breaker:
    """Used from one event loop. ``clock`` is monotonic, in seconds.

    It opens after ``failures`` in a row, or after one that is lasting, and rests for ``rest_s``. Then one attempt is
    let through, whose end decides; the others go on being turned away. Whatever else ends an attempt, such as its
    being cancelled, says nothing about the provider.
    """

    def __init__(self, clock: Callable[[], float], *, failures: int = 3, rest_s: float = 30.0) -> None:
        self._clock, self._limit, self._rest_s = clock, failures, rest_s
        self._failures = 0
        self._rests_until: float | None = None
        self._trying = False
        self._era = 0

    @property
    def available(self) -> bool:
        return self._rests_until is None or (self._clock() >= self._rests_until and not self._trying)

    @property
    def open(self) -> bool:
        """True from the failure that opened it to the success that closes it."""
        return self._rests_until is not None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one request. Raises Resting where the provider is left alone."""
        if not self.available:
            raise Resting
        era, trial = self._era, self.open
        self._trying = self._trying or trial
        try:
            yield
        except ProviderError as error:
            # Of requests that ran side by side, the first to open it speaks for all.
            if era == self._era:
                self._failed(at_once=error.lasting or trial)
            raise
        else:
            if era == self._era:
                self._failures, self._rests_until = 0, None
        finally:
            if trial:
                self._trying = False

    def _failed(self, *, at_once: bool) -> None:
        self._failures += 1
        if at_once or self._failures >= self._limit:
            self._failures, self._rests_until = 0, self._clock() + self._rest_s
            self._era += 1
