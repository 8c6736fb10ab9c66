"""What may change in the rules, and how one set of them differs from another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.card_changes import when
from calls.domain.rules import BadRule, OverlappingRules, PastRule, Rule


def ended_by(rule: Rule, history: Sequence[Rule], *, now: datetime) -> Rule | None:
    """Which rule of its key's ``history`` ends where ``rule`` begins; None where there is none at that instant.

    Raises BadRule for another kind than the key's, PastRule where the key had a rule between the begin and ``now``,
    OverlappingRules where another one begins later.
    """
    for other in history:
        if other.kind is not rule.kind:
            raise BadRule(f"{rule.key!r} is a rule of {other.kind.value}: choose another key.", field="key")
    begun = [other for other in history if other.valid_until is None or other.valid_until > rule.valid_from]
    if rule.valid_from < now and any(other.valid_from < now for other in begun):
        raise PastRule(
            f"{rule.key!r} said something else after {when(rule.valid_from)}, and people were called by it: let the "
            f"new rule begin now or later."
        )
    check_no_later(rule, history)
    return next((other for other in history if other.valid_at(rule.valid_from)), None)


def check_no_later(rule: Rule, history: Iterable[Rule]) -> None:
    """Raises OverlappingRules where a rule of ``history`` begins while ``rule`` holds."""
    for other in history:
        if rule.valid_at(other.valid_from):
            raise OverlappingRules(
                f"Another {rule.key!r} begins at {when(other.valid_from)}: withdraw it first, or let this one hold "
                f"only until then."
            )


def check_end(rule: Rule, until_at: datetime | None, *, now: datetime) -> None:
    """That ``rule`` may end at ``until_at``; None is until further notice.

    Raises PastRule where it ended before ``now`` or would have, BadRule for an end that is not after its begin.
    """
    if rule.valid_until is not None and rule.valid_until <= now:
        raise PastRule(f"This rule {rule.key!r} ended at {when(rule.valid_until)}: set a new one instead.")
    if until_at is None:
        return
    if until_at < now:
        raise PastRule(f"People were called by {rule.key!r} since {when(until_at)}: let it end now or later.")
    check_span(rule.key, rule.valid_from, until_at)


def check_span(key: str, valid_from: datetime, valid_until: datetime) -> None:
    """Raises BadRule for an end that is not after the begin."""
    if valid_until <= valid_from:
        raise BadRule(
            f"{key!r} would end at {when(valid_until)} and begin at {when(valid_from)}: choose a later end.",
            field="valid_until",
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """How one key differs: ``ours`` None is a key that we lack, ``theirs`` None one that only we have."""

    key: str
    ours: Rule | None
    theirs: Rule | None

    def words(self) -> list[str]:
        """What differs, each in a few words; empty where both say the same."""
        if self.ours is None or self.theirs is None:
            return [described(rule) for rule in (self.ours, self.theirs) if rule]
        ours, theirs = self.ours, self.theirs
        said = []
        if (ours.kind, ours.terms) != (theirs.kind, theirs.terms):
            said.append(f"{described(ours)} → {described(theirs)}")
        for name, before, after in (
            ("place", ours.place, theirs.place),
            ("mark", ours.mark.value, theirs.mark.value),
            ("source", ours.source, theirs.source),
        ):
            if before != after:
                said.append(f"{name} {before} → {after}")
        return said


def differences(ours: Mapping[str, Rule], theirs: Mapping[str, Rule]) -> list[Difference]:
    """What one set of rules has otherwise than another, by key. Since when a rule holds is no matter."""
    pairs = (Difference(key, ours.get(key), theirs.get(key)) for key in sorted({*ours, *theirs}))
    return [pair for pair in pairs if pair.words()]


def described(rule: Rule) -> str:
    """The terms for reading: ``windows Mon-Fri 09:00-18:00, on holidays never``."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(name, value)}" for name, value in rule.params.items())


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return ("no", "yes")[value]
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) or ("never" if name == "on_holidays" else "none")
    return str(value)
