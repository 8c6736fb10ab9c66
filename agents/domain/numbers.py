"""Numbers, from words to digits and back."""

import re
from collections.abc import Iterator
from functools import lru_cache

_CARDINALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)
_ONES, _TENS = _CARDINALS.split()[:20], _CARDINALS.split()[20:]
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = _ORDINAL_WORDS.split()
_VALUES = {word: value for value, word in enumerate(_ONES)} | {
    word: 20 + 10 * place for place, word in enumerate(_TENS)
}
_VALUES["fourty"] = 40
_ORDINAL_VALUES = {word: value for value, word in enumerate(_ORDINALS, start=1)} | {"thirtieth": 30}
NUMBER = rf"(?:{'|'.join((*_ONES, *_TENS, 'fourty', 'hundred', 'thousand', 'million'))})"
"""A word of a number, as a regular expression."""
_SCALES = {"thousand": 1_000, "grand": 1_000, "k": 1_000, "million": 1_000_000, "mil": 1_000_000, "m": 1_000_000}
_REMEMBERED = 64
_PARTS = {"half": 0.5, "quarter": 0.25}
_FIGURE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(k|m|mil)?")


@lru_cache(maxsize=_REMEMBERED)
def digits(text: str) -> str:
    """Normalised ``text`` with its number words as figures: "four hundred fifty thousand" is "450000".

    Two numbers that stand side by side stay two: "four fifty" is "4 50", for the reader to take as a price or a time.
    Ordinals become "1st", "2nd", "23rd". Figures stay as they were written ("$4.50").
    """
    return " ".join(_figures(text.split()))


def _figures(words: list[str]) -> Iterator[str]:
    place = 0
    while place < len(words):
        if words[place] == "zero" and place + 1 < len(words) and 0 < _VALUES.get(words[place + 1], 0) < 10:
            yield f"0{_VALUES[words[place + 1]]}"
            place += 2
            continue
        value, after = _cardinal(words, place)
        if after == place:
            yield _ordinal(words[place])
            place += 1
            continue
        if after < len(words) and value in range(20, 100, 10) and _ORDINAL_VALUES.get(words[after], 10) < 10:
            yield _suffixed(int(value) + _ORDINAL_VALUES[words[after]])
            place = after + 1
            continue
        whole = after == place + 1 and words[place][-1].isdigit()
        yield words[place] if whole else "$" * words[place].startswith("$") + _plain(value)
        place = after


def _cardinal(words: list[str], start: int) -> tuple[float, int]:
    """The number that begins at ``start`` and the place after it; the same place when there is none."""
    total, place = 0.0, start
    while True:
        part, after = _group(words, place)
        if after == place:
            return total, place
        if after < len(words) and words[after] in _SCALES:
            scale = _SCALES[words[after]]
            total += part * scale
            place = after + 1
            if words[place : place + 3] in (["and", "a", "half"], ["and", "a", "quarter"]):
                return total + scale * _PARTS[words[place + 2]], place + 3
            if scale == 1_000_000 and (shorter := _hundreds(words, place)):
                return total + shorter[0], shorter[1]
            follows = place + 1 if place < len(words) and words[place] == "and" else place
            rest, end = _group(words, follows)
            if end > follows and rest < 1_000 and total >= 1_000:
                place = follows
                continue
            return total, place
        return total + part, after


def _hundreds(words: list[str], start: int) -> tuple[int, int] | None:
    """The hundreds of thousands behind a million: "a million two" and "a million two fifty"; None for any other."""
    one = _VALUES.get(words[start], 0) if start < len(words) else 0
    if not 0 < one < 10 or words[start + 1 : start + 2] in (["hundred"], ["thousand"], ["million"], ["point"]):
        return None
    rest, after = (
        _below_hundred(words, start + 1)
        if words[start + 1 : start + 2] and words[start + 1] in _VALUES
        else (0, start + 1)
    )
    return (one * 100_000 + rest * 1_000, after) if rest == 0 or rest >= 10 else (one * 100_000, start + 1)


def _group(words: list[str], start: int) -> tuple[float, int]:
    """A number below a thousand, or figures as they stand."""
    if start >= len(words):
        return 0.0, start
    if (share := _share(words, start)) is not None:
        return share
    word = words[start]
    if word == "a" and words[start + 1 : start + 2] and words[start + 1] in {"hundred", "thousand", "million"}:
        if words[start + 1] != "hundred":
            return 1.0, start + 1
        rest, place = _and_rest(words, start + 2)
        return 100.0 + rest, place
    figure = _FIGURE.fullmatch(word.removeprefix("$"))
    if figure:
        return float(figure[1]) * _SCALES.get(figure[2] or "", 1), start + 1
    if word not in _VALUES:
        return 0.0, start
    value, place = _below_hundred(words, start)
    if words[place : place + 3] in (["and", "a", "half"], ["and", "a", "quarter"]) and (
        words[place + 3 : place + 4] and words[place + 3] in {"million", "mil", "thousand"}
    ):
        return value + _PARTS[words[place + 2]], place + 3
    if words[place : place + 1] == ["point"]:
        decimals, place = _decimals(words, place + 1)
        return value + decimals, place
    if words[place : place + 1] == ["hundred"]:
        rest, place = _and_rest(words, place + 1)
        value = value * 100 + rest
    return float(value), place


def _and_rest(words: list[str], start: int) -> tuple[int, int]:
    """What follows a hundred, with or without an "and": 0 and ``start`` where nothing does."""
    follows = start + 1 if words[start : start + 1] == ["and"] else start
    return _below_hundred(words, follows) if follows < len(words) and words[follows] in _VALUES else (0, start)


def _share(words: list[str], start: int) -> tuple[float, int] | None:
    """The share of a million that begins at ``start``: "half a", "a quarter of a", "three quarters of a"."""
    place = start + (words[start] == "a")
    several = words[place : place + 1] == ["three"] and words[place + 1 : place + 2] == ["quarters"]
    part = 0.75 if several else _PARTS.get(words[place] if place < len(words) else "", 0.0)
    place += 2 if several else 1
    place += words[place : place + 1] == ["of"]
    place += words[place : place + 1] == ["a"]
    return (part, place) if part and words[place : place + 1] in (["million"], ["mil"]) else None


def _below_hundred(words: list[str], start: int) -> tuple[int, int]:
    value = _VALUES[words[start]]
    unit = _VALUES.get(words[start + 1], 0) if start + 1 < len(words) else 0
    return (value + unit, start + 2) if value >= 20 and 0 < unit < 10 else (value, start + 1)


def _decimals(words: list[str], start: int) -> tuple[float, int]:
    written, place = "", start
    while place < len(words) and words[place] in _VALUES:
        value, place = _below_hundred(words, place)
        written += str(value)
    return float(f"0.{written or 0}"), place


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(round(value, 4))


def _ordinal(word: str) -> str:
    return _suffixed(_ORDINAL_VALUES[word]) if word in _ORDINAL_VALUES else word


def _suffixed(value: int) -> str:
    ending = "th" if value in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


def in_words(value: int) -> str:
    """``value`` (0 to 9999) as it is spoken; years are spoken in pairs ("twenty twenty six")."""
    if value < 20:
        return _ONES[value]
    if value < 100:
        tens = _TENS[value // 10 - 2]
        return tens if value % 10 == 0 else f"{tens} {_ONES[value % 10]}"
    if 2000 <= value < 2010:
        return "two thousand" if value == 2000 else f"two thousand {_ONES[value - 2000]}"
    high, low = divmod(value, 100)
    if low == 0:
        return f"{in_words(high)} hundred"
    return f"{in_words(high)} {'oh ' if low < 10 else ''}{in_words(low)}"


def ordinal_in_words(value: int) -> str:
    """``value`` (1 to 31) as the day of a month is spoken."""
    if value <= 20:
        return _ORDINALS[value - 1]
    return "thirtieth" if value == 30 else f"{_TENS[value // 10 - 2]} {_ORDINALS[value % 10 - 1]}"
