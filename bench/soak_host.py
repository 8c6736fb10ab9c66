"""The process under test of ``bench.soak``: a voice plane in load mode, told in JSON lines to open lines."""

import asyncio
import contextlib
import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import structlog

from agents.domain.types import Brief
from bench.voice.canned import tone
from bench.voice.ours import Answering, Unpaid
from voice.domain.headroom import Limits
from voice.domain.types import VoiceConfig
from voice.plane import VoicePlane
from voice.ports import Line, NoLine
from voice.speech.ports import Hearing, Speech

_HEARING_S = 0.06
_TELL_S = 1.0
_LIMITS = Limits(lag_ms=80, lateness_ms=40, speech_wait_ms=500, busy_percent=75, memory_mb=300)


class ReadyMouth:
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
        """All is kept."""


class ScriptedEar:
    """``Recogniser`` that takes its time and understands the same word every time."""

    busy = False

    async def hear(self, pcm: bytes, **_: object) -> Hearing:
        del pcm
        await asyncio.sleep(_HEARING_S)
        return Hearing("Yes.", 0.9, turn_ended=1.0)

    async def turn_ended(self, pcm: bytes) -> float:
        del pcm
        return 1.0


async def serve(*, lines: int, recordings: Path) -> None:
    """Until standard input ends. Standard output is for answers alone."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    config = VoiceConfig(
        lines=lines,
        media_host="127.0.0.1",
        media_port=0,
        media_url="",
        redis_url="",
        recordings_dir=recordings,
        headroom=_LIMITS,
    )
    ear: Any = ScriptedEar()
    plane = VoicePlane(config, lambda *_, **__: Answering(), recogniser=ear, synthesiser=ReadyMouth())
    await asyncio.to_thread(plane.start)
    telling = asyncio.create_task(_tell(plane))
    print(json.dumps({"ready": True}), flush=True)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            call_id = json.loads(line)["open"]
            print(json.dumps({"call": call_id, **_open(plane, call_id, recordings)}), flush=True)
    finally:
        telling.cancel()
        await asyncio.to_thread(plane.stop)


def _open(plane: VoicePlane, call_id: str, recordings: Path) -> dict[str, str]:
    brief = Brief(call_id, "Acme", "Kate", "+12125550100", "Sam", "America/Denver")
    try:
        line = plane.open_line(brief, ring_timeout_s=20, max_length_s=300, spending=Unpaid())
    except NoLine as none:
        return {"refused": str(none)}
    threading.Thread(target=_read, args=(line, call_id, recordings), daemon=True).start()
    return {"url": line.stream.url, "token": line.stream.token}


def _read(line: Line, call_id: str, recordings: Path) -> None:
    for _ in line.events():
        pass
    for recording in recordings.glob(f"{call_id}.*"):
        with contextlib.suppress(FileNotFoundError):
            recording.unlink()


async def _tell(plane: VoicePlane) -> None:
    while True:
        await asyncio.sleep(_TELL_S)
        print(json.dumps({"figures": plane.headroom.measured.figures()}), flush=True)
