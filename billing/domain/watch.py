"""A call's money while it talks: may it go on, is the next billed minute worth it, may the premium voice speak?

Two rules. *The limit*: the call says goodbye ``END_AHEAD_S`` before what is held for it, or its longest length, would
be exceeded, and begins to wrap up ``WRAP_UP_AHEAD_S`` before that. *The worth*: shortly before the carrier bills
another increment (second 121 bills a third minute), what that increment may bring is compared with what it costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing.domain.card import RateCard
from billing.domain.costing import (
    CARRIERS,
    CHARACTERS_PER_S,
    LOCAL_TTS,
    TRANSFER_LEG,
    CallPlan,
    CallUsage,
    Used,
    price_call,
)
from billing.domain.money import shown
from billing.domain.rates import Unit, billed_quantity, price

END_AHEAD_S = 10
"""From the word to say goodbye until the line is closed: a second until the next look, six for the goodbye, and some
for the closing."""
WRAP_UP_AHEAD_S = 15
"""A kind end needs about two turns."""
NEXT_INCREMENT_AHEAD_S = 10
"""At about 110 s of 120 (facts of the rate card). The carrier counts from its own answer, a second before ours."""
EARLIEST_S = 30
"""Before, nothing is known of the conversation: the opening alone takes about 15 s."""
USUAL_CHARACTERS_PER_S = CHARACTERS_PER_S / 2
"""An agent speaks half of the time: 900 characters in a call of two minutes (facts of the rate card)."""
BURST_CHARACTERS = 300
"""A whole reply is asked of the provider within a second, ahead of its being heard."""


class Rating(StrEnum):
    """How far a lead is, as people read it beside a call. From which score on is the campaign's script to say."""

    COLD = "cold"
    WARM = "warm"
    HOT = "hot"


@dataclass(frozen=True, slots=True)
class Score:
    """``points`` are 0 to 100."""

    points: int
    rating: Rating


_CHANCES = {  # percent, for a cold, a warm and a hot lead
    "opening": ("0.5", "1", "2"),
    "qualifying": ("0.5", "2", "5"),
    "objection": ("0.1", "0.5", "2"),
    "booking": ("10", "20", "30"),
    "closing": ("0", "0", "0"),
}
_FADES_AFTER_MIN = 2
_NO_INCREMENT_S = 60  # where the carrier bills by the second, a minute is judged


def chance_of_appointment(progress: str, rating: Rating, *, minute: int) -> Decimal:
    """The chance, 0 to 1, that one more minute of talk brings the appointment.

    ``minute`` is how many whole minutes are over. The anchor is a study of cold dials (Baylor University and Keller
    Williams, 2011): 28 % of dials connected and 1 of 209 brought an appointment, so 1.7 % of the conversations, or
    about 0.5 % for each of their three minutes: that is a cold lead in qualification. The other entries, and that a
    minute after the second promises half of the one before, are this project's assumptions, on the low side: to be
    replaced by rates of one's own once there are calls enough. An unknown progress counts as an objection.
    """
    cold, warm, hot = _CHANCES.get(progress, _CHANCES["objection"])
    percent = {Rating.COLD: cold, Rating.WARM: warm, Rating.HOT: hot}[rating]
    return Decimal(percent) / 100 / (1 << max(0, minute - _FADES_AFTER_MIN))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one call may spend. ``plan`` is that of its hold, ``held`` the amount on every budget.

    ``premium`` is the rate-card key of the provider whose voice was held for, "" for a local call. ``by_worth`` lets
    the worth decide whether it goes on speaking; otherwise only the money does.
    """

    card: RateCard
    plan: CallPlan
    held: Decimal
    currency: str
    appointment_value: Decimal
    premium: str = ""
    by_worth: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """The call now: seconds since its answer, all that it used, and what the conversation promises.

    ``progress`` is opening, qualifying, objection, booking or closing.
    """

    talked_s: Decimal
    used: Mapping[Used, Decimal]
    progress: str
    score: Score


@dataclass(frozen=True, slots=True)
class Verdict:
    """``cost`` is what the call would be billed if it ended now. ``reason`` is "" where there is nothing to say."""

    cost: Decimal
    premium: bool
    wrap_up: bool = False
    end: bool = False
    reason: str = ""


class Watch:
    """Judges one call, each moment by itself: it remembers nothing, so asking twice changes nothing."""

    def __init__(self, allowance: Allowance) -> None:
        self._of = of = allowance
        character = Unit.CHARACTER.value
        self._per_s = {used: per_s for used, per_s in of.plan.per_s.items() if used[1] != character}
        self._per_s[LOCAL_TTS, character] = CHARACTERS_PER_S
        self._premium: Used = (of.premium, character)
        rates = (of.card.get(key) for key in CARRIERS[of.plan.carrier].per_time)
        self._rates = [rate for rate in rates if rate is not None and rate.unit is Unit.SECOND]
        self._step_s = max((rate.increment for rate in self._rates), default=0) or _NO_INCREMENT_S
        self._step_cost = self._cost_of_step()
        rate = of.card.get(of.premium)
        self._step_speech = price(rate, self._step_s * USUAL_CHARACTERS_PER_S) if rate else Decimal(0)

    def judge(self, now: Moment) -> Verdict:
        cost, promise = self._cost(now), self._promise(now)
        silenced = self._why_not_premium(now, cost, promise) if self._of.premium else ""
        premium = bool(self._of.premium) and not silenced
        ends, why = self._limit(now, premium=premium)
        why = why or self._why_not_worth(now, promise, premium=premium)
        reason = " ".join(sentence for sentence in (silenced, why) if sentence)
        return Verdict(cost, premium, wrap_up=bool(why), end=ends, reason=reason)

    def _limit(self, now: Moment, *, premium: bool) -> tuple[bool, str]:
        """Whether the call ends now, and why; a sentence alone: it begins to end. The premium voice may speak only
        where the hold lasts to the longest length, so it needs no second look at the hold.
        """
        longest_s = self._of.plan.max_length_s
        left_s = longest_s - now.talked_s
        scarce = not premium and self._cost(now, ahead_s=left_s) > self._of.held
        for ends, ahead_s, so in (
            (True, END_AHEAD_S, "it ends now"),
            (False, END_AHEAD_S + WRAP_UP_AHEAD_S, "it comes to its end"),
        ):
            if not ends and now.talked_s < EARLIEST_S:
                break
            if left_s <= ahead_s:
                return ends, f"The call may last {longest_s} s, so {so}."
            if scarce and (then := self._cost(now, ahead_s=Decimal(ahead_s))) > self._of.held:
                return (
                    ends,
                    f"In {ahead_s} s the call would cost {self._shown(then)}, and {self._held} is held: {so}.",
                )
        return False, ""

    def _why_not_worth(self, now: Moment, promise: Decimal, *, premium: bool) -> str:
        """Only shortly before the next increment begins: what is billed already may be talked."""
        step_cost = self._step_cost + (self._step_speech if premium else Decimal(0))
        if promise >= step_cost or self._paid_until_s(now) - now.talked_s > NEXT_INCREMENT_AHEAD_S:
            return ""
        return (
            f"The next {self._step_s} s cost {self._shown(step_cost)} and promise {self._shown(promise)} "
            f"({now.progress}, score {now.score.points}): the call comes to its end before they begin."
        )

    def _why_not_premium(self, now: Moment, cost: Decimal, promise: Decimal) -> str:
        """What is held has to carry the rest of the call in the premium voice; and where worth decides, that pays."""
        of = self._of
        left_s = max(of.plan.max_length_s - now.talked_s, Decimal(0))
        rest = self._cost(now, ahead_s=left_s, characters=left_s * USUAL_CHARACTERS_PER_S + BURST_CHARACTERS) - cost
        if cost + rest > of.held:
            return (
                f"The rest of the call would cost {self._shown(rest)} in the premium voice, and of {self._held} held "
                f"{self._shown(cost)} is spent: the local voice speaks on."
            )
        if not of.by_worth or promise >= self._step_cost + self._step_speech:
            return ""
        if now.progress == "closing":
            # A warm lead hears its goodbye in the voice that it agreed with.
            if now.score.rating is not Rating.COLD:
                return ""
            return f"The call closes at a score of {now.score.points}: the local voice does."
        return (
            f"The next {self._step_s} s in the premium voice cost {self._shown(self._step_cost + self._step_speech)} "
            f"and promise {self._shown(promise)} ({now.progress}, score {now.score.points}): the local voice speaks "
            "on."
        )

    def _promise(self, now: Moment) -> Decimal:
        """What one more increment may bring. A booking, and what is not known yet, is worth any."""
        if now.progress == "booking" or now.talked_s < EARLIEST_S:
            return Decimal("Infinity")
        chance = chance_of_appointment(now.progress, now.score.rating, minute=int(self._paid_until_s(now) // 60))
        return self._of.appointment_value * chance * self._step_s / 60

    def _paid_until_s(self, now: Moment) -> Decimal:
        """The second of the call after which the carrier bills more; now, where it bills as it is used."""
        talked_s = max(now.talked_s, Decimal(1))
        return min((billed_quantity(rate, talked_s) for rate in self._rates), default=talked_s)

    def _cost(self, now: Moment, *, ahead_s: Decimal = Decimal(0), characters: Decimal = Decimal(0)) -> Decimal:
        """The call's bill, ``ahead_s`` later if it uses on as planned and ``characters`` of the premium voice."""
        used = dict(now.used)
        if ahead_s > 0:
            unplanned_s = max(now.talked_s, Decimal(EARLIEST_S))
            for key, quantity in now.used.items():
                if key[1] != Unit.CHARACTER and key[0] != TRANSFER_LEG and key not in self._per_s:
                    used[key] += quantity * ahead_s / unplanned_s
            for key, per_s in self._per_s.items():
                used[key] = used.get(key, Decimal(0)) + per_s * ahead_s
        if characters:
            used[self._premium] = used.get(self._premium, Decimal(0)) + characters
        return self._bill(max(now.talked_s, now.talked_s + ahead_s), used)

    def _bill(self, answered_s: Decimal, used: Mapping[Used, Decimal]) -> Decimal:
        of = self._of
        usage = CallUsage(answered_s, of.plan.detect_machine, of.plan.carrier, used)
        return price_call(of.card, usage, currency=of.currency).total

    def _cost_of_step(self) -> Decimal:
        """One more increment in the local voice. What a language model may be asked in it is next to nothing."""
        per_s = {used: per_s for used, per_s in self._per_s.items() if used[1] != Unit.TOKEN}
        begin_s = max((rate.minimum for rate in self._rates), default=0) or self._step_s
        first, second = (
            self._bill(Decimal(end_s), {key: each * end_s for key, each in per_s.items()})
            for end_s in (begin_s, begin_s + self._step_s)
        )
        return second - first

    @property
    def _held(self) -> str:
        return self._shown(self._of.held)

    def _shown(self, amount: Decimal) -> str:
        return shown(amount, self._of.currency)
