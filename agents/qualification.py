"""What qualifies a lead: motivation, timeline, place and price, another agent, finance."""

import re
from dataclasses import replace
from typing import ClassVar

from agents.base import AgentName, BaseAgent, Move, Scene
from agents.domain import spoken
from agents.domain.entities import Financing, Motivation
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.plans import Plan
from agents.domain.questions import ASIDES, TIMES, TOLD_BY, Question
from agents.domain.text import clauses
from agents.domain.types import Disposition, EndCall
from agents.domain.understanding import Reading
from agents.state import CallState

ASKED, VOLUNTEERED, GUESSED = 0.9, 0.7, 0.5
"""Confidence of a fact that answers its question, that came by itself, that a bare yes or no stands for."""

UNKNOWN = "unknown"
_SURE_FINANCING = frozenset({Financing.PRE_APPROVED, Financing.CASH, Financing.PAID_OFF, Financing.SELL_FIRST})
_TELLS_NOTHING = frozenset(
    {
        Intent.FAIR_HOUSING, Intent.WRONG_NUMBER, Intent.CHILD, Intent.CRISIS, Intent.DECEASED, Intent.ABUSE,
        Intent.ILL, Intent.MAY_OPT_OUT,
    }
)  # fmt: skip
_SURE_OF_A_SELLER = frozenset({Financing.PAID_OFF, Financing.SELL_FIRST})
_OWN_MORTGAGE = re.compile(
    r"\b(?:still owe|owe (?:a|some|the bank|money) |mortgage on (?:it|the house|the place|this|my|our)"
    r"|(?:still|we|i) (?:have|got) (?:\w+ )?a (?:\w+ )?mortgage)"
)
"""Of a seller who tells it by the way; other words of mortgages may be about any."""
_SIGNS_OF_PLANS = ("timeline", "price", "budget", "motivation", "financing", "owed")
_AMOUNTS = frozenset({"price", "budget", "owed"})
_AGENT_NAMED = re.compile(r"\b(?:agent|realtor|broker)s?\b")
_OF_AGENTS = frozenset({Intent.HAS_AGENT, Intent.SIGNED, Intent.NO_AGENT, Intent.UNSIGNED})
_NO_REASON = frozenset(
    {
        Intent.GREETING, Intent.REPEAT, Intent.WHO_IS_THIS, Intent.ROBOT_QUESTION, Intent.HOLD, Intent.GOODBYE,
        Intent.HOW_GOT_NUMBER, Intent.BAD_TIME, Intent.CALLBACK, Intent.PERSON_REQUEST, Intent.DO_NOT_KNOW,
        Intent.HAS_AGENT, Intent.SIGNED, Intent.WRONG_NUMBER, Intent.SCREENING, Intent.NOT_HERE,
        Intent.OTHER_LANGUAGE, Intent.BACK,
    }
)  # fmt: skip
"""Turns that are about the call and so give no reason for a move."""
_ABOUT_THE_CALL = _NO_REASON - {Intent.HAS_AGENT, Intent.SIGNED, Intent.DO_NOT_KNOW, Intent.NOT_HERE}
_BARE_ANSWERS = frozenset({"yes", "yeah", "yep", "yup", "sure", "no", "nope", "nah", "not yet", "not really"})

_ANSWER, _LONG_ANSWER = 3, 7
"""Words from which an answer in free speech is taken for a reason; more of them when it holds a yes or no."""

_THANKS = ("Thank you.", "Understood.", "Got it.")
_PLEASED = "Great."
ACKNOWLEDGEMENTS = (*_THANKS, _PLEASED)


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
        if scene.reading.corrects and (again := read_back(state, corrected(scene.before, state))):
            return Move(state, say=f"All right, {again}.", personal=True)
        if state.value("interested") and not scene.before.value("interested"):
            return Move(state, say=_PLEASED)
        return Move(state, say=_THANKS[state.turn % len(_THANKS)])


def absorb(state: CallState, reading: Reading, *, topic: Question, side: str) -> CallState:
    """``state`` with the facts of ``reading``; none from a turn that asks for what Fair Housing forbids, nor from
    a stranger's. Somebody who answers in the lead's stead tells only that.

    What corrects something outweighs whatever was known, however sure that was.
    """
    if reading.intents & _TELLS_NOTHING:
        return state
    answer = None if state.question in ASIDES else _plain_answer(reading)
    learner = _Learner(state, reading.corrects)
    _speaker(learner, reading)
    if Intent.NOT_HERE in reading.intents:
        return learner.state
    _plan(learner, reading, topic, side)
    side = learner.value("side") or side
    _agent(learner, reading, topic, answer)
    if topic not in TIMES:
        _motivation(learner, reading, topic)
        _timeline(learner, reading, topic)
    _place_and_price(learner, reading, topic, side)
    _home(learner, reading, topic, side)
    _financing(learner, reading, topic, answer, side)
    if Intent.DO_NOT_KNOW in reading.intents and state.question is topic:
        for name in TOLD_BY.get(topic, ()):
            if not learner.value(name):
                learner.learn(name, UNKNOWN, ASKED)
    _interest(learner, reading, topic, answer)
    return learner.state


def _plain_answer(reading: Reading) -> Answer | None:
    """Yes or no as it answers what was asked. Beside an objection or a word about the call only a clause that is
    nothing else does: "I don't want to pay six percent" says nothing of another agent."""
    if reading.objection is None and not reading.intents & _ABOUT_THE_CALL:
        return reading.answer
    first = next(iter(clauses(reading.text)), "")
    return reading.answer if first in _BARE_ANSWERS else None


class _Learner:
    """Takes the facts of one turn into a state. A turn that corrects is as sure as what it corrects."""

    def __init__(self, state: CallState, corrects: bool) -> None:
        self.state, self._corrects = state, corrects

    def value(self, name: str) -> str:
        return self.state.value(name)

    def learn(self, name: str, value: str, confidence: float) -> None:
        known = self.state.facts.get(name)
        if known is not None and self._corrects:
            confidence = max(confidence, known.confidence)
        self.state = self.state.learn(name, value, confidence)


def recent_facts(state: CallState) -> frozenset[str]:
    """The facts that were given last in this call."""
    last = max((fact.turn for fact in state.facts.values()), default=0)
    return frozenset(name for name, fact in state.facts.items() if fact.turn == last and last > 0)


def corrected(before: CallState, after: CallState) -> tuple[str, ...]:
    """Facts that ``before`` knew otherwise."""
    return tuple(
        name
        for name, fact in after.facts.items()
        if before.value(name) not in ("", UNKNOWN) and before.value(name) != fact.value
    )


def read_back(state: CallState, names: tuple[str, ...]) -> str:
    """The values of ``names`` as they are spoken, "" where none is worth saying."""
    said = []
    for name in names:
        value = state.value(name)
        if name in _AMOUNTS and value.isdecimal():
            said.append(spoken.dollars(int(value)))
        elif name == "timeline" and value.isdecimal():
            said.append(spoken.months(int(value)))
        elif name == "area" and value != UNKNOWN:
            said.append(value)
    return " and ".join(said)


def _speaker(learner: _Learner, reading: Reading) -> None:
    if reading.speaker:
        learner.learn("speaker", reading.speaker, ASKED)


def _plan(learner: _Learner, reading: Reading, topic: Question, side: str) -> None:
    """Who sells and buys is led as a seller, with "both" as the intent. A side that is known changes only where the
    person corrects it: a seller's "we want to buy in Texas" is no other call."""
    plan = reading.plan
    if plan is None or topic in TIMES:
        return
    if plan in (Plan.BOTH, Plan.RENT, Plan.NONE) or learner.value("intent"):
        learner.learn("intent", plan, ASKED)
    if plan in (Plan.RENT, Plan.NONE):
        return
    wanted = "buy" if plan is Plan.BUY else "sell"
    known = learner.value("side") or side
    if topic is not Question.SIDE and (plan is Plan.BOTH or wanted == known or not reading.corrects):
        return
    learner.learn("side", wanted, ASKED)
    if not reading.objection:
        learner.learn("interested", "yes", ASKED)


def _interest(learner: _Learner, reading: Reading, topic: Question, answer: Answer | None) -> None:
    """A yes to the first question, or any sign of plans in its place: "..., by March, no agent" is no refusal."""
    new = any(
        fact.turn == learner.state.turn for name, fact in learner.state.facts.items() if name in _SIGNS_OF_PLANS
    )
    refuses = answer is Answer.NO and (not new or reading.words.split()[0] in _BARE_ANSWERS)
    if topic is not Question.INTEREST or reading.objection or refuses:
        return
    about_the_call = reading.intents & (_NO_REASON - {Intent.HAS_AGENT, Intent.DO_NOT_KNOW, Intent.CALLBACK})
    told = any(learner.value(name) for name in _SIGNS_OF_PLANS)
    if (answer is Answer.YES or told or Intent.APPOINTMENT in reading.intents) and not about_the_call:
        learner.learn("interested", "yes", ASKED if answer is Answer.YES else VOLUNTEERED)


def _agent(learner: _Learner, reading: Reading, topic: Question, answer: Answer | None) -> None:
    said, asked = reading.intents, topic is Question.AGENT
    if topic is Question.AGENT_SIGNED:
        if Intent.SIGNED in said or (answer is Answer.YES and Intent.UNSIGNED not in said):
            learner.learn("agent", "signed", ASKED)
        elif answer is Answer.NO or said & {Intent.NO_AGENT, Intent.UNSIGNED, Intent.DO_NOT_KNOW}:
            learner.learn("agent", "informal", ASKED)
    elif Intent.SIGNED in said:
        learner.learn("agent", "signed", ASKED)
    elif Intent.UNSIGNED in said and (Intent.HAS_AGENT in said or (asked and answer is Answer.YES)):
        learner.learn("agent", "informal", ASKED)
    elif Intent.NO_AGENT in said:
        if asked or topic is not Question.FINANCING or _AGENT_NAMED.search(reading.words):
            learner.learn("agent", "none", ASKED if asked else VOLUNTEERED)
    elif Intent.HAS_AGENT in said:
        if learner.value("agent") != "informal":
            learner.learn("agent", "some", ASKED)
    elif asked and answer and Intent.DO_NOT_KNOW not in said:
        learner.learn("agent", "some" if answer is Answer.YES else "none", ASKED)
    elif reading.objection is Objection.SELF_SELLING:
        learner.learn("agent", "none", VOLUNTEERED)


def _motivation(learner: _Learner, reading: Reading, topic: Question) -> None:
    asked = topic is Question.MOTIVATION
    if reading.intents & (_NO_REASON | {Intent.ASKS}) or reading.objection:
        return
    of_family = reading.intents & {Intent.BEREAVED, Intent.SPEAKS_FOR}
    if of_family and not asked and reading.motivation is Motivation.PERSONAL:
        return  # that somebody died or is ill is no plan yet
    if reading.motivation and topic in (Question.INTEREST, Question.SIDE, Question.MOTIVATION, Question.TIMELINE):
        learner.learn("motivation", reading.motivation, ASKED if asked else VOLUNTEERED)
        return
    words = len(reading.words.split())
    told = words >= (_LONG_ANSWER if reading.answer else _ANSWER)
    beside = reading.deciders or reading.plan or reading.owed or any(trait is not None for trait in reading.home)
    if (
        asked
        and told
        and learner.state.question is topic
        and not reading.intents & {Intent.APPOINTMENT, Intent.TOO_MANY_CALLS, Intent.WHY_ASKED}
        and not beside
    ):
        learner.learn("motivation", Motivation.PERSONAL, GUESSED)


def _timeline(learner: _Learner, reading: Reading, topic: Question) -> None:
    asked = topic is Question.TIMELINE
    of_others = topic in (Question.AGENT, Question.AGENT_SIGNED, Question.FINANCING)
    new = not learner.value("timeline") or reading.corrects
    if topic is not Question.FINANCING and reading.corrects and "timeline" in learner.state.told:
        of_others = bool(reading.intents & _OF_AGENTS)  # the term of an agreement
    if reading.months is not None and (asked or (new and not of_others)):
        if Intent.CALLBACK not in reading.intents:
            learner.learn("timeline", str(reading.months), ASKED if asked else VOLUNTEERED)
    elif asked and reading.no_timeline:
        learner.learn("timeline", "open", ASKED)


def _place_and_price(learner: _Learner, reading: Reading, topic: Question, side: str) -> None:
    sure = ASKED if topic in (Question.PRICE, Question.SEARCH, Question.AREA, Question.BUDGET) else VOLUNTEERED
    callback = Intent.CALLBACK in reading.intents and sure == VOLUNTEERED  # "call me around seven thirty"
    if reading.money is not None and topic is not Question.FINANCING and not callback:
        learner.learn("budget" if side == "buy" else "price", str(reading.money), sure)
    if side == "buy" and not (reading.intents & (_NO_REASON - {Intent.DO_NOT_KNOW})):
        if reading.location:
            learner.learn("area", reading.location, sure)
        elif reading.anywhere:
            learner.learn("area", UNKNOWN, ASKED)
    refused = reading.answer is Answer.NO and reading.money is None and reading.location is None
    if refused and learner.state.question is topic:
        for name in TOLD_BY[topic] if topic in (Question.PRICE, Question.BUDGET, Question.SEARCH) else ():
            learner.learn(name, UNKNOWN, GUESSED)


def _home(learner: _Learner, reading: Reading, topic: Question, side: str) -> None:
    """The seller's own home, or the one that a buyer wants; and who decides about it."""
    if topic in TIMES:
        return
    home = reading.home
    traits = (
        ("property_type", home.kind),
        ("bedrooms", None if home.bedrooms is None else str(home.bedrooms)),
        ("bathrooms", home.bathrooms),
        ("condition", home.condition if side != "buy" else None),
        ("decision_makers", reading.deciders),
    )
    for name, value in traits:
        if value is not None:
            learner.learn(name, value, VOLUNTEERED)


def _financing(learner: _Learner, reading: Reading, topic: Question, answer: Answer | None, side: str) -> None:
    asked, buys = topic is Question.FINANCING, side == "buy"
    if reading.owed is not None and not buys:
        learner.learn("owed", str(reading.owed), ASKED if asked else VOLUNTEERED)
        learner.learn("financing", Financing.MORTGAGE, ASKED if asked else VOLUNTEERED)
        return
    sure = _SURE_FINANCING if buys else _SURE_OF_A_SELLER
    told = reading.financing in sure or (not buys and _OWN_MORTGAGE.search(reading.words))
    if reading.financing and (asked or (told and not learner.value("financing"))):
        learner.learn("financing", reading.financing, ASKED if asked else VOLUNTEERED)
        return
    if not asked or answer is None or Intent.DO_NOT_KNOW in reading.intents:
        return
    yes = answer is Answer.YES
    if buys:
        learner.learn("financing", Financing.PRE_APPROVED if yes else Financing.LENDER_NEEDED, GUESSED)
    else:
        learner.learn("financing", Financing.MORTGAGE if yes else Financing.PAID_OFF, GUESSED)
