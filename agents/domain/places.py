"""Where somebody wants to live."""

import re

from agents.domain.days import MONTHS
from agents.domain.numbers import digits
from agents.domain.text import clauses, normalise

_SMALL_TALK_WORDS = (
    "a about across actually afford again agent all allowed also am an any anyplace anything anywhere apartment "
    "are area areas around as at back basically bath bathroom bathrooms baths be bed bedroom bedrooms beds below "
    "between big bigger book booking both budget busy buy buying by call can care change cheap cheaper check "
    "checking choice city close closer code condo could currently definitely didnt different district do does "
    "dollars dont drive eight either else end especially even everywhere family far favorite find fine first five "
    "flexible for found four from furnished garage get getting go going gonna good got great guess had happy hard "
    "has have he hello here hey hi home homes honestly hopefully house houses how i id idea ideally if ill im in "
    "inside instead into is it its ive job just k kids kind know later least left less let lets like liking live "
    "lives living look looking love mainly matter matters max maximum maybe me miles million mind minutes more "
    "most mostly move moving must my near need needs neighborhood neighborhoods neighbourhood nice nine no nope "
    "not now of ok on one ones only open our out outside over part people perhaps person pet pets pick place "
    "places please possibly prefer preferably preference price prob probably range rate rates really realtor rent "
    "renting right room rooms sale same say school schools search see sell selling seven she should show side six "
    "small smaller so some someplace something somewhere soon sorry sort speak spend stay staying still stop "
    "suppose sure talk tell ten than thank thanks that thats the there theres these they think thinking this "
    "those thought thousand three time to today tomorrow too tops town townhouse try two under up us value wait "
    "want wanted wants was way we wed welcome welcomed well were weve what whatever when where wherever which who "
    "why will with within work works would yard yes you your zip "
)
_SMALL_TALK = frozenset(_SMALL_TALK_WORDS.split())
"""Words of an answer that name no place."""
_NO_PLACE = frozenset(
    {
        *MONTHS, "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "i", "im", "ok", "ava",
        "am", "pm", "id", "ill", "ive", "va", "fha", "hoa", "tv", "christmas", "thanksgiving",
    }
)  # fmt: skip
_PART = r"(?:(?:St|Mt|Ft)\.|[A-Z][A-Za-z']*)"
_FIRST_PART = r"[Ss]an|[Ss]anta|[Ll]os|[Ll]as|[Ee]l|[Ff]ort|[Mm]ount|[Ss]aint|[Nn]ew|[Pp]alo"
_LAST_PART = (
    "creek|view|park|hills|heights|valley|beach|city|springs|grove|lake|ranch|ridge|village|bay|falls|island|oaks"
)
_NAMED = (
    rf"(?:(?:San|Santa|Los|Las|El|Fort|Mount|Saint) [a-z]+|(?:(?:{_FIRST_PART})\s+)?{_PART}(?:\s+{_PART})*"
    rf"(?:\s+(?:{_LAST_PART})\b)?)"
)
"""A name as people write it, some of its words in small letters: "san Jose", "Walnut creek"."""
_PLACE_SAID = re.compile(
    r"\b(?:[Ii]n|[Nn]ear|[Aa]round|[Aa]t|[Bb]y|[Tt]o|[Oo]f|[Oo]utside|[Ww]ithin|[Cc]lose to|[Ff]rom)\s+(?:the\s+)?"
    rf"(?:(?:city|area|town)\s+of\s+)?({_NAMED}(?:\s+or\s+{_NAMED})?)"
)
_NAME = re.compile(rf"{_NAMED}(?:\s+or\s+{_NAMED})?")
_DIRECTION = re.compile(
    r"\b((?:the )?(?:north|south|east|west|northeast|northwest|southeast|southwest)(?:ern)?"
    r"(?: side| part| end)(?: of town)?|down ?town|the suburbs|near the \w+|close to (?:the )?\w+)\b"
)
_ANYWHERE = re.compile(
    r"\b(?:anywhere|any ?place|wherever|(?:dont|doesnt) (?:really )?(?:care|matter)(?: (?:where"
    r"|about (?:the )?area))?"
    r"|no preference|open to anything|not picky)\b"
    r"|^(?:(?:im|we are|were|i am|pretty|really|kind of|just|still|wide) )*(?:open|flexible)\b(?! (?:house|plan))"
)
_ANYWHERE_IN = re.compile(
    r"\b(?:anywhere|any ?place|wherever) (?:\w+ )?(?:in|on|around|near|within|close to|by|along|north|south|east"
    r"|west)\b(?! (?:the )?(?:world|country|state|us|my|our|that|budget))"
)
_TRAILING = re.compile(r"[,.]? (?:but )?[Ii] (?:don'?t know|guess|think)\b.*$")
_ZIP = re.compile(r"\b(\d{5}) (?:zip|area)\b|\bzip(?: ?code)?(?: is)? (\d{5})\b")
_OWNS = re.compile(r"'s$")
_LONGEST = 4
_NO_NAME_ALONE = frozenset({"new", "old", "or", "and"})
_DENIED = re.compile(r"\b[Nn]ot (?:in )?[A-Z][a-z]+(?: [A-Z][a-z]+)*[, ]*(?:but )?")


def location(text: str, *, asked: bool = False) -> str | None:
    """The place that is named, as it was written. ``asked``: an area was asked for, so the bare words are one."""
    text = _DENIED.sub(" ", text)
    for found in _PLACE_SAID.finditer(text):
        place = _named(found[1])
        if place:
            return place
    words = normalise(text)
    if code := _ZIP.search(words):
        return code[1] or code[2]
    direction = _DIRECTION.search(words)
    if asked:
        text = _TRAILING.sub("", text)
        written = [place for found in _NAME.finditer(text) if (place := _named(found[0]))]
        if written and text != text.title() and text != text.upper():
            return written[0]
        left = _left_over(text)
        if left and not (direction and left.lower() in direction[1]):
            return left
    return direction[1] if direction else None


def anywhere(text: str) -> bool:
    """ "I don't care where": an answer, and one without a place; "anywhere in Lakewood" has one."""
    words = normalise(text)
    return bool(_ANYWHERE.search(words)) and not _ANYWHERE_IN.search(words)


def _named(written: str) -> str:
    """``written`` without the words that begin a sentence or name a day: "Mostly Denver" is Denver."""
    words = [word for word in _OWNS.sub("", written).rstrip(".").split() if word.lower().strip(".'") not in _NO_PLACE]
    while words and _plain(words[0]) in _SMALL_TALK | {"or", ""}:
        del words[0]
    return " ".join(words)


def _plain(word: str) -> str:
    return normalise(word.strip("."))


def _left_over(text: str) -> str:
    """The first clause's words that are no small talk, as a name: "um capitol hill I think" is Capitol Hill."""
    for clause in clauses(text):
        rest = re.sub(r"\$?\b\d[\d.]*(?:st|nd|rd|th)?\b", " ", digits(clause))
        words = [word for word in rest.split() if word not in _SMALL_TALK and word not in _NO_PLACE]
        if clause.startswith("not ") or all(word in _NO_NAME_ALONE for word in words):
            continue
        while words and words[0] in {"or", "and"}:
            del words[0]
        while words and words[-1] in {"or", "and"}:
            del words[-1]
        if 1 <= len(words) <= _LONGEST + ("or" in words):
            return " ".join(word if word in {"or", "and"} else word.title() for word in words)
    return ""
