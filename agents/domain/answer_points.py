"""Points that a script gives for answers to its own questions, with the reason for each.

An answer is named by the kind of its question: ``yes`` and ``no``; ``up_to_6`` and ``from_100000`` of numbers, the
bound among them; ``open`` of a timeline; ``told`` for any answer but "I don't know". Where several fit, the best
counts.
"""

import re
from collections.abc import Iterable, Mapping

from agents.domain.scoring import Reason
from agents.domain.script import Kind, Step

_BOUND = re.compile(r"(up_to|from)_(\d{1,9})")
_NAMED: Mapping[Kind, tuple[str, ...]] = {
    Kind.YES_NO: ("yes", "no"),
    Kind.NUMBER: ("told",),
    Kind.MONEY: ("told",),
    Kind.TIMELINE: ("open", "told"),
    Kind.TEXT: ("told",),
}
_COUNTED = frozenset({Kind.NUMBER, Kind.MONEY, Kind.TIMELINE})


def is_answer(name: str, kind: Kind) -> bool:
    """Whether questions of ``kind`` have an answer that is called ``name``."""
    return name in _NAMED[kind] or (kind in _COUNTED and _BOUND.fullmatch(name) is not None)


def answers(kind: Kind) -> tuple[str, ...]:
    """What answers to questions of ``kind`` are called, a number by example."""
    return (*(("up_to_6", "from_6") if kind in _COUNTED else ()), *_NAMED[kind])


def most(step: Step) -> int:
    """What the best answer to ``step`` brings."""
    return max(step.points.values(), default=0)


def reasons(plan: Iterable[Step], facts: Mapping[str, str]) -> tuple[Reason, ...]:
    """What the answers to the questions of ``plan`` bring; nothing of those that give no points."""
    return tuple(_reason(step, facts.get(step.name, "")) for step in plan if step.points)


def _reason(step: Step, value: str) -> Reason:
    points = max((points for name, points in step.points.items() if _fits(name, value)), default=0)
    words = step.name.replace("_", " ").capitalize()
    return Reason(step.name, f"{words}: {_shown(step, value)}", points, most(step))


def _fits(name: str, value: str) -> bool:
    if value in ("", "unknown"):
        return False
    bound = _BOUND.fullmatch(name)
    if bound is None:
        return name in ("told", value)
    if not value.isdecimal():
        return False
    number, limit = int(value), int(bound[2])
    return number <= limit if bound[1] == "up_to" else number >= limit


def _shown(step: Step, value: str) -> str:
    """The answer for people. Of a text only that there is one: its words stand among the facts."""
    if value in ("", "unknown"):
        return "not known" if value else "not told"
    if step.kind is Kind.TEXT:
        return "told"
    if not value.isdecimal():
        return value
    if step.kind is Kind.TIMELINE:
        return f"within {value} months"
    return f"${int(value):,}" if step.kind is Kind.MONEY else value
