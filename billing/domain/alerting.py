"""When an alert is told and when it is over. Pure: what was read comes in, what to do goes out."""

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    SHARE = "share"
    BURN_RATE = "burn_rate"
    CALL_COST = "call_cost"
    APPOINTMENT_COST = "appointment_cost"
    PRICE_DIFFERENCE = "price_difference"


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


MAY_STOP = frozenset({Kind.SHARE, Kind.CALL_COST, Kind.APPOINTMENT_COST})
"""What was spent may stop dialing. A forecast may be wrong, and a price that differs is a matter of the rate card."""

SINGLE_CALL = 3
"""A single call is told when it costs so many times what the mean may."""

SHARE_BAND = Decimal("0.01")
OTHER_BAND = Decimal("0.05")
"""An alert is over when its value lies this far below the threshold: a share by one percentage point, an amount or a
difference by a twentieth of the threshold. A burn rate has its spread instead: it is told when even the low edge of
the forecast crosses, and over when the middle of it does not any more."""


@dataclass(frozen=True, slots=True)
class Rule:
    kind: Kind
    level: Level
    threshold: Decimal


@dataclass(frozen=True, slots=True)
class Reading:
    """One value that rules of ``kind`` look at. ``place`` names what it was read of within its budget.

    ``says`` makes the sentence for a threshold that it crossed. ``sure`` is what has to reach a threshold for it to
    be told; the value itself, unless it is an estimate. ``times`` multiplies the thresholds. ``until`` is the end of
    the period that it was read of.
    """

    kind: Kind
    place: str
    value: Decimal
    says: Callable[[Decimal], str]
    balance_id: int | None = None
    until: datetime | None = None
    sure: Decimal | None = None
    times: int = 1

    def crosses(self, rule: Rule) -> bool:
        sure = self.value if self.sure is None else self.sure
        return sure > 0 and sure >= rule.threshold * self.times

    def is_below(self, rule: Rule) -> bool:
        """Far enough below for an open alert to end."""
        return self.value <= 0 or self.value < _over_below(rule) * self.times


@dataclass(frozen=True, slots=True)
class Verdict:
    tell: Rule | None
    end: frozenset[Level]


def judge(rules: Sequence[Rule], reading: Reading, told: Collection[Level]) -> Verdict:
    """``rules`` are those of the reading's kind, ``told`` the levels whose alerts are open.

    Of several levels that are crossed the highest alone is told, and none below one that is open.
    """
    by_level = {rule.level: rule for rule in rules}
    end = frozenset(level for level in told if level not in by_level or reading.is_below(by_level[level]))
    stay = set(told) - end
    crossed = [rule for rule in rules if reading.crosses(rule)]
    if not crossed:
        return Verdict(None, end)
    highest = max(crossed, key=lambda rule: rule.level.rank)
    known = any(level.rank >= highest.level.rank for level in stay)
    return Verdict(None if known else highest, end)


def fault_of(rule: Rule) -> str:
    """What is wrong with one rule, as a sentence; empty when nothing is."""
    share = rule.kind in (Kind.SHARE, Kind.PRICE_DIFFERENCE)
    if share and 1 < rule.threshold <= 100:
        part = rule.threshold / 100
        return f"A share is a number up to 1: enter {part.normalize():f} for {rule.threshold.normalize():f} %."
    if rule.threshold < 0 or (share and rule.threshold > 1):
        return "Enter a number from 0 to 1, such as 0.75 for 75 %." if share else "Enter 0 or more."
    if rule.threshold == 0 and rule.kind is not Kind.BURN_RATE:
        return "Enter more than 0: at 0 it would always tell."
    if rule.level is Level.EMERGENCY and rule.kind not in MAY_STOP:
        return (
            "EMERGENCY stops dialing, and this kind does not say that too much was spent: "
            "choose CRITICAL, or a share of the limit."
        )
    return ""


def disorder_of(rules: Iterable[Rule]) -> str:
    """Why the rules of one kind that hold together do not rise with their levels; empty when they do."""
    ordered = sorted(rules, key=lambda rule: rule.level.rank)
    for lower, higher in itertools.pairwise(ordered):
        if higher.threshold <= lower.threshold:
            return (
                f"{higher.level.upper()} at {higher.threshold.normalize():f} would be told before or with "
                f"{lower.level.upper()} at {lower.threshold.normalize():f}: enter a threshold above that."
            )
    return ""


def _over_below(rule: Rule) -> Decimal:
    match rule.kind:
        case Kind.SHARE:
            return rule.threshold - SHARE_BAND
        case Kind.BURN_RATE:
            return rule.threshold
        case _:
            return rule.threshold * (1 - OTHER_BAND)
