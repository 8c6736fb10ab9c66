"""What dialing needs to go on: a voice worker with free lines, and a carrier that is in no hurry to say no."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from calls.domain.queues import QUEUES
from calls.models import VoiceWorker


@pytest.fixture
def lines(db: None, settings: Settings) -> VoiceWorker:
    """A voice worker that is there to the test's end, with more lines than any test needs."""
    settings.CARRIER_CPS = 1000
    now = datetime.now(UTC)
    seen_at = now + timedelta(days=1)
    return VoiceWorker.objects.create(owner="lines", queues=list(QUEUES), lines=1000, started_at=now, seen_at=seen_at)
