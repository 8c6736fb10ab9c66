"""The conversation as a LangGraph: understand, supervise, one agent, reply. Compiled once per process."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agents.agenda import free_slots, next_question, put, side_of
from agents.base import AgentName, BaseAgent, Move, Scene
from agents.conversation import ConversationAgent
from agents.domain.intents import Answer, Intent
from agents.domain.questions import Question
from agents.domain.times import zone_of
from agents.domain.types import Brief, Heard, HeardKind, Reply
from agents.domain.understanding import Context, Reading, understand
from agents.objection_handler import ObjectionHandlerAgent
from agents.qualification import QualificationAgent, absorb
from agents.scheduler import SchedulerAgent
from agents.state import ActRecord, CallState, Stage

_ASIDES = frozenset({Question.STILL_THERE, Question.OBJECTION, Question.REMOVAL, Question.CALLBACK_OFFER})
_TIMES = frozenset({Question.SLOT, Question.CALLBACK, Question.CALLBACK_OFFER})
_KEPT_OPEN = frozenset({Question.SLOT, Question.CALLBACK, Question.AGENT_SIGNED})
"""Questions off the agenda's order, which an aside does not close."""

_ABOUT_THE_CALL = frozenset(
    {
        Intent.SCREENING,
        Intent.WRONG_NUMBER,
        Intent.HOW_GOT_NUMBER,
        Intent.ROBOT_QUESTION,
        Intent.WHO_IS_THIS,
        Intent.HOLD,
    }
)
_FOR_THE_SCHEDULER = frozenset({Intent.OTHER_LANGUAGE, Intent.NOT_HERE, Intent.BAD_TIME, Intent.CALLBACK})


class TurnState(TypedDict, total=False):
    """What one run of the graph carries. The caller gives the first four, the graph the rest."""

    brief: Brief
    state: CallState
    heard: Heard
    now: datetime
    scene: Scene
    agent: AgentName
    move: Move
    reply: Reply


async def _understand(turn: TurnState) -> TurnState:
    """Read what was heard, and keep the facts in it whoever answers."""
    brief, before, heard, now = turn["brief"], turn["state"], turn["heard"], turn["now"]
    state = replace(before, turn=before.turn + 1)
    if heard.kind is HeardKind.SILENCE:
        return {"scene": Scene(brief, state, state, heard, Reading(text="", words=""), now)}
    state = replace(state, silences=0)
    agenda = next_question(state, brief, now=now)
    topic = state.question if state.question and state.question not in _ASIDES else agenda
    context = Context(
        question=state.question,
        topic=topic,
        heard_whole=state.heard_whole,
        offered=state.offered,
        free=free_slots(state, brief, now=now),
        zone=zone_of(brief.lead_zone),
    )
    reading = understand(heard.text, context, now=now)
    informed = absorb(state, reading, topic=topic, side=side_of(state, brief))
    return {"scene": Scene(brief, state, informed, heard, reading, now)}


async def _supervise(turn: TurnState) -> TurnState:
    return {"agent": choose_agent(turn["scene"])}


def choose_agent(scene: Scene) -> AgentName:
    """Who answers: what is said about the call first, then what ends or moves it, then objections, then facts."""
    said, question = scene.reading.intents, scene.state.question
    if scene.heard.kind is HeardKind.SILENCE:
        return AgentName.CONVERSATION
    if Intent.PERSON_REQUEST in said and Intent.SCREENING not in said:
        return AgentName.SCHEDULER
    if Intent.FAIR_HOUSING in said:
        return AgentName.OBJECTION_HANDLER
    if said & _ABOUT_THE_CALL:
        return AgentName.CONVERSATION
    if scene.state.value("agent") == "signed":
        return AgentName.QUALIFICATION
    if said & _FOR_THE_SCHEDULER or _about_times(scene):
        return AgentName.SCHEDULER
    if scene.reading.objection or (question is Question.OBJECTION and scene.state.objection):
        return AgentName.OBJECTION_HANDLER
    if question in (Question.INTEREST, Question.SIDE) and scene.reading.answer is Answer.NO and not scene.learnt:
        return AgentName.OBJECTION_HANDLER
    if Intent.GOODBYE in said:
        return AgentName.CONVERSATION
    if Intent.APPOINTMENT in said and scene.state.value("interested"):
        return AgentName.SCHEDULER
    return AgentName.QUALIFICATION if scene.learnt else AgentName.CONVERSATION


def _about_times(scene: Scene) -> bool:
    """Whether a time was asked for and this turn says something to it."""
    reading, choice = scene.reading, scene.reading.choice
    if scene.state.question not in _TIMES or not scene.state.heard_whole:
        return scene.state.question in _TIMES and choice.taken is not None
    if scene.state.question is Question.SLOT:
        return choice.taken is not None or choice.refused or choice.unclear
    return reading.at is not None or reading.answer is not None or choice.refused or choice.taken is not None


async def _reply(turn: TurnState) -> TurnState:
    """Put the agent's words and the next question together, and remember both."""
    scene, move = turn["scene"], turn["move"]
    state, text, personal = move.state, move.say, move.personal
    if not (move.ends or move.quiet or move.asks_itself):
        open_ = state.question if move.again and state.question in _KEPT_OPEN else None
        question = move.ask or open_ or next_question(state, scene.brief, now=scene.now)
        again = move.again and question is state.question
        offer = move.offer or (state.offered if question is state.question else ())
        asked = put(question, state, scene.brief, now=scene.now, again=again, offer=offer)
        state, text, personal = asked.state, f"{text} {asked.text}".strip(), personal or asked.personal
    if move.ends:
        state = replace(state, stage=Stage.ENDED, question=None)
    state = replace(
        state,
        last_text=text or state.last_text,
        heard_whole=True,
        acts=(*state.acts, *(ActRecord.of(act) for act in move.acts)),
    )
    return {"state": state, "reply": Reply(text, acts=move.acts, agent=turn["agent"], fixed=not personal)}


def _node(agent: BaseAgent[Scene, Move]) -> Callable[[TurnState], Awaitable[TurnState]]:
    async def act(turn: TurnState) -> TurnState:
        return {"move": await agent.act(turn["scene"])}

    return act


@cache
def conversation_graph() -> "CompiledStateGraph[TurnState, Any, TurnState, TurnState]":
    """The compiled graph of this process. It keeps nothing between runs, so every call shares it."""
    agents = (ConversationAgent(), QualificationAgent(), ObjectionHandlerAgent(), SchedulerAgent())
    graph = StateGraph(TurnState)
    graph.add_node("understand", _understand)
    graph.add_node("supervise", _supervise)
    graph.add_node("answer", _reply)
    graph.add_edge(START, "understand")
    graph.add_edge("understand", "supervise")
    for agent in agents:
        graph.add_node(agent.name.value, _node(agent))
        graph.add_edge(agent.name.value, "answer")
    graph.add_conditional_edges("supervise", lambda turn: turn["agent"].value, [agent.name.value for agent in agents])
    graph.add_edge("answer", END)
    return graph.compile()
