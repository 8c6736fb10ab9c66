"""The steps of replies go with the agent's turns: each once, also those of replies without a word."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import Mock

from agents.domain.types import EndCall, Heard, Reply, Step
from tests.voice.conftest import PlaneMaker, open_line
from tests.voice.dialogues import OPENING, ScriptedDialogue
from tests.voice.phone import answered
from tests.voice.speech import ScriptedRecogniser, spoken
from voice.domain.types import Speaker, TurnRecord, Worked
from voice.hearing import Turn
from voice.transcript import Transcript

AT = datetime(2026, 11, 24, 21, tzinfo=UTC)


def step(name: str) -> Step:
    return Step(name, AT, 100)


def test_steps_wait_for_the_agents_next_turn_and_are_counted_on() -> None:
    taken: list[TurnRecord] = []
    transcript = Transcript(Mock(ms=lambda at: 0), taken.append, turns=4, part=2)
    transcript.thought((step("a"),))
    transcript.lead(Mock(spec=Turn, text="Hm.", started=0.0, ended=0.0, confidence=None))
    transcript.thought((step("b"), step("c")))
    transcript.agent("Hi.", start=0, end=0, interrupted=False, agent="", timings=None)
    transcript.agent("Let me see.", start=0, end=0, interrupted=False, agent="", timings=None)
    transcript.thought((step("d"),))
    assert [(turn.seq, turn.worked) for turn in taken] == [
        (5, None),
        (6, Worked(6, 2, 1, (step("a"), step("b"), step("c")))),
        (7, None),
    ]
    assert transcript.worked() == Worked(7, 2, 4, (step("d"),))
    assert transcript.worked() is None


async def test_every_reply_of_a_call_tells_its_steps_once(make_plane: PlaneMaker) -> None:
    hush = Reply("", steps=(step("hush"),))
    bye = Reply("Goodbye.", acts=(EndCall("done"),), agent="conversation", steps=(step("bye"),))

    def late(heard: Heard) -> Reply:
        return Reply("", acts=(EndCall("stopped"),), steps=(step("late"),))

    dialogue = ScriptedDialogue(hush, bye, late, opening=replace(OPENING, steps=(step("opening"),)))
    plane = await make_plane(dialogue, ScriptedRecogniser("Well.", "Bye then.", "Stop it."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        for _ in range(2):
            await phone.say(spoken("Hold on."))
            await asyncio.sleep(0.6)
        await phone.gone()
    report = await watch.report()
    told = [(turn.speaker, turn.worked) for turn in watch.turns if turn.worked is not None]
    assert told == [
        (Speaker.AGENT, Worked(1, 1, 1, (step("opening"),))),
        (Speaker.AGENT, Worked(4, 1, 2, (step("hush"), step("bye")))),
    ]
    assert report.worked is None
