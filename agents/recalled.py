"""A conversation whose state cannot be read, while its words are kept: its turns are gone through again, in silence.

The rules read each turn as they did on the call, so what was told is known and what was asked is not asked again.
What a language model made of a turn, and silences, are not in the words; what was agreed on is as it was kept.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agents.after.types import Said
from agents.agenda import next_question, put
from agents.domain.types import Act, Brief, EndCall, Heard, OptOut, StopRecording, Transfer
from agents.graph import TurnState, conversation_graph
from agents.opting_out import asks_to_opt_out
from agents.returning import begun
from agents.state import ActRecord, CallState, HandOn, Stage
from agents.steps import Stopwatch


@dataclass(frozen=True, slots=True)
class Past:
    """What was kept of a call: the turns as they were heard, and what was agreed on."""

    turns: Sequence[Said]
    acts: Sequence[Act]
    answered_at: datetime


def recalled(brief: Brief, past: Past) -> CallState:
    """The state that the words of ``past`` lead to, before a first word where we have said none.

    Not to be called where an event loop runs.
    """
    return asyncio.run(_recalled(brief, past))


async def _recalled(brief: Brief, past: Past) -> CallState:
    state, acts = begun(brief), tuple(past.acts)
    for said in past.turns:
        at = past.answered_at + timedelta(milliseconds=said.start_ms)
        if said.of_us:
            state = _after_ours(state, brief, said, at)
        elif said.is_speech and state.stage is Stage.TALKING:
            if asks_to_opt_out(state, Heard(said.text, at)):
                acts += (OptOut(said.text),)
            state = await _after_theirs(state, brief, said, at)
    state = replace(state, acts=tuple(ActRecord.of(act) for act in dict.fromkeys(acts)))
    if any(not isinstance(act, StopRecording | Transfer) for act in acts):
        settled = [act.disposition for act in acts if isinstance(act, EndCall) and act.disposition]
        return replace(state, stage=Stage.ENDED, question=None, settled=settled[-1] if settled else state.settled)
    if any(isinstance(act, Transfer) for act in acts):
        return replace(state, handing_on=HandOn.ASKED)
    return state


def _after_ours(state: CallState, brief: Brief, said: Said, at: datetime) -> CallState:
    """Our first words ask the first question; which one later words ask, the rules said when they were answered."""
    if state.stage is Stage.NEW:
        state = put(next_question(state, brief, now=at), replace(state, stage=Stage.TALKING), brief, now=at).state
    return replace(state, last_text=said.text, heard_whole=not said.interrupted)


async def _after_theirs(state: CallState, brief: Brief, said: Said, at: datetime) -> CallState:
    """Where the rules would have ended the call, which went on or lost its line, what was told counts alone."""
    heard = Heard(said.text, at)
    turn: TurnState = {
        "brief": brief,
        "state": state,
        "heard": heard,
        "now": at,
        "watch": Stopwatch(at),
        "interpreter": None,
    }
    after: CallState = (await conversation_graph().ainvoke(turn))["state"]
    return replace(state, facts=after.facts, turn=after.turn) if after.stage is Stage.ENDED else after
