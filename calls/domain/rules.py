"""The calling rules as data: one row a state, with its source and the day it took effect.

Hours are the local time of the called person. A state that has no row follows the federal hours. Not legal advice; an
operator corrects a row here and the version moves with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta

from dateutil.easter import easter  # type: ignore[import-untyped]

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
    """When a state or country may be called.

    ``on_holidays`` are the windows of its legal holidays: None where they are days like others, empty where nobody is
    to be called then. ``max_calls_per_day`` counts any 24 hours.
    """

    windows: tuple[Window, ...]
    source: str
    effective_from: date
    on_holidays: tuple[Window, ...] | None = None
    max_calls_per_day: int | None = None


def _rule(
    opens: int,
    closes: int,
    *,
    weekdays: tuple[int, ...] = EVERY_DAY,
    more: tuple[Window, ...] = (),
    source: str,
    since: date = date(2024, 1, 1),
    on_holidays: tuple[Window, ...] | None = None,
    per_day: int | None = None,
) -> HoursRule:
    first = Window(weekdays, time(opens), time(closes))
    return HoursRule((first, *more), source, since, on_holidays, per_day)


US_DEFAULT = _rule(8, 21, source=FEDERAL, since=date(1995, 12, 31))

US_STATES: dict[str, HoursRule] = {
    "FL": _rule(8, 20, source="Fla. Stat. 501.616(6)", per_day=3),
    "OK": _rule(8, 20, source="15 OS 775C.4", per_day=3),
    "MD": _rule(8, 20, source="Md. Code, Com. Law 14-4502(c)", per_day=3),
    "OR": _rule(8, 20, source="Oregon HB 3865", since=date(2026, 1, 1), per_day=3),
    "MA": _rule(8, 20, source=SECONDARY),
    "WA": _rule(8, 20, source=SECONDARY),
    "WY": _rule(8, 20, source=SECONDARY),
    "AL": _rule(8, 20, weekdays=MON_SAT, source=SECONDARY, on_holidays=()),
    "LA": _rule(8, 20, weekdays=MON_SAT, source=SECONDARY, on_holidays=()),
    "MS": _rule(8, 20, weekdays=MON_SAT, source=SECONDARY),
    "CT": _rule(9, 20, source=SECONDARY),
    "NV": _rule(9, 20, source=SECONDARY),
    "MI": _rule(9, 21, source=SECONDARY),
    "MN": _rule(9, 21, source=SECONDARY),
    "NM": _rule(9, 21, source=SECONDARY),
    "TX": _rule(9, 21, weekdays=MON_SAT, more=(Window((6,), time(12), time(21)),), source=SECONDARY),
    "SD": _rule(9, 21, weekdays=MON_SAT, source=SECONDARY),
    "KY": _rule(10, 21, source=SECONDARY),
    "UT": _rule(8, 21, weekdays=MON_SAT, source=SECONDARY, on_holidays=()),
    "RI": _rule(
        9,
        18,
        weekdays=MON_FRI,
        more=(Window((5,), time(10), time(17)),),
        source=SECONDARY,
        on_holidays=(),
    ),
    "PA": _rule(9, 19, weekdays=MON_SAT, source="Pa. Act 47 of 2026", since=date(2026, 10, 18), on_holidays=()),
    "CA": _rule(9, 21, source=SECONDARY),
    "IN": _rule(9, 20, source=SECONDARY),
    "ME": _rule(9, 17, weekdays=MON_FRI, source=SECONDARY, per_day=1),
    "NE": _rule(
        8,
        21,
        weekdays=MON_SAT,
        more=(Window((6,), time(13), time(21)),),
        source=SECONDARY,
        on_holidays=(Window(EVERY_DAY, time(13), time(21)),),
    ),
    "IL": _rule(9, 21, source=SECONDARY),
}

UNKNOWN_STATE = _rule(
    10, 17, weekdays=MON_FRI, source="the intersection of every state's row", on_holidays=(), per_day=1
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


def _good_friday(year: int) -> date:
    return easter(year) - timedelta(days=2)  # type: ignore[no-any-return]


def _mardi_gras(year: int) -> date:
    return easter(year) - timedelta(days=47)  # type: ignore[no-any-return]


def _election_day(year: int) -> date:
    """The Tuesday after the first Monday of November."""
    return next(day for day in (date(year, 11, n) for n in range(2, 9)) if day.weekday() == 1)


def _every(month: int, day: int) -> Callable[[int], date]:
    return lambda year: date(year, month, day)


EXTRA_HOLIDAYS: dict[str, tuple[Callable[[int], date], ...]] = {
    "AL": (_mardi_gras,),
    "LA": (_every(1, 8), _every(11, 1)),  # Battle of New Orleans, All Saints' Day
    "PA": (_good_friday, _every(6, 14), _election_day),  # the fixed one is Flag Day
}
"""Legal holidays that the ``holidays`` library does not have, as the day of a year."""

_EASTERN, _CENTRAL = ("America/New_York",), ("America/Chicago",)
_MOUNTAIN, _PACIFIC = ("America/Denver",), ("America/Los_Angeles",)

STATE_ZONES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("CT", "DC", "DE", "GA", "MA", "MD", "ME", "NC", "NH", "NJ", "NY", "OH", "PA", "RI"), _EASTERN),
    **dict.fromkeys(("SC", "VA", "VT", "WV"), _EASTERN),
    **dict.fromkeys(("AL", "AR", "IA", "IL", "LA", "MN", "MO", "MS", "OK", "WI"), _CENTRAL),
    **dict.fromkeys(("CO", "MT", "NM", "UT", "WY"), _MOUNTAIN),
    **dict.fromkeys(("CA", "WA"), _PACIFIC),
    **dict.fromkeys(("FL", "KY", "TN"), _EASTERN + _CENTRAL),
    **dict.fromkeys(("KS", "ND", "NE", "SD", "TX"), _CENTRAL + _MOUNTAIN),
    **dict.fromkeys(("ID", "OR"), ("America/Boise", *_PACIFIC)),
    "AK": ("America/Anchorage", "America/Adak"),
    "AS": ("Pacific/Pago_Pago",),
    "AZ": ("America/Phoenix", *_MOUNTAIN),  # the Navajo Nation keeps summer time
    "GU": ("Pacific/Guam",),
    "HI": ("Pacific/Honolulu",),
    "IN": ("America/Indiana/Indianapolis", *_CENTRAL),
    "MI": ("America/Detroit", *_CENTRAL),
    "MP": ("Pacific/Saipan",),
    "NV": (*_PACIFIC, *_MOUNTAIN),
    "PR": ("America/Puerto_Rico",),
    "VI": ("America/St_Thomas",),
}
"""The IANA zones of every state and territory: an address tells the state, and so where the person's clock may be."""
