"""Which appointments may be offered: working days of the lead's zone, at fixed local hours. Pure."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_TIMES = (time(10), time(14), time(11), time(15), time(16))
_FIRST_DAY, _LAST_DAY = 1, 14


def free_slots(zone: str, *, now: datetime, taken: Collection[datetime], count: int = 4) -> tuple[datetime, ...]:
    """The next ``count`` free slots after today, days alternating with the hour so that two offers differ in both.

    ``taken`` and the result are aware instants.
    """
    local = now.astimezone(ZoneInfo(zone))
    days = [
        day
        for offset in range(_FIRST_DAY, _LAST_DAY + 1)
        if (day := (local + timedelta(days=offset)).date()).weekday() < 5
    ]
    candidates = [
        datetime.combine(day, _TIMES[(place + turn) % len(_TIMES)], ZoneInfo(zone))
        for turn in range(len(_TIMES))
        for place, day in enumerate(days)
    ]
    free = [slot for slot in candidates if slot not in taken]
    return tuple(free[:count])
