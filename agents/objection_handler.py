"""Objections and requests that the law forbids to serve."""

import re
from dataclasses import replace
from typing import ClassVar

from agents.agenda import free_slots
from agents.analytics import is_qualified
from agents.base import AgentName, BaseAgent, Move, Scene
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.objections import FAIR_HOUSING_REFUSAL, Try
from agents.domain.questions import Question
from agents.domain.types import Disposition, EndCall
from agents.domain.understanding import days_ahead
from agents.scheduler import grant
from agents.state import CallState

MAX_OBJECTIONS = 5
_PLANS_GONE = frozenset({Objection.NOT_INTERESTED, Objection.ALREADY_DONE})
_AFTER_ALL = re.compile(
    r"\b(?:said|meant|mean) yes\b|(?<!\bnot )\b(?:still|am|are|im)(?: still)? "
    r"(?:interested|planning|considering|looking|thinking (?:of|about))\b"
)
"""Whose yes was heard as a no says it again."""
_TIMING = ("timing", "time", "later", "not now", "right now", "moment", "busy", "yet", "year", "month")


class ObjectionHandlerAgent(BaseAgent[Scene, Move]):
    """Acknowledges, asks once, tries twice at most, then leaves gracefully."""

    name: ClassVar[AgentName] = AgentName.OBJECTION_HANDLER

    def act(self, scene: Scene) -> Move:
        if Intent.FAIR_HOUSING in scene.reading.intents:
            return Move(replace(scene.state, unclear=0), say=FAIR_HOUSING_REFUSAL, again=True)
        raised, open_ = scene.reading.objection, scene.state.objection
        if open_ and (raised is None or raised == open_ or raised is Objection.NOT_READY):
            return self._answered(scene, open_)
        return self._try(scene, raised or Objection.NOT_INTERESTED)

    def _try(self, scene: Scene, kind: Objection) -> Move:
        """The next try at ``kind``, or the exit when there is none left."""
        state, handling = scene.state, scene.brief.script.playbook[kind]
        tries = state.objections.get(kind, 0)
        state = replace(state, objections={**state.objections, kind: tries + 1}, objection=kind, unclear=0)
        if kind in _PLANS_GONE:
            state = replace(state, settled=Disposition.NOT_INTERESTED)
        if kind is Objection.SEND_INFORMATION:
            state = state.learn("wants_information", "yes", 0.9)
        if tries >= len(handling.tries) or sum(state.objections.values()) > MAX_OBJECTIONS:
            return self._leave(scene, replace(state, objection=None), handling.exit)
        attempt = handling.tries[tries]
        personal = attempt.text in scene.brief.script.personal
        if attempt.then:
            return Move(replace(state, objection=None), say=attempt.text, ask=attempt.then, personal=personal)
        state = replace(state, question=Question.OBJECTION)
        return Move(state, say=attempt.text, asks_itself=True, personal=personal)

    def _answered(self, scene: Scene, kind: Objection) -> Move:
        """What the person made of the question that went with our last try."""
        reading = scene.reading
        tries = scene.brief.script.playbook[kind].tries
        if not tries:  # the call began by another script
            return self._try(scene, kind)
        attempt = tries[min(scene.state.objections.get(kind, 1), len(tries)) - 1]
        if kind is Objection.NOT_INTERESTED:
            return self._clarified(scene, attempt)
        if reading.objection == kind or (reading.answer is Answer.NO and not scene.learnt):
            return self._try(scene, kind)
        state = replace(scene.state, objection=None, unclear=0)
        if attempt.on_yes is Question.CALLBACK and reading.at and scene.now < reading.at:
            return grant(scene, replace(state, settled=None), reading.at)  # a time says yes by itself
        if reading.answer is Answer.YES:
            return self._agreed(scene, replace(state, settled=None).learn("interested", "yes", 0.7), attempt)
        if scene.learnt or len(reading.words.split()) > 2:
            return Move(replace(state, settled=None).learn("interested", "yes", 0.5), say="I see.")
        return Move(state, say="I see.")

    def _agreed(self, scene: Scene, state: CallState, attempt: Try, *, say: str = "Very well.") -> Move:
        """A yes leads where the try said: an appointment, a call back, or on with the agenda."""
        if attempt.callback_days:
            at = days_ahead(attempt.callback_days, now=scene.now, zone=scene.zone)
            return grant(scene, state, scene.reading.at or at)
        if attempt.on_yes is Question.SLOT and not free_slots(state, scene.brief, now=scene.now):
            return Move(state, say=say, ask=Question.CALLBACK)
        return Move(state, say=say, ask=attempt.on_yes)

    def _clarified(self, scene: Scene, attempt: Try) -> Move:
        """After "is it only the timing": a date or a "timing" keeps the door open; anything else ends it.

        Whoever asks what we said hears it again, once.
        """
        reading = scene.reading
        if reading.objection in _PLANS_GONE or "plans" in reading.words or "changed" in reading.words:
            return self._try(scene, Objection.NOT_INTERESTED)
        personal = attempt.text in scene.brief.script.personal
        if Intent.REPEAT in reading.intents and not scene.state.unclear:
            return Move(replace(scene.state, unclear=1), say=attempt.text, asks_itself=True, personal=personal)
        open_door = replace(scene.state, objection=None, unclear=0, settled=None)
        if _AFTER_ALL.search(reading.words):
            return Move(open_door.learn("interested", "yes", 0.9), say="Sorry, I misheard you.")
        if reading.at and scene.now < reading.at:
            return grant(scene, open_door, reading.at)
        if any(word in reading.words for word in _TIMING) or reading.objection is Objection.NOT_READY:
            return self._agreed(scene, open_door, attempt, say="That makes sense.")
        if scene.learnt:
            return Move(open_door.learn("interested", "yes", 0.5), say="I see.")
        if reading.answer is Answer.YES and len(reading.words.split()) <= 3:
            return self._agreed(scene, open_door, attempt, say="That makes sense.")
        return self._try(scene, Objection.NOT_INTERESTED)

    def _leave(self, scene: Scene, state: CallState, farewell: str) -> Move:
        if state.settled is None and not is_qualified(state, scene.brief):
            state = replace(state, settled=Disposition.NOT_INTERESTED)
        ends = EndCall((state.settled or Disposition.QUALIFIED).value)
        return Move(state, say=farewell, acts=(ends,), personal=farewell in scene.brief.script.personal)
