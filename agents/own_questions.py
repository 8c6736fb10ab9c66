"""Answers to a script's own questions: read by the question's kind, and kept as facts under its name."""

import re
from dataclasses import replace

from agents.domain import entities
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.numbers import digits
from agents.domain.script import Kind, Step
from agents.domain.types import Heard
from agents.domain.understanding import Reading
from agents.qualification import ASKED, UNKNOWN
from agents.state import CallState

_ANSWERS = frozenset(
    {
        Objection.NOT_READY,
        Objection.COMMISSION,
        Objection.RATES,
        Objection.SPOUSE,
        Objection.SELF_SELLING,
        Objection.WAIT_MARKET,
        Objection.SELL_FIRST,
        Objection.NOWHERE_TO_GO,
    }
)
"""Objections whose words are an answer where they hold what was asked for: "my wife decides", "not yet"."""

_NO_ANSWER = frozenset(
    {
        Intent.GREETING, Intent.REPEAT, Intent.WHO_IS_THIS, Intent.ROBOT_QUESTION, Intent.HOLD, Intent.GOODBYE,
        Intent.HOW_GOT_NUMBER, Intent.BAD_TIME, Intent.CALLBACK, Intent.PERSON_REQUEST, Intent.WRONG_NUMBER,
        Intent.SCREENING, Intent.NOT_HERE, Intent.OTHER_LANGUAGE, Intent.FAIR_HOUSING, Intent.APPOINTMENT,
        Intent.SIDE_TALK, Intent.MAY_OPT_OUT,
    }
)  # fmt: skip
"""Turns that are about the call, and not to be kept as what somebody said to a question."""

_NUMBER = re.compile(r"(?<![\d.])\d{1,9}(?![\d.])")
_LONG_NUMBER = re.compile(r"\d(?:[\s().-]?\d){5,}")
"""Of a phone, an account or a card: not to be kept in a fact."""


def for_the_rest(reading: Reading, step: Step) -> Reading:
    """``reading`` without what answers ``step``, so that it is taken for no other fact: a sum owed is no price."""
    if step.kind in (Kind.MONEY, Kind.NUMBER):
        return replace(reading, money=None)
    return replace(reading, months=None, no_timeline=False) if step.kind is Kind.TIMELINE else reading


def answered(state: CallState, reading: Reading, step: Step, heard: Heard, *, before: CallState) -> CallState:
    """``state`` with the answer to ``step``, if the turn holds one. What the turn told anyway is not overwritten."""
    name = step.name
    if not before.heard_whole or state.value(name) != before.value(name) or reading.intents & _NO_ANSWER:
        return state
    if Intent.DO_NOT_KNOW in reading.intents:
        return state.learn(name, UNKNOWN, ASKED)
    if reading.objection is not None and reading.objection not in _ANSWERS:
        return state
    value = _value(reading, step, heard)
    return state.learn(name, value, ASKED) if value else state


def is_no_objection(reading: Reading, step: Step, *, state: CallState, before: CallState) -> Reading:
    """``reading`` without an objection where its words answered ``step``."""
    told = state.value(step.name) and state.value(step.name) != before.value(step.name)
    return replace(reading, objection=None) if told and reading.objection in _ANSWERS else reading


def _value(reading: Reading, step: Step, heard: Heard) -> str:
    """What was answered, "" where nothing of the question's kind was said."""
    match step.kind:
        case Kind.YES_NO:
            return {Answer.YES: "yes", Answer.NO: "no", None: ""}[reading.answer]
        case Kind.NUMBER:
            found = _NUMBER.search(digits(reading.words))
            return str(int(found[0])) if found else ""
        case Kind.MONEY:
            amount = entities.money(reading.text, asked=True)
            return "" if amount is None else str(amount)
        case Kind.TIMELINE:
            months = entities.timeline_months(reading.text, now=heard.at, asked=True)
            return str(months) if months is not None else "open" if reading.no_timeline else ""
    words = _LONG_NUMBER.sub("...", heard.text).split() if reading.words else []
    return " ".join(words[: step.words])
