"""What a call's disposition means for the lead. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.domain.types import Disposition
from calls.domain.cadence import AFTER_A_MISSED_PROMISE, DAY, Opening, Part, RetryTerms, rotate

_CLOSES = {
    Disposition.APPOINTMENT: "An appointment is booked.",
    Disposition.QUALIFIED: "The lead is qualified.",
    Disposition.NOT_INTERESTED: "The person is not interested.",
    Disposition.DO_NOT_CALL: "The person asked not to be called again.",
    Disposition.WRONG_NUMBER: "The number belongs to somebody else.",
    Disposition.HAS_AGENT: "The person has signed with another agent.",
    Disposition.BAD_NUMBER: "The number cannot be reached.",
    Disposition.TRANSFERRED: "A person took the call over.",
}
_CALLED = {
    Disposition.NO_ANSWER: "no answer",
    Disposition.BUSY: "busy line",
    Disposition.VOICEMAIL: "voicemail",
    Disposition.HUNG_UP: "hang-up",
    Disposition.FAILED: "failed call",
}
_PROMISE_UNLESS_GIVEN = DAY
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True, slots=True)
class Close:
    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Call again at ``at``, for the reason ``why``. ``promised_at`` is when the person asked to be called, while that
    promise is not kept.
    """

    at: datetime
    why: str
    promised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried so far, the call that has just ended included.

    ``ends`` counts the calls by how they ended, ``called_at`` is when they rang, ``attempts`` are those that the
    campaign counts. ``promised_at`` is the promise that was open, ``missed`` how many calls from then on nobody took.
    ``zone`` is the lead's IANA zone; empty: unknown.
    """

    ends: Mapping[Disposition, int]
    attempts: int
    called_at: tuple[datetime, ...] = ()
    zone: str = ""
    promised_at: datetime | None = None
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """``retry`` has the terms of every outcome after which a lead is called again; ``opening`` knows its hours."""

    retry: Mapping[Disposition, RetryTerms]
    max_attempts: int
    opening: Opening


def after(
    disposition: Disposition,
    tried: Tried,
    terms: Terms,
    *,
    ended_at: datetime,
    callback_at: datetime | None = None,
) -> Close | Again:
    """Close the lead, or when to call again. A promise is kept even when all attempts are used."""
    if reason := _CLOSES.get(disposition):
        return Close(reason)
    if disposition is Disposition.CALLBACK_REQUESTED:
        return _promise(callback_at, ended_at)
    if tried.promised_at is not None and (kept := _kept(disposition, tried, terms, ended_at, tried.promised_at)):
        return kept
    return _next(disposition, tried, terms, ended_at)


def _promise(callback_at: datetime | None, ended_at: datetime) -> Again:
    """A time that is over by now was misunderstood: as good as none."""
    if callback_at is not None and callback_at > ended_at:
        return Again(callback_at, "the person asked for this time", callback_at)
    at = ended_at + _PROMISE_UNLESS_GIVEN
    return Again(at, "the person asked to be called again and named no time: in a day", at)


def _kept(
    disposition: Disposition, tried: Tried, terms: Terms, ended_at: datetime, promised_at: datetime
) -> Again | None:
    """What becomes of an open promise; None where it has ended, by a talk or by a second call that nobody took."""
    if disposition is Disposition.HUNG_UP:
        return None
    if promised_at > ended_at:
        return Again(promised_at, f"{_CALLED[disposition]} before the promised time: the promise stands", promised_at)
    if disposition is Disposition.FAILED:
        found = _next(disposition, tried, terms, ended_at, promised=True)
        return Again(found.at, f"{found.why}, still as promised", promised_at) if isinstance(found, Again) else None
    if tried.missed <= 1:
        why = f"nobody took the promised call ({_CALLED[disposition]}): once more in 15 min"
        return Again(ended_at + AFTER_A_MISSED_PROMISE, why, promised_at)
    return None


def _next(
    disposition: Disposition, tried: Tried, terms: Terms, ended_at: datetime, *, promised: bool = False
) -> Close | Again:
    """By the cadence."""
    rule, ends = terms.retry[disposition], max(1, tried.ends.get(disposition, 0))
    if tried.attempts >= terms.max_attempts and not promised:
        said = disposition.replace("_", " ")
        return Close(f"All {terms.max_attempts} attempts are used; the last one ended with: {said}.")
    if ends >= rule.attempts:
        return Close(_used_up(disposition, rule.attempts))
    spacing = rule.after(ends)
    why = f"{_ordinal(ends)} {_CALLED[disposition]} of {rule.attempts}: {_in(spacing)}"
    if not (rule.rotate and tried.zone):
        return Again(ended_at + spacing, why)
    moved = rotate(ended_at + spacing, tried.called_at, zone=tried.zone, opening=terms.opening)
    if moved.part is None:
        return Again(moved.at, why)
    return Again(moved.at, f"{why}, moved to {'noon' if moved.part is Part.NOON else f'the {moved.part}'}")


def _used_up(disposition: Disposition, attempts: int) -> str:
    if disposition is Disposition.FAILED:
        return f"{_calls(attempts)} failed: find out why, then reopen the lead."
    return f"{_calls(attempts)} ended with {_CALLED[disposition]}; the campaign allows no more."


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else _ORDINALS.get(number % 10, "th")
    return f"{number}{suffix}"


def _in(spacing: timedelta) -> str:
    minutes = round(spacing / timedelta(minutes=1))
    if minutes % 1440 == 0:
        return "in 1 day" if minutes == 1440 else f"in {minutes // 1440} days"
    return f"in {minutes // 60} h" if minutes % 60 == 0 else f"in {minutes} min"
