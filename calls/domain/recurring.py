"""The instants at which something that is planned once, or every week, is to happen. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """``once_at``; or ``at`` on ``weekdays`` (0 is Monday) on the clock of ``zone``, an IANA name."""

    once_at: datetime | None = None
    at: time | None = None
    weekdays: tuple[int, ...] = ()
    zone: str = "UTC"

    def slots(self, after: datetime, until: datetime) -> list[datetime]:
        """The planned instants later than ``after`` and not later than ``until``, in UTC and in order.

        One for each day: a time that the clock shows twice counts when it is shown first, and one that the clock
        skips counts when it would have come, had the clock not been changed.
        """
        if self.once_at is not None:
            return [self.once_at.astimezone(UTC)] if after < self.once_at <= until else []
        if self.at is None:
            return []
        clock, found = ZoneInfo(self.zone), []
        day, last = after.astimezone(clock).date() - _DAY, until.astimezone(clock).date()
        while day <= last:
            slot = datetime.combine(day, self.at, clock).astimezone(UTC)
            if day.weekday() in self.weekdays and after < slot <= until:
                found.append(slot)
            day += _DAY
        return found

    def next_slot(self, after: datetime) -> datetime | None:
        """The first planned instant later than ``after``; None where there is none."""
        return next(iter(self.slots(after, self.once_at or after + 8 * _DAY)), None)


def local_time(day_and_time: datetime, zone: str) -> datetime:
    """What was typed without a zone, as an instant on the clock of ``zone``; changed clocks as in ``Plan.slots``."""
    return day_and_time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def wrong_with(plan: Plan, *, zones: Collection[str], now: datetime, is_new: bool = True) -> dict[str, str]:
    """By field, a sentence that says what to change; empty where nothing is wrong."""
    wrong = {}
    if plan.zone not in zones:
        wrong["zone"] = f"{plan.zone or 'Nothing'} is no IANA time zone: write one such as America/Denver."
    if plan.once_at is None and plan.at is None:
        wrong["at"] = "Say when: a time of day with its weekdays, or one date and time."
    elif plan.once_at is not None and plan.at is not None:
        wrong["at"] = "Once or every week: clear the time of day, or the one date and time."
    elif plan.at is not None and not plan.weekdays:
        wrong["weekdays"] = "Choose at least one day of the week."
    elif plan.once_at is not None and plan.weekdays:
        wrong["weekdays"] = "Weekdays go with a time of day: clear them, or write the time of day."
    if is_new and plan.once_at is not None and plan.once_at <= now:
        wrong["once_at"] = f"{plan.once_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC is over: choose a later time."
    return wrong
