"""May this lead be called now? Decided purely, gate by gate, with every gate's verdict and its inputs kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from calls.domain.hours import OwnHours, Place, Timetable
from calls.domain.rules import Kind, Rule, RuleBook, Window
from calls.domain.rules import Place as PlaceTerms

NO_HOUR = "No hour of the next four weeks is allowed: widen the campaign's hours."
OUTSIDE = "Outside the allowed hours."
ENDED = "The campaign ended on {}: give it a later last day."
NONE_LEFT = "No allowed hour is left until the campaign's last day, {}: give it a later one."


class ConsentScope(StrEnum):
    """For whom a consent was given: one campaign, one seller by its name, or all of this company's campaigns."""

    CAMPAIGN = "campaign"
    SELLER = "seller"
    COMPANY = "company"


class ListUse(StrEnum):
    """Whether a campaign's numbers must be scrubbed against the public do-not-call lists."""

    UNLESS_CONSENT = "unless_consent"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """A recorded consent. ``covers``: this campaign is within its scope."""

    kind: str
    scope: ConsentScope
    given_at: datetime
    covers: bool = True
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ScrubFacts:
    """The newest scrub of a list that covers the number (``as_of`` None: there is none), and what it found."""

    as_of: datetime | None
    listed: bool = False


@dataclass(frozen=True, slots=True)
class OwnerCheck:
    """What the reassigned numbers database said of the number: yes, no or no_data."""

    answer: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What the gates look at that is no lead's own. ``halted``: why all dialing is stopped; empty: it is not.

    ``answered`` and ``abandoned`` are counts over the days that the rule names. ``others`` are the campaign's calls
    under way, this one not counted.
    """

    halted: str = ""
    answered: int = 0
    abandoned: int = 0
    others: int = 0
    max_concurrency: int = 1


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What the gates look at. ``states`` are those of the number and of the address; empty: unknown.

    ``suppressed`` is whose list the number is on: empty for nobody's. ``called_at`` are the instants of recent calls
    to this number, in whatever campaign; so for the lead and for its household, which are others at its address.
    ``promised`` says that the person asked for this call.
    """

    country: str
    states: tuple[str, ...]
    zones: tuple[str, ...]
    number: str = ""
    suppressed: str = ""
    consents: tuple[ConsentFacts, ...] = ()
    scrubs: dict[str, ScrubFacts] = field(default_factory=dict)
    transaction_at: datetime | None = None
    inquiry_at: datetime | None = None
    owner_check: OwnerCheck | None = None
    called_at: tuple[datetime, ...] = ()
    lead_called_at: tuple[datetime, ...] = ()
    household_called_at: tuple[datetime, ...] = ()
    attempts: int = 0
    promised: bool = False
    campaign: CampaignFacts = CampaignFacts()

    @property
    def place(self) -> Place:
        return Place(self.country, self.states, self.zones)


@dataclass(frozen=True, slots=True)
class DialRules:
    """What the campaign asks for on top of the law. Times and days are the lead's local ones; see ``OwnHours``."""

    windows: tuple[Window, ...]
    max_attempts: int
    lists: ListUse = ListUse.UNLESS_CONSENT
    starts_on: date | None = None
    ends_on: date | None = None
    closed_on: frozenset[date] = frozenset()
    skips_holidays: bool = False

    @property
    def hours(self) -> OwnHours:
        return OwnHours(self.windows, self.starts_on, self.ends_on, self.closed_on, self.skips_holidays)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's word. ``until`` is set by a gate that will open by itself; ``rules`` are what it judged by."""

    gate: str
    passed: bool
    reason: str = ""
    saw: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    rules: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dial:
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime
    reason: str
    verdicts: tuple[Verdict, ...]

    @property
    def for_hours_alone(self) -> bool:
        """Whether nothing but the clock is in the way, so that others in the same place wait as long."""
        return [verdict.gate for verdict in self.verdicts if not verdict.passed] == ["hours"]


@dataclass(frozen=True, slots=True)
class Never:
    reason: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The question that every gate answers."""

    facts: LeadFacts
    now: datetime
    rules: DialRules
    book: RuleBook

    def for_place(self, kind: Kind) -> list[Rule]:
        return self.book.for_place(kind, self.facts.country, self.facts.states)


Gate = Callable[[Asked], Verdict]


def allowed(facts: LeadFacts, at: datetime, rules: DialRules, book: RuleBook) -> bool:
    """Whether ``at`` is inside the hours of every zone under every state's row and the campaign's own."""
    return Timetable(facts.place, book, rules.hours).allows(at)


def hours_verdict(place: Place, *, now: datetime, rules: DialRules, book: RuleBook) -> Verdict:
    """What the clock says of a place that is known."""
    saw = {zone: now.astimezone(ZoneInfo(zone)).strftime("%a %H:%M") for zone in place.zones}
    timetable = Timetable(place, book, rules.hours)
    by = cited(timetable.rules)
    if timetable.allows(now):
        return Verdict("hours", True, saw=saw, rules=by)
    until = timetable.next_opening(now)
    if until is None:
        return Verdict("hours", False, why_never(place, now=now, rules=rules, book=book), saw, rules=by)
    return Verdict("hours", False, OUTSIDE, saw, until, rules=by)


def why_never(place: Place, *, now: datetime, rules: DialRules, book: RuleBook) -> str:
    """Why no opening was found after ``now``, and what to change: the campaign's last day, or its hours."""
    if rules.ends_on is None:
        return NO_HOUR
    if any(now.astimezone(ZoneInfo(zone)).date() > rules.ends_on for zone in place.zones):
        return ENDED.format(rules.ends_on)
    endless = Timetable(place, book, replace(rules.hours, ends_on=None))
    return NO_HOUR if endless.next_opening(now) is None else NONE_LEFT.format(rules.ends_on)


def is_known(place: Place, book: RuleBook) -> bool:
    """Whether the zones are few enough to call in all of them, and exist."""
    return 1 <= len(place.zones) <= max_zones(book) and iana_zones().issuperset(place.zones)


def max_zones(book: RuleBook) -> int:
    """As the rules say; 1 where they say nothing."""
    limits = (rule.terms.max_zones for rule in book.of_kind(Kind.PLACE) if isinstance(rule.terms, PlaceTerms))
    return min(limits, default=1)


def cited(rules: Sequence[Rule]) -> tuple[dict[str, str], ...]:
    """Of many rules, as where the state is not known, the first few are enough to find the rest."""
    return tuple(rule.cited() for rule in rules[:6])


@cache
def iana_zones() -> frozenset[str]:
    return frozenset(available_timezones())
