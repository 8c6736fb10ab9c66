"""Whether a campaign's calling windows can be meant: what is wrong with one, and whether the law leaves any of it."""

from collections.abc import Iterable, Sequence
from datetime import time

from calls.domain.hours import OwnHours, Place, Timetable
from calls.domain.places import STATE_ZONES
from calls.domain.rules import Kind, RuleBook, Window, in_us

NOWHERE = "no state or country allows calls then"


def wrong_with(weekdays: Sequence[int], opens: time | None, closes: time | None) -> dict[str, str]:
    """By field of the window, a sentence that says what to change; empty where nothing is wrong. None: not typed."""
    wrong = {}
    if not weekdays:
        wrong["weekdays"] = "Choose at least one day on which leads may be called."
    if opens is None or closes is None:
        return wrong
    if closes == time(0):
        wrong["closes_at"] = "A window closes on the day on which it opens: write 23:59 for midnight."
    elif closes <= opens:
        before = f"before it opens at {opens:%H:%M}" if closes < opens else "when it opens"
        wrong["closes_at"] = (
            f"The window would close at {closes:%H:%M}, {before}: enter a later closing time. "
            "Calling through midnight is not possible."
        )
    return wrong


def allowed_somewhere(windows: Iterable[Window], book: RuleBook) -> bool:
    """Whether any place that the rules know may be called in these windows at some time of the week."""
    return allowed_in(windows, _places(book), book)


def allowed_everywhere(windows: Iterable[Window], book: RuleBook) -> bool:
    """Whether every place that the rules know, and one whose state is not known, may be called in these windows."""
    own = OwnHours(tuple(windows))
    places = [*_places(book), Place("US", (), ("America/Denver",))]
    return all(Timetable(place, book, own).has_an_hour() for place in places)


def allowed_in(windows: Iterable[Window], places: Iterable[Place], book: RuleBook) -> bool:
    """Whether any of ``places`` may be called in these windows at some time of the week."""
    own = OwnHours(tuple(windows))
    return any(Timetable(place, book, own).has_an_hour() for place in places)


def _places(book: RuleBook) -> list[Place]:
    """One person in each state and country, with one clock."""
    abroad = {rule.place for rule in book.of_kind(Kind.HOURS) if not in_us(rule.place)}
    states = [Place("US", (state,), zones[:1]) for state, zones in STATE_ZONES.items()]
    return [*states, *(Place(country, (), ("UTC",)) for country in sorted(abroad))]
