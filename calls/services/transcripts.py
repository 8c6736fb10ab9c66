"""What was said on a call, as the analysis reads it."""

from collections.abc import Iterable

from agents.after.types import Said
from calls.models import Turn


def transcript(turns: Iterable[Turn]) -> list[Said]:
    return [
        Said(
            seq=turn.seq,
            speaker="agent" if turn.speaker == "agent" else "lead",
            text=turn.text,
            start_ms=turn.start_ms,
            end_ms=turn.end_ms,
            interrupted=turn.interrupted,
        )
        for turn in turns
    ]
