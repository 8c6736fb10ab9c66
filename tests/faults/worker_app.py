"""The project's Celery application with scripted speech and a carrier that is a folder.

Started as ``celery -A tests.faults.worker_app worker``. Whatever a test does to it, what rang is written down.
"""

import json
import time
from functools import partial
from typing import Any

import django

django.setup()

from celery import shared_task  # noqa: E402 - the settings come first

from agents.domain.types import Reply  # noqa: E402
from calls.domain.compliance import Dial  # noqa: E402
from calls.services import gates  # noqa: E402
from reautomation.celery import app  # noqa: E402
from tests.faults import settings  # noqa: E402
from tests.voice.dialogues import OPENING, ScriptedDialogue  # noqa: E402
from tests.voice.speech import ScriptedRecogniser, ToneSynthesiser  # noqa: E402
from voice import plane  # noqa: E402
from voice.domain.types import DialRequest  # noqa: E402

__all__ = ["app"]


class FileDialer:
    """One line a ring in ``rings``; where to open the media socket in a file of the call's."""

    def __init__(self, **_: Any) -> None: ...

    def place(self, request: DialRequest) -> str:
        with (settings.FOLDER / "rings").open("a") as rings:
            rings.write(f"{request.call_id}\n")
        target = settings.FOLDER / f"{request.call_id}.part"
        target.write_text(json.dumps({"url": request.stream.url, "token": request.stream.token}))
        target.rename(target.with_suffix(".stream"))
        return f"CA{request.call_id.replace('-', '')}"

    def hang_up(self, carrier_call_id: str) -> None:
        (settings.FOLDER / f"{carrier_call_id}.hung_up").touch()


@shared_task(name="faults.block_loop")
def block_loop(*, for_s: float) -> None:
    """What a coroutine must never do."""
    from voice import worker

    worker.plane()._on_loop(_hang, for_s)


def _hang(for_s: float) -> None:
    time.sleep(for_s)


def _at_any_hour(*_: object, **__: object) -> Dial:
    return Dial(())


gates.ask = _at_any_hour
plane.VoicePlane = partial(  # type: ignore[misc,assignment]
    plane.VoicePlane,
    recogniser=ScriptedRecogniser(),
    synthesiser=ToneSynthesiser(),
    hung_after_s=settings.HUNG_AFTER_S,
    hopeless_after_s=settings.HOPELESS_AFTER_S,
)
import agents.dialogue  # noqa: E402


def _scripted(*_: object, snapshot: object = None) -> ScriptedDialogue:
    opening = OPENING if snapshot is None else Reply("We were cut off.", fixed=True)
    return ScriptedDialogue(*(Reply(f"Answer {number}.") for number in range(1, 100)), opening=opening)


agents.dialogue.start = _scripted  # type: ignore[assignment]
