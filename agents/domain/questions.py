"""The questions of a call and their wordings: the first one, then others for a turn that was not understood."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.domain import spoken

if TYPE_CHECKING:  # a brief carries the script, and a script its questions
    from agents.domain.types import Brief


class Question(StrEnum):
    """What the last reply asked. The first ten are the agenda; the rest come up on the way.

    ``OWN`` is any of the script's own questions; the state names which.
    """

    INTEREST = "interest"
    SIDE = "side"
    MOTIVATION = "motivation"
    TIMELINE = "timeline"
    PRICE = "price"
    SEARCH = "search"
    AREA = "area"
    BUDGET = "budget"
    AGENT = "agent"
    FINANCING = "financing"
    SLOT = "slot"
    AGENT_SIGNED = "agent_signed"
    CALLBACK = "callback"
    OBJECTION = "objection"
    REMOVAL = "removal"
    STILL_THERE = "still_there"
    CALLBACK_OFFER = "callback_offer"
    KEEP = "keep"
    OWN = "own"
    CONFIRM = "confirm"


TIMES = frozenset({Question.SLOT, Question.CONFIRM, Question.CALLBACK, Question.CALLBACK_OFFER})
"""Questions that a time answers."""

ASIDES = frozenset({Question.STILL_THERE, Question.OBJECTION, Question.REMOVAL, Question.CALLBACK_OFFER})
"""Questions beside the agenda: what the call is on to stays the same."""

AROUND = (
    Question.SIDE,
    Question.AGENT_SIGNED,
    Question.CALLBACK,
    Question.CONFIRM,
    Question.KEEP,
    Question.REMOVAL,
    Question.STILL_THERE,
    Question.CALLBACK_OFFER,
)
"""Questions that are on no plan."""

TOLD_BY: Mapping[Question, tuple[str, ...]] = {
    Question.MOTIVATION: ("motivation",),
    Question.TIMELINE: ("timeline",),
    Question.PRICE: ("price",),
    Question.SEARCH: ("area", "budget"),
    Question.AREA: ("area",),
    Question.BUDGET: ("budget",),
    Question.AGENT: ("agent",),
    Question.FINANCING: ("financing",),
}
"""The facts that an answer to a question of the plan tells."""

Wordings = tuple[str, ...]

_SHARED: Mapping[Question, Wordings] = {
    Question.SIDE: ("Are you thinking of buying or selling?", "Would you like to buy a home, or to sell one?"),
    Question.MOTIVATION: (
        "What has you thinking about a move?",
        "What is the main reason for the move?",
        "In a few words, why now?",
    ),
    Question.TIMELINE: (
        "How soon would you like to move?",
        "Roughly how many months from now would that be?",
        "Would it be within three months, six months, or a year?",
    ),
    Question.SEARCH: (
        "Which area are you looking in, and what budget do you have in mind?",
        "Which part of town, and about what price?",
    ),
    Question.AREA: ("Which area are you looking in?", "Which town or part of town would you like?"),
    Question.BUDGET: ("What budget do you have in mind?", "About how much would you like to spend?"),
    Question.PRICE: ("What price do you have in mind?", "About how much would you hope to get for it?"),
    Question.AGENT: (
        "Are you already working with another agent?",
        "Is another real estate agent helping you, yes or no?",
    ),
    Question.AGENT_SIGNED: (
        "Have you signed an agreement with them?",
        "Is there a signed agreement with that agent, yes or no?",
    ),
    Question.CALLBACK: ("When is a good time to call you back?", "Which day and time would suit you for a call?"),
    Question.STILL_THERE: ("Are you still there?", "I cannot hear you. If you can hear me, please say yes."),
    Question.CALLBACK_OFFER: ("I am sorry, I have trouble understanding you. May we call you another day instead?",),
    Question.REMOVAL: ("Shall I take your number off our list?",),
    Question.CONFIRM: ("Is that right?", "Is that the right time, yes or no?"),
    Question.KEEP: ("Would you like to keep that time?", "Shall we keep your appointment, yes or no?"),
}
_SELL: Mapping[Question, Wordings] = {
    Question.INTEREST: (
        "Are you still thinking about selling?",
        "Is selling your home something you are considering?",
    ),
    Question.FINANCING: (
        "Is there a mortgage on the home, or is it paid off?",
        "Do you still owe anything on the home?",
    ),
}
_BUY: Mapping[Question, Wordings] = {
    Question.INTEREST: ("Are you still looking to buy?", "Is buying a home something you are considering?"),
    Question.FINANCING: (
        "Are you pre-approved for a loan, or paying cash?",
        "Have you spoken with a lender, or would you pay cash?",
    ),
}


def wordings(question: Question, *, side: str) -> Wordings:
    """The texts of ``question`` where no script says otherwise; ``side`` is "sell" or "buy"."""
    return (_BUY if side == "buy" else _SELL).get(question) or _SHARED[question]


def beside_the_plan() -> dict[Question, Wordings]:
    """Questions that come up on the way, on either side, with their texts."""
    return {question: _SHARED[question] for question in AROUND}


def introduction(brief: "Brief", *, greeting: str = "Hi") -> str:
    """Who calls, or is called: person, agent's name, AI assistant, company, recording where there is, way out.

    The law wants it heard whole.
    """
    name = spoken.first_name(brief.lead_name)
    who = f"this is {brief.agent_name}, an AI assistant" if brief.agent_name else "this is an AI assistant"
    hello = f"{greeting} {name}" if name else greeting
    whose = f"thanks for calling back, {who} of" if brief.inbound else f"{who} calling for"
    line = " on a recorded line" if brief.recorded else ""
    return f"{hello}, {whose} {brief.company}{line}. You can say stop or press nine at any time."


def reason(brief: "Brief") -> str:
    """Why we call, or have called, as one sentence."""
    begin = "We called" if brief.inbound else "I am calling"
    if brief.interest == "buy":
        return f"{begin} about the home search you asked us about."
    if brief.interest == "sell":
        street = spoken.street(brief.property_address)
        return f"{begin} about your home on {street}." if street else f"{begin} about your home."
    return f"{begin} about your real estate plans."
