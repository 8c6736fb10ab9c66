"""What a call counts as, and what the sums of many calls say. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.domain.types import Disposition

_SPOKE = frozenset(
    {
        Disposition.APPOINTMENT,
        Disposition.QUALIFIED,
        Disposition.CALLBACK_REQUESTED,
        Disposition.NOT_INTERESTED,
        Disposition.DO_NOT_CALL,
        Disposition.WRONG_NUMBER,
        Disposition.HAS_AGENT,
    }
)
"""Dispositions that come of something a person said, or of a key that was pressed."""
_SILENT = frozenset({Disposition.VOICEMAIL, Disposition.NO_ANSWER, Disposition.BUSY, Disposition.BAD_NUMBER})
_QUALIFIED = frozenset({Disposition.QUALIFIED, Disposition.APPOINTMENT})


class Dimension(StrEnum):
    """By what costs are told apart. Every call has one value of each, "" where it is not known."""

    CAMPAIGN = "campaign"
    LIST = "list"
    HOUR = "hour"
    CALLER_ID = "caller_id"
    SCRIPT = "script"
    VOICE = "voice"
    TIER = "tier"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of calls, seconds from answer to end, and cost in one currency.

    A dial is a call that the carrier took. A conversation is one in which a person answered and said something or
    pressed a key: no voicemail, no silence. A qualified lead is a call that ended with the lead qualified or with an
    appointment; an appointment is one that stands in the calendar. ``cost`` is that of every call, dialed or not.
    """

    dials: int = 0
    conversations: int = 0
    qualified: int = 0
    appointments: int = 0
    seconds: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Figures)))

    @property
    def per_dial(self) -> Decimal | None:
        return self._per(self.dials)

    @property
    def per_conversation(self) -> Decimal | None:
        return self._per(self.conversations)

    @property
    def per_qualified(self) -> Decimal | None:
        return self._per(self.qualified)

    @property
    def per_appointment(self) -> Decimal | None:
        return self._per(self.appointments)

    def _per(self, count: int) -> Decimal | None:
        """The whole cost over ``count``, so the dials that came to nothing are paid for by those that did."""
        return self.cost / count if count else None


def is_conversation(disposition: str, *, lead_spoke: bool) -> bool:
    """Whether a person answered and said something. ``lead_spoke``: the transcript has a turn of theirs."""
    return disposition in _SPOKE or (lead_spoke and disposition not in _SILENT)


def is_qualified(disposition: str) -> bool:
    return disposition in _QUALIFIED


def hour_in(zones: tuple[str, ...], at: datetime) -> int | None:
    """The hour, 0 to 23, of ``at`` on the clock of the first of ``zones``; None where there is none that is known."""
    try:
        return at.astimezone(ZoneInfo(zones[0])).hour if zones else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


_SPREAD = Decimal("1.2816")
"""Standard deviations to each side that hold 80 % of a normal distribution."""
LEAST_DAYS = 4
"""Fewer whole days than these tell no pace."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a period comes to: ``so_far`` is spent already, ``at_end`` expected, and ``low`` to ``high`` is where it
    will lie in four of five cases.
    """

    so_far: Decimal
    at_end: Decimal
    low: Decimal
    high: Decimal


def forecast(costs: Mapping[date, Decimal], *, first: date, today: date, last: date) -> Forecast | None:
    """What the days ``first`` to ``last`` come to, by the days before ``today`` in ``costs``; None after too few.

    A day that is missing cost nothing. A weekday that was seen twice is expected to cost its mean, any other the mean
    of all days; today is expected to reach it if it has not. The spread is that of single days about their mean, and
    of the means about the truth.
    """
    seen = [day for day in costs if day < today]
    if not seen or (today - min(seen)).days < LEAST_DAYS:
        return None
    whole = [min(seen) + timedelta(days=n) for n in range((today - min(seen)).days)]
    groups = _alike(whole)
    means = {
        key: sum((costs.get(day, Decimal(0)) for day in days), Decimal(0)) / len(days) for key, days in groups.items()
    }
    residuals = sum(((costs.get(day, Decimal(0)) - means[_key(day, groups)]) ** 2 for day in whole), Decimal(0))
    used = {_key(day, groups) for day in whole}
    variance = residuals / max(len(whole) - len(used), 1)
    so_far = sum((cost for day, cost in costs.items() if first <= day <= today), Decimal(0))
    ahead = [today + timedelta(days=n) for n in range(1, (last - today).days + 1)]
    more = sum((means[_key(day, groups)] for day in ahead), Decimal(0))
    more += max(means[_key(today, groups)] - costs.get(today, Decimal(0)), Decimal(0))
    per_group = Counter(_key(day, groups) for day in (today, *ahead))
    spread = sum((variance * (n + Decimal(n * n) / len(groups[key])) for key, n in per_group.items()), Decimal(0))
    error = spread.sqrt() * _SPREAD
    return Forecast(so_far, so_far + more, so_far + max(more - error, Decimal(0)), so_far + more + error)


def _alike(days: Sequence[date]) -> dict[int | None, list[date]]:
    """The days by weekday, where there are two of it; under None all of them."""
    groups: dict[int | None, list[date]] = {None: list(days)}
    for weekday in range(7):
        same = [day for day in days if day.weekday() == weekday]
        if len(same) > 1:
            groups[weekday] = same
    return groups


def _key(day: date, groups: Mapping[int | None, Sequence[date]]) -> int | None:
    return day.weekday() if day.weekday() in groups else None
