"""The shortest way to a kind end, once time or money runs short (``Dialogue.hurry``).

The agents answer as always; here, where the next question is chosen, their move is cut down:

- What ends the call anyway stays as it is: a booking, a time to call, a refusal, a wrong number.
- A booking under way is brought home: a time that was asked for is asked for once more at most, and one that was
  read back is noted for a colleague to confirm, unless the person said no to it.
- A lead who is qualified for an appointment is offered slots at once.
- Anything else gets its answer without a question, a promise to follow up, and a goodbye.
- Silence gets the goodbye at once.
"""

from dataclasses import replace

from agents.agenda import free_slots
from agents.analytics import is_qualified
from agents.base import Move, Scene
from agents.conversation import CANNOT_HEAR
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.questions import Question
from agents.domain.text import sentences
from agents.domain.types import Brief, Disposition, EndCall, HeardKind
from agents.scheduler import book, promise
from agents.state import CallState, Stage

MAX_ASKED = 2
"""A time is asked for, and once more."""

MAX_QUESTIONS = 3
"""All questions about times together, with the one that was open when the hurry came; then the call ends."""

_SHORT_OF_TIME = "I am a little short of time, so let us set up a meeting."
_FOLLOW_UP = "I have to let you go now, but {company} will follow up with you. Take care. Goodbye."
_NO_MORE = "Thank you for your time. Goodbye."
_STOP = "If you say stop, we will not call again."
"""In place of the question whether to remove the number."""

_BOOKING = frozenset({Question.SLOT, Question.CALLBACK})
_WISHES = frozenset({Intent.APPOINTMENT, Intent.CALLBACK, Intent.PERSON_REQUEST})
_UNANSWERED = frozenset({Intent.HOLD, Intent.REPEAT})
"""An "of course" to these would promise what is not going to happen."""


def hurried(state: CallState) -> CallState:
    """``state`` on the shortest way from here on; a question about a time that is open counts as asked."""
    if state.hurried:
        return state
    open_ = (state.question,) if state.question in _BOOKING else ()
    return replace(state, hurried=True, hurry_asked=open_)


def shortest_way(scene: Scene, move: Move) -> Move:
    """``move`` as it is, with one last question about a time, or with a goodbye in place of its question."""
    if move.ends:
        return move
    state = move.state
    if state.chosen_at is not None and scene.before.question is Question.CONFIRM and not move.asks_itself:
        return book(replace(scene, state=state), confirmed=False)
    if scene.heard.kind is HeardKind.SILENCE:
        if state.stage is Stage.SCREENED or state.turn == state.silences:
            return Move(state, say=CANNOT_HEAR, acts=(EndCall("silence"),))
        return farewell(state, scene.brief)
    question, asked = _last_question(scene, move), state.hurry_asked
    if question and asked.count(question) < MAX_ASKED and len(asked) < MAX_QUESTIONS:
        state = replace(state, hurry_asked=(*asked, question))
        began_here = question is Question.SLOT and scene.before.question is not question and move.ask is not question
        say = f"{_statements(scene, move)} {_SHORT_OF_TIME}".strip() if began_here else move.say
        return replace(move, state=state, say=say, ask=question)
    if question is Question.CALLBACK and move.offer:
        return promise(scene, state, move.offer[0])
    return farewell(state, scene.brief, say=_statements(scene, move), personal=move.personal)


def farewell(state: CallState, brief: Brief, *, say: str = "", personal: bool = False) -> Move:
    """``say``, a goodbye, and what that settles.

    A refusal stays one. A qualified lead is the team's to follow up. Anybody else is called again: a call back
    without a time, so the campaign's own limit of attempts still holds.
    """
    if state.settled is Disposition.NOT_INTERESTED:
        return Move(state, say=f"{say} {_NO_MORE}".strip(), acts=(EndCall(state.settled.value),), personal=personal)
    settled = Disposition.QUALIFIED if is_qualified(state, brief) else Disposition.CALLBACK_REQUESTED
    if brief.history.appointment_at and not state.value("appointment"):
        settled = Disposition.APPOINTMENT  # it stands
    return Move(
        replace(state, settled=settled),
        say=f"{say} {_FOLLOW_UP.format(company=brief.company)}".strip(),
        acts=(EndCall("wrapped_up"),),
        personal=personal,
    )


def _last_question(scene: Scene, move: Move) -> Question | None:
    """The question about a time that is still worth asking, None where there is none."""
    if move.ask in _BOOKING and _wished(scene):
        return move.ask
    if move.asks_itself or scene.reading.objection:
        return None
    if scene.before.question in _BOOKING:
        return scene.before.question
    ready = not (move.ask or move.quiet) and move.state.settled is None and is_qualified(move.state, scene.brief)
    return Question.SLOT if ready and free_slots(move.state, scene.brief, now=scene.now) else None


def _wished(scene: Scene) -> bool:
    """Whether the person asked for a time or agreed to one, now or in the turns before."""
    before, reading = scene.before, scene.reading
    agreed = before.objection not in (None, Objection.NOT_INTERESTED) and reading.answer is Answer.YES
    return agreed or before.question in (*_BOOKING, Question.CONFIRM) or bool(reading.intents & _WISHES)


def _statements(scene: Scene, move: Move) -> str:
    """The move's words without their questions."""
    if move.ask is Question.REMOVAL:
        return f"{move.say} {_STOP}".strip()
    if scene.reading.intents & _UNANSWERED:
        return ""
    return " ".join(sentence for sentence in sentences(move.say) if not sentence.endswith("?"))
