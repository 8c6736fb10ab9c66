"""One conversation with a lead, as the voice side holds it: ``start(brief)`` gives a ``Dialogue``.

What the law asks for is plain code here and never reaches the graph: the opening disclosure, key 9, and the words
that opt out. What machines say goes to ``agents.machines``.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from agents import machines
from agents.agenda import next_question, put
from agents.analytics import AnalyticsAgent, prospect_of
from agents.base import AgentName, Ending
from agents.changed_mind import changed_time
from agents.closing import farewell, hurried
from agents.domain import intents
from agents.domain.intents import Intent
from agents.domain.questions import TIMES, introduction, reason
from agents.domain.recording import objects_to_recording
from agents.domain.standing import CUT_OFF, script_of
from agents.domain.text import normalise, sentences
from agents.domain.types import (
    Act,
    Brief,
    Disposition,
    EndCall,
    EndedBy,
    Heard,
    HeardKind,
    OptOut,
    Outcome,
    Prospect,
    Reply,
    StopRecording,
)
from agents.goodbye import with_number
from agents.graph import conversation_graph
from agents.handing_on import back_on_the_line, nobody_free, ordered
from agents.llm.interpreter import Interpreter
from agents.llm.metering import TokenTally
from agents.machines import Response
from agents.opting_out import asks_to_opt_out
from agents.resumed import last_words
from agents.returning import begun, called_because
from agents.state import ActRecord, CallState, HandOn, Stage, dump, load
from agents.steps import OPENING, RULES, Stopwatch, decided

log = structlog.get_logger(__name__)

OPT_OUT_TEXT = "Understood. I have removed this number and we will not call again. Goodbye."
RECORDING_OFF = "Sure, the recording is off."
NOT_RECORDED = "This call is not being recorded."
MAX_TURNS = 25
_PICKING_UP = frozenset({Intent.GREETING, Intent.WHO_IS_THIS, Intent.REPEAT})


@dataclass(frozen=True, slots=True)
class _Draft:
    """A reply that is being prepared: to ``heard``, from the state ``before``, by a conversation ``aside``."""

    heard: Heard
    before: CallState
    aside: "LeadDialogue"
    answering: "asyncio.Task[Reply]"

    def fits(self, heard: Heard, state: CallState) -> bool:
        """Whether it is the answer to ``heard``, whenever that was said, from this very state."""
        return state is self.before and replace(heard, at=self.heard.at) == self.heard and not self._failed

    @property
    def _failed(self) -> bool:
        done = self.answering.done()
        return done and (self.answering.cancelled() or self.answering.exception() is not None)

    def discard(self) -> None:
        """Nobody wants it any more: whatever it waits for is withdrawn."""
        self.answering.cancel()


class LeadDialogue:
    """The conversation of one call. ``reply`` never raises for what was heard; every turn ends in a state that
    ``snapshot`` gives whole."""

    def __init__(
        self,
        brief: Brief,
        state: CallState,
        *,
        resumed: bool = False,
        interpreter: Interpreter | None = None,
        tally: TokenTally | None = None,
    ) -> None:
        self._brief = brief
        self._interpreter = interpreter
        self._tally = tally or (TokenTally(interpreter.components) if interpreter else TokenTally())
        self._state = state
        self._resumed = resumed
        self._draft: _Draft | None = None
        self._before: CallState | None = None  # the last reply, where that may be taken back

    def opening(self, *, now: datetime) -> Reply:
        """The disclosure, why we call, and the first question. After a break: an apology and the open question again.

        Whom no colleague took over is told so, and asked when to call.

        In a hurry only a question about a time is put again; in place of any other comes the goodbye. Of a
        conversation that has ended the last words come again.
        """
        watch = Stopwatch(now)
        if self._interpreter is not None:
            self._interpreter.warm(told=self._tally.add)
        reply = self._open(now)
        watch.whole(OPENING, decided(reply.acts, self._state.question))
        return replace(reply, steps=watch.steps)

    def _open(self, now: datetime) -> Reply:
        state, brief = self._state, self._brief
        if state.stage is Stage.ENDED:
            return self._over(last_words(state))
        resumed = state.stage is Stage.TALKING
        if resumed and state.handing_on is HandOn.BACK and not state.hurried:
            self._state, reply = nobody_free(state, brief, now=now)
            return reply
        if state.hurried and not (resumed and state.question in TIMES):
            first = CUT_OFF if resumed else f"{introduction(brief)} {reason(brief)}"
            end = farewell(state, brief, say=first)
            return self._end(end.say, *end.acts, settled=end.state.settled, fixed=False)
        if resumed:
            question, again = state.question or next_question(state, brief, now=now), state.question is not None
            asked = put(question, state, brief, now=now, again=again, offer=state.offered if again else ())
            text = f"{CUT_OFF} {asked.text}"
            self._state = replace(asked.state, last_text=text)
            # Whoever talks into the silence of a lost line hears the apology all the same.
            return Reply(text, agent=AgentName.CONVERSATION, interruptible=False, expects=asked.state.expects)
        asked = put(next_question(state, brief, now=now), replace(state, stage=Stage.TALKING), brief, now=now)
        apology = CUT_OFF if self._resumed else ""
        told = (apology, introduction(brief), called_because(brief, now=now), asked.text)
        text = " ".join(part for part in told if part)
        self._state = replace(asked.state, last_text=text)
        return Reply(
            text,
            agent=AgentName.CONVERSATION,
            interruptible=False,
            expects=asked.state.expects,
            discloses=True,
        )

    async def prepare(self, heard: Heard, *, now: datetime) -> Reply:
        """What ``reply`` would answer by now. Changes nothing that counts: ``reply`` to the same words takes it over
        as long as the state is still the same."""
        if self._draft is None or not self._draft.fits(heard, self._state):
            if self._draft is not None:
                self._draft.discard()
            aside = LeadDialogue(self._brief, self._state, interpreter=self._interpreter, tally=self._tally)
            answering = asyncio.create_task(aside._answer(heard, now))
            self._draft = _Draft(heard, self._state, aside, answering)
        return await self._draft.answering

    async def reply(self, heard: Heard, *, now: datetime) -> Reply:
        """The answer to ``heard``: first what the law wants, then the graph. A prepared one is taken over, also while
        it is still in the making."""
        before = self._state
        reply = prepared = await self._prepared(heard)
        if reply is None:
            reply = await self._answer(heard, now)
        self._before = None if any(isinstance(act, OptOut) for act in reply.acts) else before
        log.info(
            "dialogue.replied",
            call_id=self._brief.call_id,
            turn=self._state.turn,
            agent=reply.agent,
            question=self._state.question,
            acts=[type(act).__name__ for act in reply.acts],
            prepared=prepared is not None,
        )
        return reply

    async def _prepared(self, heard: Heard) -> Reply | None:
        """The draft's reply, with its state taken over; None where there is none that fits by the time it is made."""
        draft, self._draft = self._draft, None
        if draft is None:
            return None
        try:
            if draft.fits(heard, self._state):
                await asyncio.wait({draft.answering})
            if not draft.fits(heard, self._state):
                return None
        finally:
            draft.discard()
        self._state = draft.aside._state
        return draft.answering.result()

    async def _answer(self, heard: Heard, now: datetime) -> Reply:
        """The answer with the steps that it took; what the graph was not asked for is one step."""
        watch = Stopwatch(now, used=self._tally.add)
        reply = await self._respond(heard, now, watch)
        if not watch.steps:
            watch.whole(RULES, decided(reply.acts, self._state.question))
        return replace(reply, steps=watch.steps)

    async def _respond(self, heard: Heard, now: datetime, watch: Stopwatch) -> Reply:
        if asks_to_opt_out(self._state, heard):
            return self._end(OPT_OUT_TEXT, OptOut(heard.text), EndCall("opt_out"), settled=Disposition.DO_NOT_CALL)
        if self._state.stage is Stage.ENDED:
            return self._changed(heard, now) or self._over()
        if self._state.turn >= MAX_TURNS:
            return self._end("Thank you for your time. Goodbye.", EndCall("turn_limit"))
        if heard.kind is HeardKind.TRANSFER:
            self._state, answer = ordered(self._state, self._brief, heard)
            return answer
        if heard.kind is HeardKind.BACK:
            self._state, answer = back_on_the_line(self._state, self._brief, heard, now=now)
            return answer
        met = machines.respond(self._state, self._brief, heard)
        if met is not None:
            return self._meet(met, now)
        if self._state.stage is Stage.TALKING and _objects(heard):
            return self._recording_off(heard, now)
        if heard.before_question and not _says_something(heard.text):
            return Reply("", agent=AgentName.CONVERSATION)
        if heard.kind is HeardKind.KEY:
            heard = replace(heard, text="", kind=HeardKind.SPEECH)
        result = await conversation_graph().ainvoke(
            {
                "brief": self._brief,
                "state": self._state,
                "heard": heard,
                "now": now,
                "watch": watch,
                "interpreter": self._interpreter,
            }
        )
        # A hurry that came while the graph ran counts from the next reply on.
        self._state = hurried(result["state"]) if self._state.hurried else result["state"]
        reply: Reply = result["reply"]
        return reply

    def cannot_wait(self, heard: Heard) -> bool:
        """An opt-out, a machine, a wrong number: whatever makes the rest of our words pointless or unlawful."""
        if asks_to_opt_out(self._state, heard):
            return True
        if machines.cannot_wait(self._state, self._brief, heard):
            return True
        if heard.kind is not HeardKind.SPEECH:
            return False
        return Intent.WRONG_NUMBER in intents.read(normalise(heard.text)).intents

    def interrupted(self, *, played: str) -> None:
        """Unless the last sentence had begun, its question was not heard and a bare yes does not answer it."""
        *before, _ = sentences(self._state.last_text)
        heard, needed = len(normalise(played)), len(normalise(" ".join(before)))
        self._state = machines.played(replace(self._state, heard_whole=heard > needed), played)

    def take_back(self) -> bool:
        """The state of before the last reply, but in a hurry if there is one by now. Never takes back an opt-out."""
        before, self._before = self._before, None
        if before is None:
            return False
        self._state = hurried(before) if self._state.hurried and not before.hurried else before
        log.info("dialogue.taken_back", call_id=self._brief.call_id, turn=self._state.turn)
        return True

    def prospect(self) -> Prospect:
        """How far the talk has come, and the lead's score as ``wrap_up`` would give it. Changes nothing."""
        return prospect_of(self._state, self._brief)

    def tokens(self) -> Mapping[str, int]:
        """What language models used until now, drafts that nobody heard among it, by the rate card's key."""
        return self._tally.counts

    def hurry(self) -> None:
        """From the next reply on, the shortest way to a kind end (agents/closing.py). Safe to call twice."""
        if not self._state.hurried:
            self._state = hurried(self._state)
            log.info("dialogue.hurried", call_id=self._brief.call_id, turn=self._state.turn)

    def wrap_up(self, *, ended_by: EndedBy, now: datetime) -> Outcome:
        """The outcome; the first ``ended_by`` stands, so a second call gives the same."""
        if self._state.closed_by is None:
            self._state = replace(self._state, closed_by=ended_by)
            log.info("dialogue.wrapped_up", call_id=self._brief.call_id, ended_by=ended_by, at=now.isoformat())
        return AnalyticsAgent().act(Ending(self._brief, self._state, self._state.closed_by or ended_by))

    def snapshot(self) -> Mapping[str, Any]:
        """The whole state, JSON-serialisable; ``start`` goes on from it."""
        return dump(self._state)

    def _meet(self, met: Response, now: datetime) -> Reply:
        """Carry out what a machine is answered, or open to the person who has come to the phone."""
        self._state = met.state
        if met.opens:
            self._resumed = False  # they have just come to the phone
            return self._open(now)
        if met.acts:
            return self._end(met.say, *met.acts, settled=met.state.settled, fixed=False)
        if met.say:
            self._state = replace(met.state, last_text=met.say)
        return Reply(
            met.say,
            agent=AgentName.CONVERSATION if met.say or met.keys else "",
            fixed=met.is_message,
            is_message=met.is_message,
            keys=met.keys,
        )

    def _recording_off(self, heard: Heard, now: datetime) -> Reply:
        """Say that it is off, and put the open question again; in a hurry the goodbye, as after a break."""
        brief, act = self._brief, StopRecording(heard.text)
        acts = (act,) if brief.recorded and not self._state.has_act("stop_recording") else ()
        said = RECORDING_OFF if brief.recorded else NOT_RECORDED
        if self._state.hurried and self._state.question not in TIMES:
            end = farewell(self._state, brief, say=said)
            return self._end(end.say, *acts, *end.acts, settled=end.state.settled, fixed=False)
        kept = (*self._state.acts, *(ActRecord.of(one) for one in acts))
        state = replace(self._state, turn=self._state.turn + 1, silences=0, unclear=0, acts=kept)
        question = state.question or next_question(state, brief, now=now)
        asked = put(question, state, brief, now=now, again=True, offer=state.offered)
        text = f"{said} {asked.text}"
        self._state = replace(asked.state, last_text=text)
        return Reply(text, acts=acts, agent=AgentName.CONVERSATION, expects=asked.state.expects)

    def _end(self, text: str, *acts: Act, settled: Disposition | None = None, fixed: bool = True) -> Reply:
        text, state = with_number(text, acts, self._state, self._brief)
        self._state = replace(
            state,
            turn=state.turn + 1,
            stage=Stage.ENDED,
            question=None,
            last_text=text,
            settled=settled or state.settled,
            acts=(*state.acts, *(ActRecord.of(act) for act in acts)),
        )
        return Reply(
            text, acts=acts, agent=AgentName.CONVERSATION, fixed=fixed and bool(text), interruptible=not text
        )

    def _changed(self, heard: Heard, now: datetime) -> Reply | None:
        """Another time than the one agreed on, told into our goodbye: it counts, and nothing is said any more."""
        act = changed_time(self._state, self._brief, heard, now=now)
        if act is None:
            return None
        self._state = replace(self._state, acts=(*self._state.acts, ActRecord.of(act)))
        return Reply("", acts=(act, EndCall("over")), agent=AgentName.SCHEDULER)

    def _over(self, text: str = "") -> Reply:
        """The conversation is over already: hang up, whatever else is said."""
        return Reply(text, acts=(EndCall("over"),), agent=AgentName.CONVERSATION)


def _objects(heard: Heard) -> bool:
    return heard.kind is HeardKind.SPEECH and objects_to_recording(heard.text)


def _says_something(text: str) -> bool:
    """More than people say when they pick up: a greeting, their name, "yes?", "who is this?", which the opening
    answers."""
    purpose = intents.read(normalise(text))
    return bool(purpose.objections or purpose.intents - _PICKING_UP)


def start(
    brief: Brief, *, snapshot: Mapping[str, Any] | None = None, interpreter: Interpreter | None = None
) -> LeadDialogue:
    """A new conversation, which knows what the brief's history tells, or the one that ``snapshot`` holds.

    ``interpreter`` helps with turns that no rule reads; without one the rules hold the conversation alone. Raises
    UnknownSnapshot where the snapshot cannot be read.
    """
    brief = replace(brief, script=script_of(brief))
    if snapshot is None:
        return LeadDialogue(brief, begun(brief), interpreter=interpreter)
    return LeadDialogue(brief, load(snapshot), resumed=True, interpreter=interpreter)
