"""A voice worker for a measurement: Celery's, with lines that end at once and a carrier that notes when it is asked.

Run by ``bench.dispatch``; writes "rang", the call's id and the seconds since the epoch to its standard output.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")

if TYPE_CHECKING:
    from voice.domain.types import DialRequest, Ended

LINES = 4
READY, RANG = "ready", "rang"


@dataclass(frozen=True, slots=True)
class Health:
    lines: int = LINES
    draining: bool = False


class Carrier:
    """Takes every call at once."""

    _lock = Lock()

    def __init__(self, **_settings: str) -> None:
        """Whatever the settings say, it rings nothing."""

    def place(self, request: "DialRequest") -> str:
        with self._lock:
            print(RANG, request.call_id, time.time(), flush=True)
        return f"CA{uuid4().hex}"

    def hang_up(self, carrier_call_id: str) -> None:
        """Nobody is there."""

    def redirect(self, carrier_call_id: str, url: str) -> None:
        """Nobody talks."""

    def fetch(self, carrier_call_id: str) -> None:
        """It has nothing to tell."""


class Line:
    """A call that nobody answers."""

    def __init__(self) -> None:
        from voice.domain.types import StreamTarget

        self.stream = StreamTarget("ws://127.0.0.1:1/media", "token")

    def events(self) -> "Iterator[Ended]":
        from django.utils import timezone

        from agents.domain.types import Disposition, EndedBy, Outcome
        from voice.domain.types import Ended, Report

        outcome = Outcome(Disposition.NO_ANSWER, "Nobody answered.")
        yield Ended(Report(outcome, EndedBy.CARRIER, ended_at=timezone.now()))

    def close(self) -> None:
        """Nothing to end."""


class Plane:
    """Lines without speech."""

    def healthy(self) -> bool:
        return True

    def health(self) -> Health:
        return Health()

    def open_line(self, *_: object, **__: object) -> Line:
        return Line()


def clock_from(noon: datetime, began: float) -> datetime:
    """The measurement's time of day: it was ``noon`` when the real clock said ``began``."""
    return noon + timedelta(seconds=time.time() - began)


def main(database: str, prefix: str, noon: str, began: str) -> None:
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = prefix
    settings.DIALER = "bench.ringing.Carrier"
    settings.CARRIER_CPS = 1000
    import django

    django.setup()
    from celery import signals
    from django.utils import timezone

    from reautomation.celery import app
    from voice import worker

    at = datetime.fromisoformat(noon).astimezone(UTC)
    timezone.now = lambda: clock_from(at, float(began))

    def start(self: worker.PlaneStep, _worker: Any) -> None:
        worker._plane = Plane()  # type: ignore[assignment]

    worker.PlaneStep.start = start  # type: ignore[method-assign, assignment]
    signals.worker_ready.connect(lambda **_: print(READY, flush=True), weak=False)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"]
    app.worker_main(["worker", "-P", "threads", "-c", str(LINES), "-Q", "calls.local", *quiet])


if __name__ == "__main__":
    main(*sys.argv[1:])
