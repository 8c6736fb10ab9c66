"""The words of a campaign's script are said ahead like the built-in ones."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from agents.domain.script import DEFAULT_SCRIPT, Lines
from agents.domain.types import Brief
from voice.domain.types import VoiceConfig
from voice.engines import EngineRoom
from voice.speech.synthesis import LocalSynthesiser

BRIEF = Brief("call-1", "Acme", "Kate", "+12125550100", "Sam", "America/Denver")
LINES = Lines("You are busy, {lead_first_name}.", "Goodbye from {company}.")
OWN = replace(BRIEF, script=replace(DEFAULT_SCRIPT, lines=LINES, version="a1b2c3d4"))


class Child:
    """A model process that says what it is asked to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def run(self, method: str, *args: Any) -> Any:
        if method == "who":
            return "joe"
        self.asked.append(args[0])
        return bytes(2)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    child = Child()

    def voice(room: EngineRoom) -> LocalSynthesiser:
        room._local = LocalSynthesiser([child])  # type: ignore[list-item]
        return room._local

    monkeypatch.setattr(EngineRoom, "_voice", voice)
    monkeypatch.setattr(EngineRoom, "_whisper", lambda room: None)
    return child


async def said_ahead(config: VoiceConfig, child: Child, *briefs: Brief) -> list[str]:
    """What the voice is asked for by the scripts of ``briefs``."""
    room = EngineRoom(config)
    with ThreadPoolExecutor(1) as disk:
        await room.start(disk, first_words="Hello.")
        for brief in briefs:
            room.learn_script(brief)
        await asyncio.gather(*room._preparing)
        await room.stop()
    return child.asked[1:]


async def test_a_script_is_said_ahead_once_without_what_is_the_leads(config: VoiceConfig, child: Child) -> None:
    asked = await said_ahead(config, child, OWN, replace(OWN, lead_name="Ann"))

    assert asked.count("Goodbye from Acme.") == asked.count("Are you still thinking about selling?") == 1
    assert not [text for text in asked if "busy" in text]


async def test_the_built_in_script_is_said_at_the_start_and_not_again(config: VoiceConfig, child: Child) -> None:
    assert await said_ahead(config, child, BRIEF) == []
