"""A lead who calls us goes on where the calls before ended: nothing that is known is asked, a booked time is kept."""

import re
from dataclasses import replace
from datetime import datetime

from agents.agenda import free_slots
from agents.base import Move, Scene
from agents.domain import spoken
from agents.domain.intents import Answer
from agents.domain.questions import Question
from agents.domain.times import zone_of
from agents.domain.types import Brief, Disposition, EndCall
from agents.state import CallState, Fact

_ASKED = frozenset({"side", "interested", "motivation", "timeline", "price", "area", "budget", "agent", "financing"})
"""Facts that questions are for; wishes of an earlier call, such as for a person, ended with it."""
_NOT_FOR_GOOD = frozenset({"unknown", "signed"})
"""Values that are asked for anew: what nobody knew then, and an agreement that may have ended."""
_SURE = 0.8
"""Less than an answer of this call, more than what is said by the way."""
_MOVE = re.compile(r"\b(?:move|moved|change|reschedule|instead|another|different|other (?:time|day)|earlier|later)\b")
_NAMED = re.compile(r"\b(?:appointment|meeting|visit)\b")
_CANCEL = re.compile(r"\b(?:cancel|call it off|not going to make it)\b")


def begun(brief: Brief) -> CallState:
    """The state before the first word, with the facts of the calls before."""
    known = {
        name: Fact(value, _SURE, 0)
        for name, value in brief.history.facts.items()
        if name in _ASKED | brief.script.own_facts and value not in _NOT_FOR_GOOD
    }
    return CallState(facts=known)


def recalled(brief: Brief, *, now: datetime) -> str:
    """That we have spoken before, and what was promised; "" where there is nothing to tell."""
    if not brief.inbound:
        return ""
    zone, history = zone_of(brief.lead_zone), brief.history
    told = []
    talk = next((call for call in history.calls if call.talked), None)
    if talk is not None:
        day = spoken.day(talk.at.astimezone(zone), now=now)
        told.append(f"We last spoke {day}." if day == "today" else f"We last spoke on {day}.")
    if history.callback_at is not None and history.callback_at > now:
        told.append(f"You asked us to call you {spoken.moment(history.callback_at, zone=zone, now=now)}.")
    return " ".join(told)


def about_the_appointment(scene: Scene) -> bool:
    """Whether the person says something to "would you like to keep that time?"."""
    if scene.state.question is not Question.KEEP:
        return False
    reading = scene.reading
    said = reading.answer is not None or reading.at is not None
    return said or any(pattern.search(reading.words) for pattern in (_NAMED, _MOVE, _CANCEL))


def keep_or_move(scene: Scene) -> Move:
    """Keeps the booked time, offers others, or notes that it is to be called off, which a colleague confirms."""
    state, reading = scene.state, scene.reading
    if _CANCEL.search(reading.words):
        return Move(
            replace(state.learn("appointment", "cancel", 0.9), settled=Disposition.QUALIFIED),
            say="I have noted that you want to cancel. A colleague will confirm it. Thank you. Goodbye.",
            acts=(EndCall("appointment_canceled"),),
        )
    if reading.answer is Answer.NO or reading.at or _MOVE.search(reading.words):
        left = free_slots(state, scene.brief, now=scene.now)
        state = state.learn("appointment", "move", 0.9)
        return Move(state, say="No problem.", ask=Question.SLOT if left else Question.CALLBACK)
    if reading.answer is Answer.YES:
        return stay(scene, state, say="Very good.")
    return Move(state, ask=Question.KEEP, again=True)


def stay(scene: Scene, state: CallState, *, say: str) -> Move:
    """The booked time stands: read it back and end."""
    at = scene.brief.history.appointment_at
    when = spoken.moment(at, zone=scene.zone, now=scene.now) if at else ""
    return Move(
        replace(state, settled=Disposition.APPOINTMENT),
        say=f"{say} We will see you {when}. Thank you. Goodbye.",
        acts=(EndCall("appointment_kept"),),
        personal=True,
    )
