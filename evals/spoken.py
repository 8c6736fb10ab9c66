"""Times as the agent says them, read by the person's own ear: nothing of the agents is used here."""

import re
from datetime import date, datetime, time, timedelta

_WEEKDAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
_MONTH_NAMES = "january february march april may june july august september october november december"
_ONE_TO_NINETEEN = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_FIRST_TO_THIRTY_FIRST = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third "
    "twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
)
WEEKDAYS, MONTHS = _WEEKDAY_NAMES.split(), _MONTH_NAMES.split()
_NUMBERS = {word: value for value, word in enumerate(_ONE_TO_NINETEEN.split(), start=1)}
_NUMBERS |= {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_ORDINALS = {word: value for value, word in enumerate(_FIRST_TO_THIRTY_FIRST.split(), start=1)}
_NUMBER = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_ORDINAL = "|".join(word.replace("-", "[- ]") for word in sorted(_ORDINALS, key=len, reverse=True))
_MOMENT = re.compile(
    rf"\b(today|tomorrow|{'|'.join(WEEKDAYS)})(?:, ({'|'.join(MONTHS)}) ({_ORDINAL}),?)? at "
    rf"(noon|({_NUMBER})(?: (oh )?((?:{_NUMBER})(?:[- ](?:{_NUMBER}))?))? ([ap]) ?m)\b",
    re.IGNORECASE,
)


class Misspoken(ValueError):
    """A day of the week and a date that do not go together, or a day that does not exist."""


def moments(text: str) -> list[str]:
    """The times that ``text`` names, in its own words: "Tuesday at ten A M"."""
    return [found[0] for found in _MOMENT.finditer(text)]


def local_time(moment: str, *, now: datetime) -> datetime:
    """The wall clock time, without a zone, that ``moment`` means at the local time ``now``, also without one.

    Raises Misspoken.
    """
    found = _MOMENT.fullmatch(moment.strip())
    if found is None:
        raise Misspoken(f"{moment!r} is no time.")
    return datetime.combine(_day(found, now.date()), _clock(found))


def _day(found: re.Match[str], today: date) -> date:
    name = found[1].lower()
    if name in ("today", "tomorrow"):
        return today + timedelta(days=name == "tomorrow")
    weekday = WEEKDAYS.index(name)
    if not found[2]:
        return today + timedelta(days=(weekday - today.weekday()) % 7 or 7)
    month, number = MONTHS.index(found[2].lower()) + 1, _ORDINALS[found[3].lower().replace(" ", "-")]
    try:
        day = date(today.year + (month < today.month), month, number)
    except ValueError as error:
        raise Misspoken(f"{found[0]!r} is no day.") from error
    if day.weekday() != weekday:
        raise Misspoken(f"{found[0]!r} is a {day:%A}.")
    return day


def _clock(found: re.Match[str]) -> time:
    if found[4].lower() == "noon":
        return time(12)
    minutes = sum(_NUMBERS[word] for word in re.split(r"[- ]", found[7].lower())) if found[7] else 0
    return time(_NUMBERS[found[5].lower()] % 12 + (12 if found[8].lower() == "p" else 0), minutes)
