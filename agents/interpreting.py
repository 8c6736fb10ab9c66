"""A second look at a turn that no rule could read, with a language model's help.

The model never acts. What it claims is handed to the rules' own agents; a move of theirs that would do anything
beyond speaking (book, transfer, opt out, end the call) is thrown away, and the person is asked again as ever.
"""

from collections.abc import Callable
from dataclasses import replace

from agents.agenda import side_of, topic
from agents.base import AgentName, Move, Scene
from agents.domain.text import normalise, sentences
from agents.llm.claims import Claim, Unfounded, scene_with, tamed
from agents.llm.interpreter import Interpreter, Note, UnreadTurn

Decide = Callable[[Scene], tuple[AgentName, Move]]
"""Which agent answers a scene, and how."""

_TOLD = ("timeline", "motivation", "agent", "financing")
"""Facts of a closed vocabulary, which a model is told; prices, places, names and numbers are not."""


async def interpret(
    scene: Scene, *, interpreter: Interpreter, decide: Decide, note: Note
) -> tuple[Scene, AgentName, Move] | None:
    """The scene, agent and move that a model's help leads to; None where it is of none."""
    on_to, side = topic(scene.before, scene.brief, now=scene.now), side_of(scene.before, scene.brief)
    found = list[tuple[Scene, AgentName, Move]]()

    def accept(claim: Claim) -> str:
        try:
            again = scene_with(claim, scene, topic=on_to, side=side)
        except Unfounded as unfounded:
            return str(unfounded)
        agent, move = decide(again)
        if move.acts:
            return "acts"
        if move.unread:
            return "unread"
        found.append((again, agent, replace(move, state=tamed(move.state, scene.state))))
        return ""

    words = await interpreter.read(_unread_turn(scene, side=side), accept=accept, note=note)
    if found:
        return found[0]
    if not words:
        return None
    spoken = replace(scene, words=words)
    return (spoken, *decide(spoken))


def _unread_turn(scene: Scene, *, side: str) -> UnreadTurn:
    state, brief = scene.state, scene.brief
    known = [f"wants to {side}"] if side else []
    known += [f"{name} {state.value(name)}" for name in _TOLD if state.value(name)]
    known += [f"objected: {kind.value}" for kind in state.objections]
    private = f"{brief.lead_name} {brief.property_address} {state.value('area')}"
    return UnreadTurn(
        said=scene.reading.text,
        asked=sentences(scene.before.last_text)[-1],
        known="; ".join(known) or "nothing yet",
        company=brief.company,
        private=frozenset(normalise(private).split()),
    )
