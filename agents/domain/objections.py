"""Answers to objections: acknowledge, one question; two tries at most, then a graceful exit."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.domain.intents import Objection
from agents.domain.questions import Question


@dataclass(frozen=True, slots=True)
class Try:
    """``text`` acknowledges; it ends in a question of its own unless ``then`` names the question that follows.

    ``on_yes`` is what a yes to its own question leads to; None goes on with the agenda.
    ``callback_days``: its own question offers a call in about so many days, which a yes accepts.
    """

    text: str
    then: Question | None = None
    on_yes: Question | None = None
    callback_days: int | None = None


@dataclass(frozen=True, slots=True)
class Handling:
    tries: tuple[Try, ...]
    exit: str


_THANKS = "That is all right. Thank you for your time. Goodbye."

HANDLINGS: Mapping[Objection, Handling] = {
    Objection.ALREADY_DONE: Handling(
        (), "Congratulations, and thank you for telling me. I wish you all the best. Goodbye."
    ),
    Objection.NOT_INTERESTED: Handling(
        (Try("I understand. Is it only the timing, or have your plans changed?", on_yes=Question.CALLBACK),),
        "I understand. Thank you for your time. Goodbye.",
    ),
    Objection.JUST_LOOKING: Handling(
        (
            Try("That is a good way to start. What would make a move worth it for you?"),
            Try("Of course. Would a short talk with an agent be useful, with no obligation?", on_yes=Question.SLOT),
        ),
        _THANKS,
    ),
    Objection.NOT_READY: Handling(
        (
            Try("That makes sense.", then=Question.CALLBACK),
            Try("I understand. Would next month be a better time to check in?", callback_days=30),
        ),
        _THANKS,
    ),
    Objection.SEND_INFORMATION: Handling(
        (
            Try("I will note that for the team.", then=Question.TIMELINE),
            Try("I have noted it. Would a short talk with an agent be useful too?", on_yes=Question.SLOT),
        ),
        "I have noted that you would like information. Thank you. Goodbye.",
    ),
    Objection.WORTH: Handling(
        (
            Try(
                "I cannot give a figure. An agent can look at the home and value it. Would that help?",
                on_yes=Question.SLOT,
            ),
            Try("Only a person who has seen it can say. Shall I set up a short visit?", on_yes=Question.SLOT),
        ),
        _THANKS,
    ),
    Objection.COMMISSION: Handling(
        (
            Try("That is a fair question, and an agent can explain every cost. What matters most to you?"),
            Try(
                "Costs are best talked through with an agent. Would a short meeting be all right?",
                on_yes=Question.SLOT,
            ),
        ),
        _THANKS,
    ),
    Objection.RATES: Handling(
        (
            Try("I cannot give advice on rates, but a lender can. Apart from rates, does a move still make sense?"),
            Try("I understand. Shall we check in again in a few months?", callback_days=90),
        ),
        _THANKS,
    ),
    Objection.SPOUSE: Handling(
        (
            Try(
                "Of course, that is a joint decision. Would a call when you can both talk be better?",
                on_yes=Question.CALLBACK,
            ),
            Try("I understand. Shall I call again once you have talked?", on_yes=Question.CALLBACK),
        ),
        _THANKS,
    ),
    Objection.SELF_SELLING: Handling(
        (
            Try(
                "Many owners do. Would an agent's view of the price be useful before you list?", on_yes=Question.SLOT
            ),
            Try("Fair enough. May we check in with you in a month?", callback_days=30),
        ),
        _THANKS,
    ),
    Objection.WAIT_MARKET: Handling(
        (
            Try("That is understandable. What would you want to see before you move?"),
            Try("I understand. Would it help to talk it over with an agent?", on_yes=Question.SLOT),
        ),
        _THANKS,
    ),
    Objection.SELL_FIRST: Handling(
        (
            Try("That is common. Is your current home on the market yet?"),
            Try("I understand. Would it help to plan both moves with an agent?", on_yes=Question.SLOT),
        ),
        _THANKS,
    ),
    Objection.NOWHERE_TO_GO: Handling(
        (
            Try("That is a real concern. Would it help to see what is out there first?", on_yes=Question.SLOT),
            Try("I understand. Shall we check in again in a few months?", callback_days=90),
        ),
        _THANKS,
    ),
}

FAIR_HOUSING_REFUSAL = "Fair housing law does not let me help with that. I can look by price, size and place."
"""Said whenever a wish touches on who lives somewhere; nothing of that turn is recorded as a fact."""
