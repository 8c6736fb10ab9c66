"""Numbers, from words to digits and back."""

import re
from collections.abc import Iterator

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
_SCALES = {"thousand": 1_000, "grand": 1_000, "k": 1_000, "million": 1_000_000, "mil": 1_000_000, "m": 1_000_000}
_FIGURE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(k|m|mil)?")


def digits(text: str) -> str:
    """Normalised ``text`` with its number words as figures: "four hundred fifty thousand" is "450000".

    Two numbers that stand side by side stay two: "four fifty" is "4 50", for the reader to take as a price or a time.
    Ordinals become "1st", "2nd", "23rd". Figures stay as they were written ("$4.50").
    """
    return " ".join(_figures(text.split()))


def _figures(words: list[str]) -> Iterator[str]:
    place = 0
    while place < len(words):
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
            total += part * _SCALES[words[after]]
            place = after + 1
            follows = place + 1 if place < len(words) and words[place] == "and" else place
            rest, end = _group(words, follows)
            if end > follows and rest < 1_000 and total >= 1_000:
                place = follows
                continue
            return total, place
        return total + part, after


def _group(words: list[str], start: int) -> tuple[float, int]:
    """A number below a thousand, or figures as they stand."""
    if start >= len(words):
        return 0.0, start
    if words[start : start + 2] == ["half", "a"] and words[start + 2 : start + 3] == ["million"]:
        return 0.5, start + 2
    word = words[start]
    if word == "a" and words[start + 1 : start + 2] and words[start + 1] in {"hundred", "thousand", "million"}:
        return (100.0, start + 2) if words[start + 1] == "hundred" else (1.0, start + 1)
    figure = _FIGURE.fullmatch(word.removeprefix("$"))
    if figure:
        return float(figure[1]) * _SCALES.get(figure[2] or "", 1), start + 1
    if word not in _VALUES:
        return 0.0, start
    value, place = _below_hundred(words, start)
    if words[place : place + 1] == ["point"]:
        decimals, place = _decimals(words, place + 1)
        return value + decimals, place
    if words[place : place + 1] == ["hundred"]:
        value, place = value * 100, place + 1
        follows = place + 1 if words[place : place + 1] == ["and"] else place
        if follows < len(words) and words[follows] in _VALUES:
            rest, place = _below_hundred(words, follows)
            value += rest
    return float(value), place


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
