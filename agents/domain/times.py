"""When somebody means: spoken times in the lead's zone, as aware UTC instants that lie ahead.

Defaults, where the words leave something open:

* a day alone, or "morning": 10:00; "lunch", "noon": 12:00; "after lunch": 13:30; "afternoon": 14:00;
  "after work": 17:30; "evening", "tonight": 18:00. Where that is past today: in two hours, on the hour.
* hours without AM or PM: 8 to 11 are before noon, 12 and 1 to 7 after it.
* a weekday is the next one after today; "next Tuesday" is the one of next week, "next week" its Monday, "next month"
  its first working day, "the weekend" Saturday, "after the holidays" the first working day of a year.
* calls keep to 8:00 to 20:00 at the lead's; a wish outside is moved to the nearest time inside.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.domain.corrections import said
from agents.domain.days import DATED, WEEKDAY, day_of
from agents.domain.numbers import digits
from agents.domain.text import clauses, normalise

EARLIEST = time(8)
LATEST = time(20)
DEFAULT = time(10)
_SOON_H = 2
_FURTHEST_DAYS = 366
_RELATIVE = re.compile(
    r"\b(?:in|after|give me|about|within)? ?(?:about |like |maybe |another )?"
    r"(\d{1,3}(?:\.\d)?|an?|a couple(?: of| a)?|couple(?: of| a)?|a few|few|half an)"
    r" (minute|hour|day|week|month)s?\b(?: or (2|so)\b)?(?: and a half)?(?! ago| from (?:mon|tues|wednes|thurs|fri"
    r"|sat|sun))"
)
_CLOCK = re.compile(
    r"(?:\b(at|around|about|by|after|before|for) )?\b(\d{1,2})(?:(?::| )([0-5]\d))?(?: ?(oclock|am|pm))?\b"
    r"(?! ?(?:minutes?|hours?|days?|weeks?|months?|years?|%|percent|thousand|bed|bath))"
)
# Speech recognition writes "four thirty" as 430 and 4.30 too.
_RUN_TOGETHER = re.compile(r"\b(1[0-2]|[1-9])\.?([0-5]\d)(?= ?[ap]m\b)")
_DOTTED = re.compile(r"(?<=day at )(1[0-2]|[1-9])\.([0-5]\d)\b")
_RUN_TOGETHER_ASKED = re.compile(r"\b(?<=at )(1[0-2]|[1-9])\.?([0-5]\d)\b(?! ?(?:k|grand|thousand|%|percent)\b)")
_PAST_OR_TO = re.compile(
    r"(?<!from )\b(?:a )?(half|quarter|5|10|20|25)(?: minutes?)? (past|after|to|till|til|of"
    r"|before) (\d{1,2})\b(?! ?(?:minutes|\d))"
    r" ?(am|pm)?"
)
_NOT_BEFORE = re.compile(r"\bnot before\b|\b(?:dont|not|never) (?:call|ring|phone|try)(?: \w+){0,2} before\b")
_BETWEEN = re.compile(r"\bbetween (\d{1,2}(?: ?(?:am|pm))?) and (\d{1,2})( ?(?:am|pm))?\b")
_ISH = re.compile(r"(?<=\d) ?ish\b|(?<=\bnoon)ish\b")
CHOSEN_ONE = re.compile(
    r"\b(first|second|1st|2nd|either|neither|which|that|this|other|another|later|earlier|latter|former|last|any"
    r"|the (?:\w+day|morning|afternoon|evening|\d+(?:st|nd|rd|th)|sooner|good|better)) one\b"
    r"(?! (?:oh|fifteen|thirty|forty|oclock|[ap]m|in the)\b)"
)
"""A "one" that is no hour, behind what it stands for: "the first one", "the Tuesday one"."""
_SAME_TIME = re.compile(r"\bsame time\b")
_PARTS: tuple[tuple[re.Pattern[str], time], ...] = tuple(
    (re.compile(words), at)
    for words, at in (
        (r"\bafter (?:my |the )?lunch\b", time(13, 30)),
        (r"\bafter (?:church|mass)\b", time(12, 30)),
        (r"(?<!not )(?<!me )(?<!us )(?<!here )\bbefore noon\b", time(11)),
        (r"\bearly afternoon\b", time(13)),
        (r"\bearly evening\b", time(17, 30)),
        (r"\b(?:dinner|supper) ?time\b", time(18)),
        (r"\blater this afternoon\b", time(16)),
        (r"\blater today\b", time(14)),
        (r"\bafter (?:my )?work\b", time(17, 30)),
        (r"\b(?:after (?:dinner|supper|school))\b", time(18)),
        (r"\b(?:late|end of the) (?:afternoon|day)\b", time(16)),
        (
            r"\b(?:1st thing|early(?! (?:next|this|in) (?:week|month|year|\w+ber"
            r"|\w+uary)))\b(?: in the)?(?: morning)?",
            time(9),
        ),
        (r"\b(?:before lunch|late morning)\b", time(11)),
        (r"\b(?:noon|midday|lunch(?: ?time| hour)?)\b", time(12)),
        (r"\bafternoon\b", time(14)),
        (r"\b(?:evening|tonight|night)\b", time(18)),
        (r"\bmorning\b", time(10)),
    )
)
_WIDE_PART = re.compile(r"\b(?:morning|afternoon|evening|tonight|night)\b")
_EITHER_HALF = 8
"""The one hour that calls keep to before noon and after it."""
_SOME_DAY = re.compile(r"\b(?:one|1|some|any) ?day\b")
"""Of a weekday that was misheard, or of none."""
_HALF = re.compile(r"\b(?:[ap]m|morning|evening|tonight|night)\b")
_UNITLESS = re.compile(
    r"\bin (?:about |like )?(5|[1-5][05])(?: ?\1)?\b(?![:.]?\d| ?(?:\d|minute|hour|day|week|month|year|[ap]m\b))"
)
"""A "twenty minutes" whose unit was lost is heard as "in 20", "in 20 20" or "in 2020"."""
_NEVER_A_TIME = re.compile(r"\b(?:good (?:morning|afternoon|evening|night)|have a (?:good|nice|great) \w+)\b")


class Clock(NamedTuple):
    """A time of day as it was said; ``sure`` when the words leave no doubt that it is one. A part of the day, such as
    the afternoon, is not ``exact``."""

    at: time
    sure: bool
    exact: bool = True


class Wished(NamedTuple):
    """An instant in UTC that was asked for. ``doubtful``: we filled in what was left open, or moved it."""

    at: datetime
    doubtful: bool = False


class _Wish(NamedTuple):
    """A time as far as it was told: an instant counted from now, or a day and an hour.

    ``vague``: a part of the day, an hour that may be of either half of it, a number whose unit is missing, one of
    several days.
    """

    day: date | None = None
    clock: Clock | None = None
    soon: datetime | None = None
    weekday: bool = False
    vague: bool = False


def _agreed(at: datetime | None, zone: ZoneInfo) -> _Wish:
    if at is None:
        return _Wish()
    local = at.astimezone(zone)
    return _Wish(local.date(), Clock(local.time(), sure=True))


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone ``name``; UTC where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def instant(
    text: str, *, now: datetime, zone: ZoneInfo, bare_hour: bool = False, corrects: datetime | None = None
) -> datetime | None:
    """The instant that ``text`` asks for, as ``wished`` reads it; None when it names no time."""
    found = wished(text, now=now, zone=zone, bare_hour=bare_hour, corrects=corrects)
    return found.at if found else None


def wished(
    text: str,
    *,
    now: datetime,
    zone: ZoneInfo,
    bare_hour: bool = False,
    bare_minutes: bool = False,
    corrects: datetime | None = None,
) -> Wished | None:
    """The instant that ``text`` asks for, after ``now``; None when it names no time.

    ``bare_hour``: a number alone is an hour ("ten is fine"); to be set only where a time was asked for.
    ``bare_minutes``: "in twenty" is so many minutes; only where a call is wished for. A day or an hour that is
    corrected keeps the rest: "Tuesday at three, no wait, four" is Tuesday at four. ``corrects`` is a time of before,
    of which ``text`` may give a part anew.
    """
    local = now.astimezone(zone)
    wish = was = _agreed(corrects, zone)
    for piece in said(text).pieces:
        words, several = _of_one_day(piece, local)
        wish = _told(words, wish, local, bare_hour=bare_hour, bare_minutes=bare_minutes)
        wish = wish._replace(vague=True) if several and wish != was else wish
    if wish == was:
        return None
    if wish.soon is not None:
        return _filled(_within_hours(wish.soon, local), wish, max(wish.soon, local))
    if wish.day is None and (wish.clock is None or not wish.clock.sure):
        return None
    at = wish.clock.at if wish.clock else DEFAULT
    if wish.day == local.date() and (wish.clock is None or not wish.clock.exact):
        return _filled(_today(at, local), wish, None)
    meant = datetime.combine(wish.day or local.date(), at, tzinfo=zone) if wish.clock else None
    return _filled(_join(wish.day, at, local, weekday=wish.weekday), wish, meant)


def _of_one_day(piece: str, local: datetime) -> tuple[str, bool]:
    """The words that tell the time, and whether the piece names several days; of them the one beside the hour counts.

    "Tuesday. No, sorry, call me Friday at ten" has lost its correction where that was misheard.
    """
    parts = [time_words(part) for part in clauses(piece)]
    if len({day for part in parts if (day := day_of(part, local.date()))}) < 2:
        words = time_words(piece)
        return words, _SOME_DAY.search(words) is not None
    whole = [part for part in parts if day_of(part, local.date()) and clock_of(part, bare_hour=False)]
    return (whole[0] if len(whole) == 1 else time_words(piece)), True


def _told(words: str, wish: _Wish, local: datetime, *, bare_hour: bool, bare_minutes: bool) -> _Wish:
    """``wish`` with what the next piece of a turn says of it."""
    soon, day = _relative(words, local), day_of(words, local.date())
    lost = _UNITLESS.search(words) if bare_minutes and soon is None else None
    if lost and day is None:
        return _Wish(soon=_later(local, minutes=float(lost[1])), vague=True)
    if soon is not None and day is None:
        return _Wish(soon=soon)
    clock = clock_of(words, bare_hour=bare_hour or wish.clock is not None)
    if _SAME_TIME.search(words):
        clock = Clock(local.time().replace(second=0, microsecond=0), sure=True)
    if day is None and clock is None:
        return wish
    weekday = bool(WEEKDAY.search(words)) if day is not None else wish.weekday
    vague = _is_vague(clock, words) if clock else wish.vague
    return _Wish(day or wish.day, clock or wish.clock, weekday=weekday, vague=vague)


def _is_vague(clock: Clock, words: str) -> bool:
    if not clock.exact:
        return _WIDE_PART.search(words) is not None
    return clock.at.hour == _EITHER_HALF and _HALF.search(words) is None


def _filled(at: datetime, wish: _Wish, meant: datetime | None) -> Wished:
    """``at``, doubtful where it is another instant than the one that was ``meant``; None: any would do."""
    return Wished(at, doubtful=wish.vague or (meant is not None and meant != at))


def time_words(text: str) -> str:
    """``text`` as the readers of days and hours want it: normalised, with figures, without greetings."""
    return _ISH.sub("", digits(CHOSEN_ONE.sub(r"\1 option", _NEVER_A_TIME.sub(" ", normalise(text)))))


def _join(day: date | None, at: time, local: datetime, *, weekday: bool) -> datetime:
    chosen = day or local.date()
    wanted = datetime.combine(chosen, min(max(at, EARLIEST), LATEST), tzinfo=local.tzinfo)
    if wanted <= local:
        step = 7 if day is not None and weekday else 1
        wanted = datetime.combine(chosen + timedelta(days=step), wanted.time(), tzinfo=local.tzinfo)
    return wanted.astimezone(UTC)


def _today(at: time, local: datetime) -> datetime:
    """Today at ``at``, or where that is past, in two hours on the hour; the same tomorrow where the day is over."""
    wanted = datetime.combine(local.date(), at, tzinfo=local.tzinfo)
    if wanted <= local:
        soon = local + timedelta(hours=_SOON_H)
        wanted = soon.replace(minute=0, second=0, microsecond=0)
        if soon.date() != local.date() or wanted.time() > LATEST or wanted.time() < EARLIEST:
            return _join(local.date() + timedelta(days=1), at, local, weekday=False)
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
    amount = 2.0 if found[3] == "2" else _amount(found[1])
    unit = found[2]
    if unit in ("minute", "hour"):
        return _later(local, minutes=amount * (60 if unit == "hour" else 1) + (30 if "and a half" in found[0] else 0))
    days = int(amount * {"day": 1, "week": 7, "month": 30}[unit])
    if days < 1 or days > _FURTHEST_DAYS:
        return None
    clock = clock_of(_RELATIVE.sub(" ", words), bare_hour=False)
    at = clock.at if clock else DEFAULT
    return datetime.combine(local.date() + timedelta(days=days), at, tzinfo=local.tzinfo)


def _later(local: datetime, *, minutes: float) -> datetime:
    """By the clock of the world: an hour in which the clocks change is no longer and no shorter."""
    return (local.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(local.tzinfo)


def _amount(word: str) -> float:
    if word[0].isdigit():
        return max(float(word), 1)
    return 2 if "couple" in word else 3 if "few" in word else 0.5 if "half" in word else 1


def clock_of(words: str, *, bare_hour: bool) -> Clock | None:
    """The time of day in ``words`` (with figures). An hour without AM or PM counts before noon from 8 to 11."""
    words = _DOTTED.sub(r"\1:\2", _RUN_TOGETHER.sub(r"\1:\2", words))
    words = _RUN_TOGETHER_ASKED.sub(r"\1:\2", words) if bare_hour else words
    words = _BETWEEN.sub(r"\1\3", words)
    half = _PAST_OR_TO.search(words)
    if half and 1 <= int(half[3]) <= 12:
        minutes = {"half": 30, "quarter": 15}.get(half[1]) or int(half[1])
        sign = 1 if half[2] in ("past", "after") else -1
        whole = datetime.combine(date(2000, 1, 2), time(_hour(int(half[3]), half[4], words)))
        return Clock((whole + sign * timedelta(minutes=minutes)).time(), sure=True)
    for found in _CLOCK.finditer(DATED.sub(" ", words)):
        hour, marked = int(found[2]), bool(found[4] or found[3] or found[1] in ("at", "around", "after", "before"))
        if not (marked or bare_hour) or not 1 <= hour <= 23 or (found[4] in ("am", "pm") and hour > 12):
            continue
        at = time(_hour(hour, found[4], words), int(found[3] or 0))
        earlier = found[1] == "before" and not _NOT_BEFORE.search(words) and at.hour > EARLIEST.hour
        return Clock(at.replace(hour=at.hour - 1) if earlier else at, sure=True)
    for part, at in _PARTS:
        if part.search(words):
            return Clock(at, sure=True, exact=False)
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
