"""How quickly calls may be made: the smallest of the limits, the carrier's patience, the health of a caller ID."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, comb

SLOWER = 2
"""A carrier that says it is too much gets calls at this part of the rate."""
STEPS_BACK = 50
"""Each call that the carrier takes afterwards makes the rate higher by this part of the configured one."""
LONGEST_MS = 60_000
"""However often it says so, a call is tried once a minute: it alone shows that there is room again."""

RANG_AT_LEAST = 30
"""Fewer calls tell nothing of a caller ID."""
SIGNIFICANCE = 0.001
"""Low, since every caller ID is judged again and again."""
REST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Limit:
    """``calls`` more may be made now, ``why`` in a few words that go on after "because" or a colon."""

    calls: int
    why: str


def smallest(limits: Iterable[Limit]) -> Limit:
    """The limit that counts, the first of equal ones; never below 0."""
    found = min(limits, key=lambda limit: limit.calls)
    return Limit(max(0, found.calls), found.why)


def interval_ms(calls_per_s: float) -> int:
    """Milliseconds between two calls at ``calls_per_s``, rounded up so that the rate is never exceeded."""
    return ceil(1000 / calls_per_s)


def slower(now_ms: int) -> int:
    """The next interval after the carrier said that it is too much: the rate goes down by multiplication.

    With ``quicker`` this is additive increase, multiplicative decrease: Chiu and Jain, Analysis of the Increase and
    Decrease Algorithms for Congestion Avoidance in Computer Networks, 1989.
    """
    return min(now_ms * SLOWER, max(LONGEST_MS, now_ms))


def quicker(now_ms: int, usual_ms: int) -> int:
    """The next interval after a call that the carrier took: the rate goes up by addition, to the usual at most."""
    rate = 1000 / now_ms + 1000 / usual_ms / STEPS_BACK
    return max(usual_ms, min(now_ms - 1, ceil(1000 / rate)))


def allowance(interval: int, *, ahead_s: float, waiting: int) -> int:
    """Calls that may be queued for the next ``ahead_s`` seconds beside ``waiting`` ones; at least one in all."""
    return max(1, ceil(ahead_s * 1000 / interval)) - waiting


@dataclass(frozen=True, slots=True)
class Answers:
    """Calls that rang, and those of them that a person answered."""

    rang: int
    answered: int

    @property
    def rate(self) -> float:
        return self.answered / self.rang if self.rang else 0.0


def together(parts: Iterable[Answers]) -> Answers:
    there = list(parts)
    return Answers(sum(one.rang for one in there), sum(one.answered for one in there))


def fell(last: Answers, *compared: Answers) -> bool:
    """Whether the answer rate of ``last`` is significantly below each of ``compared`` that has calls enough.

    One-sided exact test of a two-by-two table, which holds for small counts as well: R. A. Fisher, Statistical
    Methods for Research Workers, 5th edition 1934, section 21.02. Without calls enough on both sides nothing fell.
    """
    known = [one for one in compared if one.rang >= RANG_AT_LEAST]
    if last.rang < RANG_AT_LEAST or not known:
        return False
    return all(_chance(last, one) < SIGNIFICANCE for one in known)


def _chance(last: Answers, other: Answers) -> float:
    """How likely ``last`` would have no more answers than it has, if both had the same rate."""
    answered, rang = last.answered + other.answered, last.rang + other.rang
    ways = sum(
        comb(answered, few) * comb(rang - answered, last.rang - few)
        for few in range(max(0, last.rang - (rang - answered)), last.answered + 1)
    )
    return ways / comb(rang, last.rang)
