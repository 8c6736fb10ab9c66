"""Writing for the ear: times, dates, streets and names as a voice should say them."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from agents.domain.days import MONTHS
from agents.domain.numbers import in_words, ordinal_in_words

_STREET_WORDS = {
    "st": "Street", "ave": "Avenue", "av": "Avenue", "rd": "Road", "dr": "Drive", "ln": "Lane", "blvd": "Boulevard",
    "ct": "Court", "pl": "Place", "cir": "Circle", "ter": "Terrace", "pkwy": "Parkway", "hwy": "Highway",
    "trl": "Trail", "sq": "Square", "n": "North", "s": "South", "e": "East", "w": "West", "ne": "Northeast",
    "nw": "Northwest", "se": "Southeast", "sw": "Southwest",
}  # fmt: skip
_MILLION, _POINT = 1_000_000, 10_000
_UNIT = re.compile(r"\s+(?:apt|apartment|unit|suite|ste|#).*$", re.IGNORECASE)
_HOUSE_NUMBER = re.compile(r"^\s*\d+[a-zA-Z]?\s+")


def clock(local: datetime) -> str:
    """ "ten A M", "one thirty P M", "noon"."""
    if (local.hour, local.minute) == (12, 0):
        return "noon"
    half = "A M" if local.hour < 12 else "P M"
    hour = in_words((local.hour - 1) % 12 + 1)
    if local.minute == 0:
        return f"{hour} {half}"
    return f"{hour} {'oh ' if local.minute < 10 else ''}{in_words(local.minute)} {half}"


_SAME_YEAR_DAYS = 300
"""A day further ahead is named with its year, or it sounds like the one just past."""


def day(local: datetime, *, now: datetime) -> str:
    """ "today", "tomorrow", "Tuesday" within six days, else "Tuesday, December first", with its year if far."""
    ahead = (local.date() - now.astimezone(local.tzinfo).date()).days
    if ahead in (0, 1):
        return ("today", "tomorrow")[ahead]
    name = local.strftime("%A")
    if 1 < ahead < 7:
        return name
    year = f", {in_words(local.year)}" if ahead > _SAME_YEAR_DAYS else ""
    return f"{name}, {local.strftime('%B')} {ordinal_in_words(local.day)}{year}"


def moment(at: datetime, *, zone: ZoneInfo, now: datetime) -> str:
    """ "Tuesday at ten A M" for the instant ``at``, in the lead's zone."""
    local = at.astimezone(zone)
    return f"{day(local, now=now)} at {clock(local)}"


def in_full(at: datetime, *, zone: ZoneInfo) -> str:
    """ "Tuesday, November twenty fourth, at ten A M": a time as it is read back, whatever the day is today."""
    local = at.astimezone(zone)
    return f"{local:%A}, {local:%B} {ordinal_in_words(local.day)}, at {clock(local)}"


def dollars(amount: int) -> str:
    """A price as it is said: "four hundred fifty thousand dollars", "one point two five million dollars"."""
    if amount >= _MILLION and amount % _POINT == 0:
        whole, rest = divmod(amount, _MILLION)
        decimals = f"{rest // _POINT:02d}".rstrip("0")
        point = f" point {' '.join(in_words(int(digit)) for digit in decimals)}" if decimals else ""
        return f"{in_words(whole)}{point} million dollars"
    millions, rest = divmod(amount, _MILLION)
    thousands, ones = divmod(rest, 1_000)
    parts = [
        f"{_hundreds(millions)} million" if millions else "",
        f"{_hundreds(thousands)} thousand" if thousands else "",
    ]
    parts.append(_hundreds(ones) if ones or not amount else "")
    return f"{' '.join(part for part in parts if part)} dollars"


def _hundreds(value: int) -> str:
    """``value`` (0 to 999) in words, with its hundreds counted."""
    hundreds, rest = divmod(value, 100)
    if not hundreds:
        return in_words(rest)
    return f"{in_words(hundreds)} hundred{f' {in_words(rest)}' if rest else ''}"


def months(count: int) -> str:
    """ "one month", "three months", "two years"."""
    if count >= 12 and count % 12 == 0:
        years = count // 12
        return "one year" if years == 1 else f"{in_words(years)} years"
    return "one month" if count == 1 else f"{in_words(count)} months"


def calendar_date(at: datetime, *, zone: ZoneInfo) -> str:
    """ "March third, twenty twenty six"."""
    local = at.astimezone(zone)
    return f"{MONTHS[local.month - 1].capitalize()} {ordinal_in_words(local.day)}, {in_words(local.year)}"


def street(address: str) -> str:
    """The street of a postal address without house number, unit and town: "12 Maple St, Denver" is "Maple Street"."""
    line = _UNIT.sub("", _HOUSE_NUMBER.sub("", address.split(",", maxsplit=1)[0])).strip()
    words = [_STREET_WORDS.get(word.rstrip(".").lower(), word) if place else _direction(word)
             for place, word in enumerate(line.split())]  # fmt: skip
    return " ".join(words)


def _direction(word: str) -> str:
    """A first word is spelled out only as a direction: "St. James Road" keeps its saint."""
    bare = word.rstrip(".").lower()
    return _STREET_WORDS[bare] if bare in {"n", "s", "e", "w", "ne", "nw", "se", "sw"} else word


def first_name(name: str) -> str:
    """The given name alone; "" for an empty name."""
    words = name.replace(",", " ").split()
    return words[0] if words else ""


def source(name: str) -> str:
    """Where consent came from, as it follows "from": "web_form" is "the web form"; a proper name stays as it is."""
    words = re.sub(r"[_\-/]+", " ", name).strip()
    bare = words.islower() and words.split()[0] not in {"the", "a", "an", "our", "your", "my"}
    return f"the {words}" if bare else words
