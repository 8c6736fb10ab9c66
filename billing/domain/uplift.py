"""What premium brings: appointments for a unit of money, against the share of calls that was held out.

Both arms hold only calls for which premium was chosen; a draw made some of them local. Calls count in the arm of
their draw, also those that the local voice took over. An arm's rate is its appointments over its cost. Appointments
are few, so a normal interval of the log ratio would be far off. Instead

* the number of appointments has the score interval of a Poisson mean, which holds its level down to a few events
  (L. Barker, "A comparison of nine confidence intervals for a Poisson parameter when the expected number of events is
  <= 5", The American Statistician 56, 2002);
* on the log scale it is stretched by what the delta method says of the whole rate: the cost spreads too, and calls
  with an appointment cost more than others;
* the two arms' intervals are joined to one of their ratio and one of their difference by the method of variance
  estimates recovery, MOVER (G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a
  general approach", Statistics in Medicine 27, 2008; for ratios of Poisson rates H.-Q. Li, M.-L. Tang and W. K. Wong,
  Computational Statistics 29, 2014, who prefer the score intervals).

Amounts become floats here: these are estimates, not money.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist

LEVEL = 0.95
POWER = 0.80
LIFT_TO_SEE = 0.25
"""The effect that a plan for more calls is made for: a quarter more appointments for the same money."""
USUAL_CHANCE = 1 / 209
"""Appointments per dial where none is known yet (Baylor University and Keller Williams, 2011)."""
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_Z_POWER = NormalDist().inv_cdf(POWER)


@dataclass(frozen=True, slots=True)
class Arm:
    """The calls of one arm: how many, with how many appointments; their cost, that of those with an appointment, and
    the sum of the squares of each call's cost.
    """

    calls: int
    appointments: int
    cost: Decimal
    appointments_cost: Decimal
    cost_squares: Decimal

    @property
    def rate(self) -> float | None:
        """Appointments for a unit of money; None where nothing was spent."""
        return self.appointments / float(self.cost) if self.cost > 0 else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Uplift:
    """``ratio`` is the premium arm's rate over the held-out one's, None until both have an appointment;
    ``difference`` is one less the other, None until both have cost something. ``calls_wanted`` more, of both arms,
    would tell.
    """

    premium: Arm
    held_out: Arm
    ratio: Estimate | None
    difference: Estimate | None
    calls_wanted: int
    sentence: str


def uplift(premium: Arm, held_out: Arm, *, currency: str = "USD") -> Uplift:
    """Compare the arms. Never raises for arms that are empty, free or without appointments."""
    wanted = calls_wanted(premium, held_out)
    ratio, difference = _ratio(premium, held_out), _difference(premium, held_out)
    return Uplift(premium, held_out, ratio, difference, wanted, _sentence(premium, held_out, ratio, wanted, currency))


def calls_wanted(premium: Arm, held_out: Arm) -> int:
    """How many calls more, shared between the arms as until now, show a lift of ``LIFT_TO_SEE`` with 80 % power.

    By the variance of the log ratio of two rates, 1/a + 1/b for a and b expected appointments, each stretched as
    above (J. M. Lachin, Biostatistical Methods, 2nd ed. 2011). Without calls in both arms a tenth is taken for the
    share of the held-out ones, without an appointment the usual chance.
    """
    calls = premium.calls + held_out.calls
    share = held_out.calls / calls if premium.calls and held_out.calls else 0.1
    chance = (premium.appointments + held_out.appointments) / calls if calls else 0.0
    chance = chance or USUAL_CHANCE
    variance_of_one = _stretch(held_out) ** 2 / (chance * share)
    variance_of_one += _stretch(premium) ** 2 / (chance * (1 + LIFT_TO_SEE) * (1 - share))
    needed = ((_Z + _Z_POWER) / math.log(1 + LIFT_TO_SEE)) ** 2 * variance_of_one
    return max(0, math.ceil(needed) - calls)


def _ratio(premium: Arm, held_out: Arm) -> Estimate | None:
    if not (premium.appointments and held_out.appointments and premium.cost > 0 and held_out.cost > 0):
        return None
    one, two = _interval(premium), _interval(held_out)
    log_ratio = math.log(one.value / two.value)
    below = math.hypot(math.log(one.value / one.low), math.log(two.high / two.value))
    above = math.hypot(math.log(one.high / one.value), math.log(two.value / two.low))
    return Estimate(math.exp(log_ratio), math.exp(log_ratio - below), math.exp(log_ratio + above))


def _difference(premium: Arm, held_out: Arm) -> Estimate | None:
    if not (premium.cost > 0 and held_out.cost > 0):
        return None
    one, two = _interval(premium), _interval(held_out)
    value = one.value - two.value
    below = math.hypot(one.value - one.low, two.high - two.value)
    above = math.hypot(one.high - one.value, two.value - two.low)
    return Estimate(value, value - below, value + above)


def _interval(arm: Arm) -> Estimate:
    """The arm's rate, by the score limits of its count: a + z²/2 ± z √(a + z²/4)."""
    count, cost = arm.appointments, float(arm.cost)
    middle, reach = count + _Z**2 / 2, _Z * math.sqrt(count + _Z**2 / 4)
    if not count:
        return Estimate(0.0, 0.0, (middle + reach) / cost)
    stretch = _stretch(arm)
    rate = count / cost
    return Estimate(rate, rate * ((middle - reach) / count) ** stretch, rate * ((middle + reach) / count) ** stretch)


def _stretch(arm: Arm) -> float:
    """The standard error of the log of appointments over cost, as a multiple of that of a Poisson count, 1/√a.

    By the delta method its square is (1 - p) + p v - 2 p (k - 1), where p is the share of calls with an appointment,
    v the variance of a call's cost over its squared mean, and k what one with an appointment costs, in means. It is 1
    where appointments are rare. ``p`` counts z² calls more than there were (A. Agresti and B. Coull, The American
    Statistician 52, 1998): two calls with two appointments are no certainty.
    """
    if arm.cost <= 0 or not arm.appointments:
        return 1.0
    mean = float(arm.cost) / arm.calls
    share = arm.appointments / (arm.calls + _Z**2)
    v = float(arm.cost_squares) / arm.calls / mean**2 - 1
    k = float(arm.appointments_cost) / arm.appointments / mean
    return math.sqrt(max(0.0, (1 - share) + share * v - 2 * share * (k - 1)))


def _sentence(premium: Arm, held_out: Arm, ratio: Estimate | None, wanted: int, currency: str) -> str:
    calls, appointments = premium.calls + held_out.calls, premium.appointments + held_out.appointments
    if ratio is None:
        needed = (
            f"about {wanted:,} more calls are needed" if wanted else "one of the two arms has none or cost nothing"
        )
        return f"Not enough yet: {calls:,} calls, {appointments:,} appointments; {needed}."
    verdict = "cannot be told apart from none"
    if ratio.low > 1:
        verdict = "pays"
    elif ratio.high < 1:
        verdict = "does not pay"
    more = f" About {wanted:,} more calls would show a lift of {LIFT_TO_SEE:.0%}." if wanted else ""
    return (
        f"For 1 {currency} premium brings {ratio.value:.2f} times the appointments of the held-out calls "
        f"(95 % confidence: {ratio.low:.2f} to {ratio.high:.2f}), over {calls:,} calls: its effect {verdict}.{more}"
    )
