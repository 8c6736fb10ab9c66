"""Appointments for a unit of money: figures by hand, intervals that hold their level, arms with nothing in them."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from billing.domain.uplift import Arm, Estimate, Uplift, calls_wanted, uplift

EMPTY = Arm(0, 0, Decimal(0), Decimal(0), Decimal(0))


def arm(calls: int, appointments: int, cost_of_each: str) -> Arm:
    """Calls that all cost the same."""
    cost = Decimal(cost_of_each)
    return Arm(calls, appointments, cost * calls, cost * appointments, cost * cost * calls)


def arm_of(booked: NDArray[np.bool_], costs: NDArray[np.float64]) -> Arm:
    """Calls one by one."""
    total, of_booked, squares = (
        Decimal(f"{value:.9f}") for value in (costs.sum(), costs[booked].sum(), (costs**2).sum())
    )
    return Arm(len(costs), int(booked.sum()), total, of_booked, squares)


def near(estimate: Estimate | None) -> object:
    assert estimate is not None
    return pytest.approx((estimate.value, estimate.low, estimate.high), rel=5e-4)


def test_the_figures_by_hand() -> None:
    """100,000 calls at 0.10 USD with 30 appointments, 10,000 at 0.05 USD with 10: 0.003 and 0.02 a USD.

    The score limits of 30 are 21.02 and 42.82, of 10 they are 5.43 and 18.41; appointments are so rare that the
    stretch is 1 to three digits, and each is half as wide again as a normal interval would say.
    """
    found = uplift(arm(100_000, 30, "0.10"), arm(10_000, 10, "0.05"))
    low = math.log(30 / 21.0162), math.log(18.4087 / 10)
    high = math.log(42.8252 / 30), math.log(10 / 5.4327)
    ratio = 0.003 / 0.02
    assert (ratio, ratio * math.exp(-math.hypot(*low)), ratio * math.exp(math.hypot(*high))) == near(found.ratio)
    below = math.hypot(0.003 - 0.00210162, 0.0368174 - 0.02)
    above = math.hypot(0.00428252 - 0.003, 0.02 - 0.0108654)
    assert (-0.017, -0.017 - below, -0.017 + above) == near(found.difference)
    assert found.sentence == (
        "For 1 USD premium brings 0.15 times the appointments of the held-out calls (95 % confidence: 0.07 to 0.30), "
        "over 110,000 calls: its effect does not pay. About 5,034,893 more calls would show a lift of 25%."
    )


def test_many_appointments_give_the_interval_of_the_delta_method() -> None:
    """By the sample covariances of each call's cost and outcome, computed independently."""
    rng = np.random.default_rng(3)
    logs, variance, arms = [], 0.0, []
    for calls, chance, mean in ((60_000, 0.2, 0.09), (20_000, 0.15, 0.05)):
        booked = rng.random(calls) < chance
        costs = rng.gamma(2, mean / 2, calls) + booked * mean
        covariance = np.cov(booked, costs)
        a, c = booked.mean(), costs.mean()
        relative = covariance[0, 0] / a**2 + covariance[1, 1] / c**2 - 2 * covariance[0, 1] / (a * c)
        variance += relative / calls
        logs.append(math.log(a / c))
        arms.append(arm_of(booked, costs))
    found = uplift(*arms).ratio
    reach = 1.959964 * math.sqrt(variance)
    assert tuple(math.exp(logs[0] - logs[1] + by) for by in (0, -reach, reach)) == near(found)


@pytest.mark.parametrize(
    ("calls", "chances", "costs"),
    [
        ((200, 50), (0.10, 0.10), (0.09, 0.05)),
        ((900, 100), (0.03, 0.03), (0.09, 0.05)),
        ((900, 100), (0.10, 0.08), (0.05, 0.05)),
        ((3_000, 400), (0.02, 0.017), (0.09, 0.05)),
    ],
)
@pytest.mark.parametrize("dearer", [0.0, 1.0], ids=["all alike", "a booking costs more"])
def test_the_interval_holds_the_truth_in_95_of_100_cases(
    calls: tuple[int, int], chances: tuple[float, float], costs: tuple[float, float], dearer: float
) -> None:
    """Half of the calls are not answered and free, the others' costs spread; an arm has 3 to 90 appointments."""
    rng = np.random.default_rng(20261123)
    truth = [p / _mean_cost(p, cost, dearer) for p, cost in zip(chances, costs, strict=True)]
    ratios: list[bool] = []
    differences: list[bool] = []
    for _ in range(1_000):
        found = uplift(*(_draw(rng, n, p, cost, dearer) for n, p, cost in zip(calls, chances, costs, strict=True)))
        if found.ratio is not None:
            ratios.append(found.ratio.low <= truth[0] / truth[1] <= found.ratio.high)
        assert found.difference is not None
        differences.append(found.difference.low <= truth[0] - truth[1] <= found.difference.high)
    assert len(ratios) > 900
    assert 0.92 <= sum(ratios) / len(ratios) <= 0.98
    assert 0.92 <= sum(differences) / len(differences) <= 0.98


def _draw(rng: np.random.Generator, calls: int, chance: float, cost: float, dearer: float) -> Arm:
    booked = rng.random(calls) < chance
    answered = booked | (rng.random(calls) < 0.5)
    return arm_of(booked, np.where(answered, rng.gamma(2, cost / 2, calls), 0) + booked * cost * dearer)


def _mean_cost(chance: float, cost: float, dearer: float) -> float:
    return cost * (0.5 + 0.5 * chance + chance * dearer)


@pytest.mark.parametrize(
    ("premium", "held_out", "sentence"),
    [
        (EMPTY, EMPTY, "Not enough yet: 0 calls, 0 appointments; about 358,731 more calls are needed."),
        (
            arm(90, 3, "0.1"),
            arm(10, 0, "0.05"),
            "Not enough yet: 100 calls, 3 appointments; about 56,965 more calls are needed.",
        ),
        (
            arm(90, 0, "0.1"),
            arm(10, 0, "0.05"),
            "Not enough yet: 100 calls, 0 appointments; about 358,631 more calls are needed.",
        ),
        (
            arm(90, 9, "0"),
            arm(10, 1, "0"),
            "Not enough yet: 100 calls, 10 appointments; about 17,065 more calls are needed.",
        ),
        (
            arm(90_000, 0, "0.1"),
            arm(10_000, 2_000, "0.05"),
            "Not enough yet: 100,000 calls, 2,000 appointments; one of the two arms has none or cost nothing.",
        ),
        (arm(50, 2, "0.1"), EMPTY, "Not enough yet: 50 calls, 2 appointments; about 42,731 more calls are needed."),
    ],
)
def test_without_an_appointment_in_both_arms_it_says_how_many_calls_are_missing(
    premium: Arm, held_out: Arm, sentence: str
) -> None:
    """With p a call and a share s held out: 1 / (p s) + 1 / (1.25 p (1 - s)), times ((1.960 + 0.842) / ln 1.25)²."""
    found = uplift(premium, held_out)
    assert (found.ratio, found.sentence) == (None, sentence)
    assert (f"about {found.calls_wanted:,} more" in sentence) is (found.calls_wanted > 0)


def test_an_arm_without_appointments_still_has_a_difference() -> None:
    """The score limits of 0 are 0 and z² = 3.84."""
    found = uplift(arm(900, 0, "0.1"), arm(100, 4, "0.05")).difference
    assert found is not None
    assert found.value == pytest.approx(-0.8)
    assert found.high == pytest.approx(-0.8 + math.hypot(3.8415 / 90, 0.8 - 0.3174), rel=5e-3)
    assert uplift(arm(900, 0, "0"), arm(100, 4, "0.05")).difference is None


@pytest.mark.parametrize(
    ("premium", "verdict"),
    [(2_000, "pays"), (1_000, "cannot be told apart from none"), (500, "does not pay")],
)
def test_the_verdict_follows_the_interval(premium: int, verdict: str) -> None:
    sentence = uplift(arm(90_000, premium, "0.1"), arm(10_000, 111, "0.1"), currency="EUR").sentence
    assert sentence.startswith("For 1 EUR premium brings ")
    assert f"over 100,000 calls: its effect {verdict}." in sentence


def test_two_calls_with_two_appointments_are_no_certainty() -> None:
    found = uplift(arm(2, 2, "0.1"), arm(2, 2, "0.1")).ratio
    assert found is not None
    assert found.value == 1
    assert found.low < 0.4
    assert found.high > 2.5


def test_enough_is_enough() -> None:
    """8,000 appointments in each arm show a quarter more many times over."""
    found = uplift(arm(80_000, 10_000, "0.1"), arm(80_000, 8_000, "0.1"))
    assert found.calls_wanted == 0
    assert "more calls" not in found.sentence


def test_rarer_appointments_and_a_smaller_share_need_more_calls() -> None:
    wanted = [
        calls_wanted(arm(900, 90, "0.1"), arm(100, 10, "0.1")),
        calls_wanted(arm(900, 9, "0.1"), arm(100, 1, "0.1")),
        calls_wanted(arm(990, 9, "0.1"), arm(10, 1, "0.1")),
    ]
    assert wanted == sorted(set(wanted))


@st.composite
def arms(draw: st.DrawFn) -> Arm:
    calls = draw(st.lists(st.tuples(st.booleans(), st.decimals(0, 3, places=6)), max_size=30))
    booked = [cost for is_booked, cost in calls if is_booked]
    costs = [cost for _, cost in calls]
    squares = sum((cost * cost for cost in costs), Decimal(0))
    return Arm(len(calls), len(booked), sum(costs, Decimal(0)), sum(booked, Decimal(0)), squares)


@given(arms(), arms())
def test_any_calls_give_an_answer(premium: Arm, held_out: Arm) -> None:
    found: Uplift = uplift(premium, held_out)
    for estimate in (found.ratio, found.difference):
        if estimate is not None:
            assert estimate.low <= estimate.value <= estimate.high
    if found.ratio is not None:
        assert found.ratio.low > 0
        swapped = uplift(held_out, premium).ratio
        assert swapped is not None
        assert swapped.value == pytest.approx(1 / found.ratio.value)
        assert swapped.low == pytest.approx(1 / found.ratio.high)
    assert found.calls_wanted >= 0
    assert (found.premium.rate is None) is (premium.cost == 0)
