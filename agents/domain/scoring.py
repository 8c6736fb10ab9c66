"""The score of a lead, 0 to 100, by the fields of LPMAMA qualification; the weights are the project's own defaults.

Nothing here rests on a trait that Fair Housing protects: every reason that is not time-bound weighs the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.domain.entities import Financing, Motivation

QUALIFIED_FROM = 40
HOT_FROM = 70
_TIME_BOUND = frozenset({Motivation.JOB, Motivation.FINANCES, Motivation.INHERITED})
_STRONG_FINANCE = frozenset({Financing.CASH, Financing.PRE_APPROVED, Financing.PAID_OFF})


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """Points for each part; the defaults add up to 100."""

    within_3_months: int = 25
    within_6_months: int = 18
    within_12_months: int = 8
    motivation_urgent: int = 20
    motivation_given: int = 12
    motivation_curious: int = 4
    finance_ready: int = 20
    finance_open: int = 10
    unrepresented: int = 15
    area_and_price: int = 10
    appointment: int = 10


DEFAULT_WEIGHTS = ScoreWeights()


def score(facts: Mapping[str, str], *, booked: bool, weights: ScoreWeights = DEFAULT_WEIGHTS) -> int:
    """Points for the known ``facts``; half of ``area_and_price`` for one of the two."""
    points = _timeline(facts.get("timeline", ""), weights)
    points += _motivation(facts.get("motivation", ""), weights)
    points += _finance(facts.get("financing", ""), weights)
    points += weights.unrepresented if facts.get("agent") == "none" else 0
    known = sum(facts.get(name, "unknown") != "unknown" for name in ("area", "price"))
    known += facts.get("budget", "unknown") != "unknown"
    points += weights.area_and_price * min(known, 2) // 2
    points += weights.appointment if booked else 0
    return max(0, min(points, 100))


def _timeline(value: str, weights: ScoreWeights) -> int:
    if not value.isdigit():
        return 0
    months = int(value)
    if months <= 3:
        return weights.within_3_months
    if months <= 6:
        return weights.within_6_months
    return weights.within_12_months if months <= 12 else 0


def _motivation(value: str, weights: ScoreWeights) -> int:
    if value in ("", "unknown"):
        return 0
    if value == Motivation.CURIOSITY:
        return weights.motivation_curious
    return weights.motivation_urgent if value in _TIME_BOUND else weights.motivation_given


def _finance(value: str, weights: ScoreWeights) -> int:
    if value in ("", "unknown"):
        return 0
    return weights.finance_ready if value in _STRONG_FINANCE else weights.finance_open


def rating(points: int) -> str:
    """ "hot", "warm" or "cold"."""
    return "hot" if points >= HOT_FROM else "warm" if points >= QUALIFIED_FROM else "cold"


def qualified(facts: Mapping[str, str], points: int) -> bool:
    """Interested, free to be served, with a timeline or a reason and enough points."""
    return (
        points >= QUALIFIED_FROM
        and facts.get("interested") == "yes"
        and facts.get("agent") in ("none", "informal")
        and any(facts.get(name, "unknown") not in ("unknown", "open") for name in ("timeline", "motivation"))
    )
