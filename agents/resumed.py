"""A conversation whose line was lost: another line goes on with it, or what it came to is read from its last state.

A snapshot is of the last turn or act that was kept. What was heard and said after it is lost, so at most one turn.
One that cannot be read, of a later version or damaged, is made good from the call's transcript (agents/recalled.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from agents.analytics import AnalyticsAgent
from agents.base import Ending
from agents.domain.standing import CUT_OFF
from agents.domain.types import Brief, EndedBy, Outcome
from agents.recalled import Past, recalled
from agents.returning import begun
from agents.state import CallState, HandOn, Stage, UnknownSnapshot, dump, load

log = structlog.get_logger(__name__)


def last_words(state: CallState) -> str:
    """What is said to somebody who may not have heard our last words: those again; nothing where there were none."""
    return f"{CUT_OFF} {state.last_text}" if state.last_text else ""


def to_go_on(
    brief: Brief,
    snapshot: Mapping[str, Any] | None,
    *,
    past: Callable[[], Past],
    disclosed: bool,
    nobody_free: bool = False,
) -> Mapping[str, Any]:
    """The snapshot from which another line goes on: a new one where there is none.

    Whom the opening's statements did not reach (``disclosed`` False) hears the opening, and nobody else hears it
    again; nothing that they told is asked again. ``nobody_free``: they were to be put through, and no colleague took
    them. ``past`` is asked where the snapshot cannot be read.
    """
    state = _read(brief, snapshot, past) or begun(brief)
    if state.stage is Stage.TALKING and not disclosed:
        state = replace(state, stage=Stage.NEW, question=None)
    elif state.stage is Stage.NEW and disclosed:
        state = replace(state, stage=Stage.TALKING)
    if state.handing_on is HandOn.ASKED:
        state = replace(state, handing_on=HandOn.BACK if nobody_free else HandOn.NONE)
    return dump(state)


def outcome_of(
    brief: Brief, snapshot: Mapping[str, Any] | None, *, past: Callable[[], Past], ended_by: EndedBy
) -> Outcome | None:
    """What a conversation came to by its last state; None where no turn was kept."""
    state = _read(brief, snapshot, past)
    return None if state is None else AnalyticsAgent().act(Ending(brief, state, state.closed_by or ended_by))


def _read(brief: Brief, snapshot: Mapping[str, Any] | None, past: Callable[[], Past]) -> CallState | None:
    if snapshot is None:
        return None
    try:
        return load(snapshot)
    except UnknownSnapshot as unknown:
        log.warning("dialogue.snapshot_unreadable", call_id=brief.call_id, reason=str(unknown))
        return recalled(brief, past())
