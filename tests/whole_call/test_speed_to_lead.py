"""From a program's POST to the ring, through real processes, without Beat: the doorbell alone must do."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from calls.models import Call, Inquiry, Lead
from calls.services.gates import rules_of
from calls.services.rules import book_at
from integrations import tokens
from integrations.models import ApiToken
from reautomation.demo.place import place_for
from tests.calls import factories as make
from tests.chaos.schedule import VOICE_WORKERS, WORKER, Schedule
from tests.chaos.stage import Stage
from tests.whole_call.installation import _connected

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WITHIN_S = 10.0
"""Of the minute that an inquiry is worth; on a busy machine."""
PEOPLE = {
    "people": [
        {"id": f"nobody{number}", "number": f"*{number:04d}", "answers": {"how": "no_answer"}}
        for number in (101, 102, 103)
    ]
}
QUIET = Schedule(1, 0, 0.0, (), dict.fromkeys((*VOICE_WORKERS, WORKER), ()), (), {})


@pytest.fixture
def stage(django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    with TemporaryDirectory(prefix="speed-") as folder, django_db_blocker.unblock():
        stage = Stage(Path(folder), QUIET, lines=2)
        try:
            stage.start_servers()
            with _connected(stage.servers.database_url):
                call_command("migrate", verbosity=0)
                stage.start_processes(PEOPLE)
                yield stage
        finally:
            stage.stop()


def rings(stage: Stage, number: str) -> list[datetime]:
    """When the phone rang."""
    calls = httpx.get(f"{stage.carrier_url}/simulator/calls", timeout=5).json()["calls"]
    return [datetime.fromisoformat(ring["at"]) for one in calls if one["to"] == number for ring in one["rings"]]


def test_who_asks_over_the_api_is_rung_within_seconds(stage: Stage) -> None:
    campaign, now = make.campaign(name="Sellers"), datetime.now(UTC)
    prefix = place_for(now, rules_of(campaign), book_at(now)).prefix
    token = tokens.make(ApiToken(name="Web form", scope=ApiToken.Scope.LEADS), by="mia", now=now)
    took_s = []
    for number in range(3):
        phone = f"{prefix}{101 + number:04d}"
        consent = {"kind": "written", "source": "Web form", "given_at": (now - timedelta(hours=1)).isoformat()}
        body = {"campaign": "Sellers", "phone": phone, "external_id": f"form-{number}", "consent": consent}
        asked_at = datetime.now(UTC)
        answer = httpx.post(
            f"{stage.public_url}/api/v1/leads",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        assert answer.status_code == 201, answer.text
        deadline = time.monotonic() + WITHIN_S
        while not (rang_at := rings(stage, phone)):
            assert time.monotonic() < deadline, f"No ring within {WITHIN_S:.0f} s."
            time.sleep(0.05)
        took_s.append((rang_at[0] - asked_at).total_seconds())
    assert max(took_s) < WITHIN_S
    print(f"From the POST to the ring, in seconds: {', '.join(f'{one:.2f}' for one in took_s)}.")
    assert (Lead.objects.count(), Inquiry.objects.count(), Call.objects.count()) == (3, 3, 3)
    assert [len(rings(stage, lead.phone)) for lead in Lead.objects.all()] == [1, 1, 1]
