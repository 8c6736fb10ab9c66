"""The conversation as a LangGraph: understand, supervise, one agent, reply. Compiled once per process.

A turn that no rule could read is interpreted by a language model before the reply, where there is one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from time import perf_counter
from typing import Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agents.agenda import free_slots, next_question, own_step, put, side_of, topic
from agents.base import AgentName, BaseAgent, Move, Scene
from agents.closing import shortest_way
from agents.condolence import condoled
from agents.confirming import confirmed
from agents.conversation import ConversationAgent, has_come
from agents.domain.intents import Answer, Intent, Objection, goes_on_after_goodbye
from agents.domain.questions import TIMES, Question
from agents.domain.spoken import first_name
from agents.domain.times import zone_of
from agents.domain.types import Brief, Disposition, Heard, HeardKind, Reply
from agents.domain.understanding import Context, Reading, after_a_hold, understand
from agents.goodbye import with_number
from agents.interpreting import interpret
from agents.llm.interpreter import Interpreter
from agents.objection_handler import ObjectionHandlerAgent
from agents.opting_out import may_ask_removal
from agents.own_questions import answered, for_the_rest, is_no_objection
from agents.qualification import QualificationAgent, absorb, recent_facts
from agents.returning import about_the_appointment
from agents.scheduler import SchedulerAgent
from agents.state import ActRecord, CallState, Stage
from agents.steps import UNREAD, Stopwatch, decided, understood

_KEPT_OPEN = frozenset({Question.SLOT, Question.CONFIRM, Question.CALLBACK, Question.AGENT_SIGNED, Question.KEEP})
"""Questions off the agenda's order, which an aside does not close."""

_ABOUT_THE_CALL = frozenset(
    {
        Intent.SCREENING,
        Intent.CHILD,
        Intent.CRISIS,
        Intent.ABUSE,
        Intent.ILL,
        Intent.WRONG_NUMBER,
        Intent.RENTER,
        Intent.HOW_GOT_NUMBER,
        Intent.CALLBACK_NUMBER,
        Intent.TOO_MANY_CALLS,
        Intent.MAY_OPT_OUT,
        Intent.ROBOT_QUESTION,
        Intent.WHO_IS_THIS,
        Intent.HOLD,
        Intent.SIDE_TALK,
    }
)
_QUESTIONS_OF_THEIRS = frozenset({Intent.ADVICE, Intent.STEERING, Intent.WHY_ASKED})
_FOR_THE_SCHEDULER = frozenset({Intent.OTHER_LANGUAGE, Intent.NOT_HERE, Intent.BAD_TIME, Intent.CALLBACK})


_OF_MACHINES = frozenset({Intent.SCREENING, Intent.VOICEMAIL})
"""Nobody's machine calls us back: such words are a person's who tells of one."""


_AGENTS: Mapping[AgentName, BaseAgent[Scene, Move]] = {
    agent.name: agent
    for agent in (ConversationAgent(), QualificationAgent(), ObjectionHandlerAgent(), SchedulerAgent())
}


class TurnState(TypedDict, total=False):
    """What one run of the graph carries. The caller gives the first six, the graph the rest."""

    brief: Brief
    state: CallState
    heard: Heard
    now: datetime
    watch: Stopwatch
    interpreter: Interpreter | None
    scene: Scene
    agent: AgentName
    move: Move
    reply: Reply


async def _understand(state: TurnState) -> TurnState:
    """Read what was heard, and keep the facts in it whoever answers."""
    brief, before, heard, now = state["brief"], state["state"], state["heard"], state["now"]
    call = replace(before, turn=before.turn + 1, heard_at=heard.at)
    if heard.kind is HeardKind.SILENCE:
        return {"scene": Scene(brief, call, call, heard, Reading(text="", words=""), now)}
    call = replace(call, silences=0, holding=0)
    on_to = topic(call, brief, now=now)
    context = Context(
        question=call.question,
        topic=on_to,
        side=side_of(call, brief),
        heard_whole=call.heard_whole,
        offered=call.offered,
        free=free_slots(call, brief, now=now),
        zone=zone_of(brief.lead_zone),
        name=first_name(brief.lead_name),
        recent=recent_facts(call),
        language=call.language,
    )
    reading = understand(heard.text, context, now=now)
    if before.holding:
        reading = after_a_hold(reading, fetched=before.stood_in)
    if brief.inbound:
        reading = replace(reading, intents=reading.intents - _OF_MACHINES)
    if not may_ask_removal(call):
        reading = replace(reading, intents=reading.intents - {Intent.MAY_OPT_OUT})
    own = None if call.confirming else own_step(call, brief)
    rest = for_the_rest(reading, own) if own else reading
    rest = replace(rest, answer=None) if call.confirming else rest
    informed = absorb(call, rest, topic=on_to, side=side_of(call, brief))
    if call.confirming:
        informed = confirmed(informed, reading, brief)
    if own is not None:
        informed = answered(informed, reading, own, heard, before=call)
        reading = is_no_objection(rest, own, state=informed, before=call)
    if informed.plans != call.plans and goes_on_after_goodbye(heard.text):
        reading = replace(reading, intents=reading.intents - {Intent.GOODBYE})
    if Intent.NOT_HERE in reading.intents:
        informed = replace(informed, stood_in=True)
    if informed.value("interested") and not call.value("interested"):
        informed = replace(informed, settled=None)  # a no of before is taken back
    if informed.settled is Disposition.CALLBACK_REQUESTED and informed.plans != call.plans:
        informed = replace(informed, settled=None)  # they talk on after all
    return {"scene": Scene(brief, call, informed, heard, reading, now)}


async def _supervise(state: TurnState) -> TurnState:
    return {"agent": choose_agent(state["scene"])}


def choose_agent(scene: Scene) -> AgentName:
    """Who answers: what is said about the call first, then what ends or moves it, then objections, then facts."""
    said, question = scene.reading.intents, scene.state.question
    if scene.heard.kind is HeardKind.SILENCE or said & {Intent.CRISIS, Intent.DECEASED}:
        return AgentName.CONVERSATION
    if Intent.PERSON_REQUEST in said and Intent.SCREENING not in said:
        return AgentName.SCHEDULER
    if Intent.FAIR_HOUSING in said:
        return AgentName.OBJECTION_HANDLER
    if said & _ABOUT_THE_CALL or has_come(scene):
        return AgentName.CONVERSATION
    if scene.state.value("agent") == "signed":
        return AgentName.QUALIFICATION
    if said & _FOR_THE_SCHEDULER or _about_times(scene) or about_the_appointment(scene):
        return AgentName.SCHEDULER
    if scene.reading.objection or (question is Question.OBJECTION and scene.state.objection):
        return AgentName.OBJECTION_HANDLER
    if Intent.SPEAKS_FOR in said and not scene.learnt:
        return AgentName.CONVERSATION
    refuses = scene.reading.answer is Answer.NO and not scene.learnt and Intent.REPEAT not in said
    if question in (Question.INTEREST, Question.SIDE) and refuses:
        return AgentName.OBJECTION_HANDLER
    if said & (_QUESTIONS_OF_THEIRS | {Intent.GOODBYE}):
        return AgentName.CONVERSATION
    if Intent.APPOINTMENT in said and scene.state.value("interested"):
        return AgentName.SCHEDULER
    if scene.before.confirming and scene.reading.answer is not None:
        return AgentName.QUALIFICATION
    return AgentName.QUALIFICATION if scene.learnt else AgentName.CONVERSATION


def _about_times(scene: Scene) -> bool:
    """Whether a time was asked for and this turn says something to it."""
    reading, choice = scene.reading, scene.reading.choice
    if scene.state.settled is Disposition.CALLBACK_REQUESTED and reading.at is not None:
        return True
    if scene.state.question not in TIMES or not scene.state.heard_whole:
        return scene.state.question in TIMES and choice.taken is not None
    if reading.objection is Objection.NOT_READY and reading.at is None:
        return False
    if scene.state.question is Question.CONFIRM and (reading.answer is not None or Intent.GOODBYE in reading.intents):
        return True
    if scene.state.question in (Question.SLOT, Question.CONFIRM):
        return choice.taken is not None or choice.refused or choice.unclear
    return reading.at is not None or reading.answer is not None or choice.refused or choice.taken is not None


def _decide(scene: Scene) -> tuple[AgentName, Move]:
    agent = choose_agent(scene)
    return agent, _AGENTS[agent].act(scene)


async def _interpret(state: TurnState) -> TurnState:
    """What a model makes of a turn that no rule could read; the rules' own move where that is nothing."""
    interpreter, note = state["interpreter"], state["watch"].note
    found = interpreter and await interpret(state["scene"], interpreter=interpreter, decide=_decide, note=note)
    if not found:
        return {"move": state["move"]}
    scene, agent, move = found
    return {"scene": scene, "agent": agent, "move": move}


def _is_interpreted(turn: TurnState) -> bool:
    """Whether a model is asked: there is one, somebody said something that was not understood, and there is time."""
    scene = turn["scene"]
    asked = turn.get("interpreter") is not None and turn["move"].unread
    return asked and bool(scene.reading.words) and not scene.before.hurried


async def _reply(state: TurnState) -> TurnState:
    """Put the agent's words and the next question together, and remember both."""
    scene = state["scene"]
    move = shortest_way(scene, state["move"]) if scene.before.hurried else state["move"]
    move = condoled(scene, move)
    call, text, personal = move.state, move.say, move.personal
    if not (move.ends or move.quiet or move.asks_itself):
        open_ = call.question if move.again and call.question in _KEPT_OPEN else None
        question = move.ask or open_ or next_question(call, scene.brief, now=scene.now)
        again = move.again and question is call.question
        offer = move.offer or (call.offered if question is call.question else ())
        asked = put(question, call, scene.brief, now=scene.now, again=again, offer=offer)
        call, text, personal = asked.state, f"{text} {asked.text}".strip(), personal or asked.personal
    if move.ends:
        text, call = with_number(text, move.acts, call, scene.brief)
        call = replace(call, stage=Stage.ENDED, question=None)
    call = replace(
        call,
        last_text=text or call.last_text,
        heard_whole=True,
        acts=(*call.acts, *(ActRecord.of(act) for act in move.acts)),
    )
    reply = Reply(
        text,
        acts=move.acts,
        agent=state["agent"],
        fixed=not personal,
        interruptible=not move.transfers,
        expects=call.expects,
        waits_s=move.waits_s,
    )
    return {"state": call, "reply": reply}


class _Node(Protocol):
    async def __call__(self, state: TurnState) -> TurnState: ...


def _acting(agent: BaseAgent[Scene, Move]) -> _Node:
    async def act(state: TurnState) -> TurnState:
        return {"move": agent.act(state["scene"])}

    return act


def _timed(name: str, node: _Node, decision: Callable[[TurnState], str]) -> _Node:
    """``node``, noted as a step with what ``decision`` makes of its result."""

    async def run(state: TurnState) -> TurnState:
        began_s = perf_counter()
        result = await node(state)
        state["watch"].note(name, began_s, decision(result))
        return result

    return run


def _moved(result: TurnState) -> str:
    move = result["move"]
    told = decided(move.acts, move.ask)
    return ", ".join(filter(None, (UNREAD, told))) if move.unread else told


def _put(result: TurnState) -> str:
    return decided(result["reply"].acts, result["state"].question)


@cache
def conversation_graph() -> "CompiledStateGraph[TurnState, Any, TurnState, TurnState]":
    """The compiled graph of this process. It keeps nothing between runs, so every call shares it."""
    graph = StateGraph(TurnState)
    graph.add_node("understand", _timed("understand", _understand, lambda turn: understood(turn["scene"].reading)))
    graph.add_node("supervise", _timed("supervise", _supervise, lambda turn: turn["agent"].value))
    graph.add_node("answer", _timed("answer", _reply, _put))
    graph.add_edge(START, "understand")
    graph.add_edge("understand", "supervise")
    graph.add_node("interpret", _interpret)
    graph.add_edge("interpret", "answer")
    for agent in _AGENTS.values():
        name = agent.name.value
        graph.add_node(name, _timed(name, _acting(agent), _moved))
        if agent.name is not AgentName.CONVERSATION:
            graph.add_edge(name, "answer")
    graph.add_conditional_edges("supervise", lambda turn: turn["agent"].value, [name.value for name in _AGENTS])
    graph.add_conditional_edges(
        AgentName.CONVERSATION.value,
        lambda turn: "interpret" if _is_interpreted(turn) else "answer",
        ["interpret", "answer"],
    )
    graph.add_edge("answer", END)
    return graph.compile()
