"""Facts in a turn: timeline, financing, motivation.

Motivation is sorted by its urgency alone. A reason that touches on what Fair Housing protects (family, health, faith,
origin) is kept as "personal", as good as any other: no trait is recorded, none is scored.
"""

import re
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from agents.domain.days import MONTHS
from agents.domain.money import figures, money
from agents.domain.phrases import compiled
from agents.domain.places import location
from agents.domain.text import clauses, normalise

__all__ = [
    "Financing",
    "Motivation",
    "financing",
    "location",
    "money",
    "motivation",
    "no_timeline",
    "timeline_months",
]

_MONTHS_AHEAD = re.compile(
    r"(?<![\d.$])(\d{1,3}(?:\.\d)?|an?|couple|a couple(?: of| a)?|couple(?: of| a)?|a few|few|several|half an?)"
    r" (?:(?:to|or|and) (\d{1,2}) )?(day|week|month|year)s?\b(?: or (two|2|so))?( and a half)?"
    r"(?! ago| old| back| of experience)"
)
_YEAR_AND_A_HALF = re.compile(r"\b(?:an?|1)? ?year and a half\b")
_PAST = re.compile(
    r"\b(?:(?:for|over)(?: the)? (?:last |past )?(?=(?:\d+|an?|a few|few|several|couple|one|two|three"
    r"|four|five|six|ten|twenty)(?: (?!in\b)\w+)?? (?:day|week|month|year)s?\b)"
    r"|lived (?:here|there)?|been(?: here)?"
    r"|since|expired|turned|(?:already|just|we|i|it) (?:sold|closed)|went|broke|ran out|doubled|bought|moved in|born"
    r"|had (?:it|this|that)(?: \w+)?|ago|divorced|died|passed|ended up|(?:years|months|weeks) now)\b"
)
"""What lies behind: "lived here for ten years", "expired in June". Told by the way, it is no plan."""
_BARE_MONTHS = re.compile(
    r"^(?:(?:maybe|about|like|around|say|or so|probably|id say|yes|well) )*(\d{1,2})(?: (?:to|or) (\d{1,2}))?$"
)
_MONTH_NAME = re.compile(
    rf"\b(?:in|by|before|around|until|till|this|next|maybe|early|late|of|mid|after|come|for) ({'|'.join(MONTHS)})"
    rf"(?: (?:or|to|and) (?:maybe )?({'|'.join(MONTHS)}))?\b"
)
_MONTH_ALONE = re.compile(rf"\b({'|'.join(MONTHS)})(?: (?:or|to|and) (?:maybe )?({'|'.join(MONTHS)}))?\b")
_HOLIDAY_MONTH = {"easter": 4, "memorial day": 5, "july 4th": 7, "4th of july": 7, "labor day": 9, "halloween": 10}
_HOLIDAY = re.compile(rf"\b({'|'.join(_HOLIDAY_MONTH)})\b")
_SEASON = re.compile(r"\b(?<!last )(spring|summer|fall|autumn|winter)\b")
_SEASON_MONTH = {"spring": 4, "summer": 7, "fall": 10, "autumn": 10, "winter": 1}
_NOW = re.compile(
    r"\b(?:asap|a s a p|right away|immediately|as soon as (?:possible|we can|i can)|now|this (?:month|week)|soon"
    r"|yesterday|today|very soon|pretty soon|next week|tomorrow|urgent\w*|quick\w*)\b"
)
_AT_ONCE = re.compile(r"\b(?:asap|a s a p|as soon as (?:possible|we can|i can))\b")
_PLAN = re.compile(
    r" (?:and|but|so) (?=(?:(?:we|i|id|wed|im|were) (?:\w+ )?)?(?:want|like|need|plan|hop|look|think|have to))"
)
"""Where a plan begins behind what was: "we lived here for ten years and want to move in March"."""
_OPEN = re.compile(
    r"\b(?:no (?:rush|hurry|timeline|time ?line|plans?|deadline|set (?:date|time))|some ?day|whenever|eventually"
    r"|not in (?:a|any) (?:rush|hurry)|not for a (?:good )?while|(?:when|once|if|until) (?:the|a|we (?:get|find) the"
    r"|i (?:get|find) the) (?:right|good) (?:\w+ )?(?:one|offer|price|buyer|house|home|place|deal)|no particular time"
    r"|flexible|nothing urgent|not urgent|as long as it takes)\b"
)


_RANGE = frozenset({"to", "or", "to maybe", "or maybe", "could be", "or could be", "maybe", "up to"})
"""What joins both ends of a span of time."""


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


_MOTIVATIONS = {Motivation(kind): pattern for kind, pattern in compiled("motivations", led=True).items()}
_ALMOST_PAID = "almost_paid"
_FINANCINGS = tuple(
    (Financing.MORTGAGE if kind == _ALMOST_PAID else Financing(kind), pattern)
    for kind, pattern in compiled("financing", led=True).items()
)


def timeline_months(text: str, *, now: datetime, asked: bool = False) -> int | None:
    """Months until the move, rounded up; None when the words name no time. ``asked``: "now" answers "how soon"."""
    words = figures(text if asked else _ahead_of_us(text), asked=False)
    if _YEAR_AND_A_HALF.search(words):
        return 18
    if found := _furthest(words):
        return _ahead(found)
    if re.search(r"\bnext month\b", words):
        return 1
    if re.search(r"\b(?:within|inside|in) the (?:next )?year\b", words):
        return 12
    if re.search(
        r"\b(?:after (?:the )?(?:holidays?|christmas|new years?)|(?:early|beginning of|start of|1st of"
        r"|1st thing) (?:next year|the (?:new )?year)|new year|not this year)\b",
        words,
    ):
        return 13 - now.month
    if re.search(
        r"\b(?:this year|end of (?:the )?year|before (?:christmas|the holidays)|year end|holidays)\b", words
    ):
        return max(12 - now.month, 1)
    if (month := _month_named(words, asked=asked)) is not None:
        return (month - now.month) % 12 or 12
    if re.search(r"\bschools? (?:is |lets |gets )?(?:out|over|ends|finishes|year)\b|\bfinish(?:es)? school\b", words):
        return (6 - now.month) % 12 or 12
    if asked and (bare := _BARE_MONTHS.match(words)) and 0 < int(bare[2] or bare[1]) <= 36:
        return int(bare[2] or bare[1])
    season = _SEASON.search(words)
    if season and not re.search(r"\bspring(?:field|s)\b", words):
        return (_SEASON_MONTH[season[1]] - now.month) % 12 or (1 if "this" in words else 12)
    if "next year" in words:
        return 12
    now_said = (_NOW if asked else _AT_ONCE).search(words)
    return 1 if now_said and "not now" not in words else None


def _ahead_of_us(text: str) -> str:
    """``text`` without the clauses that tell of the past."""
    return ", ".join(clause for piece in clauses(text) for clause in _PLAN.split(piece) if not _PAST.search(clause))


def _furthest(words: str) -> re.Match[str] | None:
    """The first span of time in ``words``, or the end of its range: "six months to a year" is a year."""
    spans = list(_MONTHS_AHEAD.finditer(words))
    chosen = spans[0] if spans else None
    for before, after in pairwise(spans):
        if words[before.end() : after.start()].strip() not in _RANGE:
            break
        chosen = after
    return chosen


def _month_named(words: str, *, asked: bool) -> int | None:
    """The month (1 to 12) that ``words`` name, by its name or a holiday in it; the later one of two."""
    if (named := _MONTH_NAME.search(words)) or (asked and (named := _MONTH_ALONE.search(words))):
        return MONTHS.index(named[2] or named[1]) + 1
    holiday = _HOLIDAY.search(words)
    if holiday and (asked or re.search(r"\b(?:by|before|until|around|after)\b", words)):
        return _HOLIDAY_MONTH[holiday[1]]
    return None


def _ahead(found: re.Match[str]) -> int | None:
    """Whole months of "six to nine months", "a month or two", "two and a half years"; None beyond twenty years."""
    amount = _count(found[2] or found[1]) if found[4] in (None, "so") else 2.0
    months = (amount + (0.5 if found[5] else 0)) * {"day": 1 / 30, "week": 0.25, "month": 1, "year": 12}[found[3]]
    return max(-int(-months // 1), 1) if months <= 240 else None


def _count(word: str) -> float:
    if word[0].isdigit():
        return float(word)
    return 2 if "couple" in word else 3 if "few" in word or word == "several" else 0.5 if "half" in word else 1


def no_timeline(text: str) -> bool:
    """ "No rush", "some day": an answer, and one without a date."""
    return bool(_OPEN.search(normalise(text)))


def motivation(text: str) -> Motivation | None:
    words = normalise(text)
    return next((kind for kind, pattern in _MOTIVATIONS.items() if pattern.search(words)), None)


def financing(text: str) -> Financing | None:
    words = normalise(text)
    return next((kind for kind, pattern in _FINANCINGS if pattern.search(words)), None)
