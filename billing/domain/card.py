"""The rate card: which rate holds for which key at which instant."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from billing.domain.rates import Rate


class RateError(Exception):
    """The rate card cannot be used for this; the text says what to change."""


class MissingRate(RateError):
    """No rate of that key is in force."""

    def __init__(self, key: str, at: datetime) -> None:
        super().__init__(
            f"There is no rate {key!r} at {at:%Y-%m-%d %H:%M} UTC: add one to the rate card that begins by then."
        )
        self.key = key


class OverlappingRates(RateError):
    """Two rates of one key hold at the same instant."""


class BadRate(RateError):
    """A rate that cannot be one; ``field`` is what to change, empty where it is not one field alone."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class PastRate(RateError):
    """Calls were priced by what would change. History is never repriced."""


@dataclass(frozen=True, slots=True)
class RateCard:
    """The rates that hold at ``at``, one a key. A call is priced by the card of the instant of its hold."""

    at: datetime
    rates: dict[str, Rate]

    @classmethod
    def of(cls, rates: Iterable[Rate], *, at: datetime) -> "RateCard":
        """Raises OverlappingRates where two hold at once."""
        card: dict[str, Rate] = {}
        for rate in rates:
            if not rate.valid_at(at):
                continue
            if rate.key in card:
                raise OverlappingRates(
                    f"Two rates {rate.key!r} hold at {at:%Y-%m-%d %H:%M} UTC: end one before the other begins."
                )
            card[rate.key] = rate
        return cls(at, card)

    def __getitem__(self, key: str) -> Rate:
        """Raises MissingRate."""
        if key not in self.rates:
            raise MissingRate(key, self.at)
        return self.rates[key]

    def get(self, key: str) -> Rate | None:
        return self.rates.get(key)
