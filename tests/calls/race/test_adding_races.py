"""Several processes that ask a model at once, and words that go while it answers."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from agents.llm.config import ModelConfig
from calls.models import AgentExecution, Call, CallAnalysis
from calls.services import adding, analysing, doorbell, recordings
from tests.agents.llm.hosted import hosted
from tests.agents.llm.scripted import ScriptedServer, says
from tests.calls import factories as make
from tests.calls.race.threads import at_once
from tests.calls.talks import held

pytestmark = pytest.mark.django_db(transaction=True)
NOW = make.NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)
ANSWER = says(json.dumps({"summary": "The person got a new job.", "mood": "neutral"}), first_s=0.2)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Iterator[ScriptedServer]:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    for bell in ("analyse", "store_recordings", "dispatch"):
        monkeypatch.setattr(doorbell, bell, lambda *_: True)
    with hosted(ANSWER) as server:
        settings.LANGUAGE_MODEL = ModelConfig("ollama", server.url, "m")
        yield server


@pytest.fixture
def call(server: ScriptedServer) -> Call:
    made, _ = held(make.lead(interest="sell"), "yes", "got a new job", at=NOW)
    assert analysing.analyse(made.pk, now=LATER)
    return made


def test_one_process_of_all_asks(call: Call, server: ScriptedServer) -> None:
    asked = at_once(4, lambda _: adding.add_alone(clock=lambda: LATER))
    assert asked.count(True) >= 1
    assert (len(server.requests), server.most) == (1, 1)
    row = CallAnalysis.objects.get()
    assert (row.model_attempts, row.model_made_at) == (1, LATER)
    assert AgentExecution.objects.count() == 1


def test_without_the_lock_it_is_still_asked_once(call: Call, server: ScriptedServer) -> None:
    assert sorted(at_once(4, lambda _: adding.add_due(clock=lambda: LATER))) == [0, 0, 0, 1]
    assert len(server.requests) == 1


def test_words_that_go_while_it_answers_leave_nothing(call: Call, server: ScriptedServer) -> None:
    def act(number: int) -> object:
        if number == 0:
            return recordings.erase_talk(Call.objects.filter(pk=call.pk), why="Asked.", by="mia", now=LATER)
        if number == 1:
            return analysing.analyse(call.pk, now=LATER, again=True)
        return adding.add_due(clock=lambda: LATER)

    at_once(4, act)
    assert not CallAnalysis.objects.exists()
    assert set(AgentExecution.objects.values_list("decision", flat=True)) <= {""}


def test_steps_of_several_are_numbered(call: Call, server: ScriptedServer) -> None:
    def again(_: int) -> int:
        analysing.analyse(call.pk, now=LATER, again=True)
        return adding.add_due(clock=lambda: LATER)

    at_once(3, again)
    numbers = [*AgentExecution.objects.values_list("sequence", flat=True)]
    assert numbers == [*range(1, len(server.requests) + 1)]
    assert CallAnalysis.objects.get().model_made_at == LATER
