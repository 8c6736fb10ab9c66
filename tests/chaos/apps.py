"""Makes a process of ours one of a run: in a hurry, with fail-points, and without speech models."""

import os
from datetime import timedelta
from pathlib import Path

from django.apps import AppConfig

from tests.chaos import failpoints

FAILPOINTS, FAILPOINTS_STRUCK = "CHAOS_FAILPOINTS", "CHAOS_FAILPOINTS_STRUCK"
SCRIPTED_SPEECH = "CHAOS_SCRIPTED_SPEECH"


class Chaos(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        _hurry()
        if plan := os.environ.get(FAILPOINTS):
            failpoints.arm(failpoints.read(plan), Path(os.environ[FAILPOINTS_STRUCK]))
        if os.environ.get(SCRIPTED_SPEECH):
            from tests.chaos import speech

            speech.install()


def _hurry() -> None:
    """The waits that are constants, a quarter and less of what they are."""
    from calls.services import placing, sweeping

    sweeping._RING_AGAIN_AFTER = timedelta(seconds=6)
    sweeping._ASK_CARRIER_AFTER = timedelta(seconds=3)
    sweeping._NEVER_RANG_AFTER = timedelta(seconds=20)
    placing._CARRIER_BUSY_WAIT = timedelta(seconds=5)
