"""What somebody wants at all (sell, buy, both, rent, nothing), who decides it, and whether we talk with the lead."""

import re
from enum import StrEnum

from agents.domain.phrases import compiled


class Plan(StrEnum):
    SELL = "sell"
    BUY = "buy"
    BOTH = "both"
    RENT = "rent"
    NONE = "none"


class Deciders(StrEnum):
    """Whether one person decides. Who the others are is not kept: that is nobody's business but theirs."""

    ALONE = "alone"
    JOINT = "joint"


class Speaker(StrEnum):
    LEAD = "lead"
    OTHER = "other"


_PLANS = compiled("plans", led=True)
_DECIDERS = {Deciders(kind): pattern for kind, pattern in compiled("deciders", led=True).items()}
_SPEAKERS = {Speaker(kind): pattern for kind, pattern in compiled("speakers", led=True).items()}
_BUYS = re.compile(r"\b(?:buy\w*|purchas\w*|house hunt\w*)\b")
_SELLS = re.compile(r"\b(?:sell\w*|list(?:ing)?)\b")
_NAME = (
    r"(?!(?:Yes|Yeah|Yep|No|Hi|Hello|Hey|Mr|Mrs|Ms|Miss|Dr|Still|Right|Over|Nobody|God|Mom|Dad|[A-Z]\w+(?:ly|day))\b)"
    r"[A-Z][a-z]+"
)
_INTRODUCED = re.compile(
    r"(?:^|[.,!?]\s*)(?P<no>(?i:no|nope|nah|sorry|not me)\b[,.]?\s+)?"
    r"(?:(?i:hi|hello|hey|yes|yeah|well|actually|uh|um)[,.]?\s+)*"
    rf"(?:(?i:this is|my name is|my name's|you've got|you got) (?P<this>{_NAME})(?: [A-Z][a-z]+)?"
    rf"(?: speaking| here)?|(?P<speaking>{_NAME}) (?:speaking|here))(?=\s*(?:[.,!?]|$))"
)
"""Somebody who says their name, which a recogniser writes with a capital letter."""
_NOT_SELLING = re.compile(
    r"\b(?:not|dont|isnt|arent|instead of|rather than|never) (?:\w+ ){0,3}?(?:sell\w*|list(?:ing)?)\b"
)
_NOT_BUYING = re.compile(r"\b(?:not|dont|arent|instead of|rather than|never) (?:\w+ ){0,3}?(?:buy\w*|purchas\w*)\b")


def plan(text: str, *, asked: bool = False, first: bool = False) -> Plan | None:
    """What normalised ``text`` says that the person wants. ``asked``: "buying or selling" was the question, so a
    bare word answers it; otherwise only a wish that is said as one counts. ``first``: whether they want anything at
    all was the question, so who is "just renting" does not."""
    has = {name for name, pattern in _PLANS.items() if pattern.search(text)}
    if "none" in has or (asked and "neither" in has):
        return Plan.NONE
    kept = _NOT_BUYING.sub(" ", _NOT_SELLING.sub(" ", text))
    buys, sells = bool(_BUYS.search(kept)), bool(_SELLS.search(kept))
    if "both" in has or (asked and ("both_asked" in has or (buys and sells)) and "or" not in text.split()):
        return Plan.BOTH
    rents = "rent" in has or (first and "rent_asked" in has)
    if rents and not (buys and "buy" in has) and not (sells and "sell" in has):
        return Plan.RENT
    if asked:
        buys, sells = buys or "buy_asked" in has, sells or "sell_asked" in has
        return Plan.SELL if sells else Plan.BUY if buys else None
    if "buy" in has and not sells:
        return Plan.BUY
    return Plan.SELL if "sell" in has and not buys else None


def lets(text: str) -> bool:
    """Whether normalised ``text`` speaks of a home of their own that others rent, and not of one that they seek."""
    return _PLANS["let"].search(text) is not None


def deciders(text: str) -> Deciders | None:
    """Whether the person who speaks normalised ``text`` decides alone; None where it does not tell."""
    return next((kind for kind, pattern in _DECIDERS.items() if pattern.search(text)), None)


def is_another(text: str, name: str) -> bool:
    """Whether somebody introduces themselves in ``text``, as it was written, by another name than ``name``.

    "This is Bob" may be Robert, so without a no before it a name that begins alike is theirs.
    """
    found = _INTRODUCED.search(text) if name else None
    if found is None:
        return False
    given = (found["this"] or found["speaking"]).lower()
    return given != name.lower() and (bool(found["no"]) or given[0] != name[0].lower())


def speaker(text: str, name: str) -> Speaker | None:
    """Whether the lead, whose first name is ``name``, speaks normalised ``text``, or somebody in their stead."""
    if _SPEAKERS[Speaker.OTHER].search(text):
        return Speaker.OTHER
    named = name and re.search(rf"^(?:ok |yes |hi |hello |hey )*(?:this is|its|im|i am) {re.escape(name)}\b", text)
    return Speaker.LEAD if named or _SPEAKERS[Speaker.LEAD].search(text) else None
