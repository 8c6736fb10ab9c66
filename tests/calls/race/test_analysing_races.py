"""A call that is analysed by several at once, and one that is erased meanwhile."""

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from agents.after import types
from calls.models import Call, CallAnalysis
from calls.services import analysing, doorbell, recordings
from tests.calls import factories as make
from tests.calls.race.threads import at_once
from tests.calls.talks import held

pytestmark = pytest.mark.django_db(transaction=True)
NOW = make.NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Call:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    for bell in ("analyse", "store_recordings", "dispatch"):
        monkeypatch.setattr(doorbell, bell, lambda *_: True)
    return held(make.lead(interest="sell"), "yes", "got a new job", at=NOW)[0]


def test_doubled_deliveries_leave_one_analysis(call: Call) -> None:
    assert at_once(6, lambda _: analysing.analyse(call.pk, now=LATER)) == [True] * 6
    row = CallAnalysis.objects.get()
    assert (row.version, row.current) == (types.VERSION, True)
    call.refresh_from_db()
    assert call.analysis_due_at is None


@pytest.mark.parametrize("_round", range(3))
def test_nothing_is_kept_of_a_call_that_is_erased_meanwhile(call: Call, _round: int) -> None:
    def act(number: int) -> object:
        if number == 0:
            return recordings.erase_talk(Call.objects.filter(pk=call.pk), why="Asked.", by="mia", now=LATER)
        return analysing.analyse(call.pk, now=LATER)

    at_once(4, act)
    assert not CallAnalysis.objects.exists()
