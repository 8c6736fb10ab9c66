"""Numbers as Americans say them: sums, years, ordinals, house numbers, telephones, times of day and dates."""

import calendar
from itertools import pairwise

from num2words import num2words  # type: ignore[import-untyped]

from voice.speech.wordings import MONTH_NAMES

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CURRENCIES = {
    "$": (("dollar", "dollars"), ("cent", "cents")),
    "£": (("pound", "pounds"), ("penny", "pence")),
    "€": (("euro", "euros"), ("cent", "cents")),
    "¥": (("yen", "yen"), ("sen", "sen")),
}


def cardinal(value: int) -> str:
    """ "four hundred twenty five thousand": no "and", no hyphens, no commas."""
    return _bare(str(num2words(value)))


def ordinal(value: int) -> str:
    """ "twenty second"."""
    return _bare(str(num2words(value, to="ordinal")))


def _bare(words: str) -> str:
    return words.replace("-", " ").replace(",", "").replace(" and ", " ")


def year(value: int) -> str:
    """ "nineteen eighty five", "two thousand five", "twenty twenty six"; ``value`` has four digits."""
    high, low = divmod(value, 100)
    if high % 10 == 0 and low < 10:
        return cardinal(value)
    if low == 0:
        return f"{cardinal(high)} hundred"
    return f"{cardinal(high)} {'oh ' if low < 10 else ''}{cardinal(low)}"


def digit_by_digit(text: str) -> str:
    """The digits of ``text`` one by one, "oh" for a zero as in a telephone number; other signs are left out."""
    return " ".join("oh" if char == "0" else _DIGITS[int(char)] for char in text if char in "0123456789")


def phone_number(digits: str) -> str:
    """In groups with pauses between them: three, three, four for an American one, threes from the front else."""
    national = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    cuts = (0, 3, 6, 10) if len(national) == 10 else (*range(0, max(len(national) - 1, 1), 3), len(national))
    groups = (national[start:end] for start, end in pairwise(cuts))
    return ", ".join(digit_by_digit(group) for group in groups)


def house_number(digits: str) -> str:
    """ "twelve forty five", "one oh five", "three hundred"; five digits as two and a number of three."""
    if digits.startswith("0") or len(digits) > 5:
        return digit_by_digit(digits)
    value = int(digits)
    if value < 100:
        return cardinal(value)
    high, low = divmod(value, 100)
    if value >= 10_000:
        return f"{cardinal(value // 1000)} {_three(value % 1000)}"
    if low == 0:
        return cardinal(value) if high % 10 == 0 else f"{cardinal(high)} hundred"
    return f"{cardinal(high)} {'oh ' if low < 10 else ''}{cardinal(low)}"


def _three(value: int) -> str:
    if value == 0:
        return "thousand"
    return house_number(str(value)) if value > 99 else digit_by_digit(f"{value:03d}")


def decimal_in_words(whole: str, decimals: str) -> str:
    """ "two point five"; digits after the point one by one, with a zero that is called so."""
    said = " ".join(_DIGITS[int(char)] for char in decimals)
    return f"{cardinal(int(whole)) if len(whole) <= 12 else digit_by_digit(whole)} point {said}"


def money(amount: str, sign: str, scale: str) -> str:
    """``amount`` as written ("425,000", "4.50"); ``scale`` is "million" and the like, or ""."""
    (one, many), (cent, cents) = _CURRENCIES[sign]
    whole, point, decimals = amount.replace(",", "").partition(".")
    if scale:
        said = decimal_in_words(whole, decimals) if point else cardinal(int(whole[:15]))
        return f"{said} {scale} {many}"
    if len(whole) > 15:
        return f"{digit_by_digit(whole)} {many}"
    pounds = f"{cardinal(int(whole))} {one if int(whole) == 1 else many}"
    if not point or not decimals.strip("0"):
        return pounds
    if len(decimals) > 2:
        return f"{decimal_in_words(whole, decimals)} {many}"
    small = int(decimals.ljust(2, "0"))
    change = f"{cardinal(small)} {cent if small == 1 else cents}"
    return change if int(whole) == 0 else f"{pounds} and {change}"


def clock(hour: int, minute: int, *, bare: bool = False) -> str:
    """ "two thirty P M"; ``bare`` without its half: "two thirty", "ten o'clock". ``hour`` is 0 to 23."""
    half = "" if bare else (" A M" if hour < 12 else " P M")
    said = cardinal((hour - 1) % 12 + 1)
    if minute == 0:
        return f"{said}{half}" if half else f"{said} o'clock"
    return f"{said} {'oh ' if minute < 10 else ''}{cardinal(minute)}{half}"


def date_in_words(month: int, day: int, year_: int | None) -> str | None:
    """ "November twenty fourth, twenty twenty six"; None where the calendar has no such day."""
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year_ or 2024, month)[1]:
        return None
    said = f"{MONTH_NAMES[month - 1]} {ordinal(day)}"
    return said if year_ is None else f"{said}, {year(year_)}"
