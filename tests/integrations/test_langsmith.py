"""Traces on their way to LangSmith: the real SDK, a server on a loopback socket, and all that may go wrong."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connections
from pytest_django import Settings

from agents.domain.masking import masked
from agents.domain.types import ModelUse, Step
from agents.llm.config import ModelConfig
from calls.models import Call, Turn, WorkflowTrace
from calls.services.tracing import keep_after
from integrations import tracing
from integrations.adapters import langsmith
from integrations.tasks import export_traces
from tests.calls.admin import world
from tests.integrations.langsmith_server import LangSmithServer, serving

pytestmark = pytest.mark.django_db
NOW = world.NOW + timedelta(hours=2)
USE = ModelUse("llama3.1:8b", "3", "ab" * 32, 812, 40, dropped="deadline")


@pytest.fixture(autouse=True)
def _breaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This test's own: the cache is one for all that run at a time."""
    monkeypatch.setattr(tracing, "BREAKER", f"langsmith.{uuid4()}")
    yield
    cache.delete(tracing.BREAKER)


@pytest.fixture
def server(settings: Settings) -> Iterator[LangSmithServer]:
    with serving() as server:
        set_up(settings, server.url)
        yield server


def set_up(settings: Settings, url: str) -> None:
    settings.LANGSMITH_API_KEY, settings.LANGSMITH_ENDPOINT = "lsv2_key", url
    settings.LANGSMITH_PROJECT, settings.LANGSMITH_SPEECH = "homes", False


def talked(count: int = 1) -> list[Call]:
    """Calls that are over; the first one said a lot."""
    calls = world.calls(world.leads(world.campaign(), count))
    for call in calls:
        world.worked(call, use=USE)
    WorkflowTrace.objects.update(ended_at=NOW - timedelta(minutes=1))
    return calls


def gone() -> list[bool]:
    return [trace.exported_at is not None for trace in WorkflowTrace.objects.order_by("pk")]


def test_a_call_is_a_tree_of_runs(server: LangSmithServer, settings: Settings) -> None:
    settings.LANGUAGE_MODEL = ModelConfig("openai", rate="openai.gpt-4.1-mini")
    (call,) = talked()
    assert tracing.export_due(now=NOW) == 1
    assert (server.asked, server.keys) == (["POST /runs/multipart"], {"lsv2_key"})
    runs = list(server.runs.values())
    root = next(run for run in runs if "parent_run_id" not in run)
    assert (root["name"], root["run_type"], root["session_name"]) == ("call", "chain", "homes")
    assert (root["inputs"], root["outputs"]) == ({}, {"outcome": "appointment"})
    assert root["extra"]["metadata"]["call_id"] == str(call.pk)
    turns = [run for run in runs if run.get("parent_run_id") == root["id"]]
    assert [run["name"] for run in turns] == ["turn 1", "turn 3"]
    steps = [run for run in runs if run.get("parent_run_id") == turns[0]["id"]]
    assert [run["name"] for run in steps] == ["understand", "model", "supervise", "qualification", "answer"]
    model = steps[1]
    assert (model["run_type"], model["outputs"]) == ("llm", {"decision": "timeline"})
    assert model["extra"]["metadata"] == {
        "agent": "model",
        "ls_model_name": "llama3.1:8b",
        "prompt": "3 " + "ab" * 32,
        "cached": False,
        "dropped": "deadline",
        "usage_metadata": {"input_tokens": 812, "output_tokens": 40, "total_tokens": 852, "total_cost": 0.000389},
    }
    assert model["dotted_order"].startswith(f"{turns[0]['dotted_order']}.20261120T150000000000Z")
    assert {run["trace_id"] for run in runs} == {root["id"]}
    trace = WorkflowTrace.objects.get()
    assert (trace.exported_at, trace.export_error) == (NOW, "")


def test_what_was_made_after_the_call_is_a_run_of_its_own(server: LangSmithServer) -> None:
    (call,) = talked()
    use = ModelUse("llama3.1:8b", "after-1", "cd" * 32, 900, 80, first_ms=310, estimated=True)
    keep_after(call, Step("after", NOW, 4_000_000, "summary", use))
    WorkflowTrace.objects.update(ended_at=NOW - timedelta(minutes=1))
    assert tracing.export_due(now=NOW) == 1
    after = next(run for run in server.runs.values() if run["name"] == "after the call")
    (step,) = [run for run in server.runs.values() if run.get("parent_run_id") == after["id"]]
    assert (step["name"], step["run_type"], step["outputs"]) == ("after", "llm", {"decision": "summary"})
    assert step["extra"]["metadata"] == {
        "agent": "after",
        "ls_model_name": "llama3.1:8b",
        "prompt": "after-1 " + "cd" * 32,
        "cached": False,
        "first_ms": 310,
        "tokens_estimated": True,
        "usage_metadata": {"input_tokens": 900, "output_tokens": 80, "total_tokens": 980},
    }


def test_nothing_that_anybody_said_leaves_the_house(server: LangSmithServer) -> None:
    (call,) = talked()
    assert tracing.export_due(now=NOW) == 1
    sent = server.bodies[0].decode().lower()
    said = " ".join(Turn.objects.values_list("text", flat=True)).lower()
    private = {word for word in said.replace("?", "").replace(".", "").replace(",", "").split() if len(word) > 7}
    assert private
    for word in (*private, call.lead.name.split()[0].lower(), call.to_number, call.to_number[2:], call.from_number):
        assert word not in sent


def test_what_was_said_goes_with_it_only_where_it_is_wanted(server: LangSmithServer, settings: Settings) -> None:
    settings.LANGSMITH_SPEECH = True
    (call,) = talked()
    Turn.objects.filter(call=call, seq=2).update(text="Call 303 555 0123 or four one five five five five oh one.")
    assert tracing.export_due(now=NOW) == 1
    third = next(run for run in server.runs.values() if run["name"] == "turn 3")
    assert third["inputs"] == {"lead": "Call [number] or [number]."}
    assert third["outputs"] == {"agent": "Great. Are you still thinking of selling 12 Maple Street?"}
    assert call.to_number not in server.bodies[0].decode()


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("It is +1 (303) 555-0123.", "It is [number]."),
        ("12 Maple Street, 3 rooms, $450,000", "12 Maple Street, 3 rooms, $450,000"),
        ("My code: One, two-three four!", "My code: [number]!"),
        ("double five triple two oh one", "[number]"),
        ("one or two", "one or two"),
    ],
)
def test_numbers_are_masked(said: str, sent: str) -> None:
    assert masked(said) == sent


def test_what_is_sent_again_is_the_same_run(server: LangSmithServer) -> None:
    """As after a crash between the answer and its note."""
    talked()
    tracing.export_due(now=NOW)
    first = dict(server.runs)
    WorkflowTrace.objects.update(exported_at=None)
    assert tracing.export_due(now=NOW) == 1
    assert server.posts == 2
    assert server.runs == first
    assert tracing.export_due(now=NOW) == 0


def test_a_call_that_is_there_already_has_gone(settings: Settings) -> None:
    talked()
    with serving(lambda number: 409) as server:
        set_up(settings, server.url)
        assert tracing.export_due(now=NOW) == 1
    assert gone() == [True]


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 403])
def test_while_it_does_not_take_anything_nothing_is_lost_and_it_is_left_alone(
    settings: Settings, status: int
) -> None:
    talked(2)
    healthy = False
    with serving(lambda number: 202 if healthy else status) as server:
        set_up(settings, server.url)
        assert tracing.export_due(now=NOW) == 0
        asked = server.posts
        assert 1 <= asked <= 3
        assert tracing.export_due(now=NOW + timedelta(seconds=29)) == 0
        assert (server.posts, gone()) == (asked, [False, False])
        healthy = True
        assert tracing.export_due(now=NOW + timedelta(seconds=30)) == 2
    assert gone() == [True, True]


def test_it_is_left_alone_for_longer_and_longer_up_to_a_quarter_of_an_hour(settings: Settings) -> None:
    talked()
    at, rests = NOW, []
    with serving(lambda number: 503) as server:
        set_up(settings, server.url)
        for _ in range(8):
            tracing.export_due(now=at)
            _, until = cache.get(tracing.BREAKER)
            rests.append((until - at).total_seconds())
            at = until
    assert rests == [30, 60, 120, 240, 480, 900, 900, 900]
    assert WorkflowTrace.objects.get().export_attempts == 0


def test_nobody_there(settings: Settings) -> None:
    talked()
    with serving() as server:
        closed = server.url
    set_up(settings, closed)
    assert tracing.export_due(now=NOW) == 0
    assert gone() == [False]


def test_a_server_that_stalls(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langsmith.client._TRACING_SEND_TIMEOUT", (0.2, 0.2))
    talked(3)
    with serving(lambda number: 0) as server:
        set_up(settings, server.url)
        assert tracing.export_due(now=NOW) == 0
        assert server.posts <= 3
    assert gone() == [False] * 3


def test_one_call_that_is_refused_keeps_no_other_back(settings: Settings) -> None:
    calls = talked(3)
    WorkflowTrace.objects.filter(pk=calls[0].pk).update(ended_at=NOW - timedelta(minutes=5))
    refused = 0
    with serving(lambda number: 422 if number == 1 or number > 3 else 202) as server:
        set_up(settings, server.url)
        assert tracing.export_due(now=NOW) == 2
        for _ in range(4):
            refused += tracing.export_due(now=NOW)
        assert server.posts == 5
    bad = WorkflowTrace.objects.get(pk=calls[0].pk)
    assert (refused, bad.exported_at, bad.export_attempts, bad.export_error) == (0, None, 3, "HTTP 422")


def test_a_round_ends_in_time(server: LangSmithServer) -> None:
    talked(3)
    moments = iter([0.0, 1.0, 19.0, 21.0])
    assert tracing.export_due(now=NOW, clock=lambda: next(moments)) == 2
    assert sorted(gone()) == [False, True, True]


def test_what_is_not_over_or_too_old_is_not_sent(server: LangSmithServer) -> None:
    calls = talked(3)
    for call, ended_at in zip(calls, (None, NOW - timedelta(seconds=14), NOW - timedelta(days=15)), strict=True):
        WorkflowTrace.objects.filter(pk=call.pk).update(ended_at=ended_at)
    assert tracing.export_due(now=NOW) == 0
    assert server.posts == 0


def test_without_a_key_nothing_is_sent_or_loaded(settings: Settings) -> None:
    settings.LANGSMITH_API_KEY = ""
    talked()
    export_traces()
    assert tracing.export_alone(now=NOW) is False
    assert gone() == [False]


@pytest.mark.django_db(transaction=True)
def test_one_process_sends_at_a_time(server: LangSmithServer, monkeypatch: pytest.MonkeyPatch) -> None:
    talked(2)
    inside, go_on, results = threading.Event(), threading.Event(), []
    send = langsmith.LangSmithSink.send

    def slow(sink: langsmith.LangSmithSink, runs: list[dict[str, object]]) -> None:
        inside.set()
        assert go_on.wait(20)
        send(sink, runs)

    monkeypatch.setattr(langsmith.LangSmithSink, "send", slow)

    def leader() -> None:
        results.append(tracing.export_alone(now=NOW))
        connections.close_all()

    thread = threading.Thread(target=leader)
    thread.start()
    assert inside.wait(20)
    results.append(tracing.export_alone(now=NOW))
    go_on.set()
    thread.join()
    assert results == [False, True]
    assert (server.posts, gone()) == (2, [True, True])


def test_the_libraries_send_nothing_by_themselves() -> None:
    """Though the environment asks them to, and the project's own setting is there: a whole turn, in a new process."""
    program = """
import asyncio, json
from agents.dialogue import start
from agents.domain.types import Heard
from tests.agents.people import NOW, SELLER

async def talk():
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    return (await dialogue.reply(Heard("Yes, I am.", NOW), now=NOW)).text

text = asyncio.run(talk())
print(json.dumps(bool(text)))
"""
    with serving() as server:
        wanted = {"LANGCHAIN_TRACING_V2": "true", "LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING": "true"}
        place = {"LANGSMITH_ENDPOINT": server.url, "LANGSMITH_API_KEY": "lsv2_key"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **wanted, **place},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) is True
        assert server.asked == []
