"""What qualifies a lead: motivation, timeline, place and price, another agent, finance."""

from dataclasses import replace
from typing import ClassVar

from agents.base import AgentName, BaseAgent, Move, Scene
from agents.domain.entities import Financing, Motivation
from agents.domain.intents import Answer, Intent
from agents.domain.questions import ASIDES, TIMES, Question
from agents.domain.types import Disposition, EndCall
from agents.domain.understanding import Reading
from agents.state import CallState

ASKED, VOLUNTEERED, GUESSED = 0.9, 0.7, 0.5
"""Confidence of a fact that answers its question, that came by itself, that a bare yes or no stands for."""

UNKNOWN = "unknown"
_FACT_OF = {
    Question.MOTIVATION: ("motivation",),
    Question.TIMELINE: ("timeline",),
    Question.PRICE: ("price",),
    Question.SEARCH: ("area", "budget"),
    Question.AREA: ("area",),
    Question.BUDGET: ("budget",),
    Question.AGENT: ("agent",),
    Question.FINANCING: ("financing",),
}
_SURE_FINANCING = frozenset({Financing.PRE_APPROVED, Financing.CASH, Financing.PAID_OFF, Financing.SELL_FIRST})
_NO_REASON = frozenset(
    {
        Intent.GREETING, Intent.REPEAT, Intent.WHO_IS_THIS, Intent.ROBOT_QUESTION, Intent.HOLD, Intent.GOODBYE,
        Intent.HOW_GOT_NUMBER, Intent.BAD_TIME, Intent.CALLBACK, Intent.PERSON_REQUEST, Intent.DO_NOT_KNOW,
        Intent.HAS_AGENT, Intent.SIGNED, Intent.WRONG_NUMBER, Intent.SCREENING, Intent.NOT_HERE,
        Intent.OTHER_LANGUAGE,
    }
)  # fmt: skip
"""Turns that are about the call and so give no reason for a move."""

_ANSWER, _LONG_ANSWER = 3, 7
"""Words from which an answer in free speech is taken for a reason; more of them when it holds a yes or no."""

_THANKS = ("Thank you.", "Understood.", "Got it.")


class QualificationAgent(BaseAgent[Scene, Move]):
    """Acknowledges what was learnt; the agenda asks on. A signed agreement with another agent ends the call."""

    name: ClassVar[AgentName] = AgentName.QUALIFICATION

    def act(self, scene: Scene) -> Move:
        state = replace(scene.state, unclear=0)
        if state.value("agent") == "signed":
            return Move(
                replace(state, settled=Disposition.HAS_AGENT),
                say=(farewell := scene.brief.script.lines.has_agent),
                acts=(EndCall("has_agent"),),
                personal=farewell in scene.brief.script.personal,
            )
        if state.value("interested") and not scene.before.value("interested"):
            return Move(state, say="Great.")
        return Move(state, say=_THANKS[state.turn % len(_THANKS)])


def absorb(state: CallState, reading: Reading, *, topic: Question, side: str) -> CallState:
    """``state`` with the facts of ``reading``; none from a turn that asks for what Fair Housing forbids."""
    if Intent.FAIR_HOUSING in reading.intents:
        return state
    answer = None if state.question in ASIDES else reading.answer
    state = _side(state, reading, topic)
    state = _agent(state, reading, topic, answer)
    if topic not in TIMES:
        state = _motivation(state, reading, topic)
        state = _timeline(state, reading, topic)
    state = _place_and_price(state, reading, topic, state.value("side") or side)
    state = _financing(state, reading, topic, answer, state.value("side") or side)
    if Intent.DO_NOT_KNOW in reading.intents and state.question is topic:
        for name in _FACT_OF.get(topic, ()):
            state = state if state.value(name) else state.learn(name, UNKNOWN, ASKED)
    return _interest(state, reading, topic, answer)


def _side(state: CallState, reading: Reading, topic: Question) -> CallState:
    words = reading.words.split()
    if topic is not Question.SIDE:
        return state
    buying = any(word.startswith(("buy", "look", "purchas")) for word in words)
    selling = any(word.startswith(("sell", "list")) for word in words)
    if not buying and not selling:
        return state
    state = state.learn("side", "sell" if selling else "buy", ASKED)
    return state if reading.objection else state.learn("interested", "yes", ASKED)


def _interest(state: CallState, reading: Reading, topic: Question, answer: Answer | None) -> CallState:
    """A yes to the first question, or any sign of plans in its place."""
    if topic is not Question.INTEREST or reading.objection or answer is Answer.NO:
        return state
    about_the_call = reading.intents & (_NO_REASON - {Intent.HAS_AGENT, Intent.DO_NOT_KNOW, Intent.CALLBACK})
    told = any(state.value(name) for name in ("timeline", "price", "budget", "motivation", "financing"))
    if (answer is Answer.YES or told or Intent.APPOINTMENT in reading.intents) and not about_the_call:
        return state.learn("interested", "yes", ASKED if answer else VOLUNTEERED)
    return state


def _agent(state: CallState, reading: Reading, topic: Question, answer: Answer | None) -> CallState:
    said = reading.intents
    if topic is Question.AGENT_SIGNED:
        if Intent.SIGNED in said or answer is Answer.YES:
            return state.learn("agent", "signed", ASKED)
        if answer is Answer.NO or said & {Intent.NO_AGENT, Intent.DO_NOT_KNOW}:
            return state.learn("agent", "informal", ASKED)
        return state
    if Intent.SIGNED in said:
        return state.learn("agent", "signed", ASKED)
    if Intent.NO_AGENT in said:
        return state.learn("agent", "none", ASKED if topic is Question.AGENT else VOLUNTEERED)
    if Intent.HAS_AGENT in said and state.value("agent") != "informal":
        return state.learn("agent", "some", ASKED)
    if topic is Question.AGENT and answer:
        return state.learn("agent", "some" if answer is Answer.YES else "none", ASKED)
    return state


def _motivation(state: CallState, reading: Reading, topic: Question) -> CallState:
    asked = topic is Question.MOTIVATION
    if reading.intents & _NO_REASON or reading.objection:
        return state
    if reading.motivation and topic in (Question.INTEREST, Question.MOTIVATION, Question.TIMELINE):
        return state.learn("motivation", reading.motivation, ASKED if asked else VOLUNTEERED)
    words = len(reading.words.split())
    told = words >= (_LONG_ANSWER if reading.answer else _ANSWER)
    if asked and told and state.question is topic and Intent.APPOINTMENT not in reading.intents:
        return state.learn("motivation", Motivation.PERSONAL, GUESSED)
    return state


def _timeline(state: CallState, reading: Reading, topic: Question) -> CallState:
    asked = topic is Question.TIMELINE
    if (
        reading.months is not None
        and (asked or not state.value("timeline"))
        and Intent.CALLBACK not in reading.intents
    ):
        return state.learn("timeline", str(reading.months), ASKED if asked else VOLUNTEERED)
    return state.learn("timeline", "open", ASKED) if asked and reading.no_timeline else state


def _place_and_price(state: CallState, reading: Reading, topic: Question, side: str) -> CallState:
    sure = ASKED if topic in (Question.PRICE, Question.SEARCH, Question.AREA, Question.BUDGET) else VOLUNTEERED
    if reading.money is not None and topic is not Question.FINANCING:
        state = state.learn("budget" if side == "buy" else "price", str(reading.money), sure)
    if reading.location and side == "buy" and not (reading.intents & _NO_REASON):
        state = state.learn("area", reading.location, sure)
    if reading.answer is Answer.NO and reading.money is None and reading.location is None and state.question is topic:
        for name in _FACT_OF[topic] if topic in (Question.PRICE, Question.BUDGET, Question.SEARCH) else ():
            state = state.learn(name, UNKNOWN, GUESSED)
    return state


def _financing(state: CallState, reading: Reading, topic: Question, answer: Answer | None, side: str) -> CallState:
    asked = topic is Question.FINANCING
    if reading.financing and (asked or (reading.financing in _SURE_FINANCING and not state.value("financing"))):
        return state.learn("financing", reading.financing, ASKED if asked else VOLUNTEERED)
    if not asked or answer is None:
        return state
    yes = answer is Answer.YES
    if side == "buy":
        return state.learn("financing", Financing.PRE_APPROVED if yes else Financing.LENDER_NEEDED, GUESSED)
    return state.learn("financing", Financing.MORTGAGE if yes else Financing.PAID_OFF, GUESSED)
