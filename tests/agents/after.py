"""Calls in text with a clock, and what is made of them afterwards."""

from collections.abc import Sequence
from datetime import timedelta

from agents.after.analysis import analyse
from agents.after.types import Analysis, Check, CheckName, Said
from agents.dialogue import start
from agents.domain.types import Brief, Disposition, EndedBy, Heard, Outcome
from agents.state import load
from tests.agents.people import NOW, SELLER

WORD_MS = 350
PAUSE_MS = 600
OPENING = (
    "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. You can say stop or press "
    "nine at any time. I am calling about your home on Maple Street. Are you still thinking about selling?"
)


def script(*lines: str, cut: Sequence[int] = ()) -> list[Said]:
    """Turns as "A: ..." of the agent and "L: ..." of the lead, one after the other; ``cut`` were interrupted."""
    said: list[Said] = []
    at_ms = 0
    for seq, line in enumerate(lines, start=1):
        text = line[3:]
        end_ms = at_ms + WORD_MS * len(text.split())
        said.append(Said(seq, "agent" if line.startswith("A") else "lead", text, at_ms, end_ms, seq in cut))
        at_ms = end_ms + PAUSE_MS
    return said


async def held(brief: Brief, *lines: str) -> tuple[list[Said], Analysis]:
    """The conversation with somebody who says ``lines``, and its analysis."""
    dialogue, told = start(brief), list[str]()
    reply, at = dialogue.opening(now=NOW), NOW
    told.append(f"A: {reply.text}")
    for line in lines:
        told.append(f"L: {line}")
        at = NOW + timedelta(milliseconds=script(*told)[-1].end_ms + PAUSE_MS)
        reply = await dialogue.reply(Heard(line, at), now=at)
        if reply.text:
            told.append(f"A: {reply.text}")
    outcome = dialogue.wrap_up(ended_by=EndedBy.AGENT if reply.ends else EndedBy.LEAD, now=at)
    transcript = script(*told)
    return transcript, analyse(transcript, brief, load(dialogue.snapshot()), outcome, answered_at=NOW)


def analysed(
    transcript: Sequence[Said], disposition: Disposition = Disposition.HUNG_UP, brief: Brief = SELLER
) -> Analysis:
    """Of a transcript alone."""
    return analyse(transcript, brief, None, Outcome(disposition, "It ended."), answered_at=NOW)


def check(analysis: Analysis, name: CheckName) -> Check:
    return next(one for one in analysis.checks if one.name is name)
