"""What may change in a rate card, and how one card differs from another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.card import BadRate, OverlappingRates, PastRate
from billing.domain.rates import Rate, described


def ended_by(rate: Rate, history: Sequence[Rate], *, now: datetime) -> Rate | None:
    """Which rate of its key's ``history`` ends where ``rate`` begins; None where there is none at that instant.

    Raises BadRate for another unit than the key's, PastRate where the key had a price between the begin and ``now``,
    OverlappingRates where another one begins later.
    """
    for other in history:
        if other.unit is not rate.unit:
            raise BadRate(
                f"{rate.key!r} is counted per {other.unit.value!r}, by the calls that use it as well: keep that "
                f"unit, or choose another key.",
                field="unit",
            )
    if (
        any(other.valid_from < now and _reaches(other, rate.valid_from) for other in history)
        and rate.valid_from < now
    ):
        raise PastRate(
            f"{rate.key!r} had a price after {when(rate.valid_from)}, and calls are not repriced: let the new one "
            f"begin now or later."
        )
    check_no_later(rate, history)
    return next((other for other in history if other.valid_at(rate.valid_from)), None)


def check_no_later(rate: Rate, history: Iterable[Rate]) -> None:
    """Raises OverlappingRates where a rate of ``history`` begins while ``rate`` holds."""
    for other in history:
        if rate.valid_at(other.valid_from):
            raise OverlappingRates(
                f"Another price of {rate.key!r} begins at {when(other.valid_from)}: withdraw it first, or let this "
                f"one hold only until then."
            )


def check_end(rate: Rate, until_at: datetime | None, *, now: datetime) -> None:
    """That ``rate`` may end at ``until_at``; None is until further notice.

    Raises PastRate where it ended before ``now`` or would have, BadRate for an end that is not after its begin.
    """
    if rate.valid_until is not None and rate.valid_until <= now:
        raise PastRate(f"This price of {rate.key!r} ended at {when(rate.valid_until)}: set a new one instead.")
    if until_at is None:
        return
    if until_at < now:
        raise PastRate(f"Calls were priced by {rate.key!r} since {when(until_at)}: let it end now or later.")
    check_span(rate.key, rate.valid_from, until_at)


def check_span(key: str, valid_from: datetime, valid_until: datetime) -> None:
    """Raises BadRate for an end that is not after the begin."""
    if valid_until <= valid_from:
        raise BadRate(
            f"{key!r} would end at {when(valid_until)} and begin at {when(valid_from)}: choose a later end.",
            field="valid_until",
        )


def when(at: datetime) -> str:
    """``2026-12-01 00:00 UTC``; ``at`` is in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _reaches(rate: Rate, at: datetime) -> bool:
    return rate.valid_until is None or rate.valid_until > at


@dataclass(frozen=True, slots=True)
class Difference:
    """How one key differs: ``ours`` None is a key that the card lacks, ``theirs`` None one that only it has."""

    key: str
    ours: Rate | None
    theirs: Rate | None

    def words(self) -> list[str]:
        """What differs, each in a few words; empty where both price alike."""
        if self.ours is None or self.theirs is None:
            return [described(rate) for rate in (self.ours, self.theirs) if rate]
        return [*_other_price(self.ours, self.theirs), *_other_terms(self.ours, self.theirs)]


def differences(ours: Mapping[str, Rate], theirs: Mapping[str, Rate]) -> list[Difference]:
    """What a card has otherwise than another, by key. Where a price was read and since when it holds is no matter."""
    pairs = (Difference(key, ours.get(key), theirs.get(key)) for key in sorted({*ours, *theirs}))
    return [pair for pair in pairs if pair.words()]


def _other_price(ours: Rate, theirs: Rate) -> list[str]:
    before, after = ours.price * theirs.per, theirs.price * ours.per
    if before == after and ours.currency == theirs.currency and ours.unit is theirs.unit:
        return []
    text = f"{described(ours)} → {described(theirs)}"
    if before and ours.currency == theirs.currency and ours.unit is theirs.unit:
        text += f" ({(after - before) / before * 100:+.1f} %)"
    return [text]


def _other_terms(ours: Rate, theirs: Rate) -> list[str]:
    names = ("increment", "minimum", "kind", "in_carrier_price")
    both = ((name.replace("_", " "), getattr(ours, name), getattr(theirs, name)) for name in names)
    return [f"{name} {_term(before)} → {_term(after)}" for name, before, after in both if before != after]


def _term(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
