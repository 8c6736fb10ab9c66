"""What may change in a rate card, and how one card differs from another."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.domain.card import BadRate, OverlappingRates, PastRate
from billing.domain.dated import Difference, Timeline, yes_or_no
from billing.domain.dated import differences as differences_of
from billing.domain.rates import Rate, described

PRICES = Timeline("price of", "calls were priced", BadRate, PastRate, OverlappingRates)


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
    return PRICES.ended_by(rate, history, now=now)


def differences(ours: Mapping[str, Rate], theirs: Mapping[str, Rate]) -> list[Difference[Rate]]:
    """What a card has otherwise than another, by key. Where a price was read and since when it holds is no matter."""
    return differences_of(
        ours,
        theirs,
        described=described,
        compared=lambda mine, other: [*_other_price(mine, other), *_other_terms(mine, other)],
    )


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
    return [f"{name} {yes_or_no(before)} → {yes_or_no(after)}" for name, before, after in both if before != after]
