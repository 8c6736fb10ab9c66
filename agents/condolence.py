"""Somebody has died: our words begin with our sympathy, and nobody who mourns is thanked, praised or pressed."""

from dataclasses import replace

from agents.base import Move, Scene
from agents.domain.intents import Intent
from agents.domain.types import Disposition, EndCall, MarkWrongNumber, ScheduleCallback
from agents.domain.understanding import days_ahead
from agents.qualification import ACKNOWLEDGEMENTS

SORRY = "I am very sorry for your loss."
TOLD = "Thank you for telling me."
LEFT_ALONE_DAYS = 14
"""Whoever cannot talk now for a death is not called before; a promised time goes ahead of the cadence."""
_ACKNOWLEDGED = frozenset(
    {*ACKNOWLEDGEMENTS, "I see.", "Very well.", "That makes sense.", "Sorry, I did not get that."}
)


def left_in_peace(scene: Scene) -> Move:
    """The lead has died: the number is theirs no more, so nobody asks for them there again."""
    return Move(
        replace(scene.state, settled=Disposition.WRONG_NUMBER),
        say=f"{SORRY} We will not call here about this again. Goodbye.",
        acts=(MarkWrongNumber(scene.heard.text), EndCall("deceased")),
    )


def another_time(scene: Scene) -> Move:
    """They mourn and cannot talk: no time is asked for, and none named."""
    at = days_ahead(LEFT_ALONE_DAYS, now=scene.now, zone=scene.zone)
    said = scene.heard.text
    return Move(
        replace(scene.state, callback_at=at, callback_said=said),
        say=f"{SORRY} I will let you go, and we will call another time. Take care. Goodbye.",
        acts=(ScheduleCallback(at, said), EndCall("bereaved")),
    )


def condoled(scene: Scene, move: Move) -> Move:
    """``move`` with our sympathy before its words, or in place of an acknowledgement or a congratulation.

    Nor is anybody congratulated who tells that they decide for somebody who cannot.
    """
    if Intent.SPEAKS_FOR in scene.reading.intents and move.say in _ACKNOWLEDGED:
        move = replace(move, say=TOLD)
    if Intent.BEREAVED not in scene.reading.intents or move.quiet or SORRY in move.say:
        return move
    if move.ends and scene.reading.objection:
        return replace(move, say=f"{SORRY} Thank you for telling me. Goodbye.", personal=False)
    return replace(move, say=SORRY if move.say in _ACKNOWLEDGED else f"{SORRY} {move.say}".strip())
