"""The score of a lead, 0 to 100, by the fields of LPMAMA qualification, with the reason for every point.

Nothing here rests on a trait that Fair Housing protects: every reason that is not time-bound weighs the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agents.domain.entities import Financing, Motivation

_TIME_BOUND = frozenset({Motivation.JOB, Motivation.FINANCES, Motivation.INHERITED})
_FINANCES = {
    Financing.CASH: "Pays cash",
    Financing.PRE_APPROVED: "Pre-approved for a loan",
    Financing.PAID_OFF: "The home is paid off",
    Financing.MORTGAGE: "There is a mortgage on the home",
    Financing.SELL_FIRST: "Has to sell first",
    Financing.LENDER_NEEDED: "Needs a lender",
}
_STRONG_FINANCE = frozenset({Financing.CASH, Financing.PRE_APPROVED, Financing.PAID_OFF})
_AGENTS = {
    "none": "Has no other agent",
    "informal": "Has another agent, without an agreement",
    "some": "Has another agent",
    "signed": "Has signed with another agent",
}


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


@dataclass(frozen=True, slots=True)
class Reason:
    """Why ``part`` of the score has its ``points``, of ``most`` that it could have. ``why`` is for people."""

    part: str
    why: str
    points: int
    most: int


DEFAULT_WEIGHTS = ScoreWeights()


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a lead is scored, and from which score on it is hot, warm, and qualified for an appointment."""

    weights: ScoreWeights = DEFAULT_WEIGHTS
    hot_from: int = 70
    warm_from: int = 40
    qualified_from: int = 40


DEFAULT_SCORING = Scoring()


def total(reasons: Iterable[Reason]) -> int:
    """The score that ``reasons`` add up to, 0 to 100."""
    return max(0, min(sum(one.points for one in reasons), 100))


def score_reasons(
    facts: Mapping[str, str], *, booked: bool, weights: ScoreWeights = DEFAULT_WEIGHTS
) -> tuple[Reason, ...]:
    """Points for the known ``facts``, part by part; a part without points says what is missing.

    ``area_and_price`` brings half for one of the two.
    """
    return (
        _timeline(facts.get("timeline", ""), weights),
        _motivation(facts.get("motivation", ""), weights),
        _finance(facts.get("financing", ""), weights),
        _agent(facts.get("agent", ""), weights),
        _place_and_price(facts, weights),
        _appointment(booked, weights),
    )


def _timeline(value: str, weights: ScoreWeights) -> Reason:
    most = max(weights.within_3_months, weights.within_6_months, weights.within_12_months)
    if not value.isdecimal():
        return Reason("timeline", "In no hurry" if value == "open" else "No timeline told", 0, most)
    months = int(value)
    for limit, points in ((3, weights.within_3_months), (6, weights.within_6_months), (12, weights.within_12_months)):
        if months <= limit:
            return Reason("timeline", f"Wants to move within {limit} months", points, most)
    return Reason("timeline", "Wants to move in more than 12 months", 0, most)


def _motivation(value: str, weights: ScoreWeights) -> Reason:
    most = max(weights.motivation_urgent, weights.motivation_given, weights.motivation_curious)
    if value in ("", "unknown"):
        return Reason("motivation", "No reason told", 0, most)
    if value == Motivation.CURIOSITY:
        return Reason("motivation", "Is curious", weights.motivation_curious, most)
    shown = value.replace("_", " ")
    if value in _TIME_BOUND:
        return Reason("motivation", f"Has a reason that presses: {shown}", weights.motivation_urgent, most)
    return Reason("motivation", f"Has a reason: {shown}", weights.motivation_given, most)


def _finance(value: str, weights: ScoreWeights) -> Reason:
    most = max(weights.finance_ready, weights.finance_open)
    if value in ("", "unknown"):
        return Reason("financing", "Nothing told of the finances", 0, most)
    points = weights.finance_ready if value in _STRONG_FINANCE else weights.finance_open
    known = value in frozenset(Financing)
    return Reason("financing", _FINANCES[Financing(value)] if known else value.replace("_", " "), points, most)


def _agent(value: str, weights: ScoreWeights) -> Reason:
    why = _AGENTS.get(value, "Not told whether there is another agent")
    return Reason("agent", why, weights.unrepresented if value == "none" else 0, weights.unrepresented)


def _place_and_price(facts: Mapping[str, str], weights: ScoreWeights) -> Reason:
    known = [name for name in ("area", "price", "budget") if facts.get(name, "unknown") != "unknown"]
    points = weights.area_and_price * min(len(known), 2) // 2
    why = f"Told the {' and the '.join(known)}" if known else "Neither area nor price told"
    return Reason("area_and_price", why, points, weights.area_and_price)


def _appointment(booked: bool, weights: ScoreWeights) -> Reason:
    why = "Booked an appointment" if booked else "No appointment booked"
    return Reason("appointment", why, weights.appointment if booked else 0, weights.appointment)


def rating(points: int, scoring: Scoring = DEFAULT_SCORING) -> str:
    """ "hot", "warm" or "cold"."""
    return "hot" if points >= scoring.hot_from else "warm" if points >= scoring.warm_from else "cold"


def qualified(
    facts: Mapping[str, str], points: int, *, scoring: Scoring = DEFAULT_SCORING, required: Iterable[str] = ()
) -> bool:
    """Interested, free to be served, with a timeline or a reason, every ``required`` fact and enough points."""
    return (
        points >= scoring.qualified_from
        and facts.get("interested") == "yes"
        and facts.get("agent") in ("none", "informal")
        and any(facts.get(name, "unknown") not in ("unknown", "open") for name in ("timeline", "motivation"))
        and all(facts.get(name, "unknown") != "unknown" for name in required)
    )
