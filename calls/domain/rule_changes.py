"""What may change in the rules, and how one set of them differs from another."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.domain.dated import Difference, Timeline, yes_or_no
from billing.domain.dated import differences as differences_of
from calls.domain.rules import BadRule, OverlappingRules, PastRule, Rule

RULES = Timeline("rule", "people were called", BadRule, PastRule, OverlappingRules)


def ended_by(rule: Rule, history: Sequence[Rule], *, now: datetime) -> Rule | None:
    """Which rule of its key's ``history`` ends where ``rule`` begins; None where there is none at that instant.

    Raises BadRule for another kind than the key's, PastRule where the key had a rule between the begin and ``now``,
    OverlappingRules where another one begins later.
    """
    for other in history:
        if other.kind is not rule.kind:
            raise BadRule(f"{rule.key!r} is a rule of {other.kind.value}: choose another key.", field="key")
    return RULES.ended_by(rule, history, now=now)


def differences(ours: Mapping[str, Rule], theirs: Mapping[str, Rule]) -> list[Difference[Rule]]:
    """What one set of rules has otherwise than another, by key. Since when a rule holds is no matter."""
    return differences_of(ours, theirs, described=described, compared=_compared)


def described(rule: Rule) -> str:
    """The terms for reading: ``windows Mon-Fri 09:00-18:00, on holidays never``."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(name, value)}" for name, value in rule.params.items())


def _compared(ours: Rule, theirs: Rule) -> list[str]:
    same = (ours.kind, ours.terms) == (theirs.kind, theirs.terms)
    said = [] if same else [f"{described(ours)} → {described(theirs)}"]
    for name, before, after in (
        ("place", ours.place, theirs.place),
        ("mark", ours.mark.value, theirs.mark.value),
        ("source", ours.source, theirs.source),
    ):
        if before != after:
            said.append(f"{name} {before} → {after}")
    return said


def _value(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) or ("never" if name == "on_holidays" else "none")
    return yes_or_no(value)
