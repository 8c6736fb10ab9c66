"""Appointments and calls back: offers, choices, promises."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from agents.agenda import MAX_REFUSALS, callback_offers, free_slots, is_booked
from agents.analytics import is_qualified
from agents.base import AgentName, BaseAgent, Move, Scene
from agents.condolence import another_time
from agents.domain import spoken
from agents.domain.intents import Answer, Intent
from agents.domain.questions import Question
from agents.domain.spanish import SPANISH, is_spanish
from agents.domain.types import BookAppointment, Disposition, EndCall, ScheduleCallback
from agents.domain.understanding import days_ahead
from agents.handing_on import asks_for_a_person, hand_on, may_hand_on
from agents.returning import about_the_appointment, is_late, keep_or_move, stay
from agents.state import CallState

_ENOUGH_ASKED = 2
_WRONG = re.compile(r"\b(?:not (?:quite )?(?:right|correct)|wrong|incorrect)\b(?! now)")
"""Of the time that was read back, and not of meeting at all."""
_OTHER = re.compile(r"\bother\b")
_APPOINTMENTS = frozenset({Question.SLOT, Question.CONFIRM})
_APOLOGIES = {
    Intent.OTHER_LANGUAGE: "I am sorry, I only speak English. A colleague can call you.",
    Intent.PERSON_REQUEST: "Of course, a person can call you.",
    Intent.BAD_TIME: "",  # the script's own words
    Intent.CALLBACK: "Of course.",
}
_IN_SPANISH = "Lo siento, solo hablo inglés. Un colega puede llamarle."


class SchedulerAgent(BaseAgent[Scene, Move]):
    """Books one of the brief's slots once it was read back, or promises a call at a time that the person names."""

    name: ClassVar[AgentName] = AgentName.SCHEDULER

    def act(self, scene: Scene) -> Move:
        scene = replace(scene, state=replace(scene.state, unclear=0))
        reading, question = scene.reading, scene.state.question
        if is_late(scene):
            return late(scene)
        if about_the_appointment(scene):
            return keep_or_move(scene)
        if question in _APPOINTMENTS and not (reading.intents & {Intent.CALLBACK, Intent.PERSON_REQUEST}):
            return self._slot(scene) if question is Question.SLOT else self._confirm(scene)
        scene = replace(scene, state=self._noted(replace(scene, state=replace(scene.state, chosen_at=None))))
        if reading.choice.taken and question not in _APPOINTMENTS and not _refused_anew(scene):
            return promise(scene, scene.state, reading.choice.taken)
        if reading.at:
            return grant(scene, scene.state, reading.at)
        if Intent.NOT_HERE in reading.intents:
            name = spoken.first_name(scene.brief.lead_name) or "them"
            return Move(
                scene.state, say=f"Thank you. I would like to reach {name}.", ask=Question.CALLBACK, personal=True
            )
        if {Intent.BEREAVED, Intent.BAD_TIME} <= reading.intents:
            return another_time(scene)
        state = scene.state
        if asks_for_a_person(reading) and may_hand_on(state, scene.brief):
            return hand_on(state, scene.brief, said=scene.heard.text)
        apology = next((words for intent, words in _APOLOGIES.items() if intent in reading.intents), None)
        if apology is not None:
            spanish = Intent.OTHER_LANGUAGE in reading.intents and state.language == SPANISH
            return self._when(scene, state, _IN_SPANISH if spanish else apology or scene.brief.script.lines.bad_time)
        if question in (Question.CALLBACK, Question.CALLBACK_OFFER):
            return self._callback(scene)
        return Move(state, say="Gladly.", ask=_meeting(scene))

    def _noted(self, scene: Scene) -> CallState:
        state = scene.state
        if Intent.PERSON_REQUEST in scene.reading.intents:
            state = state.learn("wants_person", "yes", 0.9)
        if Intent.OTHER_LANGUAGE in scene.reading.intents:
            spanish = is_spanish(scene.heard.text) or state.language == SPANISH
            state = replace(state, language=SPANISH if spanish else "und")
        return state

    def _when(self, scene: Scene, state: CallState, say: str) -> Move:
        """Offer two times to call back; the second time round the first of them is taken as meant."""
        offers = callback_offers(scene.brief, now=scene.now)
        state = replace(state, settled=None, objection=None)
        in_vain = scene.before.language != "en" and Intent.OTHER_LANGUAGE in scene.reading.intents
        if in_vain or state.asked.get(Question.CALLBACK, 0) >= _ENOUGH_ASKED:
            return promise(scene, state, offers[0])
        return Move(state, say=say, ask=Question.CALLBACK, offer=offers, personal=True)

    def _callback(self, scene: Scene) -> Move:
        state, reading = scene.state, scene.reading
        if reading.answer is Answer.NO or reading.choice.refused:
            if state.question is Question.CALLBACK_OFFER:
                return Move(state, say="I am sorry for the trouble. Goodbye.", acts=(EndCall("unclear"),))
            misheard = len(state.offered) == 1 and len(reading.words.split()) == 1
            if misheard or (state.offered and not reading.choice.outright):
                return Move(replace(state, offered=(), callback_at=None), ask=Question.CALLBACK)
            return decline(scene, state)
        if state.question is Question.CALLBACK_OFFER:
            return promise(scene, state, days_ahead(1, now=scene.now, zone=scene.zone))
        return self._when(scene, state, "Sure.")

    def _slot(self, scene: Scene) -> Move:
        state, choice = scene.state, scene.reading.choice
        if choice.taken in free_slots(state, scene.brief, now=scene.now):
            return read_back(scene, choice.taken)
        if choice.outright:
            return decline(scene, state)
        if choice.refused:
            return self._others(scene)
        return Move(state, ask=Question.SLOT)

    def _others(self, scene: Scene) -> Move:
        """Other slots: those that fit what was asked for, else the next ones; after two refusals a kind end."""
        state, fitting = scene.state, scene.reading.choice.asked_for
        state = replace(state, refusals=state.refusals + 1)
        if not fitting:
            state = replace(state, refused=(*state.refused, *state.offered))
        left = fitting or free_slots(state, scene.brief, now=scene.now)
        wished = scene.reading.at is not None and not fitting
        if state.refusals >= MAX_REFUSALS + bool(fitting) or not left:
            if wished:
                return Move(state, say="That time is not free.", ask=Question.CALLBACK)
            return decline(scene, state)
        return Move(state, say="That time is not free." if wished else "No problem.", ask=Question.SLOT, offer=left)

    def _confirm(self, scene: Scene) -> Move:
        """The answer to what was read back: a yes books it, another time is read back in its place."""
        state, reading = scene.state, scene.reading
        chosen, choice, free = state.chosen_at, reading.choice, free_slots(state, scene.brief, now=scene.now)
        unchosen = replace(scene, state=replace(state, chosen_at=None))
        others = [slot for slot in state.offered if slot != chosen]
        if choice.outright and len(reading.words.split()) > 1 and not _WRONG.search(reading.words):
            return decline(scene, unchosen.state)
        meant = choice.taken
        if meant is None and len(choice.asked_for) == 1:
            meant = choice.asked_for[0]
        if meant is None and len(others) == 1 and _OTHER.search(reading.words):
            meant = others[0]
        if chosen not in free:  # it passed meanwhile
            return Move(unchosen.state, ask=_meeting(unchosen))
        if meant in free and meant != chosen and meant is not None:
            return read_back(scene, meant)
        if meant == chosen or (reading.answer is Answer.YES and not choice.refused):
            return book(scene, confirmed=scene.brief.calendar_asked)
        if choice.asked_for or (choice.refused and reading.at is not None):
            return self._others(unchosen)
        if choice.refused or reading.answer is Answer.NO:
            refusals = state.refusals + 1
            state = replace(unchosen.state, refusals=refusals)
            if refusals >= MAX_REFUSALS:
                return decline(scene, state)
            return Move(state, say="Sorry about that.", ask=Question.SLOT, offer=state.offered)
        if state.asked.get(Question.CONFIRM, 0) >= _ENOUGH_ASKED or Intent.GOODBYE in reading.intents:
            return book(scene, confirmed=False)
        return Move(state, ask=Question.CONFIRM)


def read_back(scene: Scene, at: datetime) -> Move:
    """Say day, date and time before the booking stands; in a hurry the goodbye alone says them."""
    asked = dict(scene.state.asked)
    asked.pop(Question.CONFIRM, None)
    state = replace(scene.state, chosen_at=at, asked=asked)
    if state.hurried:
        return book(replace(scene, state=state), confirmed=scene.brief.calendar_asked)
    return Move(state, ask=Question.CONFIRM, personal=True)


def book(scene: Scene, *, confirmed: bool) -> Move:
    """Book what was chosen and end. What is not ``confirmed`` is promised as far as it is sure, and no further."""
    at = scene.state.chosen_at or scene.now
    when = spoken.moment(at, zone=scene.zone, now=scene.now)
    name = spoken.first_name(scene.brief.lead_name)
    thanks = f"Thank you, {name}." if name else "Thank you."
    sure = f"Great. You are booked for {when}."
    noted = f"Very good. I have noted {when}, and a colleague will confirm the time."
    return Move(
        replace(scene.state, chosen_at=None),
        say=f"{sure if confirmed else noted} {thanks} Goodbye.",
        acts=(BookAppointment(at.astimezone(UTC), confirmed), EndCall("appointment")),
        personal=True,
    )


def grant(scene: Scene, state: CallState, at: datetime) -> Move:
    """Promise the call that was wished for; where part of its time is our guess, read it back before."""
    agreed = at in state.offered and not _refused_anew(scene)
    if not scene.reading.doubtful or state.hurried or agreed:
        return promise(scene, state, at)
    kept = replace(state, callback_at=at, callback_said=scene.heard.text)
    return Move(kept, ask=Question.CALLBACK, offer=(at,), personal=True)


def _refused_anew(scene: Scene) -> bool:
    """Whether a no comes with a time that is our guess once more: the one that was read back was misheard again."""
    return scene.reading.doubtful and scene.reading.answer is Answer.NO


def promise(scene: Scene, state: CallState, at: datetime) -> Move:
    """Call back at ``at``: say so and end, with the words that asked for it. A promise goes ahead of any cadence."""
    when = spoken.moment(at, zone=scene.zone, now=scene.now)
    agreed = "Muy bien." if state.language == SPANISH else "Very well."
    said = state.callback_said if at == state.callback_at else scene.heard.text
    return Move(
        replace(state, callback_at=at, callback_said=said),
        say=f"{agreed} We will call you {when}. Thank you. Goodbye.",
        acts=(ScheduleCallback(at.astimezone(UTC), said), EndCall("callback")),
        personal=True,
    )


def late(scene: Scene) -> Move:
    """Who comes late is put through to a colleague; where nobody may be asked, a colleague calls them."""
    state = scene.state.learn("appointment", "late", 0.9).learn("wants_person", "yes", 0.9)
    if may_hand_on(state, scene.brief):
        return hand_on(state, scene.brief, said=scene.heard.text)
    booked = is_booked(state, scene.brief, now=scene.now)
    return Move(
        replace(state, settled=Disposition.APPOINTMENT if booked else Disposition.QUALIFIED),
        say="Thank you for telling me. I have noted that you are late, and a colleague will call you. Goodbye.",
        acts=(EndCall("late"),),
    )


def decline(scene: Scene, state: CallState) -> Move:
    """A kind end without a new appointment: one that stands is kept; else qualified when the facts say so, else not
    interested.
    """
    if is_booked(state, scene.brief, now=scene.now):
        return stay(scene, state, say="That is all right.")
    qualified = is_qualified(state, scene.brief)
    settled = Disposition.QUALIFIED if qualified else Disposition.NOT_INTERESTED
    return Move(
        replace(state, settled=settled),
        say="That is all right. Thank you for your time. Goodbye.",
        acts=(EndCall("declined"),),
    )


def _meeting(scene: Scene) -> Question:
    return Question.SLOT if free_slots(scene.state, scene.brief, now=scene.now) else Question.CALLBACK
