"""Calls that are over, analysed. That an analysis is owed is committed with the call's end (``analysis_due_at``); a
worker is told at once, and the sweep makes up for a message that was lost.

Where a language model is to add to it, the analysis is written first and says so (``calls.services.adding``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef

from agents.after.analysis import analyse as analysed
from agents.after.types import VERSION, Analysis, UnknownAnalysis, dump, load
from agents.analytics import reasons_of
from agents.domain.types import Disposition, Outcome
from agents.state import CallState, UnknownSnapshot
from agents.state import load as state_of
from calls.domain.status import TERMINAL
from calls.models import Call, CallAnalysis, Turn
from calls.models.call import CallQuerySet
from calls.services import acts, adding, doorbell, recordings
from calls.services.adding import Added
from calls.services.briefing import brief_of, offered_slots
from calls.services.transcripts import transcript
from calls.signals import call_analysed

log = structlog.get_logger(__name__)
_LOST_AFTER = timedelta(seconds=30)
_AGAIN_AFTER = timedelta(minutes=10)
_GIVEN_UP_AFTER = timedelta(days=1)
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """An analysis with its quotes, when it was made, and the versions of earlier ones, the newest first.

    ``added`` is what a model added, None for nothing. ``asks`` says that one is yet to be asked.
    """

    analysis: Analysis
    made_at: datetime
    earlier: tuple[int, ...]
    added: Added | None = None
    asks: bool = False


def on_finished(sender: type, *, call: Call, now: datetime, **_newer: Any) -> None:
    """An analysis of every call that somebody or something answered."""
    del sender
    if call.answered_at is not None:
        due(call.pk, now=now)


def due(call_id: UUID, *, now: datetime) -> None:
    """Have the call analysed after the commit, again where it was analysed already."""
    Call.objects.filter(pk=call_id, answered_at__isnull=False).update(analysis_due_at=now)
    transaction.on_commit(partial(doorbell.analyse, call_id), robust=True)


@transaction.atomic
def analyse(call_id: UUID, *, now: datetime, again: bool = False) -> bool:
    """Write the analysis of this version; doubled, it is the same. False for a call under way, unanswered or erased.

    A model is asked to add to one that is new or came out differently, with ``again`` to any. The call's row is
    locked, so that no erasure comes between what is read and what is written.
    """
    calls = Call.objects.select_for_update(no_key=True, of=("self",)).select_related("lead", "campaign")
    call = calls.filter(pk=call_id, status__in=sorted(TERMINAL), answered_at__isnull=False).first()
    if call is None or not call.disposition:
        return False
    Call.objects.filter(pk=call_id).update(analysis_due_at=None)
    if call.events.filter(kind=recordings.TALK_ERASED).exists():
        return False
    analysis = _of(call)
    data, step = dict(dump(analysis)), analysis.steps[0]
    differs = not CallAnalysis.objects.filter(call=call, version=VERSION, data=data).exists()
    owed = adding.owed(transcript(call.turns.all()), now=now) if differs or again else {}
    CallAnalysis.objects.filter(call=call, current=True).exclude(version=VERSION).update(current=False)
    row, _ = CallAnalysis.objects.update_or_create(
        call=call,
        version=VERSION,
        defaults={
            "current": True,
            "made_at": now,
            "summary": analysis.summary,
            "sentiment": analysis.sentiment.mood.value,
            "next_step": step.kind.value,
            "next_step_at": step.at,
            "failed_checks": [name.value for name in analysis.failed],
            "data": data,
            **owed,
        },
    )
    if differs:
        call_analysed.send(CallAnalysis, analysis=row, now=now)
    log.info("call.analysed", call_id=str(call_id), version=VERSION, failed_checks=len(analysis.failed))
    return True


def catch_up(*, now: datetime) -> int:
    """Analyse calls whose message was lost; how many. One that fails is tried again for a day. For the sweep."""
    late = Call.objects.filter(analysis_due_at__lt=now - _LOST_AFTER).order_by("analysis_due_at")
    return sum(_caught_up(call_id, now=now) for call_id in late.values_list("pk", flat=True)[:_BATCH])


def analyse_older(calls: CallQuerySet, *, now: datetime, again: bool = False) -> int:
    """Analyse those of ``calls`` that have none of this version, or with ``again`` all; how many."""
    chosen = calls.filter(status__in=sorted(TERMINAL), answered_at__isnull=False).exclude(disposition="")
    if not again:
        chosen = chosen.filter(~Exists(CallAnalysis.objects.filter(call=OuterRef("pk"), version=VERSION)))
    ids = chosen.order_by("queued_at", "pk").values_list("pk", flat=True)
    return sum(_caught_up(call_id, now=now, again=again) for call_id in list(ids))


def shown(call: Call, turns: Iterable[Turn]) -> Shown | None:
    """The current analysis with its quotes from ``turns``; None where there is none that can be read."""
    rows = list(call.analyses.all())
    row = next((one for one in rows if one.current), None)
    if row is None:
        return None
    said = transcript(turns)
    try:
        analysis = load(row.data, said)
    except UnknownAnalysis as unknown:
        log.warning("analysis.unreadable", call_id=str(call.pk), version=row.version, reason=str(unknown))
        return None
    earlier = tuple(one.version for one in rows if not one.current)
    return Shown(analysis, row.made_at, earlier, adding.added_to(row, said), row.model_due_at is not None)


def _of(call: Call) -> Analysis:
    at = call.answered_at or call.queued_at
    brief = brief_of(call, offered_slots(call), now=at)
    state = _state(call)
    outcome = Outcome(
        Disposition(call.disposition),
        call.summary,
        acts=acts.kept(call.pk) or (state.carried_out() if state else ()),
        facts=call.facts,
        score=call.score,
        reasons=reasons_of(state, brief) if state else (),
        told=None if call.told is None else tuple(call.told),
        objections=call.objections,
        stood_in=call.stood_in,
    )
    return analysed(transcript(call.turns.all()), brief, state, outcome, answered_at=call.answered_at)


def _state(call: Call) -> CallState | None:
    if call.snapshot is None:
        return None
    try:
        return state_of(call.snapshot)
    except UnknownSnapshot as unknown:
        log.warning("dialogue.snapshot_unreadable", call_id=str(call.pk), reason=str(unknown))
        return None


def _caught_up(call_id: UUID, *, now: datetime, again: bool = False) -> bool:
    """One call's trouble is told and holds up no other; a database that is away ends the round."""
    try:
        return analyse(call_id, now=now, again=again)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("analysis.failed", call_id=str(call_id))
        owed = Call.objects.filter(pk=call_id, analysis_due_at__isnull=False)
        owed.filter(ended_at__lt=now - _GIVEN_UP_AFTER).update(analysis_due_at=None)
        owed.update(analysis_due_at=now + _AGAIN_AFTER)
        return False
