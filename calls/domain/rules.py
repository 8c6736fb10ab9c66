"""The calling rules as data: one row a state, with its source and the day it took effect.

Hours are the local time of the called person. A state that has no row follows the federal hours. Not legal advice; an
operator corrects a row here and the version moves with it.
"""

from dataclasses import dataclass
from datetime import date, time

VERSION = "2026-11"
SECONDARY = "secondary sources, gathered in November 2026; check with counsel"
FEDERAL = "47 CFR 64.1200(c)(1), 16 CFR 310.4(c)"

MON_FRI = (0, 1, 2, 3, 4)
MON_SAT = (0, 1, 2, 3, 4, 5)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Window:
    """Calling is allowed on ``weekdays`` (0 is Monday) from ``opens`` to before ``closes``."""

    weekdays: tuple[int, ...]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class HoursRule:
    """When a state or country may be called. ``holidays`` False means: not on its legal holidays."""

    windows: tuple[Window, ...]
    source: str
    effective_from: date
    holidays: bool = True
    max_calls_per_day: int | None = None


def _rule(
    opens: int,
    closes: int,
    *,
    weekdays: tuple[int, ...] = EVERY_DAY,
    more: tuple[Window, ...] = (),
    source: str,
    since: date = date(2024, 1, 1),
    holidays: bool = True,
    per_day: int | None = None,
) -> HoursRule:
    first = Window(weekdays, time(opens), time(closes))
    return HoursRule((first, *more), source, since, holidays, per_day)


US_DEFAULT = _rule(8, 21, source=FEDERAL, since=date(1995, 12, 31))

US_STATES: dict[str, HoursRule] = {
    "FL": _rule(8, 20, source="Fla. Stat. 501.616(6)", per_day=3),
    "OK": _rule(8, 20, source="15 OS 775C.4", per_day=3),
    "MD": _rule(8, 20, source="Md. Code, Com. Law 14-4502(c)", per_day=3),
    "OR": _rule(8, 20, source="Oregon HB 3865", since=date(2026, 1, 1), per_day=3),
    "MA": _rule(8, 20, source=SECONDARY),
    "WA": _rule(8, 20, source=SECONDARY),
    "WY": _rule(8, 20, source=SECONDARY),
    "AL": _rule(8, 20, weekdays=MON_SAT, source=SECONDARY, holidays=False),
    "LA": _rule(8, 20, weekdays=MON_SAT, source=SECONDARY, holidays=False),
    "MS": _rule(8, 20, weekdays=MON_SAT, source=SECONDARY),
    "CT": _rule(9, 20, source=SECONDARY),
    "NV": _rule(9, 20, source=SECONDARY),
    "MI": _rule(9, 21, source=SECONDARY),
    "MN": _rule(9, 21, source=SECONDARY),
    "NM": _rule(9, 21, source=SECONDARY),
    "TX": _rule(9, 21, weekdays=MON_SAT, more=(Window((6,), time(12), time(21)),), source=SECONDARY),
    "SD": _rule(9, 21, weekdays=MON_SAT, source=SECONDARY),
    "KY": _rule(10, 21, source=SECONDARY),
    "UT": _rule(8, 21, weekdays=MON_SAT, source=SECONDARY, holidays=False),
    "RI": _rule(
        9,
        18,
        weekdays=MON_FRI,
        more=(Window((5,), time(10), time(17)),),
        source=SECONDARY,
        holidays=False,
    ),
    "PA": _rule(9, 19, weekdays=MON_SAT, source="Pa. Act 47 of 2026", since=date(2026, 10, 18), holidays=False),
    "CA": _rule(9, 21, source=SECONDARY),
    "IN": _rule(9, 20, source=SECONDARY),
    "ME": _rule(9, 17, weekdays=MON_FRI, source=SECONDARY, per_day=1),
    "NE": _rule(8, 21, weekdays=MON_SAT, more=(Window((6,), time(13), time(21)),), source=SECONDARY),
    "IL": _rule(9, 21, source=SECONDARY),
}

UNKNOWN_STATE = _rule(
    10, 17, weekdays=MON_FRI, source="the intersection of every state's row", holidays=False, per_day=1
)

COUNTRIES: dict[str, HoursRule] = {
    "CA": HoursRule(
        (Window(MON_FRI, time(9), time(21, 30)), Window((5, 6), time(10), time(18))),
        "CRTC Unsolicited Telecommunications Rules, Part III",
        date(2008, 9, 30),
    ),
    "GB": HoursRule(
        (Window(MON_FRI, time(9), time(20)), Window((5, 6), time(10), time(17))),
        "PECR regulation 19 asks for prior specific consent and names no hours; these are ours",
        date(2003, 12, 11),
    ),
}
