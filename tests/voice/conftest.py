"""A plane with scripted speech, and the lines' events as lists."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.voice.dialogues import ScriptedDialogue, always, brief
from tests.voice.money import ScriptedSpending
from tests.voice.speech import ScriptedRecogniser, ToneSynthesiser
from voice.domain.types import Closing, Ended, HandedOver, LineEvent, Report, TurnRecord, TurnTaken, VoiceConfig
from voice.line import PhoneLine
from voice.plane import HOPELESS_AFTER_S, HUNG_AFTER_S, VoicePlane
from voice.ports import Spending
from voice.watchdog import LoopState

RECORDING_KEYS = "test:" + "A" * 43 + "="
PlaneMaker = Callable[..., Awaitable[VoicePlane]]


@pytest.fixture
def config(tmp_path: Path) -> VoiceConfig:
    return VoiceConfig(
        lines=2,
        media_host="127.0.0.1",
        media_port=0,
        media_url="",
        redis_url="",
        recordings_dir=tmp_path / "recordings",
        recording_keys=RECORDING_KEYS,
        handshake_timeout_s=0.5,
    )


@pytest.fixture
async def make_plane(config: VoiceConfig) -> AsyncIterator[PlaneMaker]:
    """Started planes, stopped at the end: ``dialogue``, ``recogniser``, fields of the config and of the plane."""
    planes: list[VoicePlane] = []

    async def make(
        dialogue: ScriptedDialogue | None = None,
        recogniser: ScriptedRecogniser | None = None,
        synthesiser: Any = None,
        premium: Any = None,
        *,
        test_dialogue: ScriptedDialogue | None = None,
        auth_token: str = "",
        ring_margin_s: float = 0.2,
        hung_after_s: float = HUNG_AFTER_S,
        hopeless_after_s: float = HOPELESS_AFTER_S,
        on_loop: Callable[[LoopState], None] = lambda _: None,
        on_headroom: Callable[[], None] = lambda: None,
        **settings: Any,
    ) -> VoicePlane:
        plane = VoicePlane(
            replace(config, **settings),
            always(dialogue or ScriptedDialogue()),
            test_dialogues=always(test_dialogue) if test_dialogue else None,
            auth_token=auth_token,
            recogniser=recogniser or ScriptedRecogniser(),
            synthesiser=synthesiser or ToneSynthesiser(),
            premium=premium,
            ring_margin_s=ring_margin_s,
            hung_after_s=hung_after_s,
            hopeless_after_s=hopeless_after_s,
            on_loop=on_loop,
            on_headroom=on_headroom,
        )
        planes.append(plane)
        await asyncio.to_thread(plane.start)
        return plane

    yield make
    for plane in planes:
        await asyncio.to_thread(plane.stop)


class Watch:
    """A line, and what it told so far."""

    def __init__(self, line: PhoneLine) -> None:
        self.line, self.events = line, list[LineEvent]()
        self._done = asyncio.create_task(asyncio.to_thread(self._read))

    def _read(self) -> None:
        for event in self.line.events():
            self.events.append(event)
            if isinstance(event, Closing | HandedOver):
                event.written()

    @property
    def turns(self) -> list[TurnRecord]:
        return [event.turn for event in self.events if isinstance(event, TurnTaken)]

    async def report(self, within_s: float = 20.0) -> Report:
        """The report, once the line told it: last, and once."""
        async with asyncio.timeout(within_s):
            await self._done
        assert [type(event) for event in self.events].count(Ended) == 1
        last = self.events[-1]
        assert isinstance(last, Ended)
        return last.report


def open_line(
    plane: VoicePlane,
    *,
    call_id: str = "call-1",
    ring_timeout_s: int = 5,
    max_length_s: int = 60,
    spending: Spending | None = None,
) -> Watch:
    line = plane.open_line(
        brief(call_id),
        ring_timeout_s=ring_timeout_s,
        max_length_s=max_length_s,
        spending=spending or ScriptedSpending(),
    )
    return Watch(line)
