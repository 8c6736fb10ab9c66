"""What a turn is for, apart from the facts in it: intents, objections, yes and no."""

import re
from enum import StrEnum
from typing import NamedTuple

from agents.domain.phrases import compiled, word_list
from agents.domain.text import clauses


class Intent(StrEnum):
    WRONG_NUMBER = "wrong_number"
    NOT_OWNER = "not_owner"
    BEREAVED = "bereaved"
    DECEASED = "deceased"
    CRISIS = "crisis"
    CHILD = "child"
    ILL = "ill"
    SPEAKS_FOR = "speaks_for"
    ABUSE = "abuse"
    RENTER = "renter"
    TOO_MANY_CALLS = "too_many_calls"
    MAY_OPT_OUT = "may_opt_out"
    ASKS = "asks"
    ADVICE = "advice"
    STEERING = "steering"
    WHY_ASKED = "why_asked"
    CALLBACK_NUMBER = "callback_number"
    ROBOT_QUESTION = "robot_question"
    WHO_IS_THIS = "who_is_this"
    HOW_GOT_NUMBER = "how_got_number"
    PERSON_REQUEST = "person_request"
    HAS_AGENT = "has_agent"
    SIGNED = "signed"
    NO_AGENT = "no_agent"
    UNSIGNED = "unsigned"
    BAD_TIME = "bad_time"
    CALLBACK = "callback"
    LATE = "late"
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
    SIDE_TALK = "side_talk"
    BACK = "back"


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


_INTENTS = {Intent(name): pattern for name, pattern in compiled("intents", led=True).items()}
_OBJECTIONS = {Objection(name): pattern for name, pattern in compiled("objections", led=True).items()}
_ANSWERS = compiled("answers")
_WEAK = frozenset({"ok", "right", "alright"})
"""Words that begin a sentence as often as they agree."""
_NOT_THEM = (
    r"\b(?:no|any|not|another|(?:do|have|got|know|named|called|isnt|whos|who is) (?:an? |any "
    r"|this )?) ?{name}\b(?! yet| is\b)"
    r"|\b{name}s (?:old |not my |phone |number )?(?:number|phone) (?:anymore|no more)\b|\bisnt {name}s\b"
    r"|\b{name} (?:moved|doesnt live|no longer|changed)\b|\bnever (?:heard of|met|known) (?:an? |any )?{name}\b"
)


_GOES_ON = re.compile(
    r"(?:(?:ok|yes|sorry|alright|all right|right|thanks|thank you|hi|im|so|please) )*"
    r"(?:ok|alright|go (?:ahead|on)|continue|carry on|im (?:here|listening|ready)"
    r"|(?:what )?(?:were you|you were) saying)"
    r"(?: (?:now|again|please|sorry|thanks|thank you|im here|im listening))*"
)


def goes_on(text: str) -> bool:
    """Whether normalised ``text``, after a hold, says no more than that they listen again: it answers nothing."""
    return _GOES_ON.fullmatch(text) is not None


def goes_on_after_goodbye(text: str) -> bool:
    """Whether ``text``, as it was heard, opens with a goodbye and then talks on: what noise makes of an "uh, yes"."""
    first, *behind = clauses(text) or ("",)
    bye = _INTENTS[Intent.GOODBYE]
    return bye.fullmatch(first) is not None and bool(behind) and not any(bye.search(clause) for clause in behind)


_LEAD_DIED = (
    r"\b(?:{name}|(?:the|that|this) (?:owner|person|lady|woman|man|gentleman))(?: (?:just|recently|has|is|had|was))*"
    r" (?:passed|died|dead|deceased|no longer with us)\b|\b{name}s (?:dead|deceased|no longer with us)\b"
    r"|\b{name} was my\b"
)
_THEY_DIED = re.compile(
    r"\b(?:she|he)(?: (?:just|recently|has|had|is))* (?:passed|died|dead|deceased|no longer with us)\b"
    r"|\b(?:shes|hes) (?:dead|deceased|no longer with us)\b"
)
_OF_THE_FAMILY = re.compile(rf"\b{word_list('family')}s?\b")


def _lead_died(text: str, name: str) -> bool:
    """Whether the one who died is whom we want: by name, or a bare "she" that stands for nobody else."""
    if name and re.search(_LEAD_DIED.format(name=re.escape(name)), text):
        return True
    return _THEY_DIED.search(text) is not None and _OF_THE_FAMILY.search(text) is None


def read(text: str, *, name: str = "") -> Purpose:
    """What normalised ``text`` is for. Several intents and objections may hold at once.

    ``name`` is the first name of the person we want, in lower case: who says that they are not they, is not.
    """
    intents = {intent for intent, pattern in _INTENTS.items() if pattern.search(text)}
    if name and Intent.NOT_HERE not in intents and re.search(_NOT_THEM.format(name=re.escape(name)), text):
        intents.add(Intent.WRONG_NUMBER)
    if Intent.BEREAVED in intents or (name and name in text):
        intents |= {Intent.BEREAVED, Intent.DECEASED} if _lead_died(text, name) else frozenset()
    if Intent.UNSIGNED in intents:
        intents -= {Intent.SIGNED}
    elif Intent.NO_AGENT in intents:
        intents -= {Intent.HAS_AGENT, Intent.SIGNED}
    if Intent.SCREENING in intents:
        intents -= {Intent.VOICEMAIL}
    return Purpose(
        intents=frozenset(intents),
        objections=frozenset(kind for kind, pattern in _OBJECTIONS.items() if pattern.search(text)),
    )


def answer(text: str) -> Answer | None:
    """Yes, no or neither; the first word that decides wins, and "yeah, no" is no."""
    text = _ANSWERS["yes_after_all"].sub(" yes ", text)
    yes, no = _ANSWERS["yes"].search(text), _ANSWERS["no"].search(text)
    if yes is not None and no is not None and yes[0] in _WEAK and yes.start() == 0:
        return Answer.NO
    if yes is None or no is None:
        return Answer.YES if yes else Answer.NO if no else None
    if text[yes.end() : no.start()].strip() == "":
        return Answer.NO
    return Answer.YES if yes.start() < no.start() else Answer.NO
