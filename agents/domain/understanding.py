"""One turn of the lead, read by rules in the light of what was asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agents.domain import entities, intents, plans
from agents.domain.corrections import Said, said
from agents.domain.entities import Financing, Motivation
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.money import money, owed
from agents.domain.numbers import digits
from agents.domain.opt_out import may_opt_out
from agents.domain.places import anywhere, location
from agents.domain.plans import Deciders, Plan, Speaker
from agents.domain.property import NOTHING_TOLD, Property, described
from agents.domain.questions import TIMES, Question
from agents.domain.slots import NO_CHOICE, Choice, choose
from agents.domain.spanish import SPANISH, in_english, is_spanish
from agents.domain.text import clauses, fluent, normalise
from agents.domain.times import DEFAULT, Wished, wished

_PRICES = frozenset({Question.PRICE, Question.BUDGET, Question.SEARCH})
_AREAS = frozenset({Question.AREA, Question.SEARCH})
_FIRST = frozenset({Question.INTEREST, Question.SIDE})
_IN_BETWEEN = re.compile(r"\b(?:first|before|then|after\w*|until|till|while)\b")
_TIMED = TIMES | {Question.KEEP}
_OF_PRICE = re.compile(r"\b(?:price|asking|budget|dollars|bucks|thousand|grand|\d+k)\b")
_NO_MINUTES = re.compile(r"\b[1-9] ?[6-9]\d\b|\b\d{5,7}\b")
_NO_APPOINTMENT = re.compile(rf"{_NO_MINUTES.pattern}|\b[1-9] ?(?!00|15|30|45)[0-5]\d\b")
"""Four seventy, 470000; and "four fifty", for an appointment is at a quarter of an hour."""
_MOST_WORDS_OF_A_PLACE = 4
_WITH_SIDE_TALK = frozenset(
    {Intent.HOLD, Intent.GREETING, Intent.REPEAT, Intent.BAD_TIME, Intent.DO_NOT_KNOW, Intent.ASKS}
)
_TO_IT_ALL = (Objection.NOT_INTERESTED, Objection.ALREADY_DONE)
_PLAINLY = frozenset(
    {
        Intent.WRONG_NUMBER, Intent.DECEASED, Intent.CRISIS, Intent.CHILD, Intent.CALLBACK_NUMBER,
        Intent.PERSON_REQUEST, Intent.NO_AGENT, Intent.UNSIGNED, Intent.BAD_TIME, Intent.CALLBACK, Intent.NOT_HERE,
        Intent.OTHER_LANGUAGE, Intent.VOICEMAIL, Intent.SCREENING, Intent.HOLD, Intent.FAIR_HOUSING,
        Intent.APPOINTMENT, Intent.ABUSE, Intent.ILL, Intent.RENTER,
    }
)  # fmt: skip
"""What a turn is for where it does not ask to be left alone, however it sounds."""
_ANSWERS_IN_PLACE_OF_OBJECTIONS: dict[Question, frozenset[Objection]] = {
    Question.AGENT: frozenset({Objection.NOT_READY}),
    Question.AGENT_SIGNED: frozenset({Objection.NOT_READY}),
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
    ``free`` all that could be. ``name`` is the lead's first name, and ``recent`` are the facts that the turn before
    gave: a bare "no wait, four fifty" corrects those. ``language`` is the one that they were heard to speak.
    """

    question: Question | None
    topic: Question | None
    side: str
    heard_whole: bool
    offered: Sequence[datetime]
    free: Sequence[datetime]
    zone: ZoneInfo
    name: str = ""
    recent: frozenset[str] = frozenset()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a turn says. ``answer`` is None too when the question had not been heard; ``at`` is a time wished for,
    ``doubtful`` where part of it is our guess.

    ``corrects``: the person takes something back, so what the turn gives counts more than what was known.
    ``anywhere``: asked for an area, they have none.
    """

    text: str
    words: str
    intents: frozenset[Intent] = frozenset()
    objection: Objection | None = None
    answer: Answer | None = None
    choice: Choice = NO_CHOICE
    at: datetime | None = None
    doubtful: bool = False
    money: int | None = None
    months: int | None = None
    no_timeline: bool = False
    motivation: Motivation | None = None
    financing: Financing | None = None
    location: str | None = None
    anywhere: bool = False
    owed: int | None = None
    home: Property = NOTHING_TOLD
    plan: Plan | None = None
    deciders: Deciders | None = None
    speaker: Speaker | None = None
    corrects: bool = False


def understand(text: str, context: Context, *, now: datetime) -> Reading:
    """Read ``text``. Never raises; what is not understood is simply not in the reading."""
    given, spanish = text, is_spanish(text)
    text = in_english(text) if spanish or context.language == SPANISH else fluent(text)
    words = normalise(text)
    name = normalise(context.name)
    purpose = intents.read(words, name=name)
    turn, topic = said(text), context.topic
    objects = bool(purpose.objections - {Objection.NOT_READY})
    dated = not objects and _asks(context, turn, "timeline")
    months = turn.latest(lambda piece: entities.timeline_months(piece, now=now, asked=dated))
    financing = turn.latest(entities.financing)
    plan = _plan(turn, words, context)
    other = topic not in TIMES and plans.is_another(given, context.name)
    price, timed = _price(text, turn, context)
    wish = _wish(timed, context, months, now, calls=Intent.CALLBACK in purpose.intents)
    reading = Reading(
        text=given,
        words=words,
        intents=_intents(purpose.intents, context.side, plan, words, other=other)
        | _foreign(given, words, spanish=spanish),
        objection=_main_objection(purpose.objections or _of_plan(plan), context.question, topic, months),
        answer=_answer(turn, words, context.question) if context.heard_whole else None,
        choice=_choice(timed, context, now),
        at=wish.at if wish else None,
        doubtful=wish is not None and wish.doubtful,
        money=price,
        months=months,
        no_timeline=entities.no_timeline(text),
        motivation=turn.latest(entities.motivation),
        financing=financing,
        location=_location(turn, context, unnamed=objects or Intent.ASKS in purpose.intents),
        anywhere=topic in _AREAS and anywhere(text),
        owed=_owed(turn, context, financing),
        home=_home(turn, wanted=context.side == "buy"),
        plan=plan,
        deciders=plans.deciders(words),
        speaker=Speaker.OTHER if other else plans.speaker(words, name),
        corrects=turn.corrects or timed != text,
    )
    if timed != text:
        reading = _of_the_price_alone(reading)
    if Intent.SIDE_TALK in reading.intents:
        return _beside(reading, context)
    doubt = {Intent.MAY_OPT_OUT} if _is_open(reading) and may_opt_out(given) else set[Intent]()
    return replace(reading, intents=reading.intents | doubt)


def _of_the_price_alone(reading: Reading) -> Reading:
    """A "no wait" is said to the price of before; of the times only one that is taken counts beside it."""
    choice = reading.choice if reading.choice.taken else NO_CHOICE
    return replace(reading, answer=None, objection=None, choice=choice)


def after_a_hold(reading: Reading, *, fetched: bool) -> Reading:
    """ "Okay, go ahead" answers nothing; a "hello" is the lead's where somebody was to fetch them (``fetched``)."""
    if intents.goes_on(reading.words):
        return replace(reading, intents=reading.intents | {Intent.BACK}, answer=None, choice=NO_CHOICE)
    if fetched and reading.speaker is None and reading.intents & {Intent.GREETING, Intent.WHO_IS_THIS}:
        return replace(reading, speaker=Speaker.LEAD)
    return reading


def _beside(reading: Reading, context: Context) -> Reading:
    """Said to somebody in the room, it is nothing to us, unless it says something of the plans too."""
    told = (reading.money, reading.months, reading.location, reading.plan, reading.financing)
    timed = context.question in TIMES and reading.at is not None
    if (
        timed
        or any(part is not None for part in told)
        or reading.choice.taken
        or len(reading.intents - _WITH_SIDE_TALK) > 1
    ):
        return replace(reading, intents=reading.intents - {Intent.SIDE_TALK})
    return Reading(text=reading.text, words=reading.words, intents=frozenset({Intent.SIDE_TALK}))


def _is_open(reading: Reading) -> bool:
    """Whether it may still be a wish to be left alone: no figure and no time, no plan, no objection but to it all."""
    told = (reading.money, reading.months, reading.financing, reading.owed, reading.at, reading.choice.taken)
    return (
        all(part is None for part in told)
        and reading.plan in (None, Plan.NONE)
        and reading.objection in (None, *_TO_IT_ALL)
        and not reading.intents & _PLAINLY
    )


def _asks(context: Context, turn: Said, kind: str) -> bool:
    """Whether a bare number is a price or a count of months: it was asked for, or corrects the one given last."""
    topics, facts = _BARE_FOR[kind]
    return context.topic in topics or (turn.corrects and bool(context.recent & facts))


_BARE_FOR = {
    "price": (_PRICES, frozenset({"price", "budget"})),
    "timeline": (frozenset({Question.TIMELINE}), frozenset({"timeline"})),
}


def _plan(turn: Said, words: str, context: Context) -> Plan | None:
    """What they want at all. A seller who is to rent in between, or afterwards, sells all the same."""
    first = context.topic in _FIRST
    asked = context.topic is Question.SIDE
    found = turn.latest(lambda piece: plans.plan(normalise(piece), asked=asked, first=first))
    moves_on = found is Plan.RENT and context.side == "sell" and not plans.lets(words)
    moves_on = moves_on and (not first or _IN_BETWEEN.search(words) is not None)
    return None if moves_on else found


def _price(text: str, turn: Said, context: Context) -> tuple[int | None, str]:
    """The price, and ``text`` without it where a time was asked for: what is corrected there is no hour."""
    repriced = [piece for piece in clauses(text) if _reprices(piece, turn, text, context)]
    if repriced:
        rest = ", ".join(piece for piece in clauses(text) if piece not in repriced)
        return money(repriced[-1], asked=True), rest
    wished, asked = context.topic not in _TIMED, _asks(context, turn, "price")
    return turn.latest(lambda piece: money(piece, asked=asked, wished=wished)), text


def _reprices(piece: str, turn: Said, text: str, context: Context) -> bool:
    """Whether a clause that was said to an offer of times is of the price: it says so, or no clock shows it."""
    if context.topic not in TIMES or money(piece, asked=True) is None:
        return False
    if _OF_PRICE.search(piece):
        return True
    never = _NO_MINUTES if context.topic is Question.CALLBACK else _NO_APPOINTMENT
    return (turn.corrects or _OF_PRICE.search(text) is not None) and never.search(digits(piece)) is not None


def _of_plan(plan: Plan | None) -> frozenset[Objection]:
    """Whoever stays, or rents, has no use for what we call about."""
    return frozenset({Objection.NOT_INTERESTED}) if plan in (Plan.NONE, Plan.RENT) else frozenset()


def _answer(turn: Said, words: str, question: Question | None) -> Answer | None:
    """Yes or no; of a time, the no that begins a correction as well: "no, make it Friday"."""
    found = turn.latest(lambda piece: intents.answer(normalise(piece)))
    return found or (intents.answer(words) if question in TIMES else None)


def _location(turn: Said, context: Context, *, unnamed: bool) -> str | None:
    """The place that is named. Words that object (``unnamed``), ask, or answer what we asked about an objection, are
    no name."""
    asked = context.topic in _AREAS and context.question is not Question.OBJECTION and not unnamed
    if not asked and turn.corrects and "area" in context.recent:
        asked = len(normalise(turn.pieces[-1]).split()) <= _MOST_WORDS_OF_A_PLACE
    if asked and anywhere(turn.pieces[-1]):
        return None
    return turn.latest(lambda piece: location(piece, asked=asked))


def _owed(turn: Said, context: Context, financing: Financing | None) -> int | None:
    """What is owed, where they say so; any amount, where a seller was asked about a mortgage."""
    asked = context.side != "buy" and context.topic is Question.FINANCING and financing is not Financing.PAID_OFF
    return turn.latest(lambda piece: owed(piece, asked=asked))


def _home(turn: Said, *, wanted: bool) -> Property:
    """Each trait from the last piece that tells it."""
    homes = [described(normalise(piece), wanted=wanted) for piece in turn.pieces]
    latest = [
        next((value for value in reversed(values) if value is not None), None) for values in zip(*homes, strict=True)
    ]
    return Property(*latest)


def _intents(found: frozenset[Intent], side: str, plan: Plan | None, words: str, *, other: bool) -> frozenset[Intent]:
    """Who does not own the home that we call about is the wrong person; who wants to buy one need not own any.

    Whoever tells that the lead has died, and has plans of their own, is an heir to talk with; so is who decides for
    a lead that cannot. ``other``: they said a name that is not the lead's.
    """
    if plan in (Plan.SELL, Plan.BUY, Plan.BOTH):
        found -= {Intent.DECEASED}
    if plan is Plan.RENT and not plans.lets(words):
        found |= {Intent.RENTER}
    if other and Intent.WRONG_NUMBER not in found:
        found |= {Intent.NOT_HERE}
    if Intent.SPEAKS_FOR in found:
        found -= {Intent.NOT_HERE, Intent.ILL}
    return found | {Intent.WRONG_NUMBER} if Intent.NOT_OWNER in found and side == "sell" else found


def _foreign(text: str, words: str, *, spanish: bool) -> frozenset[Intent]:
    """Speech in letters of another alphabet leaves no words."""
    unwritten = not words and any(letter.isalpha() and not letter.isascii() for letter in text)
    return frozenset({Intent.OTHER_LANGUAGE}) if unwritten or spanish else frozenset()


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


def _wish(text: str, context: Context, months: int | None, now: datetime, *, calls: bool) -> Wished | None:
    """The time that is wished for. ``calls``: for a call; one that was read back keeps what is not said anew."""
    asked = context.question in TIMES
    back = context.offered[0] if context.question is Question.CALLBACK and len(context.offered) == 1 else None
    minutes = calls or context.question is Question.CALLBACK
    found = wished(text, now=now, zone=context.zone, bare_hour=asked, bare_minutes=minutes, corrects=back)
    if found is None and asked and months is not None:
        return Wished(days_ahead(30 * months, now=now, zone=context.zone))
    return found


def days_ahead(days: int, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The first working day after ``days`` days, at the default hour in ``zone``, in UTC."""
    day = now.astimezone(zone).date() + timedelta(days=days)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, DEFAULT, tzinfo=zone).astimezone(now.tzinfo)
