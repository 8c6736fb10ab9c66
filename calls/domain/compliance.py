"""May this lead be called now? Decided purely, gate by gate, with every gate's verdict kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import holidays

from calls.domain.rules import (
    COUNTRIES,
    EXTRA_HOLIDAYS,
    STATE_ZONES,
    UNKNOWN_STATE,
    US_DEFAULT,
    US_STATES,
    HoursRule,
    Window,
)

MAX_ZONES = 4
"""A number in more zones than these is, as a toll-free one, anywhere."""
_LOOK_AHEAD = timedelta(days=28)
_NO_HOUR = "No hour of the next four weeks is allowed: widen the campaign's hours."


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What the gates look at. ``states`` are those of the number and of the address; empty: unknown.

    ``called_at`` are the instants of the calls of the last 24 hours to this number, in whatever campaign.
    ``promised`` says that the person asked for this call.
    """

    country: str
    states: tuple[str, ...]
    zones: tuple[str, ...]
    suppressed: bool
    consent_kind: str
    called_at: tuple[datetime, ...] = ()
    attempts: int = 0
    promised: bool = False


@dataclass(frozen=True, slots=True)
class DialRules:
    """What the campaign asks for on top of the law. Times are the lead's local time."""

    opens: time
    closes: time
    weekdays: tuple[int, ...]
    max_attempts: int
    max_calls_per_day: int = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's word. ``until`` is set by a gate that will open by itself."""

    gate: str
    passed: bool
    reason: str = ""
    saw: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime
    reason: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Never:
    reason: str
    verdicts: tuple[Verdict, ...]


def decide(facts: LeadFacts, *, now: datetime, rules: DialRules) -> Dial | Wait | Never:
    """Ask every gate. One gate that never opens closes the lead; else wait until all are open together."""
    verdicts = tuple(gate(facts, now, rules) for gate in _GATES)
    reopen_at, reason = now, ""
    for verdict in verdicts:
        if verdict.passed:
            continue
        if verdict.until is None:
            return Never(verdict.reason, verdicts)
        if verdict.until > reopen_at:
            reopen_at, reason = verdict.until, verdict.reason
    if not reason:
        return Dial(verdicts)
    until = reopen_at if allowed(facts, reopen_at, rules) else next_opening(facts, reopen_at, rules)
    return Wait(until, reason, verdicts) if until else Never(_NO_HOUR, verdicts)


def hours_rules(facts: LeadFacts) -> list[tuple[str, HoursRule]]:
    """Every row of hours that applies, by the name under which it is found: the number's and the address's."""
    rows = [(state, _row(state)) for state in facts.states if facts.country == "US" or state in STATE_ZONES]
    if facts.country in COUNTRIES:
        rows.append((facts.country, COUNTRIES[facts.country]))
    return rows or [("", UNKNOWN_STATE)]


def _row(state: str) -> HoursRule:
    return US_STATES.get(state, US_DEFAULT) if state in STATE_ZONES else UNKNOWN_STATE


def _do_not_call(facts: LeadFacts, _now: datetime, _rules: DialRules) -> Verdict:
    if facts.suppressed:
        return Verdict("do not call", False, "The number is on the do-not-call list.")
    return Verdict("do not call", True)


def _consent(facts: LeadFacts, _now: datetime, _rules: DialRules) -> Verdict:
    """An artificial voice needs prior express written consent: FCC 24-17, 47 CFR 64.1200(a)(2)."""
    saw = {"kind": facts.consent_kind}
    if facts.consent_kind != "written":
        return Verdict("consent", False, "There is no written consent to calls by an artificial voice.", saw)
    return Verdict("consent", True, saw=saw)


def _country(facts: LeadFacts, _now: datetime, _rules: DialRules) -> Verdict:
    saw = {"country": facts.country}
    if facts.country != "US" and facts.country not in COUNTRIES:
        return Verdict("country", False, f"Calls to {facts.country or 'an unknown country'} are not allowed.", saw)
    return Verdict("country", True, saw=saw)


def _attempts(facts: LeadFacts, _now: datetime, rules: DialRules) -> Verdict:
    saw = {"attempts": facts.attempts, "allowed": rules.max_attempts, "promised": facts.promised}
    if facts.attempts >= rules.max_attempts and not facts.promised:
        return Verdict("attempts", False, f"All {rules.max_attempts} attempts are used.", saw)
    return Verdict("attempts", True, saw=saw)


def _frequency(facts: LeadFacts, now: datetime, rules: DialRules) -> Verdict:
    """At most so many calls in any 24 hours: the campaign's cap or a state's, the smaller one."""
    caps = [rule.max_calls_per_day for _, rule in hours_rules(facts) if rule.max_calls_per_day]
    cap = min([rules.max_calls_per_day, *caps])
    recent = sorted(at for at in facts.called_at if at > now - timedelta(days=1))
    saw = {"calls in 24 h": len(recent), "allowed": cap}
    if len(recent) >= cap:
        until = recent[-cap] + timedelta(days=1)
        return Verdict("frequency", False, f"{len(recent)} calls in 24 hours; {cap} are allowed.", saw, until)
    return Verdict("frequency", True, saw=saw)


def _place(facts: LeadFacts, _now: datetime, _rules: DialRules) -> Verdict:
    saw = {"zones": list(facts.zones), "states": list(facts.states)}
    if not _place_is_known(facts):
        return Verdict("place", False, "Where the person lives is not known: add an address or a time zone.", saw)
    return Verdict("place", True, saw=saw)


def _place_is_known(facts: LeadFacts) -> bool:
    return 1 <= len(facts.zones) <= MAX_ZONES and _iana_zones().issuperset(facts.zones)


@cache
def _iana_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _hours(facts: LeadFacts, now: datetime, rules: DialRules) -> Verdict:
    if not _place_is_known(facts):
        return Verdict("hours", True, "Not asked: the place is not known.")
    saw = {zone: now.astimezone(ZoneInfo(zone)).strftime("%a %H:%M") for zone in facts.zones}
    if allowed(facts, now, rules):
        return Verdict("hours", True, saw=saw)
    until = next_opening(facts, now, rules)
    if until is None:
        return Verdict("hours", False, _NO_HOUR, saw)
    return Verdict("hours", False, "Outside the allowed hours.", saw, until)


_GATES: tuple[Callable[[LeadFacts, datetime, DialRules], Verdict], ...] = (
    _do_not_call,
    _consent,
    _country,
    _attempts,
    _place,
    _frequency,
    _hours,
)


def allowed(facts: LeadFacts, at: datetime, rules: DialRules) -> bool:
    """Whether ``at`` is inside the hours of every zone under every state's row and the campaign's own."""
    own = Window(rules.weekdays, rules.opens, rules.closes)
    for zone in facts.zones:
        local = at.astimezone(ZoneInfo(zone))
        if not _inside(own, local):
            return False
        for name, rule in hours_rules(facts):
            if not any(_inside(window, local) for window in _windows(rule, name, local.date())):
                return False
    return True


def _windows(rule: HoursRule, state: str, day: date) -> tuple[Window, ...]:
    if rule.on_holidays is not None and day in _holidays(state, day.year):
        return rule.on_holidays
    return rule.windows


def next_opening(facts: LeadFacts, after: datetime, rules: DialRules) -> datetime | None:
    """The first allowed quarter of an hour after ``after``; None when there is none within four weeks.

    The law's windows all open on a quarter.
    """
    at = after.astimezone(UTC).replace(second=0, microsecond=0)
    at -= timedelta(minutes=at.minute % 15)
    end = after + _LOOK_AHEAD
    while (at := at + timedelta(minutes=15)) <= end:
        if allowed(facts, at, rules):
            return at
    return None


def _inside(window: Window, local: datetime) -> bool:
    return local.weekday() in window.weekdays and window.opens <= local.time() < window.closes


@lru_cache(maxsize=512)
def _holidays(state: str, year: int) -> frozenset[date]:
    """The legal holidays of a state; where the state is not known, those of every state that asks for quiet then."""
    if state not in STATE_ZONES:
        return frozenset().union(
            *(_holidays(name, year) for name, rule in US_STATES.items() if rule.on_holidays is not None)
        )
    extra = {of(year) for of in EXTRA_HOLIDAYS.get(state, ())}
    return frozenset(holidays.country_holidays("US", subdiv=state, years=year)) | extra
