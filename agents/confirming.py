"""What was told too long ago is confirmed rather than assumed: "last time you said ...; is that still right?" """

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from agents.domain.entities import Financing
from agents.domain.intents import Answer
from agents.domain.numbers import in_words
from agents.domain.questions import TOLD_BY, Question
from agents.domain.types import Brief
from agents.domain.understanding import Reading
from agents.state import CallState

STALE_AFTER = timedelta(days=30)
"""A fact that was told before then is confirmed, and an objection is met anew."""
_SURE = 0.9
_STILL = "Is that still right?"
_AGENTS = {"none": "you had no other agent", "informal": "you had not signed with an agent"}
_FINANCES: Mapping[str, str] = {
    Financing.CASH: "you would pay cash",
    Financing.PRE_APPROVED: "you were approved for a loan",
    Financing.PAID_OFF: "the home was paid off",
    Financing.MORTGAGE: "there was a mortgage on the home",
    Financing.SELL_FIRST: "you had to sell first",
    Financing.LENDER_NEEDED: "you had no lender yet",
}


def confirmation(question: Question, brief: Brief) -> tuple[str, str]:
    """The fact that is put to the person in place of ``question``, and the words; two "" where nothing is."""
    for fact in TOLD_BY.get(question, ()):
        if said := _SAID[fact](brief.history.stale.get(fact, "")):
            return fact, f"Last time {said}. {_STILL}"
    return "", ""


def confirmed(state: CallState, reading: Reading, brief: Brief) -> CallState:
    """``state`` after the person's answer: a yes makes the fact one of this call, unless they told another."""
    fact = state.confirming
    state = replace(state, confirming="")
    if reading.answer is Answer.YES and not state.value(fact):
        return state.learn(fact, brief.history.stale.get(fact, ""), _SURE)
    return state


def _timeline(value: str) -> str:
    if value == "open":
        return "you were in no hurry"
    if not value.isdecimal():
        return ""
    months = int(value)
    return f"you said about {in_words(months)} month{'' if months == 1 else 's'}"


def _amount(value: str) -> str:
    return f"you had about {int(value):,} dollars in mind" if value.isdecimal() else ""


def _area(value: str) -> str:
    return f"you were looking in {value}" if value not in ("", "unknown") else ""


def _motivation(value: str) -> str:
    return "you told us your reason for a move" if value not in ("", "unknown") else ""


_SAID: Mapping[str, Callable[[str], str]] = {
    "motivation": _motivation,
    "timeline": _timeline,
    "price": _amount,
    "budget": _amount,
    "area": _area,
    "agent": lambda value: _AGENTS.get(value, ""),
    "financing": lambda value: _FINANCES.get(value, ""),
}
