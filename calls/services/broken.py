"""What a call came to whose line can tell nothing any more: read from what was kept of it."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from agents.domain.types import EndedBy, Outcome
from agents.recalled import Past
from agents.resumed import outcome_of
from calls.models import Call
from calls.services import acts
from calls.services.briefing import brief_of, offered_slots
from calls.services.transcripts import transcript


def past_of(call: Call) -> Past:
    """What was kept of the conversation beside its state."""
    return Past(transcript(call.turns.all()), acts.kept(call.pk), call.answered_at or call.queued_at)


def outcome(call: Call, otherwise: Outcome, *, ended_by: EndedBy = EndedBy.FAULT, now: datetime) -> Outcome:
    """By the state of the conversation after its last turn, and all that was agreed on, be it since then.

    ``otherwise`` where no turn was kept. Its summary tells of the loss, and stands before what was said.
    """
    brief = brief_of(call, offered_slots(call), now=now)
    found = outcome_of(brief, call.snapshot, past=partial(past_of, call), ended_by=ended_by)
    if found is None:
        return otherwise  # what was agreed on is added at the end of every call
    found = replace(found, summary=f"{otherwise.summary} {found.summary}".strip())
    since = [act for act in acts.kept(call.pk) if act not in found.acts]
    return acts.completed(found, (*found.acts, *since)) if since else found
