"""When somebody means: spoken times in the lead's zone, as aware UTC instants that lie ahead.

Defaults, where the words leave something open:

* a day alone, or "morning": 10:00; "lunch", "noon": 12:00; "after lunch": 13:30; "afternoon": 14:00;
  "after work": 17:30; "evening", "tonight": 18:00.
* hours without AM or PM: 8 to 11 are before noon, 12 and 1 to 7 after it.
* a weekday is the next one after today; "next Tuesday" is the one of next week, "next week" its Monday, "next month"
  its first working day, "the weekend" Saturday, "after the holidays" the first working day of a year.
* calls keep to 8:00 to 20:00 at the lead's; a wish outside is moved to the nearest time inside.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.domain.numbers import digits
from agents.domain.text import normalise

EARLIEST = time(8)
LATEST = time(20)
DEFAULT = time(10)
_FURTHEST_DAYS = 366
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = tuple(_MONTH_NAMES.split())
_WEEKDAY = re.compile(r"\b(?:(next|this|coming) )?(mon|tues|wednes|wedness|thurs|fri|satur|sun)days?\b")
_RELATIVE = re.compile(
    r"\b(?:in|after|give me|about|within)? ?(?:about |like |maybe |another )?"
    r"(\d{1,3}|an?|a couple(?: of)?|couple(?: of)?|a few|few|half an)"
    r" (minute|hour|day|week|month)s?\b(?: and a half)?(?! ago)"
)
_CLOCK = re.compile(
    r"(?:\b(at|around|about|by|after|before|for) )?\b(\d{1,2})(?:(?::| )([0-5]\d))?(?: ?(oclock|am|pm))?\b"
    r"(?! ?(?:minutes?|hours?|days?|weeks?|months?|years?|%|percent|thousand|bed|bath))"
)
# Speech recognition writes "four thirty" as 430 and 4.30 too.
_RUN_TOGETHER = re.compile(r"\b(1[0-2]|[1-9])\.?([0-5]\d)(?= ?[ap]m\b)")
_RUN_TOGETHER_ASKED = re.compile(r"\b(?<=at )(1[0-2]|[1-9])\.?([0-5]\d)\b(?! ?(?:k|grand|thousand|%|percent)\b)")
_HALF = re.compile(r"\b(half past|quarter past|quarter after|quarter to|quarter of) (\d{1,2})\b ?(am|pm)?")
_DAY_OF_MONTH = re.compile(
    rf"\b(?:({'|'.join(MONTHS)}) )?(?:the )?(\d{{1,2}})(?:st|nd|rd|th)\b(?: of ({'|'.join(MONTHS)}))?"
)
_MONTH_DAY = re.compile(rf"\b({'|'.join(MONTHS)}) (\d{{1,2}})\b(?! ?(?:am|pm|oclock))")
_PARTS: tuple[tuple[re.Pattern[str], time], ...] = tuple(
    (re.compile(words), at)
    for words, at in (
        (r"\bafter (?:my |the )?lunch\b", time(13, 30)),
        (r"\bafter (?:my )?work\b", time(17, 30)),
        (r"\b(?:after (?:dinner|supper|school))\b", time(18)),
        (r"\b(?:late|end of the) (?:afternoon|day)\b", time(16)),
        (r"\b(?:1st thing|early)\b(?: in the)?(?: morning)?", time(9)),
        (r"\b(?:before lunch|late morning)\b", time(11)),
        (r"\b(?:noon|midday|lunch(?: ?time| hour)?)\b", time(12)),
        (r"\bafternoon\b", time(14)),
        (r"\b(?:evening|tonight|night)\b", time(18)),
        (r"\bmorning\b", time(10)),
    )
)
_NEVER_A_TIME = re.compile(r"\b(?:good (?:morning|afternoon|evening|night)|have a (?:good|nice|great) \w+)\b")


class Clock(NamedTuple):
    """A time of day as it was said; ``sure`` when the words leave no doubt that it is one."""

    at: time
    sure: bool


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone ``name``; UTC where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def instant(text: str, *, now: datetime, zone: ZoneInfo, bare_hour: bool = False) -> datetime | None:
    """The instant that ``text`` asks for, after ``now``, in UTC; None when it names no time.

    ``bare_hour``: a number alone is an hour ("ten is fine"); to be set only where a time was asked for.
    """
    words = digits(_NEVER_A_TIME.sub(" ", normalise(text)))
    local = now.astimezone(zone)
    soon = _relative(words, local)
    if soon is not None:
        return _within_hours(soon, local)
    day = day_of(words, local.date())
    clock = clock_of(words, bare_hour=bare_hour)
    if day is None and (clock is None or not clock.sure):
        return None
    return _join(day, clock.at if clock else DEFAULT, local, weekday=bool(_WEEKDAY.search(words)))


def _join(day: date | None, at: time, local: datetime, *, weekday: bool) -> datetime:
    chosen = day or local.date()
    wanted = datetime.combine(chosen, min(max(at, EARLIEST), LATEST), tzinfo=local.tzinfo)
    if wanted <= local:
        step = 7 if day is not None and weekday else 1
        wanted = datetime.combine(chosen + timedelta(days=step), wanted.time(), tzinfo=local.tzinfo)
    return wanted.astimezone(UTC)


def _within_hours(wanted: datetime, local: datetime) -> datetime:
    if wanted.time() > LATEST:
        wanted = datetime.combine(wanted.date() + timedelta(days=1), EARLIEST, tzinfo=wanted.tzinfo)
    elif wanted.time() < EARLIEST:
        wanted = datetime.combine(wanted.date(), EARLIEST, tzinfo=wanted.tzinfo)
    return max(wanted, local).astimezone(UTC)


def _relative(words: str, local: datetime) -> datetime | None:
    """ "In twenty minutes" and its kind; days and longer keep the wall clock at the default hour."""
    found = _RELATIVE.search(words)
    if found is None or found[0].startswith("after a ") or "months ago" in words:
        return None
    amount = _amount(found[1])
    unit = found[2]
    if unit in ("minute", "hour"):
        ahead = timedelta(minutes=amount * (60 if unit == "hour" else 1) + (30 if "and a half" in found[0] else 0))
        return (local.astimezone(UTC) + ahead).astimezone(local.tzinfo)
    days = int(amount * {"day": 1, "week": 7, "month": 30}[unit])
    if days < 1 or days > _FURTHEST_DAYS:
        return None
    clock = clock_of(_RELATIVE.sub(" ", words), bare_hour=False)
    at = clock.at if clock else DEFAULT
    return datetime.combine(local.date() + timedelta(days=days), at, tzinfo=local.tzinfo)


def _amount(word: str) -> float:
    if word.isdigit():
        return max(int(word), 1)
    return 2 if "couple" in word else 3 if "few" in word else 0.5 if "half" in word else 1


def day_of(words: str, today: date) -> date | None:
    """The day that ``words`` (with figures) name, None when they name none; never before ``today``."""
    if "day after tomorrow" in words:
        return today + timedelta(days=2)
    if re.search(r"\btomorrow\b", words):
        return today + timedelta(days=1)
    found = _WEEKDAY.search(words)
    if found:
        return _weekday(found, today, next_week="next week" in words)
    date_said = _date(words, today)
    if date_said:
        return date_said
    if re.search(r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", words):
        return today
    if "next week" in words:
        return today + timedelta(days=7 - today.weekday())
    if re.search(r"\bweekend\b", words):
        return today + timedelta(days=(5 - today.weekday()) % 7 or 7)
    if re.search(r"\b(?:new years?|holidays)\b", words):
        return _working_day(date(today.year + 1, 1, 2))
    if "next month" in words:
        return _working_day((today.replace(day=1) + timedelta(days=32)).replace(day=1))
    month = re.search(rf"\b(?:in|until|till|early|by|around) ({'|'.join(MONTHS)})\b", words)
    return _working_day(_first_of(MONTHS.index(month[1]) + 1, today)) if month else None


def _weekday(found: re.Match[str], today: date, *, next_week: bool) -> date:
    wanted = next(place for place, name in enumerate(_WEEKDAYS) if name.startswith(found[2][:3]))
    if found[1] == "next" or next_week:
        return today + timedelta(days=7 - today.weekday() + wanted)
    return today + timedelta(days=(wanted - today.weekday()) % 7 or 7)


def _date(words: str, today: date) -> date | None:
    found = _DAY_OF_MONTH.search(words)
    day, month = (found[2], found[1] or found[3]) if found else (None, None)
    if found is None and (plain := _MONTH_DAY.search(words)):
        month, day = plain[1], plain[2]
    if day is None or re.search(rf"\b{day}(?:st|nd) (?:1|one|option|time|slot|choice)\b", words):
        return None
    start = today if month is None else date(today.year, MONTHS.index(month) + 1, 1)
    for ahead in range(24):
        years, months = divmod(start.month - 1 + ahead * (1 if month is None else 12), 12)
        try:
            candidate = date(start.year + years, months + 1, int(day))
        except ValueError:
            continue
        if candidate > today:
            return candidate
    return None


def _first_of(month: int, today: date) -> date:
    year = today.year + (month <= today.month)
    return date(year, month, 1)


def _working_day(day: date) -> date:
    return day + timedelta(days=max(7 - day.weekday(), 0) if day.weekday() >= 5 else 0)


def clock_of(words: str, *, bare_hour: bool) -> Clock | None:
    """The time of day in ``words`` (with figures). An hour without AM or PM counts before noon from 8 to 11."""
    words = _RUN_TOGETHER.sub(r"\1:\2", words)
    words = _RUN_TOGETHER_ASKED.sub(r"\1:\2", words) if bare_hour else words
    half = _HALF.search(words)
    if half and 1 <= int(half[2]) <= 12:
        minutes = {"half past": 30, "quarter past": 15, "quarter after": 15}.get(half[1], -15)
        whole = datetime.combine(date(2000, 1, 2), time(_hour(int(half[2]), half[3], words)))
        return Clock((whole + timedelta(minutes=minutes)).time(), sure=True)
    for found in _CLOCK.finditer(_DAY_OF_MONTH.sub(" ", _MONTH_DAY.sub(" ", words))):
        hour, marked = int(found[2]), bool(found[4] or found[3] or found[1] in ("at", "around"))
        if not (marked or bare_hour) or not 1 <= hour <= 23 or (found[4] in ("am", "pm") and hour > 12):
            continue
        return Clock(time(_hour(hour, found[4], words), int(found[3] or 0)), sure=True)
    for part, at in _PARTS:
        if part.search(words):
            return Clock(at, sure=True)
    return None


def _hour(hour: int, meridiem: str | None, words: str) -> int:
    if hour > 12:
        return hour
    evening = re.search(r"\b(?:evening|tonight|night|afternoon)\b", words)
    if meridiem == "am" or (meridiem is None and "morning" in words):
        return hour % 12
    if meridiem == "pm" or evening:
        return hour % 12 + 12
    return hour if 8 <= hour <= 12 else hour + 12
