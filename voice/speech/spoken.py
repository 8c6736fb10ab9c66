"""Writing for the ear: figures, prices, dates, addresses and abbreviations as an American would say them.

Voices read figures each in their own way, and some wrongly: so what they get has none. The transcript keeps the text
as it was written. ``agents.domain.spoken`` words what the conversation itself says of times and streets; this is for
whatever else comes along: a manager's own message, a language model's reply, an address out of a list.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

from voice.speech.numbers import (
    cardinal,
    clock,
    date_in_words,
    decimal_in_words,
    digit_by_digit,
    house_number,
    money,
    ordinal,
    phone_number,
    year,
)
from voice.speech.wordings import (
    ABBREVIATIONS,
    DIRECTIONS,
    FRACTIONS,
    HALVES,
    MONTH_NAMES,
    MONTHS,
    SCALES,
    STATES,
    STREETS,
    UNITS,
)

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_ROUNDS = 4  # a rule may make room for another; more than two were never needed


@lru_cache(maxsize=4096)
def spoken(text: str) -> str:
    """``text`` without a figure, as it is to be said. Said twice it stays the same; it never raises."""
    text = _plain_digits(text)
    for _ in range(_ROUNDS):
        once = _once(text)
        if once == text:
            break
        text = once
    return text


def _once(text: str) -> str:
    for pattern, say in _rules():
        text = pattern.sub(say, text)
    return text


def _plain_digits(text: str) -> str:
    """Digits of every script, superscripts and the usual fractions as ASCII."""
    if text.isascii():
        return text
    for sign, written in (("½", " 1/2"), ("¼", " 1/4"), ("¾", " 3/4"), ("⅓", " 1/3"), ("⅔", " 2/3")):
        text = text.replace(sign, written)
    return "".join(str(unicodedata.digit(char)) if char.isdigit() and not char.isascii() else char for char in text)


_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_SCALE = r"(?:\s?(?P<scale>k|m|mm|b|bn|mil|thousand|million|billion)\b)?"
_TO = r"\s?[-–—]\s?"
_MONTH = rf"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})\.?"
_HALF = r"(?P<half>[ap])\.?\s?m\b\.?"
_STREET = "|".join(sorted(STREETS, key=len, reverse=True))
_UNIT = "|".join(re.sub("^sq", r"sq\\.?\\s?", unit) for unit in sorted(UNITS, key=len, reverse=True))
_ENDS = r"(?=\s*(?:$|[,.;:!?)]|[a-z#]|(?:Apt|Unit|Suite|Ste)\b|[NSEW]{1,2}\b))"


@cache
def _rules() -> tuple[Rule, ...]:
    """In their order: what is longest and surest first, bare figures last."""
    return (
        *_phones(),
        *_dates(),
        *_times(),
        *_prices(),
        *_addresses(),
        *_measures(),
        *_words(),
        *_figures(),
    )


def _rule(pattern: str, say: Callable[[re.Match[str]], str], flags: int = 0) -> Rule:
    return re.compile(pattern, flags), say


def _phones() -> tuple[Rule, ...]:
    return (
        _rule(r"(?<![\w+])\+1[\s.-]?\(?(\d{3})\)?[\s.-]?(\d{3})[\s.-]?(\d{4})(?!\d)", _joined),
        _rule(r"(?<![\w+])(?:1[\s.-])?\(?(\d{3})\)?[\s.-](\d{3})[.-](\d{4})(?![\d-])", _joined),
        _rule(r"(?<![\w+])\((\d{3})\)\s?(\d{3})[\s.-](\d{4})(?!\d)", _joined),
        _rule(r"(?<![\w+])\+(\d{7,15})(?!\d)", lambda found: phone_number(found[1])),
    )


def _joined(found: re.Match[str]) -> str:
    return phone_number("".join(found.groups()))


def _dates() -> tuple[Rule, ...]:
    ordinal_end = r"(?:st|nd|rd|th)?"
    return (
        _rule(
            r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"
            r"(?:[T\s](?P<h>[01]?\d|2[0-3]):(?P<n>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\d-])",
            _iso_date,
        ),
        _rule(r"(?<![\d/.$])(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})(?![\d/])", _slashed_date),
        _rule(
            rf"\b{_MONTH}\s(?P<d>\d{{1,2}}){ordinal_end}(?:,?\s(?P<y>(?:19|20)\d\d))?(?![\d:/]|[,.]\d)",
            _named_date,
            re.IGNORECASE,
        ),
        _rule(
            rf"(?<![\d:/.])(?P<d>\d{{1,2}}){ordinal_end}(?P<of>\sof)?\s{_MONTH}(?:,?\s(?P<y>(?:19|20)\d\d))?(?!\d)",
            _named_date,
            re.IGNORECASE,
        ),
        _rule(r"(?<!\d)24/7(?!\d)", lambda _: "twenty four seven"),
        _rule(r"(?<![\w/])(?:(?P<whole>\d+)\s)(?P<over>[1-9]\d?/[1-9]\d?)(?![\w/])", _mixed),
        _rule(r"(?<![\d/.$])(?P<over>\d{1,2}/\d{1,2})(?![\d/])", _fraction_or_date),
    )


def _iso_date(found: re.Match[str]) -> str:
    said = date_in_words(int(found["m"]), int(found["d"]), int(found["y"]))
    if said is None:
        return digit_by_digit(found[0])
    return said if found["h"] is None else f"{said} at {clock(int(found['h']), int(found['n']))}"


def _slashed_date(found: re.Match[str]) -> str:
    written = int(found["y"])
    full = written if written > 99 else 2000 + written
    return date_in_words(int(found["m"]), int(found["d"]), full) or digit_by_digit(found[0])


def _named_date(found: re.Match[str]) -> str:
    month = MONTHS[found["month"].lower()]
    # "May 5 people come", "march 12 miles": what is written small is a date only where it can be nothing else.
    if found["month"].lower() in {"may", "march", "mar", "dec"} and found["month"].islower():
        return found[0]
    written = int(found["y"]) if found["y"] else None
    if found.groupdict().get("of"):
        day = f"{ordinal(int(found['d']))} of {MONTH_NAMES[month - 1]}"
        return f"{day}, {year(written)}" if written else day
    return date_in_words(month, int(found["d"]), written) or found[0]


def _fraction_or_date(found: re.Match[str]) -> str:
    if found["over"] in FRACTIONS:
        return FRACTIONS[found["over"]]
    first, second = (int(part) for part in found["over"].split("/"))
    return date_in_words(first, second, None) or f"{cardinal(first)} over {cardinal(second)}"


def _mixed(found: re.Match[str]) -> str:
    part = FRACTIONS.get(found["over"])
    if part is None:
        return found[0]
    return f"{cardinal(int(found['whole']))} and {'a' if part.startswith('one') else ''}{part.removeprefix('one')}"


def _times() -> tuple[Rule, ...]:
    hour, minute = r"(?P<h>\d{1,2})", r"(?P<n>[0-5]\d)"
    return (
        _rule(
            rf"(?<![\d:.$])(?P<from>\d{{1,2}}(?::[0-5]\d)?){_TO}(?P<till>\d{{1,2}}(?::[0-5]\d)?)\s?{_HALF}",
            _span,
            re.IGNORECASE,
        ),
        _rule(rf"(?<![\d:.$]){hour}(?::{minute})?(?::[0-5]\d)?\s?{_HALF}", _clock, re.IGNORECASE),
        _rule(rf"(?<![\d:.$]){hour}:{minute}(?::[0-5]\d)?(?![\d:])", _clock),
        _rule(r"\b([ap])\.m\.?(?!\w)", lambda found: f"{found[1].upper()} M", re.IGNORECASE),
    )


def _clock(found: re.Match[str]) -> str:
    groups = found.groupdict()
    hour, half = int(groups["h"]), (groups.get("half") or "").upper()
    minute = int(groups["n"] or 0)
    if hour > 23 or (half and not 0 < hour < 13):
        return (
            f"{cardinal(hour)} {cardinal(minute)}" if groups["n"] else f"{cardinal(hour)}{f' {half} M' * bool(half)}"
        )
    stop = "." if half and found[0].endswith(".") and found.end() == len(found.string) else ""
    if half:
        return f"{clock(hour % 12 + 12 * (half == 'P'), minute)}{stop}"
    # An hour of the day's first half without a half may be in either.
    return clock(hour, minute, bare=0 < hour < 13)


def _span(found: re.Match[str]) -> str:
    ends: list[tuple[int, int]] = []
    for name in ("from", "till"):
        hour, _, minute = found[name].partition(":")
        ends.append((int(hour), int(minute or 0)))
    if any(not 0 < hour < 13 for hour, _ in ends):
        return digit_by_digit(found[0])
    (first, first_minute), (last, last_minute) = ends
    said = clock(last % 12 + 12 * (found["half"].lower() == "p"), last_minute)
    begin = clock(first, first_minute, bare=True).removesuffix(" o'clock")
    return f"{begin} to {said}"


def _prices() -> tuple[Rule, ...]:
    sign = r"(?P<sign>[$£€¥])\s?"
    return (
        _rule(
            rf"{sign}(?P<low>{_NUMBER}){_SCALE}{_TO}[$£€¥]?\s?(?P<high>{_NUMBER})"
            rf"{_SCALE.replace('<scale>', '<scale_high>')}(?![\w%])",
            _price_range,
            re.IGNORECASE,
        ),
        _rule(rf"{sign}(?P<amount>{_NUMBER}){_SCALE}(?:\s(?:dollars|euros|pounds)\b)?", _price, re.IGNORECASE),
        _rule(rf"(?<![\w.,])(?P<amount>{_NUMBER})\s?(?P<scale>k|mm|mil)\b", _scaled, re.IGNORECASE),
        _rule(rf"(?<![\w.,])(?P<amount>{_NUMBER})\s?%", lambda f: f"{_amount(f['amount'])} percent"),
    )


def _price(found: re.Match[str]) -> str:
    return money(found["amount"], found["sign"], SCALES.get((found["scale"] or "").lower(), ""))


def _price_range(found: re.Match[str]) -> str:
    high = SCALES.get((found["scale_high"] or "").lower(), "")
    low = SCALES.get((found["scale"] or "").lower(), "") or high
    first = money(found["low"], found["sign"], low).removesuffix(" dollars")
    return f"{first} to {money(found['high'], found['sign'], high)}"


def _scaled(found: re.Match[str]) -> str:
    return f"{_amount(found['amount'])} {SCALES[found['scale'].lower()]}"


def _addresses() -> tuple[Rule, ...]:
    # A sign of the private use area stands for a word of the lexicon.
    name = r"(?:\d{1,3}(?:st|nd|rd|th)|[A-Z][\w'’.-]*|[\ue000-\uf8ff])"
    return (
        # A house number and what follows it up to the kind of street; St before a name is a saint.
        _rule(
            rf"(?<![\w$#.,-])(?P<number>\d{{1,6}})(?P<letter>[A-Za-z])?\s"
            rf"(?P<street>(?:{name}\s){{1,4}}?(?:{_STREET})\b\.?){_ENDS}",
            _address,
        ),
        _rule(rf"(?P<street>(?<!\w)(?:{name}\s){{1,3}}?(?:{_STREET})\b\.?){_ENDS}", _street),
        _rule(
            r"(?<=,\s)(?P<state>[A-Z]{2})\b(?:\s+(?P<zip>\d{5})(?:-(?P<more>\d{4}))?(?!\d))?(?!\s?[A-Z]{2})", _state
        ),
        _rule(r"\b(?:Apt|APT|apt)\b\.?\s?#?\s?(?=\w)", lambda _: "apartment "),
        _rule(r"\b(?:Ste|STE)\b\.?\s?#?\s?(?=\d)", lambda _: "suite "),
        _rule(r"\bSt\.?\s(?=[A-Z][a-z])", lambda _: "Saint "),
        _rule(r"\b(?:ZIP|zip|Zip)(?P<between>\scode)?(?P<is>\sis)?\s(?P<zip>\d{5})(?!\d)", _zip),
    )


def _address(found: re.Match[str]) -> str:
    letter = f" {found['letter'].upper()}" if found["letter"] else ""
    return f"{house_number(found['number'])}{letter} {_street(found)}"


def _street(found: re.Match[str]) -> str:
    words = found["street"].split()
    said: list[str] = []
    for place, word in enumerate(words):
        bare = word.rstrip(".")
        if place == len(words) - 1:
            said.append(STREETS[bare])
        elif bare in DIRECTIONS and place <= 1:
            said.append(DIRECTIONS[bare])
        elif bare == "St" and place + 1 < len(words):
            said.append("Saint")
        else:
            said.append(word)
    ends = found[0].endswith(".") and found.end() == len(found.string)
    return " ".join(said) + ("." if ends else "")


def _state(found: re.Match[str]) -> str:
    state = STATES.get(found["state"])
    if state is None:
        return found[0]
    code = f" {digit_by_digit(found['zip'])}" if found["zip"] else ""
    more = f", {digit_by_digit(found['more'])}" if found["more"] else ""
    return f"{state}{code}{more}"


def _zip(found: re.Match[str]) -> str:
    return f"zip{found['between'] or ''}{found['is'] or ''} {digit_by_digit(found['zip'])}"


def _measures() -> tuple[Rule, ...]:
    return (
        _rule(r"(?<=[A-Za-z])[/-](?=\d)", lambda _: " "),
        _rule(
            rf"(?<![\w.,])(?P<amount>{_NUMBER})(?:{_TO}(?P<high>{_NUMBER}))?\s?(?P<unit>{_UNIT})\b\.?",
            _measure,
            re.IGNORECASE,
        ),
        _rule(
            rf"(?<![\w.,])(?P<whole>\d+)\.5\s(?P<of>{'|'.join(HALVES)})\b",
            lambda f: f"{cardinal(int(f['whole']))} and a half {f['of']}",
            re.IGNORECASE,
        ),
    )


def _measure(found: re.Match[str]) -> str:
    one, many = UNITS[re.sub(r"[\s.]", "", found["unit"].lower())]
    amount = found["amount"]
    if found["high"]:
        return f"{_amount(amount)} to {_amount(found['high'])} {many}"
    if amount.endswith(".5") and "bath" in many:
        return f"{cardinal(int(amount[:-2].replace(',', '')))} and a half {many}"
    stop = "." if found[0].endswith(".") and found.end() == len(found.string) else ""
    return f"{_size(amount)} {one if amount == '1' else many}{stop}"


def _size(amount: str) -> str:
    """ "1500" of square feet is fifteen hundred; "2000" is two thousand."""
    if re.fullmatch(r"[1-9][1-9]00", amount):
        return f"{cardinal(int(amount[:2]))} hundred"
    return _amount(amount)


def _words() -> tuple[Rule, ...]:
    abbreviations = "|".join(re.escape(word) for word in sorted(ABBREVIATIONS, key=len, reverse=True))
    return (
        _rule(r"(?<!\w)w/\s?(?=\w)(?!o\b)", lambda _: "with ", re.IGNORECASE),
        _rule(rf"(?<!\w)(?:{abbreviations})(?!\w)", _abbreviation, re.IGNORECASE),
        _rule(r"\bDr\.?\s(?=[A-Z][a-z])", lambda _: "Doctor "),
        _rule(r"#\s?(?=\d)", lambda _: "number "),
        _rule(r"\s*&\s*", lambda _: " and "),
        _rule(r"(?<=\w)\s*@\s*(?=\w)", lambda _: " at "),
        _rule(r"(?<=\d)\s*\+(?!\w)", lambda _: " plus"),
        _rule(r"(?<=\w)\s*\+\s*(?=\w)", lambda _: " plus "),
        _rule(r"(?<=\w)\s*=\s*(?=\w)", lambda _: " equals "),
        _rule(r"(?<=[A-Za-z])/(?=[A-Za-z])", lambda _: " or "),
    )


def _abbreviation(found: re.Match[str]) -> str:
    said = ABBREVIATIONS[found[0].lower()]
    ends = found[0].endswith(".") and found.end() == len(found.string)
    return f"{said}." if ends else said


def _figures() -> tuple[Rule, ...]:
    alone = r"(?<![\w.,])"
    return (
        _rule(
            rf"{alone}(?P<low>{_NUMBER}){_TO}(?P<high>{_NUMBER})(?![\w%]|[-–]\d|[.,]\d)",
            lambda f: f"{_amount(f['low'])} to {_amount(f['high'])}",
        ),
        _rule(r"(?<!\d)(?P<number>\d+)(?:st|nd|rd|th)\b", lambda f: ordinal(int(f["number"][:12])), re.IGNORECASE),
        _rule(r"(?<![\w.,-])(?P<decade>(?:19|20)?\d0)['’]?s\b", _decade),
        _rule(rf"(?<=[\s(])[-−](?P<amount>{_NUMBER})(?!\w)", lambda f: f"minus {_amount(f['amount'])}"),
        _rule(rf"{alone}(?P<amount>{_NUMBER})(?![\d.,]*\d)", lambda f: _between(f, _amount(f["amount"]))),
        # What is left stands in words, as in B2B or 4x4, or in codes.
        _rule(r"(?P<amount>\d+)", lambda f: _between(f, _amount(f["amount"]))),
    )


def _decade(found: re.Match[str]) -> str:
    written = found["decade"]
    said = year(int(written)) if len(written) == 4 else cardinal(int(written))
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def _between(found: re.Match[str], said: str) -> str:
    """``said`` with a space to each letter beside it."""
    text, start, end = found.string, found.start(), found.end()
    before = (
        " " if start and (text[start - 1].isalnum() or text[start - 1] in "-.") and text[start - 1] != " " else ""
    )
    after = " " if end < len(text) and text[end].isalnum() else ""
    return f"{before}{said}{after}"


def _amount(written: str) -> str:
    """A figure as it stands in a sentence: years in pairs, codes with leading zeros digit by digit."""
    bare = written.replace(",", "")
    whole, point, decimals = bare.partition(".")
    if point:
        return decimal_in_words(whole, decimals)
    if (whole.startswith("0") and len(whole) > 1) or len(whole) > 12:
        return digit_by_digit(whole)
    if len(whole) == 4 and "," not in written and 1900 <= int(whole) <= 2099:
        return year(int(whole))
    return cardinal(int(whole))
