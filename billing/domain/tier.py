"""Whose voice a call begins with: the local one, or the premium one where it can be had, fits and pays.

A campaign that wishes for premium has it as long as the provider can speak and every budget has room. One that leaves
it to us (``auto``) has it for the calls for which it pays, and of these a share stays local, to measure what premium
brings. Which lead stays local is drawn once, from its number: so it hears one voice in all its calls.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing.domain.money import shown
from billing.domain.watch import Rating, Score

USUAL_CHARACTERS = 900
"""Of a conversation of two minutes in which the agent speaks for one (facts of the rate card)."""
PREMIUM_LIFT = Decimal("0.10")
"""Appointments that the premium voice is taken to add, as a part of those without it: an assumption, until a
campaign's hold-out has measured it (``billing.domain.uplift``)."""
RESERVE = Decimal("0.10")
"""The last part of a budget's period is left to local calls: the price of one premium call pays for several."""
AHEAD_OF_PACE = 2
"""How many times its cost premium has to bring where a period's money goes faster than its time."""
MANY_ATTEMPTS = 3
_CHANCES = {Rating.COLD: Decimal("0.01"), Rating.WARM: Decimal("0.05"), Rating.HOT: Decimal("0.15")}
LEAST_CALLS, WORST_FAULT_SHARE = 3, Decimal("0.2")
"""A provider is left alone where of its last calls, and there were so many, this share had to be taken over."""


class Wish(StrEnum):
    """What a campaign wants."""

    LOCAL = "local"
    PREMIUM = "premium"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Standing:
    """What earlier calls say of the lead. ``score`` is that of the last talk, None where there was none; ``promised``
    that it asked to be called, at a time or not; ``attempts`` counts the calls until now.
    """

    score: Score | None = None
    promised: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """How the provider did in the last ``minutes``: premium calls that talked, those of them that the local voice had
    to take over through its fault, and those of these where it was only too slow.
    """

    calls: int = 0
    faults: int = 0
    slow: int = 0
    minutes: int = 15


@dataclass(frozen=True, slots=True)
class Room:
    """One limited period of one budget. ``elapsed`` is the part of its time that is over, None without an end."""

    budget: str
    period: str
    limit: Decimal
    free: Decimal
    elapsed: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What premium would cost, in ``currency``: ``worst`` is the whole call's worst case, ``extra`` what an usual
    conversation costs more than in the local voice. ``call_limit`` is the least of the budgets' limits for one call.
    """

    worst: Decimal
    extra: Decimal
    currency: str
    call_limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """``chosen``: premium can be had and is wished for or pays; ``held_out``: and yet this lead stays local."""

    reasons: tuple[str, ...]
    chosen: bool = False
    held_out: bool = False

    @property
    def premium(self) -> bool:
        return self.chosen and not self.held_out


def why_unable(health: Health, rooms: Iterable[Room], offer: Offer) -> str:
    """Why premium cannot be had for this call, as a sentence; "" where it can."""
    if health.calls >= LEAST_CALLS and health.faults > health.calls * WORST_FAULT_SHARE:
        late = f", {health.slow} of them by its slowness" if health.slow else ""
        return (
            f"The premium voice failed in {health.faults} of {health.calls} calls of the last {health.minutes} "
            f"minutes{late}: the local voice speaks."
        )
    worst = shown(offer.worst, offer.currency)
    if offer.call_limit is not None and offer.worst > offer.call_limit:
        limit = shown(offer.call_limit, offer.currency)
        return f"A premium call may cost {worst}, and a budget allows {limit} for one: the local voice speaks."
    for room in rooms:
        if offer.worst > room.free:
            return (
                f"A premium call may cost {worst}, and budget {room.budget!r} has "
                f"{shown(room.free, offer.currency)} free ({room.period}): the local voice speaks."
            )
    return ""


def choose(
    standing: Standing,
    rooms: Iterable[Room],
    offer: Offer,
    *,
    appointment_value: Decimal,
    holdout_percent: int,
    draw: Decimal,
) -> Choice:
    """Whether premium, which can be had, pays for this call. ``draw`` is the lead's, from 0 to before 1.

    It pays where the appointments that it is taken to add are worth more than it costs, and twice that where a
    budget's money goes faster than its time; the last tenth of a budget is not for it.
    """
    rooms = tuple(rooms)
    for room in rooms:
        if room.free - offer.worst < room.limit * RESERVE:
            return Choice(
                (
                    f"Of budget {room.budget!r} {shown(room.free, offer.currency)} of "
                    f"{shown(room.limit, offer.currency)} is free ({room.period}), and the last {_percent(RESERVE)} "
                    "are kept for local calls.",
                )
            )
    hurried = next((room for room in rooms if _ahead_of_pace(room)), None)
    chance, why = chance_of_appointment(standing)
    gain, cost = appointment_value * chance * PREMIUM_LIFT, offer.extra
    reasons = [
        f"{why}: {_percent(chance)} chance of an appointment worth {shown(appointment_value, offer.currency)}. The "
        f"premium voice is taken to add {_percent(PREMIUM_LIFT)} to that, {shown(gain, offer.currency)}, and usually "
        f"costs {shown(cost, offer.currency)} more."
    ]
    if hurried is not None and hurried.elapsed is not None:
        used = 1 - hurried.free / hurried.limit
        reasons.append(
            f"Budget {hurried.budget!r} has used {_percent(used)} after {_percent(hurried.elapsed)} of the "
            f"{hurried.period}, so premium has to bring {AHEAD_OF_PACE} times its cost."
        )
        cost *= AHEAD_OF_PACE
    if gain < cost:
        return Choice((*reasons, "It does not pay: the local voice speaks."))
    if draw * 100 < holdout_percent:
        share = f"{holdout_percent} % of such leads stay local, this one among them, to measure what premium brings."
        return Choice((*reasons, f"It pays, but {share}"), chosen=True, held_out=True)
    return Choice((*reasons, "It pays: the premium voice speaks."), chosen=True)


def chance_of_appointment(standing: Standing) -> tuple[Decimal, str]:
    """The chance, 0 to 1, that a conversation with this lead brings the appointment, and by what.

    1.7 % of the conversations with people who were never reached before: 28 % of dials connected and 1 of 209 brought
    an appointment (Baylor University and Keller Williams, 2011). The rest are this project's assumptions.
    """
    score = standing.score
    if standing.promised and (score is None or score.rating is not Rating.HOT):
        return Decimal("0.10"), "The lead asked to be called"
    if score is not None:
        return _CHANCES[score.rating], f"A {score.rating} lead, score {score.points}"
    if standing.attempts >= MANY_ATTEMPTS:
        return Decimal("0.008"), f"Not reached in {standing.attempts} calls"
    return Decimal("0.017"), "Not talked with yet"


def draw_of(lead_id: int, campaign_id: int) -> Decimal:
    """From 0 to before 1, evenly over leads and always the same for one, so that it stays in its arm."""
    digest = hashlib.sha256(f"{campaign_id}:{lead_id}".encode()).digest()
    return Decimal(int.from_bytes(digest[:4])) / 2**32


def _ahead_of_pace(room: Room) -> bool:
    return room.elapsed is not None and room.limit - room.free > room.limit * room.elapsed


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.1')).normalize():f} %"
