"""Our voice plane with the same models, answers and media as the stock pipeline it stands beside.

``canned`` leaves out the speech models but for smart-turn, and answers with a sound.
"""

import argparse
import asyncio
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from agents.domain.types import Brief, Disposition, EndedBy, Heard, HeardKind, Outcome, Progress, Prospect, Reply
from bench.voice.canned import FIRST, reply, tone
from bench.voice.host import obey
from voice.domain.types import Advice, TurnTaken, TurnTimings, VoiceConfig
from voice.plane import VoicePlane
from voice.ports import Line
from voice.speech.ports import Hearing, Speech
from voice.speech.process import ModelProcess

_STEPS = {one.name for one in fields(TurnTimings)}


class Answering:
    """A conversation that never ends, and answers what is said with one sentence and another."""

    def __init__(self) -> None:
        self._number = 0

    def opening(self, *, now: datetime) -> Reply:
        del now
        return Reply(FIRST, fixed=True)

    async def reply(self, heard: Heard, *, now: datetime) -> Reply:
        answer = await self.prepare(heard, now=now)
        self._number += heard.kind is HeardKind.SPEECH
        return answer

    async def prepare(self, heard: Heard, *, now: datetime) -> Reply:
        del now
        return Reply(reply(self._number + 1) if heard.kind is HeardKind.SPEECH else "")

    def cannot_wait(self, heard: Heard) -> bool:
        del heard
        return False

    def interrupted(self, *, played: str) -> None:
        del played

    def take_back(self) -> bool:
        return False

    def prospect(self) -> Prospect:
        return Prospect(Progress.QUALIFYING, 0)

    def tokens(self) -> Mapping[str, int]:
        return {}

    def hurry(self) -> None:
        """Never short of money here."""

    def wrap_up(self, *, ended_by: EndedBy, now: datetime) -> Outcome:
        del ended_by, now
        return Outcome(Disposition.HUNG_UP, "Measured.")

    def snapshot(self) -> Mapping[str, Any]:
        return {"turn": self._number}


class Unpaid:
    """``voice.ports.Spending`` without a limit."""

    def look(self, **_: object) -> Advice:
        return Advice(Decimal(0))


class CannedEar:
    """``Recogniser`` that asks smart-turn and understands the same word every time."""

    busy = False

    def __init__(self) -> None:
        self.process = ModelProcess("bench.voice.canned:Turns", {})

    async def hear(self, pcm: bytes, **_: object) -> Hearing:
        return Hearing("Yes.", 0.9, turn_ended=await self.turn_ended(pcm))

    async def turn_ended(self, pcm: bytes) -> float:
        return float(await self.process.run("turn_ended", pcm))


class CannedMouth:
    """``Synthesiser`` that has all it says at hand."""

    component = "tts.local"
    available = True

    def __init__(self) -> None:
        self._tone = tone()

    def holds(self, text: str) -> bool:
        del text
        return True

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        del text, keep
        return Speech(self._tone, cached=True)

    def keep(self, text: str) -> None:
        del text


class Lines:
    """Opens lines of one plane, and keeps how long each step of their answers took."""

    def __init__(self, plane: VoicePlane) -> None:
        self._plane, self._steps = plane, dict[str, list[float]]()

    async def open(self, calls: int) -> list[dict[str, str]]:
        streams = []
        for number in range(calls):
            brief = Brief(f"call-{number}", "Acme", "Kate", "+12125550100", "Sam", "America/Denver")
            line = self._plane.open_line(brief, ring_timeout_s=60, max_length_s=3600, spending=Unpaid())
            streams.append({"url": line.stream.url, "token": line.stream.token})
            threading.Thread(target=self._read, args=(line,), daemon=True).start()
        return streams

    def breakdown(self) -> dict[str, list[float]]:
        steps, self._steps = self._steps, {}
        return steps

    def _read(self, line: Line) -> None:
        for event in line.events():
            if isinstance(event, TurnTaken) and event.turn.timings is not None:
                for step in _STEPS:
                    if (ms := getattr(event.turn.timings, step)) is not None:
                        self._steps.setdefault(step.removesuffix("_ms"), []).append(ms / 1000)


async def _main(*, canned: bool, lines: int, recordings: Path) -> None:
    config = VoiceConfig(
        lines=lines,
        media_host="127.0.0.1",
        media_port=0,
        media_url="",
        redis_url="",
        recordings_dir=recordings,
        max_call_s=3600,
    )
    ear = CannedEar() if canned else None
    plane = VoicePlane(
        config, lambda *_, **__: Answering(), recogniser=ear, synthesiser=CannedMouth() if canned else None
    )
    if ear is not None:
        await ear.process.start()
    await asyncio.to_thread(plane.start)
    served = Lines(plane)
    try:
        await obey(served.open, served.breakdown)
    finally:
        await asyncio.to_thread(plane.stop)
        if ear is not None:
            await ear.process.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--canned", action="store_true")
    parser.add_argument("--lines", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-voice-") as folder:
        asyncio.run(_main(canned=given.canned, lines=given.lines, recordings=Path(folder)))
