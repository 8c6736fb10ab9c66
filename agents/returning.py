"""Somebody whom we have talked with goes on where the calls before ended, whoever calls: nothing that is known is
asked, a promise is named, an objection is not answered from the start, a booked time is kept.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agents.agenda import free_slots, is_booked
from agents.base import Move, Scene
from agents.domain import spoken
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.questions import Question, reason
from agents.domain.slots import choose
from agents.domain.times import zone_of
from agents.domain.types import Brief, Disposition, EndCall, PastCall
from agents.state import CallState, Fact

_ASKED = frozenset({"side", "interested", "motivation", "timeline", "price", "area", "budget", "agent", "financing"})
"""Facts that questions are for; wishes of an earlier call, such as for a person, ended with it."""
_NOT_FOR_GOOD = frozenset({"unknown", "signed"})
"""Values that are asked for anew: what nobody knew then, and an agreement that may have ended."""
_SURE = 0.8
"""Less than an answer of this call, more than what is said by the way."""
_CALLING = "I am calling "
_EARLY = timedelta(hours=1)
"""Who asked to be called then has asked for this call."""
_MOVE = re.compile(
    r"\b(?:move|moved|change|reschedule|instead|another|different|other (?:time|day)|earlier|later"
    r"|(?:cant|wont|not able to|unable to|not going to) (?:make|do|come|be there))\b"
)
_NAMED = re.compile(r"\b(?:appointment|meeting|visit|showing|viewing|consultation)\b")
_NOT_THEN = re.compile(
    r"\b(?:move|moved|reschedule|cancel|another|different|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b"
)
_CANCEL = re.compile(r"\b(?:cancel|call it off|not going to make it)\b")


def begun(brief: Brief) -> CallState:
    """The state before the first word, with the facts of the calls before, and the objections that were met."""
    known = {
        name: Fact(value, _SURE, 0)
        for name, value in brief.history.facts.items()
        if name in _ASKED | brief.script.own_facts and value not in _NOT_FOR_GOOD
    }
    kinds = set(Objection)
    met = {Objection(kind): count for kind, count in brief.history.objections.items() if kind in kinds}
    return CallState(facts=known, objections=met, carried=met)


def called_because(brief: Brief, *, now: datetime) -> str:
    """Why we call: what was promised when we last spoke, or that we did; to somebody new the reason alone."""
    because = reason(brief)
    if brief.inbound:
        return f"{because} {_recalled(brief, now=now)}".strip()
    talk = last_talk(brief)
    if talk is None:
        return because
    zone, at = zone_of(brief.lead_zone), brief.history.callback_at
    about = because.removeprefix(_CALLING)
    if talk.disposition is Disposition.CALLBACK_REQUESTED and at is not None and at <= now + _EARLY:
        return f"You asked me to call you back {_day(at, zone, now)} {about}"
    return f"We last spoke {_day(talk.at, zone, now)} {about}"


def last_talk(brief: Brief) -> PastCall | None:
    """The last call on which the lead talked with us."""
    return next((call for call in brief.history.calls if call.talked), None)


def _recalled(brief: Brief, *, now: datetime) -> str:
    """To a caller: that we have spoken before, and what was promised; "" where there is nothing to tell."""
    zone, history = zone_of(brief.lead_zone), brief.history
    told = []
    talk = last_talk(brief)
    if talk is not None:
        told.append(f"We last spoke {_day(talk.at, zone, now)}.")
    if history.callback_at is not None and history.callback_at > now:
        told.append(f"You asked us to call you {spoken.moment(history.callback_at, zone=zone, now=now)}.")
    return " ".join(told)


def _day(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    day = spoken.day(at.astimezone(zone), now=now)
    return day if day == "today" else f"on {day}"


def is_late(scene: Scene) -> bool:
    """Whether they come late to an appointment, and come all the same."""
    words = scene.reading.words
    named = is_booked(scene.state, scene.brief, now=scene.now) or _NAMED.search(words) is not None
    return Intent.LATE in scene.reading.intents and named and _NOT_THEN.search(words) is None


def about_the_appointment(scene: Scene) -> bool:
    """Whether the person says something to "would you like to keep that time?", or that they come late."""
    if scene.state.question is not Question.KEEP:
        return is_late(scene)
    reading = scene.reading
    said = reading.answer is not None or reading.at is not None or is_late(scene)
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
        booked = scene.brief.history.appointment_at
        left = tuple(slot for slot in free_slots(state, scene.brief, now=scene.now) if slot != booked)
        wished = choose(reading.text, (), free=left, zone=scene.zone, now=scene.now).asked_for
        state = state.learn("appointment", "move", 0.9)
        return Move(state, say="No problem.", ask=Question.SLOT if left else Question.CALLBACK, offer=wished or left)
    if reading.answer is Answer.YES:
        asks = Intent.ASKS in reading.intents
        return stay(scene, state, say=f"Very good.{' An agent can tell you more then.' if asks else ''}")
    return Move(state, ask=Question.KEEP, again=True)


def stay(scene: Scene, state: CallState, *, say: str) -> Move:
    """The booked time stands: read it back and end."""
    at = scene.brief.history.appointment_at
    when = spoken.moment(at, zone=scene.zone, now=scene.now) if at else ""
    stands = f"We will see you {when}."
    if not scene.brief.history.appointment_sure:
        stands = f"I have noted {when}, and a colleague will confirm the time."
    return Move(
        replace(state, settled=Disposition.APPOINTMENT),
        say=f"{say} {stands} Thank you. Goodbye.",
        acts=(EndCall("appointment_kept"),),
        personal=True,
    )
