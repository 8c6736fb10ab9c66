"""People on the phone, as lines of text, and the conversation held with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agents.dialogue import start
from agents.domain.types import Act, Brief, EndedBy, Heard, HeardKind, Outcome, Reply
from agents.ports import DialogueFactory

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
"""A Saturday, 11:00 in Denver."""
TUESDAY_10 = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
WEDNESDAY_14 = datetime(2026, 11, 25, 21, 0, tzinfo=UTC)
FRIDAY_9 = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
SELLER = Brief(
    call_id="call-1",
    company="Summit Realty",
    agent_name="Ava",
    callback_number="+13035550100",
    lead_name="Maria Lopez",
    lead_zone="America/Denver",
    interest="sell",
    property_address="12 Maple St, Denver, CO 80205",
    consent_source="web_form",
    consent_at=datetime(2026, 3, 3, 18, 0, tzinfo=UTC),
    slots=(TUESDAY_10, WEDNESDAY_14, FRIDAY_9),
)
BYE = "You can reach us at 303-555-0100. Goodbye."
"""How every call that we end is closed, with the number of the brief."""
BUYER = replace(SELLER, lead_name="Tom", interest="buy", property_address="")

FACTORY: DialogueFactory = start
"""The voice side's view of ``start``: the types have to agree."""

Line = str | None | Heard
"""What the person says; None is silence."""


@dataclass(frozen=True)
class Talk:
    replies: tuple[Reply, ...]
    outcome: Outcome

    @property
    def texts(self) -> list[str]:
        return [reply.text for reply in self.replies]

    @property
    def acts(self) -> tuple[Act, ...]:
        return tuple(act for reply in self.replies for act in reply.acts)


def heard(line: Line) -> Heard:
    if isinstance(line, Heard):
        return line
    return Heard("", NOW, HeardKind.SILENCE) if line is None else Heard(line, NOW)


async def talk(brief: Brief, lines: Sequence[Line], *, ended_by: EndedBy | None = None) -> Talk:
    """Hold a conversation, each turn through a fresh dialogue from the last one's snapshot, to the last line."""
    dialogue = FACTORY(brief)
    replies = [dialogue.opening(now=NOW)]
    for line in lines:
        assert not replies[-1].ends, f"ended before {line!r}: {replies[-1]}"
        dialogue = FACTORY(brief, snapshot=json.loads(json.dumps(dialogue.snapshot())))
        replies.append(await dialogue.reply(heard(line), now=NOW))
    by = ended_by or (EndedBy.AGENT if replies[-1].ends else EndedBy.LEAD)
    outcome = dialogue.wrap_up(ended_by=by, now=NOW)
    assert dialogue.wrap_up(ended_by=EndedBy.FAULT, now=NOW) == outcome
    return Talk(tuple(replies), outcome)
