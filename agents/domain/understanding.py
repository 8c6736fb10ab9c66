"""One turn of the lead, read by rules in the light of what was asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agents.domain import entities, intents
from agents.domain.entities import Financing, Motivation
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.questions import TIMES, Question
from agents.domain.slots import NO_CHOICE, Choice, choose
from agents.domain.text import normalise
from agents.domain.times import DEFAULT, instant

_ANSWERS_IN_PLACE_OF_OBJECTIONS: dict[Question, frozenset[Objection]] = {
    Question.AGENT: frozenset({Objection.NOT_READY}),
    Question.FINANCING: frozenset({Objection.SELL_FIRST, Objection.RATES, Objection.NOT_READY}),
    Question.REMOVAL: frozenset(Objection),
    Question.STILL_THERE: frozenset({Objection.NOT_INTERESTED}),
    Question.SLOT: frozenset({Objection.NOT_INTERESTED, Objection.NOT_READY, Objection.JUST_LOOKING}),
    Question.CALLBACK: frozenset({Objection.NOT_INTERESTED, Objection.WAIT_MARKET}),
    Question.CALLBACK_OFFER: frozenset({Objection.NOT_INTERESTED, Objection.NOT_READY}),
}
"""Under these questions these words answer them rather than object to the call."""


@dataclass(frozen=True, slots=True)
class Context:
    """What has to be known to read a turn.

    ``question`` is what was asked last, ``topic`` what the call is on to (the same, unless the last question was an
    aside such as "are you still there"). ``side`` is "sell", "buy" or "". ``offered`` are the times on offer,
    ``free`` all that could be.
    """

    question: Question | None
    topic: Question | None
    side: str
    heard_whole: bool
    offered: Sequence[datetime]
    free: Sequence[datetime]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Reading:
    """What a turn says. ``answer`` is None too when the question had not been heard; ``at`` is a time wished for."""

    text: str
    words: str
    intents: frozenset[Intent] = frozenset()
    objection: Objection | None = None
    answer: Answer | None = None
    choice: Choice = NO_CHOICE
    at: datetime | None = None
    money: int | None = None
    months: int | None = None
    no_timeline: bool = False
    motivation: Motivation | None = None
    financing: Financing | None = None
    location: str | None = None


def understand(text: str, context: Context, *, now: datetime) -> Reading:
    """Read ``text``. Never raises; what is not understood is simply not in the reading."""
    words = normalise(text)
    purpose = intents.read(words)
    topic = context.topic
    months = entities.timeline_months(text, now=now, asked=topic is Question.TIMELINE)
    return Reading(
        text=text,
        words=words,
        intents=_intents(purpose.intents, context.side),
        objection=_main_objection(purpose.objections, context.question, topic, months),
        answer=intents.answer(words) if context.heard_whole else None,
        choice=_choice(text, context, now),
        at=_wished_at(text, context, months, now),
        money=entities.money(text, asked=topic in (Question.PRICE, Question.BUDGET, Question.SEARCH)),
        months=months,
        no_timeline=entities.no_timeline(text),
        motivation=entities.motivation(text),
        financing=entities.financing(text),
        location=entities.location(text, asked=topic in (Question.AREA, Question.SEARCH)),
    )


def _intents(found: frozenset[Intent], side: str) -> frozenset[Intent]:
    """Who does not own the home that we call about is the wrong person; who wants to buy one need not own any."""
    return found | {Intent.WRONG_NUMBER} if Intent.NOT_OWNER in found and side == "sell" else found


def _main_objection(
    found: frozenset[Objection], question: Question | None, topic: Question | None, months: int | None
) -> Objection | None:
    """The objection to answer, in the order of the enumeration; a date in the turn answers "not ready" by itself."""
    if question is None or topic is None:
        return next((kind for kind in Objection if kind in found), None)
    left = found - _ANSWERS_IN_PLACE_OF_OBJECTIONS.get(question, frozenset())
    left -= _ANSWERS_IN_PLACE_OF_OBJECTIONS.get(topic, frozenset()) if topic is Question.FINANCING else frozenset()
    if months is not None:
        left -= {Objection.NOT_READY}
    return next((kind for kind in Objection if kind in left), None)


def _choice(text: str, context: Context, now: datetime) -> Choice:
    if context.question not in TIMES or not context.offered:
        return NO_CHOICE
    choice = choose(text, context.offered, free=context.free, zone=context.zone, now=now)
    return choice if context.heard_whole or choice.taken is None else Choice(unclear=True)


def _wished_at(text: str, context: Context, months: int | None, now: datetime) -> datetime | None:
    asked = context.question in TIMES
    wished = instant(text, now=now, zone=context.zone, bare_hour=asked)
    if wished is None and asked and months is not None:
        return days_ahead(30 * months, now=now, zone=context.zone)
    return wished


def days_ahead(days: int, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The first working day after ``days`` days, at the default hour in ``zone``, in UTC."""
    day = now.astimezone(zone).date() + timedelta(days=days)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, DEFAULT, tzinfo=zone).astimezone(now.tzinfo)
