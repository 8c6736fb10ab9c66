"""Somebody who is put through to a person: who asks for it, what is said, and what the colleague is told."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from agents.agenda import callback_offers, next_question, put, side_of
from agents.base import AgentName, Move
from agents.domain import spoken
from agents.domain.intents import Intent
from agents.domain.questions import Question
from agents.domain.standing import NOBODY_FREE
from agents.domain.text import sentences
from agents.domain.times import zone_of
from agents.domain.types import Brief, Heard, Reply, Transfer
from agents.domain.understanding import Reading
from agents.returning import last_talk
from agents.state import ActRecord, CallState, HandOn, Stage, UnknownSnapshot, load

_LATER = re.compile(r"\bcall(?:s|ed|ing)?\b|\b(?:later|tomorrow)\b")
"""In a wish for a person: to be called, not to be put through."""
_WAITED = "Thank you for waiting."
_BACK = "It's me again, the assistant."


def asks_for_a_person(reading: Reading) -> bool:
    """Whether they want to talk with a person now, and not to be called by one."""
    if Intent.PERSON_REQUEST not in reading.intents or Intent.CALLBACK in reading.intents:
        return False
    return reading.at is None and _LATER.search(reading.words) is None


def may_hand_on(state: CallState, brief: Brief) -> bool:
    """Whether there is anybody to ask, and time for it; whoever was not free is not asked twice."""
    return bool(brief.colleagues) and state.handing_on is HandOn.NONE and not state.hurried


def hand_on(state: CallState, brief: Brief, *, said: str, to: str = "") -> Move:
    """Say to whom, and put them through once that was heard."""
    return Move(
        replace(state, handing_on=HandOn.ASKED, question=None),
        say=_announced(to or next(iter(brief.colleagues), "")),
        acts=(Transfer(said),),
        quiet=True,
        personal=True,
    )


def ordered(state: CallState, brief: Brief, heard: Heard) -> tuple[CallState, Reply]:
    """An operator has the person put through to whom ``heard`` names."""
    move = hand_on(state, brief, said="", to=heard.text)
    kept = (*move.state.acts, *(ActRecord.of(act) for act in move.acts))
    state = replace(move.state, acts=kept, last_text=move.say, heard_whole=True)
    return state, Reply(move.say, acts=move.acts, agent=AgentName.CONVERSATION, interruptible=False)


def _announced(name: str) -> str:
    return f"One moment, I'll put you through to {name}." if name else "One moment, I'll put you through."


def nobody_free(state: CallState, brief: Brief, *, now: datetime) -> tuple[CallState, Reply]:
    """To somebody whom no colleague took over: when may we call?"""
    asked = put(Question.CALLBACK, state, brief, now=now, offer=callback_offers(brief, now=now))
    text = f"{NOBODY_FREE} {asked.text}"
    state = replace(asked.state, handing_on=HandOn.FAILED, last_text=text, settled=None, objection=None)
    return state, Reply(text, agent=AgentName.SCHEDULER, expects=state.expects)


def back_on_the_line(state: CallState, brief: Brief, heard: Heard, *, now: datetime) -> tuple[CallState, Reply]:
    """The agent goes on after a hold or a takeover: the open question again."""
    if state.stage is not Stage.TALKING:
        return state, Reply("", agent=AgentName.CONVERSATION)
    question, again = state.question or next_question(state, brief, now=now), state.question is not None
    asked = put(question, state, brief, now=now, again=again, offer=state.offered if again else ())
    text = f"{_WAITED if heard.text == 'hold' else _BACK} {asked.text}"
    state = replace(asked.state, last_text=text, silences=0, unclear=0)
    return state, Reply(text, agent=AgentName.CONVERSATION, expects=state.expects)


def whispered(brief: Brief, snapshot: Mapping[str, Any] | None) -> str:
    """Who calls about what, for a colleague who is asked to take the call, in a sentence or two."""
    try:
        state = load(snapshot) if snapshot is not None else CallState()
    except UnknownSnapshot:
        state = CallState()
    side, who = side_of(state, brief), brief.lead_name or "a lead"
    street = spoken.street(brief.property_address)
    about = {"sell": f" about selling {street or 'a home'}", "buy": " about buying a home"}.get(side, "")
    wish = _wish(state, side)
    parts = (f"A call from {who}{about}.", f"{wish}." if wish else "", _before(brief))
    return " ".join(part for part in parts if part)


def _before(brief: Brief) -> str:
    """What came of the last talk, as its summary begins; "" where there was none."""
    talk = last_talk(brief)
    if talk is None or not talk.summary:
        return ""
    day = spoken.calendar_date(talk.at, zone=zone_of(brief.lead_zone))
    return f"We last spoke on {day}: {sentences(talk.summary)[0]}"


def _wish(state: CallState, side: str) -> str:
    """What they have told of when, where and for how much; "" where they told nothing of it."""
    months, area = state.value("timeline"), state.value("area") if side == "buy" else ""
    amount = state.value("budget" if side == "buy" else "price")
    parts = [f"in {area}"] if area and area != "unknown" else []
    if amount.isdecimal():
        parts.append(f"for about {int(amount):,} dollars")
    if months.isdecimal():
        count = int(months)
        parts.append("right away" if count == 0 else f"in {count} month{'s' if count > 1 else ''}")
    return f"They would like to {'buy' if side == 'buy' else 'sell'} {', '.join(parts)}" if parts else ""
