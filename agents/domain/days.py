"""Which day somebody means, counted from today at the lead's."""

import re
from datetime import date, timedelta

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = tuple(_MONTH_NAMES.split())
_MONTH = "|".join(MONTHS)
WEEKDAY = re.compile(r"\b(?:(next|this|coming) )?(mon|tues|wednes|wedness|thurs|fri|satur|sun)days?\b")
_DAY_OF_MONTH = re.compile(
    rf"\b(?:({_MONTH}) )?(?:the )?(\d{{1,2}})(?:st|nd|rd|th)\b(?: (?:of )?(?:this|the) month)?(?: of ({_MONTH}))?"
)
_MONTH_DAY = re.compile(rf"\b({_MONTH}) (\d{{1,2}})\b(?! ?(?:am|pm|oclock|:))")
_SLASHED = re.compile(r"\b(1[0-2]|[1-9])/(3[01]|[12]\d|[1-9])\b")
DATED = re.compile(rf"{_SLASHED.pattern}|{_MONTH_DAY.pattern}|{_DAY_OF_MONTH.pattern}")
"""A date, which holds a number that is no hour."""
_FROM = re.compile(
    r"\b(?:(\d|an?|one) weeks? from(?: this| next| coming)? (today|tomorrow|(?:mon|tues|wednes|thurs|fri|satur"
    r"|sun)day)"
    r"|(today|tomorrow|(?:mon|tues|wednes|thurs|fri|satur|sun)day) (?:in )?(?:a|one|1) week)\b"
)
_MONTH_SAID = re.compile(
    rf"\b(?:in|until|till|by|around|of|come|sometime in|(early|late|mid|middle of|end of|beginning of|start of"
    rf"|1st of)(?: in)?) ({_MONTH})\b"
)
_WEEK_SAID = re.compile(
    r"\b(?:(early|late|later|mid|midweek|middle of|end of|beginning of|start of|1st thing)(?: in)? )?(?:the )?"
    r"(next|following|this|the|of the) week\b(?! from| of| or| we| i\b)"
)
_WEEK_AFTER = re.compile(r"\bthe week after(?= (?:this|that)\b|$)")
_DAY_AFTER = re.compile(r"\bthe day after(?= and\b| in the\b| at\b| works?\b| is\b| then\b|$)")
_END_OF_MONTH = re.compile(r"\b(?:end of|late) (?:the |this )?month\b")
_NEXT_MONTH = re.compile(r"\b(?:(early|mid|middle of|end of|late|beginning of|start of) )?next month\b")
_TODAY = re.compile(
    r"\b(?:(?:later )?today|tonight|this (?:morning|afternoon|evening)|later this (?!week|month|year)\w+)\b"
)
_WORKDAYS = 5


def day_of(words: str, today: date) -> date | None:
    """The day that ``words`` (with figures) name, None when they name none; never before ``today``."""
    if "day after tomorrow" in words or _DAY_AFTER.search(words):
        return today + timedelta(days=2)
    counted = _counted(words, today)
    if counted:
        return counted
    if re.search(r"\btomorrow\b", words):
        return today + timedelta(days=1)
    date_said = _date(words, today)
    found = WEEKDAY.search(words)
    if found and not (date_said and date_said.weekday() == _place_of(found)):
        return _weekday(found, today, words)
    return date_said or _stretch(words, today)


def weekday_alone(words: str) -> int | None:
    """The weekday (Monday is 0) that ``words`` (with figures) name without saying which; None for any other day."""
    found = WEEKDAY.search(words)
    if found is None or found[1] or DATED.search(words) or _FROM.search(words) or _WEEK_SAID.search(words):
        return None
    return _place_of(found)


def week_alone(words: str, today: date) -> date | None:
    """The Monday of the week that ``words`` name without any day in it: "next week", "the week after"."""
    if WEEKDAY.search(words) or DATED.search(words) or _FROM.search(words):
        return None
    week = _WEEK_SAID.search(words)
    if (week and week[2] in ("next", "following") and not week[1]) or _WEEK_AFTER.search(words):
        return today + timedelta(days=7 - today.weekday())
    return None


def _stretch(words: str, today: date) -> date | None:
    """A day out of a week, a month or a holiday: "late next week", "mid December", "after Thanksgiving"."""
    if re.search(r"\bthanksgiving\b", words):
        return _thanksgiving(today) + timedelta(days=1)
    if _TODAY.search(words):
        return today
    if re.search(r"\bweekend\b", words) and "week from" not in words:
        ahead = 7 if "next weekend" in words else 0
        return today + timedelta(days=((5 - today.weekday()) % 7 or 7) + ahead)
    if "week after next" in words:
        return today + timedelta(days=14 - today.weekday())
    if _WEEK_AFTER.search(words):
        return today + timedelta(days=7 - today.weekday())
    if (week := _WEEK_SAID.search(words)) and (day := _of_week(week[1] or "", week[2], today)):
        return day
    if re.search(r"\b(?:new years?|holidays|christmas)\b", words):
        return working_day(date(today.year + 1, 1, 2))
    if _END_OF_MONTH.search(words):
        return max(_last_working_day(today), today)
    if month := _NEXT_MONTH.search(words):
        return _of_month((today.replace(day=1) + timedelta(days=32)).replace(day=1), month[1] or "")
    named = _MONTH_SAID.search(words)
    if named is None:
        return None
    day = _of_month(_first_of(MONTHS.index(named[2]) + 1, today), named[1] or "")
    return day if day > today else None


def _of_week(part: str, which: str, today: date) -> date | None:
    monday = today + timedelta(days=7 - today.weekday())
    if which in ("next", "following"):
        return monday + timedelta(
            days={"mid": 2, "midweek": 2, "middle of": 2, "late": 3, "later": 3, "end of": 4}.get(part, 0)
        )
    if part in ("end of", "late", "later"):
        friday = today + timedelta(days=4 - today.weekday())
        return friday if friday > today else None
    return None


def _of_month(first: date, part: str) -> date:
    if part in ("mid", "middle of"):
        return working_day(first.replace(day=15))
    if part in ("end of", "late"):
        return _last_working_day(first)
    return working_day(first)


def _counted(words: str, today: date) -> date | None:
    """ "A week from Tuesday", "tomorrow in a week"."""
    found = _FROM.search(words)
    if found is None:
        return None
    weeks = int(found[1]) if (found[1] or "").isdigit() else 1
    start = found[2] or found[3]
    if start in ("today", "tomorrow"):
        return today + timedelta(days=7 * weeks + (start == "tomorrow"))
    place = next(place for place, name in enumerate(_WEEKDAYS) if name == start)
    return today + timedelta(days=((place - today.weekday()) % 7 or 7) + 7 * weeks)


def _place_of(found: re.Match[str]) -> int:
    return next(place for place, name in enumerate(_WEEKDAYS) if name.startswith(found[2][:3]))


def _weekday(found: re.Match[str], today: date, words: str) -> date:
    wanted = _place_of(found)
    if "after thanksgiving" in words:
        day = _thanksgiving(today) + timedelta(days=1)
        return day + timedelta(days=(wanted - day.weekday()) % 7)
    if found[1] == "next" or re.search(r"\b(?:next|following) week\b", words):
        return today + timedelta(days=7 - today.weekday() + wanted)
    return today + timedelta(days=(wanted - today.weekday()) % 7 or 7)


def _thanksgiving(today: date) -> date:
    """The fourth Thursday of November, this year's or, once that is past, the next."""
    for year in (today.year, today.year + 1):
        first = date(year, 11, 1)
        day = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
        if day >= today:
            break
    return day


def _date(words: str, today: date) -> date | None:
    found = _DAY_OF_MONTH.search(words)
    day, month = (found[2], found[1] or found[3]) if found else (None, None)
    if found is None and (plain := _MONTH_DAY.search(words)):
        month, day = plain[1], plain[2]
    if found is None and (slashed := _SLASHED.search(words)):
        month, day = MONTHS[int(slashed[1]) - 1], slashed[2]
    if day is None or re.search(
        rf"\b{day}(?:st|nd|rd|th) (?:1|one|option|time|slot|choice|thing|of (?:the )?week)\b", words
    ):
        return None
    start = today if month is None else date(today.year, MONTHS.index(month) + 1, 1)
    for ahead in range(24):
        years, months = divmod(start.month - 1 + ahead * (1 if month is None else 12), 12)
        try:
            candidate = date(start.year + years, months + 1, int(day))
        except ValueError:
            continue
        if candidate > today or (candidate == today and (found is None or month or "this month" in words)):
            return candidate
    return None


def _first_of(month: int, today: date) -> date:
    year = today.year + (month <= today.month)
    return date(year, month, 1)


def working_day(day: date) -> date:
    """``day``, or the Monday after it where it falls on a weekend."""
    return day + timedelta(days=max(7 - day.weekday(), 0) if day.weekday() >= _WORKDAYS else 0)


def _last_working_day(day: date) -> date:
    last = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return last - timedelta(days=max(last.weekday() - 4, 0))
