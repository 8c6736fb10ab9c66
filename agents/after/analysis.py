"""From a call's transcript, last state and outcome to what is known of it. The same call always gives the same."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agents.after.checks import checked
from agents.after.measures import measured
from agents.after.sentiment import sentiment
from agents.after.steps import next_steps
from agents.after.types import (
    VERSION,
    Analysis,
    FactTold,
    ObjectionEnd,
    ObjectionMet,
    Said,
    quoted,
)
from agents.after.unanswered import unanswered
from agents.domain import intents
from agents.domain.scoring import rating
from agents.domain.text import normalise
from agents.domain.types import Brief, Disposition, Outcome
from agents.state import CallState, Fact

_SURE = 1.0
"""Of what the campaign's own data told."""
_WENT_ON = frozenset(
    {Disposition.APPOINTMENT, Disposition.QUALIFIED, Disposition.CALLBACK_REQUESTED, Disposition.TRANSFERRED}
)
_REFUSED = frozenset({Disposition.NOT_INTERESTED, Disposition.DO_NOT_CALL, Disposition.HAS_AGENT})


def analyse(
    transcript: Sequence[Said],
    brief: Brief,
    state: CallState | None,
    outcome: Outcome,
    *,
    answered_at: datetime | None = None,
) -> Analysis:
    """What is known of the call. ``state`` None: it was not kept, so facts have no quotes.

    ``answered_at`` is the instant that the transcript's offsets count from; None: a talk in text, whose facts are
    found by counting turns.
    """
    transcript = sorted(transcript, key=lambda said: said.seq)
    return Analysis(
        version=VERSION,
        disposition=outcome.disposition,
        summary=outcome.summary,
        score=outcome.score,
        rating=rating(outcome.score, brief.script.scoring),
        reasons=outcome.reasons,
        facts=_facts(transcript, state, outcome.facts, answered_at),
        sentiment=sentiment(transcript),
        objections=_objections(transcript, state, outcome),
        steps=next_steps(outcome, brief),
        checks=checked(transcript, brief, outcome),
        measures=measured(transcript),
        unanswered=unanswered(transcript),
    )


def _facts(
    transcript: Sequence[Said], state: CallState | None, facts: Mapping[str, str], answered_at: datetime | None
) -> tuple[FactTold, ...]:
    kept = state.facts if state else {}
    told = []
    for name, value in sorted(facts.items()):
        fact = kept.get(name)
        if fact is None or fact.value != value:
            told.append(FactTold(name, str(value), _SURE, None))
        else:
            told.append(FactTold(name, str(value), fact.confidence, _turn_of(fact, transcript, answered_at)))
    return quoted(told, transcript)


def _turn_of(fact: Fact, transcript: Sequence[Said], answered_at: datetime | None) -> int | None:
    """The person's last turn that had begun when the fact was heard; by its number where no clock tells."""
    theirs = [said for said in transcript if not said.of_us and not said.text.startswith(("[aside:", "[key "))]
    if not fact.turn:
        return None
    if fact.at is not None and answered_at is not None:
        at_ms = (fact.at - answered_at) / timedelta(milliseconds=1)
        return next((said.seq for said in reversed(theirs) if said.start_ms <= at_ms), None)
    return theirs[fact.turn - 1].seq if fact.turn <= len(theirs) else None


def _objections(transcript: Sequence[Said], state: CallState | None, outcome: Outcome) -> tuple[ObjectionMet, ...]:
    turns = {kind: _spoken_of(kind, transcript) for kind in outcome.objections}
    last = max(turns, key=lambda kind: max(turns[kind], default=0), default="")
    open_ = state.objection if state else None
    met = []
    for kind, count in outcome.objections.items():
        ended = _ended(outcome.disposition, is_last=kind == last, is_open=kind == open_)
        # Of an objection that ended the call, the last mention got a farewell and no try.
        tries = max(count - 1, 0) if ended is ObjectionEnd.ENDED_CALL else count
        met.append(ObjectionMet(kind, tries, ended, turns[kind]))
    return tuple(met)


def _ended(disposition: Disposition, *, is_last: bool, is_open: bool) -> ObjectionEnd:
    if disposition in _WENT_ON or not is_last:
        return ObjectionEnd.OPEN if is_open and disposition not in _WENT_ON else ObjectionEnd.WENT_ON
    return ObjectionEnd.ENDED_CALL if disposition in _REFUSED else ObjectionEnd.OPEN


def _spoken_of(kind: str, transcript: Sequence[Said]) -> tuple[int, ...]:
    return tuple(
        said.seq
        for said in transcript
        if not said.of_us and said.is_speech and kind in intents.read(normalise(said.text)).objections
    )
