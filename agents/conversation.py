"""The talk around the questions: who we are, wrong numbers, silence, what was not understood, goodbyes."""

from dataclasses import replace
from typing import ClassVar

from agents.analytics import is_qualified
from agents.base import AgentName, BaseAgent, Move, Scene
from agents.condolence import left_in_peace
from agents.domain import spoken, voicemail
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.plans import Speaker
from agents.domain.questions import Question, introduction, reason
from agents.domain.types import Disposition, EndCall, HeardKind, MarkWrongNumber
from agents.goodbye import CRISIS
from agents.opting_out import is_not_interested, keeps_the_number, still_interested
from agents.scheduler import promise
from agents.state import CallState, Stage

CANNOT_HEAR = "I cannot hear you, so I will let you go. Goodbye."
ANOTHER_TIME = "I cannot hear you, so we will call you another time. Goodbye."
MAX_SILENCES = 2
MAX_UNCLEAR = 3
TOO_MANY = "I am sorry that we have called so often."
MAKE_SURE = "Let me make sure."
"""To words that may ask us not to call again."""
NOT_FOR_US = "That is a question for an agent, who can tell you more."
NOT_AT_HAND = "I do not have that in front of me."
TO_A_CHILD = "Thank you. I will call again when a grown-up can talk. Goodbye."
HELPLINE = (
    "I am very sorry that it is so hard. You can call or text nine eight eight, day or night, and talk with somebody "
    "who can help. Please take care. Goodbye."
)
"""988 is the lifeline of the United States and Canada."""
STILL_HERE = "I'm still here. Take your time."
HOLD_PROMPTS_S = (25.0, 25.0, 10.0)
"""Of somebody who asked us to wait: so long until we say that we are there, and again, and until we ask."""
SCREENING_SILENCES = 4
"""Silences to sit out while a screening service asks the person whether to take the call."""


class ConversationAgent(BaseAgent[Scene, Move]):
    """Answers what people ask about the call itself, and keeps the talk going when nothing was understood."""

    name: ClassVar[AgentName] = AgentName.CONVERSATION

    def act(self, scene: Scene) -> Move:
        if scene.heard.kind is HeardKind.SILENCE:
            return self._silence(scene)
        said = scene.reading.intents
        if Intent.SCREENING in said:
            return self._screened(scene)
        if said & _LET_GO:
            return self._let_go(scene)
        if said & _OF_NUMBERS:
            return self._about_numbers(scene)
        if answer := next((answer for intent, answer in _ANSWERS.items() if intent in said), ""):
            return Move(replace(scene.state, unclear=0), say=answer, again=True)
        if Intent.WHO_IS_THIS in said or has_come(scene):
            return self._introduced(scene)
        if Intent.HOLD in said:
            held = replace(scene.state, holding=1)
            return Move(held, say="Of course, take your time.", quiet=True, waits_s=HOLD_PROMPTS_S[0])
        if Intent.SIDE_TALK in said:
            return Move(scene.state, quiet=True)
        if Intent.GOODBYE in said:
            return Move(scene.state, say="Thank you for your time. Goodbye.", acts=(EndCall("goodbye"),))
        keeps = scene.reading.answer is Answer.NO or keeps_the_number(scene.reading.words)
        if scene.state.question is Question.REMOVAL and keeps:
            return self._kept(scene)
        if scene.state.question is Question.STILL_THERE and scene.reading.answer is Answer.YES:
            return Move(scene.state, say="Good.", again=True)
        if Intent.BACK in said:
            return Move(scene.state, say="Thank you.", again=True)
        return self._unclear(scene)

    def _introduced(self, scene: Scene) -> Move:
        """Who calls, and why. Nothing of the home to whom the lead is still to be fetched."""
        state, brief = scene.state, scene.brief
        if has_come(scene):
            state = replace(state, stood_in=False, settled=None, unclear=0)
            return Move(state, say=f"{introduction(brief)} {reason(brief)}", personal=True)
        if state.stood_in:
            say = f"{self._name(scene)} I would like to reach {spoken.first_name(brief.lead_name) or 'them'}."
            return Move(state, say=say, ask=Question.CALLBACK, personal=True)
        return Move(state, say=f"{self._name(scene)} {reason(brief)}", again=True, personal=True)

    def _silence(self, scene: Scene) -> Move:
        state = replace(scene.state, silences=scene.state.silences + 1)
        if state.stage is Stage.SCREENED and state.silences <= SCREENING_SILENCES:
            return Move(state, quiet=True)
        if state.holding:
            return self._still_holding(scene.state)
        if state.question is Question.CALLBACK and not is_qualified(state, scene.brief):
            state = replace(state, settled=Disposition.CALLBACK_REQUESTED)
        if state.silences > MAX_SILENCES:
            return self._given_up(scene, state)
        # the wording follows the prompts in a row, not those of the whole call
        asked = {**state.asked, Question.STILL_THERE: state.silences - 1}
        return Move(replace(state, asked=asked), ask=Question.STILL_THERE)

    def _given_up(self, scene: Scene, state: CallState) -> Move:
        """Nobody answers: goodbye. Whoever was asked when to call is called, at the time that they named if any."""
        if state.settled is not Disposition.CALLBACK_REQUESTED:
            return Move(state, say=CANNOT_HEAR, acts=(EndCall("silence"),))
        if state.callback_at is not None:
            return promise(scene, state, state.callback_at)
        return Move(state, say=ANOTHER_TIME, acts=(EndCall(state.settled.value),))

    def _still_holding(self, state: CallState) -> Move:
        """They asked us to wait: a word now and then, and after a minute the usual question."""
        if state.holding < len(HOLD_PROMPTS_S):
            waits_s = HOLD_PROMPTS_S[state.holding]
            return Move(replace(state, holding=state.holding + 1), say=STILL_HERE, quiet=True, waits_s=waits_s)
        asked = {**state.asked, Question.STILL_THERE: 0}
        return Move(replace(state, holding=0, silences=1, asked=asked), ask=Question.STILL_THERE)

    def _screened(self, scene: Scene) -> Move:
        text = f"{self._name(scene)} {reason(scene.brief)}"
        return Move(replace(scene.state, stage=Stage.SCREENED), say=text, quiet=True, personal=True)

    def _wrong_number(self, scene: Scene) -> Move:
        return Move(
            replace(scene.state, settled=Disposition.WRONG_NUMBER),
            say="I am sorry for the trouble. I will note that this is the wrong number. Goodbye.",
            acts=(MarkWrongNumber(scene.heard.text), EndCall("wrong_number")),
        )

    def _let_go(self, scene: Scene) -> Move:
        said = scene.reading.intents
        if Intent.CRISIS in said:
            return self._in_crisis(scene)
        if Intent.CHILD in said:
            return self._a_child(scene)
        if Intent.DECEASED in said:
            return left_in_peace(scene)
        if Intent.WRONG_NUMBER in said:
            return self._wrong_number(scene)
        words = next(words for intent, words in _LAST_WORDS.items() if intent in said)
        over = Disposition.NOT_INTERESTED
        return Move(replace(scene.state, settled=over), say=words, acts=(EndCall(over.value),))

    def _a_child(self, scene: Scene) -> Move:
        """Nobody asks a child anything: not for a time, nor for a parent's plans."""
        state = replace(scene.state, settled=Disposition.CALLBACK_REQUESTED, stood_in=True)
        return Move(state, say=TO_A_CHILD, acts=(EndCall("child"),))

    def _in_crisis(self, scene: Scene) -> Move:
        """Whoever speaks of ending their life is told where help is; no machine calls them again."""
        state = scene.state.learn("wants_person", "yes", 0.9)
        return Move(replace(state, settled=Disposition.NOT_INTERESTED), say=HELPLINE, acts=(EndCall(CRISIS),))

    def _about_numbers(self, scene: Scene) -> Move:
        if Intent.CALLBACK_NUMBER in scene.reading.intents:
            return self._number(scene)
        return self._source(scene)

    def _source(self, scene: Scene) -> Move:
        brief = scene.brief
        if scene.state.question is Question.REMOVAL:  # they have heard it, and are not content
            return Move(scene.state, say="I am sorry about that.", ask=Question.REMOVAL)
        if Intent.TOO_MANY_CALLS in scene.reading.intents:
            return Move(scene.state, say=TOO_MANY, ask=Question.REMOVAL)
        if Intent.HOW_GOT_NUMBER not in scene.reading.intents:
            return self._in_doubt(scene)
        if not brief.consent_source:
            return Move(scene.state, say=NOT_AT_HAND, ask=Question.REMOVAL)
        said = f"Your number came from {spoken.source(brief.consent_source)}"
        if brief.consent_at:
            said = f"{said} on {spoken.calendar_date(brief.consent_at, zone=scene.zone)}"
        return Move(scene.state, say=f"{said}.", ask=Question.REMOVAL, personal=True)

    def _in_doubt(self, scene: Scene) -> Move:
        """They may have asked us not to call again. An objection beside it is kept, and not answered."""
        state, objection = replace(scene.state, unclear=0), scene.reading.objection
        if objection is not None:
            tries = {**state.objections, objection: state.objections.get(objection, 0) + 1}
            state = replace(state, objections=tries, objection=None, settled=Disposition.NOT_INTERESTED)
        return Move(state, say=MAKE_SURE, ask=Question.REMOVAL)

    def _kept(self, scene: Scene) -> Move:
        """The number stays. Whoever is not interested is let go all the same."""
        if still_interested(scene.reading.words):
            return Move(replace(scene.state, settled=None), say="Thank you.")
        settled, script = Disposition.NOT_INTERESTED, scene.brief.script
        if scene.state.settled is not settled and not is_not_interested(scene.reading.words):
            return Move(scene.state, say="Thank you.")
        state, farewell = replace(scene.state, settled=settled), script.playbook[Objection.NOT_INTERESTED].exit
        return Move(state, say=farewell, acts=(EndCall(settled.value),), personal=farewell in script.personal)

    def _number(self, scene: Scene) -> Move:
        number = voicemail.written(scene.brief.callback_number)
        if not number:
            return Move(scene.state, say=NOT_AT_HAND, again=True)
        told = replace(scene.state, number_told=True)
        return Move(told, say=f"You can call us at {number}.", again=True)

    def _name(self, scene: Scene) -> str:
        who = f"This is {scene.brief.agent_name}, an AI" if scene.brief.agent_name else "This is an AI"
        return f"{who} assistant from {scene.brief.company}."

    def _unclear(self, scene: Scene) -> Move:
        """The question again: as it was when it had not been heard or was asked for, else in other words."""
        state, said = scene.state, scene.reading.intents
        if state.question is Question.CALLBACK_OFFER:
            return Move(state, say="I am sorry for the trouble. Goodbye.", acts=(EndCall("unclear"),))
        if not state.heard_whole:
            return Move(state, ask=state.question, again=True)
        question = state.question if state.question in _ASKED_AGAIN else None
        if scene.words:
            return Move(state, say=scene.words, ask=question, personal=True)
        state = replace(state, unclear=state.unclear + 1)
        if state.unclear >= MAX_UNCLEAR:
            return Move(state, ask=Question.CALLBACK_OFFER, unread=True)
        if Intent.GREETING in said or scene.reading.speaker is Speaker.LEAD:
            return Move(state, say=f"Hello. {self._name(scene)}", ask=question, again=True)
        if Intent.REPEAT in said:
            # The same words once; whoever misses them twice gets others.
            say = "Of course." if state.unclear == 1 else "Let me put it another way."
            return Move(state, say=say, ask=question, again=state.unclear == 1)
        if Intent.ASKS in said:
            return Move(state, say=NOT_FOR_US, ask=question, again=True, unread=True)
        return Move(state, say="Sorry, I did not get that.", ask=question, unread=True)


def has_come(scene: Scene) -> bool:
    """Whether the lead has come to the phone that somebody else answered."""
    return scene.before.stood_in and scene.reading.speaker is Speaker.LEAD


_LAST_WORDS = {
    Intent.ABUSE: "I will end the call here. Goodbye.",
    Intent.ILL: "Thank you for telling me. I will let you go. Take care. Goodbye.",
    Intent.RENTER: "I can only help with buying and selling. A colleague can tell you whether we have homes to rent. "
    "Thank you for your time. Goodbye.",
}
"""To whom there is nothing to ask: nobody argues, and nobody is pressed."""
_LET_GO = frozenset({Intent.CRISIS, Intent.CHILD, Intent.DECEASED, Intent.WRONG_NUMBER, *_LAST_WORDS})
_OF_NUMBERS = frozenset({Intent.HOW_GOT_NUMBER, Intent.TOO_MANY_CALLS, Intent.MAY_OPT_OUT, Intent.CALLBACK_NUMBER})
_ASKED_AGAIN = frozenset(
    {Question.SLOT, Question.CONFIRM, Question.CALLBACK, Question.AGENT_SIGNED, Question.REMOVAL}
)

_ANSWERS = {
    Intent.SPEAKS_FOR: "Thank you for telling me. Then I can talk about it with you.",
    Intent.ROBOT_QUESTION: "Yes, I am an AI assistant. A person can call you instead.",
    Intent.STEERING: "I cannot judge neighborhoods or schools. An agent can tell you where to find public figures.",
    Intent.ADVICE: "I cannot give legal, tax or lending advice. An agent can tell you whom to ask.",
    Intent.WHY_ASKED: "It helps an agent prepare, and you need not say.",
}
"""What is said to a question of theirs, the first that fits."""
