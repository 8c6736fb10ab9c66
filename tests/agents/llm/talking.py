"""A conversation with a scripted model behind it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agents.dialogue import LeadDialogue, start
from agents.domain.types import Brief, Heard, ModelUse, Reply
from agents.llm.assembly import interpreter
from agents.llm.config import ModelConfig
from agents.llm.interpreter import Interpreter
from tests.agents.llm.scripted import Act, Script, ScriptedServer, claims, scripted
from tests.agents.people import NOW, SELLER

NONE = claims("none", "")
FIRST_S, WHOLE_S = 0.3, 0.5
"""The deadlines of a hasty conversation; others have all the time that a busy machine may need."""


@dataclass
class Helped:
    """One conversation that a scripted model helps with."""

    server: ScriptedServer
    interpreter: Interpreter
    dialogue: LeadDialogue
    name: str

    async def say(self, *lines: str) -> Reply:
        for line in lines:
            reply = await self.dialogue.reply(Heard(line, NOW), now=NOW)
        return reply

    def another(self, brief: Brief = SELLER) -> LeadDialogue:
        dialogue = start(brief, interpreter=self.interpreter)
        dialogue.opening(now=NOW)
        return dialogue


def uses(reply: Reply) -> dict[str, ModelUse]:
    """The uses of a model in ``reply``, by the step's name."""
    return {step.name: step.use for step in reply.steps if step.use is not None}


def decisions(reply: Reply) -> dict[str, str]:
    return {step.name: step.decision for step in reply.steps if step.use is not None}


@asynccontextmanager
async def helped(
    script: Script | Act, brief: Brief = SELLER, *, cache_url: str = "", hasty: bool = False, rate: str = ""
) -> AsyncIterator[Helped]:
    """``brief``'s conversation after its opening."""
    async with scripted(script) as server:
        name = f"test-{uuid.uuid4()}"
        first_s, whole_s = (FIRST_S, WHOLE_S) if hasty else (10.0, 15.0)
        config = ModelConfig(
            "ollama",
            server.url,
            name,
            first_clause_s=first_s,
            reply_s=whole_s,
            queue_s=first_s,
            cache_url=cache_url,
            rate=rate,
        )
        asked = interpreter(config)
        assert asked is not None
        dialogue = start(brief, interpreter=asked)
        dialogue.opening(now=NOW)
        try:
            yield Helped(server, asked, dialogue, name)
        finally:
            await asked.close()
