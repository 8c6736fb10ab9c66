"""An analysis as other programs are told of it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from agents.after.addition import Point
from agents.after.types import UnknownAnalysis, load
from calls.models import CallAnalysis
from calls.services.adding import Added, added_to


def told(row: CallAnalysis) -> dict[str, Any] | None:
    """``row`` as JSON-serialisable data; None where it is of a form that is no longer known.

    Turns are named by their numbers: what was said stays here, where it can be masked and erased. ``model`` is what a
    language model added, None for nothing; everything else is the rules'.
    """
    try:
        analysis = load(row.data, ())
    except UnknownAnalysis:
        return None
    return {
        "version": row.version,
        "made_at": row.made_at.isoformat(),
        "disposition": analysis.disposition.value,
        "summary": analysis.summary,
        "score": analysis.score,
        "rating": analysis.rating,
        "reasons": [asdict(reason) for reason in analysis.reasons],
        "sentiment": {
            "mood": analysis.sentiment.mood.value,
            "turns": sorted([*analysis.sentiment.positive, *analysis.sentiment.negative]),
        },
        "objections": [
            {"kind": one.kind, "tries": one.tries, "ended": one.ended.value, "turns": list(one.turns)}
            for one in analysis.objections
        ],
        "next_steps": [
            {
                "kind": step.kind.value,
                "who": step.who,
                "told": step.told,
                "at": step.at.isoformat() if step.at else None,
            }
            for step in analysis.steps
        ],
        "checks": [
            {"name": one.name.value, "verdict": one.verdict.value, "told": one.told, "turns": list(one.turns)}
            for one in analysis.checks
        ],
        "failed_checks": [name.value for name in analysis.failed],
        "unanswered": list(analysis.unanswered),
        "model": _model(added_to(row, ())),
    }


def _model(added: Added | None) -> dict[str, Any] | None:
    if added is None:
        return None
    found = added.addition
    mood = None if found.mood is None else {"mood": found.mood.value, "turn": found.mood_turn}
    return {
        "name": added.model,
        "prompt": added.prompt_version,
        "prompt_hash": added.prompt_hash,
        "made_at": added.made_at.isoformat(),
        "summary": found.summary or None,
        "sentiment": mood,
        "questions": _points(found.questions),
        "hints": _points(found.hints),
        "findings": _points(found.findings),
    }


def _points(points: Sequence[Point]) -> list[dict[str, Any]]:
    return [{"told": point.told, "turn": point.turn} for point in points]
