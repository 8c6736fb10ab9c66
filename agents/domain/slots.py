"""Which of the offered times the person takes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agents.domain.corrections import said
from agents.domain.days import MONTHS, day_of, week_alone, weekday_alone
from agents.domain.intents import Answer, answer
from agents.domain.numbers import digits
from agents.domain.text import clauses
from agents.domain.times import CHOSEN_ONE, clock_of

_FIRST = re.compile(r"\b(?:1st|former|number 1|option 1|the (?:earlier|earliest|sooner|soonest))\b")
_SECOND = re.compile(r"\b(?:2nd|latter|number 2|option 2|the (?:later|latest|last))\b")
_EITHER = re.compile(r"\b(?:either|any|both|whichever|whatever|you (?:choose|pick)|dont care)\b")
_REFUSED = re.compile(
    r"\b(?:neither|none|nope|not|cant|dont|doesnt|wont|isnt|no good|cannot|couldnt|busy|unavailable|no)\b"
)
_DATE = re.compile(
    rf"\b(?:{'|'.join(MONTHS)}|\w+day)(?: the)? [12](?:st|nd)\b|\b[12](?:st|nd) of (?:{'|'.join(MONTHS)})\b"
)
"""A date, whose number counts no offers: "Wednesday the second"."""
_OTHER = re.compile(r"\bthe other\b(?! (?:day|time|week|option was)\b)")
_BARE_NO = frozenset({"no", "no no", "nope", "no sorry"})
_CHOOSES = re.compile(
    r"\b(?:1st|2nd|former|latter|(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|today|\d{1,2})\b"
)
_OUTRIGHT = re.compile(
    r"\b(?:no thanks|no thank you|not (?:interested|necessary|needed|ready|comfortable)|(?:dont|do not) (?:want|need)"
    r"|(?:rather|prefer) not|no (?:appointment|meeting|visit)"
    r"|just (?:wanted|looking)|not (?:right now|now|yet|today))\b"
)


class Choice(NamedTuple):
    """``taken`` one slot, or ``refused`` all, or ``asked_for`` slots that fit what was said but were not offered.

    ``outright`` marks a refusal of any appointment; ``unclear`` an agreement that names none of several.
    """

    taken: datetime | None = None
    refused: bool = False
    outright: bool = False
    unclear: bool = False
    asked_for: tuple[datetime, ...] = ()


NO_CHOICE = Choice()
"""Nothing was said to the offer."""


def choose(
    text: str, offered: Sequence[datetime], *, free: Sequence[datetime], zone: ZoneInfo, now: datetime
) -> Choice:
    """Read ``text`` as an answer to an offer of ``offered``; ``free`` are all the slots there are.

    Of a choice that is corrected the last counts: "the first one, no wait, the second".
    """
    turn = said(text).pieces
    if len(turn) == 1:
        return _choose(text, offered, free=free, zone=zone, now=now)
    choices = (_choose(piece, offered, free=free, zone=zone, now=now) for piece in reversed(turn))
    return next((choice for choice in choices if choice != NO_CHOICE), NO_CHOICE)


def _choose(
    text: str, offered: Sequence[datetime], *, free: Sequence[datetime], zone: ZoneInfo, now: datetime
) -> Choice:
    pieces = [digits(CHOSEN_ONE.sub(r"\1 option", piece)) for piece in clauses(text)]
    whole = " ".join(pieces)
    agreed = [piece for piece in _after_no(pieces) if not _REFUSED.search(piece) or _EITHER.search(piece)]
    if _OUTRIGHT.search(whole):
        return Choice(refused=True, outright=True)
    wanted = " ".join(agreed)
    if _EITHER.search(whole):
        return (
            Choice(refused=True) if _REFUSED.search(whole.replace("dont care", "")) else Choice(taken=_at(offered, 0))
        )
    if _OTHER.search(wanted) and (other := _other(whole, offered, zone=zone, now=now)):
        return Choice(taken=other)
    counted = _DATE.sub(" ", wanted)
    if _FIRST.search(counted) and offered:
        return Choice(taken=offered[0])
    if _SECOND.search(counted) and offered:
        return Choice(taken=offered[-1])
    if _names_time(wanted, now.astimezone(zone)):
        fitting = fitting_slots(wanted, offered, zone=zone, now=now, any_week=True)
        if len(fitting) == 1:
            return Choice(taken=fitting[0])
        if fitting:
            return Choice(unclear=True, asked_for=fitting)
        return Choice(refused=True, asked_for=fitting_slots(wanted, free, zone=zone, now=now))
    said = answer(whole)
    if said is Answer.YES:
        return Choice(taken=offered[0]) if len(offered) == 1 else Choice(unclear=True)
    if said is Answer.NO or _REFUSED.search(whole):
        bare = said is Answer.NO and len(whole.split()) <= 2 and "neither" not in whole and "none" not in whole
        return Choice(refused=True, outright=bare)
    return Choice()


def _after_no(pieces: Sequence[str]) -> Sequence[str]:
    """The pieces behind a bare "no", where they choose anew: "Wednesday, no, that is my class, Tuesday"."""
    last = max((place for place, piece in enumerate(pieces) if piece in _BARE_NO), default=-1)
    behind = pieces[last + 1 :]
    anew = any(_CHOOSES.search(piece) and not _REFUSED.search(piece) for piece in behind)
    return behind if anew else pieces


def _other(whole: str, offered: Sequence[datetime], *, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Of two offered times the one that is not on the day that ``whole`` names beside "the other"."""
    named = fitting_slots(whole, offered, zone=zone, now=now, by_clock=False)
    left = [slot for slot in offered if slot not in named]
    return left[0] if len(offered) == 2 and len(left) == 1 else None


def _at(offered: Sequence[datetime], place: int) -> datetime | None:
    return offered[place] if place < len(offered) else None


def _names_time(words: str, local: datetime) -> bool:
    return day_of(words, local.date()) is not None or clock_of(words, bare_hour=True) is not None


def fitting_slots(
    words: str,
    slots: Sequence[datetime],
    *,
    zone: ZoneInfo,
    now: datetime,
    by_clock: bool = True,
    any_week: bool = False,
) -> tuple[datetime, ...]:
    """The ``slots`` that lie on the day and at the time that ``words`` name in figures; all when they name none.

    A weekday alone is the next one, or where no slot lies on that, the one that a slot lies on; a week is all of its
    days. ``by_clock`` False: the day alone counts. ``any_week``: of two Mondays, "Monday" is both.
    """
    day = day_of(words, now.astimezone(zone).date())
    clock = clock_of(words, bare_hour=True) if by_clock else None
    fitting = [slot for slot in slots if day is None or slot.astimezone(zone).date() == day]
    if week := week_alone(words, now.astimezone(zone).date()):
        fitting = [slot for slot in slots if week <= slot.astimezone(zone).date() < week + timedelta(days=7)]
    if (any_week or not fitting) and (weekday := weekday_alone(words)) is not None:
        fitting = [slot for slot in slots if slot.astimezone(zone).weekday() == weekday]
    if clock is None:
        return tuple(fitting)
    exact = [slot for slot in fitting if _same_clock(slot.astimezone(zone).time(), clock.at)]
    if exact:
        return tuple(exact)
    part = re.search(r"\b(morning|afternoon|evening)\b", words)
    return tuple(slot for slot in fitting if part and _part(slot.astimezone(zone).hour) == part[1])


def _same_clock(slot: time, said: time) -> bool:
    """The same time, or the same on a twelve-hour face: "two" said of a slot at 14:00."""
    return (slot.hour % 12, slot.minute) == (said.hour % 12, said.minute)


def _part(hour: int) -> str:
    return "morning" if hour < 12 else "afternoon" if hour < 17 else "evening"


def ahead(slots: Sequence[datetime], *, now: datetime) -> tuple[datetime, ...]:
    """The slots that have not passed, as aware UTC, in their order."""
    return tuple(slot.astimezone(UTC) for slot in slots if slot > now)
