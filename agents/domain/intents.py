"""What a turn is for, apart from the facts in it: intents, objections, yes and no."""

from enum import StrEnum
from typing import NamedTuple

from agents.domain.phrases import compiled


class Intent(StrEnum):
    WRONG_NUMBER = "wrong_number"
    NOT_OWNER = "not_owner"
    ROBOT_QUESTION = "robot_question"
    WHO_IS_THIS = "who_is_this"
    HOW_GOT_NUMBER = "how_got_number"
    PERSON_REQUEST = "person_request"
    HAS_AGENT = "has_agent"
    SIGNED = "signed"
    NO_AGENT = "no_agent"
    BAD_TIME = "bad_time"
    CALLBACK = "callback"
    NOT_HERE = "not_here"
    GOODBYE = "goodbye"
    GREETING = "greeting"
    REPEAT = "repeat"
    OTHER_LANGUAGE = "other_language"
    VOICEMAIL = "voicemail"
    SCREENING = "screening"
    HOLD = "hold"
    FAIR_HOUSING = "fair_housing"
    DO_NOT_KNOW = "do_not_know"
    APPOINTMENT = "appointment"


class Objection(StrEnum):
    NOT_INTERESTED = "not_interested"
    ALREADY_DONE = "already_done"
    JUST_LOOKING = "just_looking"
    NOT_READY = "not_ready"
    SEND_INFORMATION = "send_information"
    WORTH = "worth"
    COMMISSION = "commission"
    RATES = "rates"
    SPOUSE = "spouse"
    SELF_SELLING = "self_selling"
    WAIT_MARKET = "wait_market"
    SELL_FIRST = "sell_first"
    NOWHERE_TO_GO = "nowhere_to_go"


class Answer(StrEnum):
    YES = "yes"
    NO = "no"


class Purpose(NamedTuple):
    """The intents and the objections found in a text."""

    intents: frozenset[Intent]
    objections: frozenset[Objection]


_INTENTS = {Intent(name): pattern for name, pattern in compiled("intents").items()}
_OBJECTIONS = {Objection(name): pattern for name, pattern in compiled("objections").items()}
_ANSWERS = compiled("answers")


def read(text: str) -> Purpose:
    """What normalised ``text`` is for. Several intents and objections may hold at once."""
    intents = {intent for intent, pattern in _INTENTS.items() if pattern.search(text)}
    if Intent.NO_AGENT in intents:
        intents -= {Intent.HAS_AGENT, Intent.SIGNED}
    return Purpose(
        intents=frozenset(intents),
        objections=frozenset(kind for kind, pattern in _OBJECTIONS.items() if pattern.search(text)),
    )


def answer(text: str) -> Answer | None:
    """Yes, no or neither; the first word that decides wins, and "yeah, no" is no."""
    text = _ANSWERS["yes_after_all"].sub(" yes ", text)
    yes, no = _ANSWERS["yes"].search(text), _ANSWERS["no"].search(text)
    if yes is None or no is None:
        return Answer.YES if yes else Answer.NO if no else None
    if text[yes.end() : no.start()].strip() == "":
        return Answer.NO
    return Answer.YES if yes.start() < no.start() else Answer.NO
