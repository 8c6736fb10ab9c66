"""Facts in a turn: money, timeline, financing, motivation, location.

Motivation is sorted by its urgency alone. A reason that touches on what Fair Housing protects (family, health, faith,
origin) is kept as "personal", as good as any other: no trait is recorded, none is scored.
"""

import re
from datetime import datetime
from enum import StrEnum

from agents.domain.numbers import digits
from agents.domain.phrases import compiled
from agents.domain.text import normalise
from agents.domain.times import MONTHS

_MONEY = re.compile(
    r"(\$)?(?<![\d.:])(\d{1,12}(?:\.\d+)?)(?: (\d\d))?(?![\d:]|st\b|nd\b|rd\b|th\b)"
    r"(?! ?(?:months?|weeks?|years?|days?|hours?|minutes?|bed\w*|bath\w*|rooms?|am|pm|oclock|acres?|%|percent|square"
    r"|sq|miles?|kids|story|stories|car)\b)"
)
_PRICE_CONTEXT = re.compile(r"\b(?:dollars?|bucks|budget|price|asking|spend|afford|up to|worth|grand|around)\b|\$")
_MONTHS_AHEAD = re.compile(
    r"\b(\d{1,3}|an?|a couple(?: of)?|couple(?: of)?|a few|few|several|half an?) (?:(?:to|or) (\d{1,2}) )?"
    r"(day|week|month|year)s?\b(?! ago| old)"
)
_MONTH_NAME = re.compile(rf"\b(?:in|by|before|around|until|till|this|next|maybe|early|late) ({'|'.join(MONTHS)})\b")
_SEASON = re.compile(r"\b(spring|summer|fall|autumn|winter)\b")
_SEASON_MONTH = {"spring": 4, "summer": 7, "fall": 10, "autumn": 10, "winter": 1}
_NOW = re.compile(
    r"\b(?:asap|a s a p|right away|immediately|as soon as (?:possible|we can|i can)|now|this (?:month|week)|soon"
    r"|yesterday|today|very soon|pretty soon|next week|tomorrow|urgent\w*|quick\w*)\b"
)
_OPEN = re.compile(
    r"\b(?:no (?:rush|hurry|timeline|time ?line|plans?)|some ?day|whenever|not in a (?:rush|hurry)|eventually)\b"
)
_FREE_WORDS = re.compile(
    r"\b(?:i|im|we|were|id|wed|ive|like|looking|in|near|around|at|by|the|a|an|to|for|of|on|is|be|would|want|maybe"
    r"|somewhere|something|anything|about|with|budget|price|range|up|and|or|my|our|us|please|think|yes|no|ok|area"
    r"|between|under|over|below|max|maximum|less|than|more|dollars|k|thousand|million|it|so|well|just|not|sure"
    r"|probably|have|mind|spend|can|could|afford|that|this|live|move|buy|house|home|place|neighborhood|city|town"
    r"|side|part|dont|know|anywhere|will|going|really|fine|find|preferably|thought|get|good|great|thanks|thank|you|bed\w*|bath\w*|rooms?|what|who|why|how|do|does|are|am)\b"
)
_PLACE_SAID = re.compile(
    r"\b(?:in|near|around|at|by|to|of|outside|within)\s+(?:the\s+)?(?:city\s+of\s+|area\s+of\s+)?"
    r"((?:[A-Z][A-Za-z'.]+)(?:\s+(?:[A-Z][A-Za-z'.]+))*)"
)
_DIRECTION = re.compile(
    r"\b((?:the )?(?:north|south|east|west|northeast|northwest|southeast|southwest)(?:ern)?"
    r"(?: side| part| end)(?: of town)?|down ?town|the suburbs|near the \w+|close to (?:the )?\w+)\b"
)
_NO_PLACE = frozenset(
    {
        *MONTHS,
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "i",
        "im",
        "ok",
        "ava",
        "am",
        "pm",
    }
)


class Motivation(StrEnum):
    JOB = "job"
    FINANCES = "finances"
    INHERITED = "inherited"
    SPACE = "space"
    PLACE = "place"
    RETIREMENT = "retirement"
    OWN_HOME = "own_home"
    INVESTMENT = "investment"
    PERSONAL = "personal"
    CURIOSITY = "curiosity"


class Financing(StrEnum):
    CASH = "cash"
    PRE_APPROVED = "pre_approved"
    PAID_OFF = "paid_off"
    MORTGAGE = "mortgage"
    SELL_FIRST = "sell_first"
    LENDER_NEEDED = "lender_needed"


_MOTIVATIONS = {Motivation(kind): pattern for kind, pattern in compiled("motivations").items()}
_FINANCINGS = {Financing(kind): pattern for kind, pattern in compiled("financing").items()}


def money(text: str, *, asked: bool = False) -> int | None:
    """A home's price in whole USD; the upper end of a range; None when no price is named.

    ``asked``: a price was asked for, so "four fifty" and "around 300" are thousands. Otherwise only a figure of
    10,000 and more, or one with a word of money about it, counts.
    """
    words = digits(normalise(text))
    hinted = asked or bool(_PRICE_CONTEXT.search(words))
    found = [amount for match in _MONEY.finditer(words) if (amount := _amount(match, hinted)) is not None]
    return max(found, default=None)


def _amount(match: re.Match[str], hinted: bool) -> int | None:
    figure, pair = match[2], match[3]
    value = float(figure)
    if pair and value < 10 and "." not in figure:
        value = value * 100 + int(pair)
    elif "." in figure and value < 10:
        value = value * 100 if len(figure.split(".")[1]) == 2 else value * 1_000_000
    if value >= 10_000:
        return int(value) if value < 1_000_000_000 else None
    if not hinted or not 40 <= value < 10_000:
        return None
    return int(value * 1_000)


def timeline_months(text: str, *, now: datetime, asked: bool = False) -> int | None:
    """Months until the move, rounded up; None when the words name no time. ``asked``: "now" answers "how soon"."""
    words = digits(normalise(text))
    found = _MONTHS_AHEAD.search(words)
    if found:
        amount = _count(found[2] or found[1])
        months = amount * {"day": 1 / 30, "week": 0.25, "month": 1, "year": 12}[found[3]]
        return max(-int(-months // 1), 1) if months <= 240 else None
    if "next month" in words:
        return 1
    if re.search(r"\b(?:within|inside|in) the (?:next )?year\b", words):
        return 12
    if re.search(r"\b(?:this year|end of (?:the )?year|before christmas|year end|holidays)\b", words):
        return max(12 - now.month, 1)
    if (named := _MONTH_NAME.search(words)) or (asked and (named := re.search(rf"\b({'|'.join(MONTHS)})\b", words))):
        return (MONTHS.index(named[1]) + 1 - now.month) % 12 or 12
    season = _SEASON.search(words)
    if season and not re.search(r"\bspring(?:field|s)\b", words):
        return (_SEASON_MONTH[season[1]] - now.month) % 12 or (1 if "this" in words else 12)
    if "next year" in words:
        return 12
    return 1 if asked and _NOW.search(words) and "not now" not in words else None


def _count(word: str) -> float:
    if word.isdigit():
        return int(word)
    return 2 if "couple" in word else 3 if "few" in word or word == "several" else 0.5 if "half" in word else 1


def no_timeline(text: str) -> bool:
    """ "No rush", "some day": an answer, and one without a date."""
    return bool(_OPEN.search(normalise(text)))


def motivation(text: str) -> Motivation | None:
    words = normalise(text)
    return next((kind for kind, pattern in _MOTIVATIONS.items() if pattern.search(words)), None)


def financing(text: str) -> Financing | None:
    words = normalise(text)
    return next((kind for kind, pattern in _FINANCINGS.items() if pattern.search(words)), None)


def location(text: str, *, asked: bool = False) -> str | None:
    """The place that is named, as it was written. ``asked``: an area was asked for, so the bare words are one."""
    for found in _PLACE_SAID.finditer(text):
        place = " ".join(word for word in found[1].rstrip(".").split() if word.lower().strip(".'") not in _NO_PLACE)
        if place:
            return place
    words = normalise(text)
    if direction := _DIRECTION.search(words):
        return direction[1]
    if not asked:
        return None
    rest = re.sub(r"\$?\b\d[\d.]*\b", " ", digits(words))
    left = _FREE_WORDS.sub(" ", rest).split()
    return " ".join(left).title() if 1 <= len(left) <= 4 else None
