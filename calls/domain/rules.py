"""The calling rules as data: what a rule of each kind says, and the book of those in force.

A place is a country, such as ``US``, a state of it, such as ``US-FL``, or ``*`` for everywhere. Not legal advice.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import holidays
from dateutil.easter import easter  # type: ignore[import-untyped]

from calls.domain.places import STATE_ZONES

EVERYWHERE = "*"
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d:\d\d)-(\d\d:\d\d)")


class RuleError(Exception):
    """The rules cannot be used or changed like this; the text says what to change."""


class BadRule(RuleError):
    """What is typed is no rule; ``field`` is what to change, empty where it is not one field alone."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class PastRule(RuleError):
    """People were called, or not, by what would change. A rule that began is ended and replaced."""


class OverlappingRules(RuleError):
    """Two rules of one key hold at the same instant."""


class Kind(StrEnum):
    """What a rule is about; each has terms of its own."""

    COUNTRY = "country"
    PREFIX = "blocked_prefix"
    PLACE = "place"
    HOURS = "hours"
    OVERLAY = "overlay"
    HOLIDAY = "holiday"
    FREQUENCY = "frequency"
    CONSENT = "consent"
    LIST = "do_not_call_list"
    REASSIGNED = "reassigned"
    ABANDONMENT = "abandonment"
    RECORDING = "recording"
    DISCLOSURE = "disclosure"
    REGISTRATION = "registration"
    VOICEMAIL = "voicemail"


class Mark(StrEnum):
    """How sure the source is."""

    PRIMARY = "P"
    SECONDARY = "S"
    UNVERIFIED = "U"
    OWN = "O"


MARKS = {
    Mark.PRIMARY: "official text or the vendor's document",
    Mark.SECONDARY: "a secondary source: check with counsel",
    Mark.UNVERIFIED: "not verified",
    Mark.OWN: "a choice of this software, no law",
}


@dataclass(frozen=True, slots=True)
class Window:
    """Calling is allowed on ``weekdays`` (0 is Monday) from ``opens`` to before ``closes``."""

    weekdays: tuple[int, ...]
    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> "Window":
        """From ``Mon-Fri 09:00-18:00``. Raises ValueError with a sentence's end."""
        found = _WINDOW.fullmatch(text.strip().lower())
        hint = "write it as Mon-Fri 09:00-18:00"
        if found is None or found[1] not in _DAYS or (found[2] or "mon") not in _DAYS:
            raise ValueError(f"{text!r} is no window: {hint}")
        first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
        if last < first:
            raise ValueError(f"{text!r} ends on a day before its first: write two windows")
        try:
            opens, closes = time.fromisoformat(found[3]), time.fromisoformat(found[4])
        except ValueError:
            raise ValueError(f"{text!r} has an hour that does not exist: {hint}") from None
        if closes <= opens:
            raise ValueError(f"{text!r} closes before it opens: a window ends on the day on which it begins")
        return cls(tuple(range(first, last + 1)), opens, closes)

    def holds(self, local: datetime) -> bool:
        return local.weekday() in self.weekdays and self.opens <= local.time() < self.closes


@dataclass(frozen=True, slots=True)
class Hours:
    """When a place may be called, in local time: its own row (``hours``), or one on top of it (``overlay``).

    ``on_holidays`` are the windows of legal holidays: None where they are days like others, empty where nobody is
    called then. With ``zone`` the windows must hold on that zone's clock as well.
    """

    windows: tuple[Window, ...]
    on_holidays: tuple[Window, ...] | None = None
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A legal holiday that the ``holidays`` library lacks, or with ``legal`` false one that it has and is none.

    A day of the year; so many days from Easter; or the first ``weekday`` (0 is Monday) of a month from ``day`` on.
    """

    name: str
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    easter: int | None = None
    legal: bool = True

    def of(self, year: int) -> date | None:
        """The day in ``year``; None where it has none, as 29 February."""
        if self.easter is not None:
            return easter(year) + timedelta(days=self.easter)  # type: ignore[no-any-return]
        assert self.month is not None
        assert self.day is not None
        try:
            at = date(year, self.month, self.day)
        except ValueError:
            return None
        return at if self.weekday is None else at + timedelta(days=(self.weekday - at.weekday()) % 7)


class Of(StrEnum):
    """Whose calls a cap counts."""

    LEAD = "lead"
    NUMBER = "number"
    HOUSEHOLD = "household"


@dataclass(frozen=True, slots=True)
class Frequency:
    """At most ``calls`` in any ``hours``. ``exempts_established``: not where there is a business relationship."""

    calls: int
    hours: int
    of: Of = Of.NUMBER
    exempts_established: bool = False


class Needs(StrEnum):
    """The weaker consent that is enough."""

    ORAL = "oral"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Consent:
    """Which consent an artificial voice needs; it ends ``valid_days`` after it was given (None: never)."""

    needs: Needs
    valid_days: int | None = None


@dataclass(frozen=True, slots=True)
class DoNotCallList:
    """A public list that numbers are scrubbed against, with a scrub of at most ``max_age_days``.

    A transaction or inquiry of at most so many months ago is an established business relationship, which cures.
    """

    name: str
    max_age_days: int
    transaction_months: int = 0
    inquiry_months: int = 0
    consent_cures: bool = True


@dataclass(frozen=True, slots=True)
class Reassigned:
    """Whether a check of the number's owner must be there, and for how long a check counts."""

    required: bool
    max_age_days: int


@dataclass(frozen=True, slots=True)
class Abandonment:
    """Shares of the live answers of a campaign in ``days``, in percent, once it had ``at_least`` answers."""

    slow_percent: float
    stop_percent: float
    days: int
    at_least: int
    audio_within_ms: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """Numbers that begin like this are never called; ``?`` stands for any digit."""

    prefixes: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Place:
    """A number in more zones than these is, as a toll-free one, anywhere."""

    max_zones: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is so there and closes no gate: a word to the operator."""

    note: str


class RecordingNeeds(StrEnum):
    """What a recording of a call needs at a place; the later ones are the stricter."""

    ANNOUNCE = "announce"
    NO_OBJECTION = "announce_and_no_objection"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RecordingConsent(Notice):
    """Whether a call may be recorded once that was announced, and what an objection asks for.

    ``ANNOUNCE``, as where one party's consent is enough: an objection ends the recording and silences the person's
    side of it. ``NO_OBJECTION``, as where all parties must consent: all of it is erased. ``OFF``: never.
    """

    needs: RecordingNeeds = RecordingNeeds.NO_OBJECTION


@dataclass(frozen=True, slots=True)
class VoicemailTerms:
    """Whether a message may be left on a voicemail, and whether it must name a toll-free number to opt out with."""

    allowed: bool = True
    toll_free: bool = True


Terms = (
    Hours
    | Holiday
    | Frequency
    | Consent
    | DoNotCallList
    | Reassigned
    | Abandonment
    | Prefix
    | Place
    | Notice
    | VoicemailTerms
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one key, from an instant to another. ``params`` are its terms as they were typed."""

    key: str
    kind: Kind
    place: str
    terms: Terms
    source: str
    mark: Mark
    valid_from: datetime
    valid_until: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def valid_at(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def cited(self) -> dict[str, str]:
        """What a verdict keeps of the rule that it was judged by."""
        return {"key": self.key, "source": self.source, "mark": self.mark.value}


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules that hold together, and the version under which decisions keep them."""

    version: str
    rules: tuple[Rule, ...]
    _by_place: Mapping[tuple[Kind, str], tuple[Rule, ...]]

    @classmethod
    def of(cls, rules: Iterable[Rule], *, version: str, at: datetime) -> "RuleBook":
        """Those of ``rules`` that hold at ``at``. Raises OverlappingRules where two of one key do."""
        held = sorted((rule for rule in rules if rule.valid_at(at)), key=lambda rule: rule.key)
        for one, next_one in pairwise(held):
            if one.key == next_one.key:
                raise OverlappingRules(f"Two rules {one.key!r} hold at {at:%Y-%m-%d %H:%M} UTC: end one of them.")
        found: dict[tuple[Kind, str], tuple[Rule, ...]] = {}
        for rule in held:
            found[rule.kind, rule.place] = (*found.get((rule.kind, rule.place), ()), rule)
        return cls(version, tuple(held), MappingProxyType(found))

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleBook) and (self.version, self.rules) == (other.version, other.rules)

    def at(self, kind: Kind, *places: str) -> list[Rule]:
        """The rules of a kind for exactly these places."""
        return [rule for place in dict.fromkeys(places) for rule in self._by_place.get((kind, place), ())]

    def of_kind(self, kind: Kind) -> list[Rule]:
        return [rule for rule in self.rules if rule.kind is kind]

    def hours(self, country: str, states: tuple[str, ...]) -> list[Rule]:
        """Every row of hours that applies. A state without one has its country's; one not known has all of them."""
        known = [state for state in states if country == "US" or state in STATE_ZONES]
        rows: list[Rule] = []
        for state in known:
            rows += self._hours_of(state)
        if country and country != "US":
            rows += self.at(Kind.HOURS, country) + self.at(Kind.OVERLAY, country)
        if not rows and not known:
            rows = self._hours_everywhere()
        return list(dict.fromkeys(rows))

    def _hours_of(self, state: str) -> list[Rule]:
        if state not in STATE_ZONES:
            return self._hours_everywhere()
        place = f"US-{state}"
        return (self.at(Kind.HOURS, place) or self.at(Kind.HOURS, "US")) + self.at(Kind.OVERLAY, place)

    def _hours_everywhere(self) -> list[Rule]:
        return [rule for rule in self.rules if rule.kind in (Kind.HOURS, Kind.OVERLAY) and in_us(rule.place)]

    def frequencies(self, country: str, states: tuple[str, ...]) -> list[Rule]:
        """The caps everywhere, of the country and of every state concerned; where none is known, of all states."""
        known = [f"US-{state}" for state in states if state in STATE_ZONES]
        if not known and country in ("US", ""):
            return [rule for rule in self.of_kind(Kind.FREQUENCY) if rule.place == EVERYWHERE or in_us(rule.place)]
        return self.at(Kind.FREQUENCY, EVERYWHERE, country, *known)

    def for_place(self, kind: Kind, country: str, states: tuple[str, ...]) -> list[Rule]:
        """The rules of ``kind`` everywhere, in the country and in every state concerned."""
        return self.at(kind, EVERYWHERE, country, *(f"US-{state}" for state in states if state in STATE_ZONES))

    def longest_cap(self) -> timedelta:
        """How far back calls count."""
        caps = (rule.terms.hours for rule in self.rules if isinstance(rule.terms, Frequency))
        return timedelta(hours=max(caps, default=24))


def in_us(place: str) -> bool:
    return place == "US" or place.startswith("US-")


@lru_cache(maxsize=1024)
def legal_holidays(book: RuleBook, place: str, year: int) -> frozenset[date]:
    """The legal holidays of a country or state: those of the ``holidays`` library, and what the rules correct."""
    country, _, state = place.partition("-")
    try:
        days = set(holidays.country_holidays(country, subdiv=state or None, years=year))
    except NotImplementedError:  # a place that the library does not know has what the rules name
        days = set()
    for rule in book.at(Kind.HOLIDAY, place):
        if isinstance(rule.terms, Holiday) and (day := rule.terms.of(year)) is not None:
            days = days | {day} if rule.terms.legal else days - {day}
    return frozenset(days)
