"""What a model adds to analyses: once, later, beside what the rules say; whatever its server does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings
from structlog.testing import capture_logs

from agents.llm.config import ModelConfig
from billing.models import Balance, CallCost, Review
from billing.services.auditing import audit
from calls import tasks
from calls.models import AgentExecution, Call, CallAnalysis, Lead, WorkflowTrace
from calls.models.trace import AFTER_CALL
from calls.services import adding, analysing, doorbell, recordings
from tests.agents.llm.hosted import hosted
from tests.agents.llm.scripted import Act, Body, Fails, Raw, Says, ScriptedServer, says
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.talks import held

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)
SELLS = ("yes", "got a new job", "How big is the yard next door? Call 303 555 0142.")
ANSWER = {
    "summary": "The person is thinking about selling because of a new job.",
    "mood": "neutral",
    "questions": [{"text": "How big is the yard next door?", "quote": "How big is the yard next door"}],
}
GOOD = says(json.dumps(ANSWER))
RULES = ("version", "current", "summary", "sentiment", "next_step", "next_step_at", "failed_checks", "data")


@pytest.fixture(autouse=True)
def no_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "analyse", lambda _: True)


@pytest.fixture
def server(settings: Settings) -> Iterator[ScriptedServer]:
    with hosted(GOOD) as server:
        settings.LANGUAGE_MODEL = ModelConfig("ollama", server.url, "llama3.1:8b", after_call_s=20.0)
        yield server


@pytest.fixture
def lead() -> Lead:
    return make.lead(make.campaign(agent_name="Ava"), interest="sell", address="12 Elm St, Denver, CO")


def follows(server: ScriptedServer, act: Act) -> None:
    server.script = lambda _: act


def analysed(lead: Lead, *lines: str) -> CallAnalysis:
    call, _ = held(lead, *(lines or SELLS), at=NOW)
    assert analysing.analyse(call.pk, now=LATER)
    return CallAnalysis.objects.get(call=call)


def rules(row: CallAnalysis) -> dict[str, Any]:
    found: dict[str, Any] = CallAnalysis.objects.values(*RULES).get(pk=row.pk)
    return found


def ask(at: datetime = LATER) -> int:
    return adding.add_due(clock=lambda: at)


def test_a_model_adds_beside_what_the_rules_say(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    before, call = rules(row), Call.objects.values().get(pk=row.call_id)
    assert (row.model_due_at, row.model_data, row.model_made_at) == (LATER, None, None)
    with capture_logs() as logged:
        assert ask() == 1
    row.refresh_from_db()
    assert (row.model_due_at, row.model_attempts, row.model_trouble) == (None, 1, "")
    assert (row.model, row.prompt_version, len(row.prompt_hash)) == ("llama3.1:8b", "after-1", 64)
    assert row.model_made_at == LATER
    assert row.model_data is not None
    assert row.model_data["summary"] == ANSWER["summary"]
    assert row.model_data["questions"] == [{"told": "How big is the yard next door?", "turn": 6, "quote": ""}]
    assert rules(row) == before
    assert Call.objects.values().get(pk=row.call_id) == call
    assert [(entry["event"], entry["parts"]) for entry in logged] == [
        ("analysis.model_added", ("summary", "mood", "questions"))
    ]
    found = analysing.shown(row.call, row.call.turns.all())
    assert found is not None
    assert found.added is not None
    assert found.added.addition.questions[0].quote == SELLS[2]
    assert (ask(), ask(LATER + timedelta(days=1)), len(server.requests)) == (0, 0, 1)


def test_what_is_sent_has_no_number_and_no_name(server: ScriptedServer) -> None:
    analysed(make.lead(make.campaign(agent_name="Ava"), name="Dana Wombat", interest="sell"))
    ask()
    sent = json.dumps(server.requests)
    assert "got a new job" in sent
    assert "[number]" in sent
    assert not any(word in sent for word in ("0142", "Dana", "Wombat", "+1303"))


def hosted_at(server: ScriptedServer, **more: Any) -> ModelConfig:
    return ModelConfig("openai", f"{server.url}/v1", "mini", rate="openai.gpt-4.1-mini", **more)


COST = Decimal("0.000052")
"""USD for 100 tokens in at 0.40 a million, and 7 out at 1.60, each rounded up to a millionth."""


def test_a_hosted_model_is_charged_to_the_call_as_its_step_says(
    lead: Lead, server: ScriptedServer, settings: Settings
) -> None:
    settings.LANGUAGE_MODEL = hosted_at(server)
    row = analysed(lead)
    before = Call.objects.get(pk=row.call_id).cost
    assert ask() == 1
    assert Call.objects.get(pk=row.call_id).cost == before + COST
    assert AgentExecution.objects.get(trace=row.call_id).cost_usd == COST
    assert WorkflowTrace.objects.get(pk=row.call_id).cost_usd == COST
    assert Balance.objects.get(budget=lead.campaign.budget_id, period="total").spent == before + COST
    bill = {line["component"]: line["amount"] for line in CallCost.objects.get(pk=row.call_id).lines}
    assert bill["openai.gpt-4.1-mini.in"] == "0.000040"
    assert bill["openai.gpt-4.1-mini.out"] == "0.000012"
    assert not Review.objects.exists()
    assert audit() == []


def test_each_time_that_it_is_asked_is_charged(lead: Lead, server: ScriptedServer, settings: Settings) -> None:
    settings.LANGUAGE_MODEL = hosted_at(server)
    row = analysed(lead)
    before = Call.objects.get(pk=row.call_id).cost
    follows(server, says("no JSON"))  # which is sent back once
    ask()
    analysing.analyse(row.call_id, now=LATER, again=True)
    follows(server, GOOD)
    assert ask(LATER + timedelta(seconds=1)) == 1
    # 200 tokens in and 14 out, then 100 and 7.
    assert Call.objects.get(pk=row.call_id).cost == before + Decimal("0.000154")
    assert list(AgentExecution.objects.values_list("cost_usd", flat=True)) == [Decimal("0.000103"), COST]


def test_it_is_not_asked_where_the_calls_budgets_cannot_pay_for_it(
    lead: Lead, server: ScriptedServer, settings: Settings
) -> None:
    settings.LANGUAGE_MODEL = hosted_at(server)
    row = analysed(lead)
    cost = Call.objects.get(pk=row.call_id).cost
    Balance.objects.filter(budget=lead.campaign.budget_id).update(limit=cost + COST)
    with capture_logs() as logged:
        assert ask() == 0
    assert logged[0]["event"] == "analysis.model_not_paid"
    assert logged[0]["reason"].endswith("and the call's budgets have 0.000052 USD left.")
    row.refresh_from_db()
    assert (row.model_trouble, row.model_due_at, server.requests) == ("budget", LATER + adding.RETRY_AFTER[0], [])
    assert not AgentExecution.objects.exists()
    Balance.objects.filter(budget=lead.campaign.budget_id).update(limit=50)
    assert ask(LATER + adding.RETRY_AFTER[0]) == 1
    assert Call.objects.get(pk=row.call_id).cost == cost + COST


def test_what_was_used_is_charged_though_its_answer_cannot_be_written(
    lead: Lead, server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LANGUAGE_MODEL = hosted_at(server)
    row = analysed(lead)
    before = Call.objects.get(pk=row.call_id).cost
    with monkeypatch.context() as broken:
        broken.setattr(adding, "_write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ask()
    assert Call.objects.get(pk=row.call_id).cost == before + COST


def test_its_use_is_among_the_steps_and_makes_no_turn_slow(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    ask()
    step = AgentExecution.objects.get(trace=row.call_id, part=AFTER_CALL)
    assert (step.sequence, step.agent, step.decision) == (1, "after", "summary, mood, questions")
    assert (step.model, step.prompt_version, step.tokens_in, step.tokens_out) == ("llama3.1:8b", "after-1", 100, 7)
    assert step.first_ms is not None
    assert (step.started_at, step.cached, step.dropped_reason) == (LATER, False, "")
    trace = WorkflowTrace.objects.get(pk=row.call_id)
    assert (trace.tokens_in, trace.tokens_out, trace.models_used) == (100, 7, ["llama3.1:8b"])
    assert (trace.turns, trace.steps, trace.work_us, trace.slowest_us) == (0, 0, 0, 0)
    assert (trace.outcome, trace.ended_at) == (row.call.disposition, row.call.ended_at)


@pytest.mark.parametrize(
    ("act", "trouble"),
    [
        (Says(("{",), ends="never"), "late"),
        (Says(('{"summary": "The',), ends="cut"), "failed"),
        (Says(('{"summary": "The',), ends="error"), "failed"),
        (Fails(500), "failed"),
        (Fails(503), "failed"),
        (Raw(b"<html>garbage"), "failed"),
    ],
)
def test_the_analysis_stands_and_a_later_try_adds_once(
    lead: Lead, server: ScriptedServer, settings: Settings, act: Act, trouble: str
) -> None:
    row, other = analysed(lead), analysed(make.lead(interest="sell"))
    before = rules(row)
    settings.LANGUAGE_MODEL = replace(settings.LANGUAGE_MODEL, after_call_s=0.3)
    follows(server, act)
    assert ask() == 0
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.model_trouble, row.model_attempts, row.model_data) == (trouble, 1, None)
    assert row.model_due_at == LATER + timedelta(seconds=30)
    assert (other.model_attempts, other.model_due_at) == (0, LATER)  # a server in trouble is not asked on
    assert rules(row) == before
    settings.LANGUAGE_MODEL = replace(settings.LANGUAGE_MODEL, after_call_s=20.0)
    follows(server, GOOD)
    assert ask(LATER + timedelta(seconds=29)) == 1
    assert ask(LATER + timedelta(seconds=30)) == 1
    assert ask(LATER + timedelta(hours=1)) == 0
    tried = CallAnalysis.objects.get(pk=row.pk)
    assert (tried.model_trouble, tried.model_attempts, tried.model_due_at) == ("", 2, None)
    assert rules(row) == before
    uses = AgentExecution.objects.filter(trace=row.call_id).values_list("sequence", "dropped_reason", "decision")
    assert list(uses) == [(1, trouble, ""), (2, "", "summary, mood, questions")]


def test_it_is_tried_for_a_day_and_given_up(lead: Lead, server: ScriptedServer) -> None:
    row, at, waits = analysed(lead), LATER, []
    follows(server, Fails(500))
    while True:
        ask(at)
        row.refresh_from_db()
        if row.model_due_at is None:
            break
        waits.append(row.model_due_at - at)
        at = row.model_due_at
    assert tuple(waits) == adding.RETRY_AFTER
    assert (row.model_attempts, row.model_trouble, len(server.requests)) == (7, "failed", 7)


@pytest.mark.parametrize(
    ("act", "trouble"), [(says("I cannot do that."), "unusable"), (Fails(404), "refused"), (Fails(401), "refused")]
)
def test_what_time_does_not_mend_is_not_tried_again(
    lead: Lead, server: ScriptedServer, act: Act, trouble: str
) -> None:
    row = analysed(lead)
    follows(server, act)
    assert ask() == 0
    row.refresh_from_db()
    assert (row.model_trouble, row.model_due_at, row.model_data) == (trouble, None, None)


def test_an_answer_of_which_nothing_stands_is_said_to_be_one(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    follows(server, says(json.dumps({"summary": "Bob sold it in June.", "mood": "positive"})))
    assert ask() == 0
    row.refresh_from_db()
    assert (row.model_trouble, row.model_due_at) == ("unfounded", None)
    found = analysing.shown(row.call, [])
    assert found is not None
    assert found.added is not None
    assert found.added.addition.dropped == ("summary: name", "mood: quote")


def test_one_unusable_answer_holds_up_no_other(lead: Lead, server: ScriptedServer) -> None:
    analysed(lead)
    analysed(make.lead(interest="sell"), "yes", "in three months")
    acts = iter([says("no"), says("no"), GOOD])
    server.script = lambda _: next(acts)
    assert ask() == 1
    assert sorted(CallAnalysis.objects.values_list("model_trouble", flat=True)) == ["", "unusable"]


def test_a_fault_of_ours_is_told_and_ends_nothing(
    lead: Lead, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = analysed(lead)
    monkeypatch.setattr(adding, "material", lambda *_, **__: 1 / 0)
    with capture_logs() as logged:
        assert ask() == 0
    row.refresh_from_db()
    assert (row.model_trouble, row.model_due_at, server.requests) == ("fault", None, [])
    assert [entry["event"] for entry in logged] == ["analysis.model_failed", "analysis.model_gave_nothing"]


def test_an_analysis_of_an_unknown_form_is_left_alone(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    CallAnalysis.objects.update(data={})
    assert ask() == 0
    row.refresh_from_db()
    assert (row.model_trouble, row.model_due_at, server.requests) == ("unreadable", None, [])
    CallAnalysis.objects.update(model_data={"summary": 1}, model_made_at=NOW)
    row.refresh_from_db()
    assert adding.added_to(row, []) is None


def test_without_a_model_nothing_is_owed(lead: Lead, settings: Settings) -> None:
    assert analysed(lead).model_due_at is None
    settings.LANGUAGE_MODEL = ModelConfig("ollama", "http://127.0.0.1:1", "m", after_call_s=0)
    assert analysed(make.lead(interest="sell")).model_due_at is None
    assert not adding.add_alone(clock=lambda: LATER)


def test_who_said_nothing_is_not_asked_about(server: ScriptedServer, lead: Lead) -> None:
    call, _ = held(lead, at=NOW)
    analysing.analyse(call.pk, now=LATER)
    assert CallAnalysis.objects.get().model_due_at is None


def test_the_task_asks_while_nobody_else_does(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    tasks.add_to_analyses(of_a_newer_release=1)
    row.refresh_from_db()
    assert row.model_data is not None


def test_a_round_ends_and_the_next_goes_on(lead: Lead, server: ScriptedServer) -> None:
    for _ in range(3):
        analysed(make.lead(interest="sell"))
    times = iter([LATER, LATER, LATER, LATER, LATER, LATER + adding.ROUND])
    last = LATER + adding.ROUND
    assert adding.add_due(clock=lambda: next(times, last)) == 2
    assert ask() == 1


def test_a_worker_that_dies_leaves_it_to_the_next(lead: Lead, server: ScriptedServer, settings: Settings) -> None:
    row = analysed(lead)
    claimed = adding._claimed(settings.LANGUAGE_MODEL, now=LATER)
    assert claimed is not None
    assert claimed.model_due_at == LATER + timedelta(seconds=80)
    assert ask(LATER + timedelta(seconds=79)) == 0
    assert ask(LATER + timedelta(seconds=80)) == 1
    row.refresh_from_db()
    assert row.model_attempts == 2


def test_doubled_messages_ask_once(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    analysing.analyse(row.call_id, now=LATER)
    ask()
    analysing.analyse(row.call_id, now=LATER + timedelta(hours=1))
    row.refresh_from_db()
    assert row.model_data is not None
    assert (ask(LATER + timedelta(hours=2)), len(server.requests)) == (0, 1)


def test_words_that_come_later_have_it_asked_again(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    ask()
    row.call.turns.create(seq=99, speaker="lead", text="Are you there?", start_ms=900_000, end_ms=901_000)
    analysing.analyse(row.call_id, now=LATER)
    row.refresh_from_db()
    assert (row.model_data, row.model, row.model_due_at) == (None, "", LATER)
    assert ask() == 1
    assert "Are you there?" in json.dumps(server.requests[1])


def test_the_command_asks_again(lead: Lead, server: ScriptedServer) -> None:
    row = analysed(lead)
    ask()
    call_command("analyse_calls", stdout=StringIO())
    row.refresh_from_db()
    assert row.model_due_at is None
    call_command("analyse_calls", "--again", stdout=StringIO())
    row.refresh_from_db()
    assert (row.model_due_at is None, row.model_data) == (False, None)


def test_it_is_erased_with_the_words(lead: Lead, server: ScriptedServer, settings: Settings, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    row = analysed(lead)
    ask()
    recordings.erase_talk(Call.objects.filter(pk=row.call_id), why="Asked.", by="mia", now=LATER)
    assert not CallAnalysis.objects.exists()
    assert [*AgentExecution.objects.values_list("decision", flat=True)] == [""]


def test_what_is_erased_while_it_is_asked_stays_erased(
    lead: Lead, server: ScriptedServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    row, answer = analysed(lead), adding._answer

    def erased(*given: Any) -> Any:
        found = answer(*given)
        recordings.erase_talk(Call.objects.filter(pk=row.call_id), why="Asked.", by="mia", now=LATER)
        return found

    monkeypatch.setattr(adding, "_answer", erased)
    assert ask() == 0
    assert not CallAnalysis.objects.exists()
    assert [*AgentExecution.objects.values_list("decision", "tokens_in")] == [("", 100)]


def test_what_is_redacted_is_taken_out_and_asked_again(
    lead: Lead, server: ScriptedServer, settings: Settings, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    row = analysed(lead)
    ask()
    job = row.call.turns.get(text="got a new job")
    recordings.redact(row.call_id, job.start_ms, job.end_ms, by="mia", now=LATER)
    row.refresh_from_db()
    assert (row.model_data, row.model_made_at, row.model_due_at) == (None, None, LATER)
    assert ask() == 1
    row.refresh_from_db()
    assert row.model_data is not None
    assert "new job" not in json.dumps(server.requests[1])


def test_what_is_redacted_while_it_is_asked_is_not_written(
    lead: Lead, server: ScriptedServer, settings: Settings, tmp_path: Path
) -> None:
    """The answer to the words as they were is worth nothing; the next is about those that are left."""
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    row = analysed(lead)
    claimed = adding._claimed(settings.LANGUAGE_MODEL, now=LATER)
    assert claimed is not None
    job = row.call.turns.get(text="got a new job")
    recordings.redact(row.call_id, job.start_ms, job.end_ms, by="mia", now=LATER)
    assert not adding._write(claimed, adding._Answer(trouble="failed", again=True), [], LATER)
    row.refresh_from_db()
    assert (row.model_trouble, row.model_attempts, row.model_due_at) == ("", 0, LATER)


def test_a_deadline_of_its_own(lead: Lead, server: ScriptedServer, settings: Settings) -> None:
    """Far beyond what a person on the phone is made to wait."""
    settings.LANGUAGE_MODEL = replace(settings.LANGUAGE_MODEL, first_clause_s=0.01, reply_s=0.02, queue_s=0.0)
    analysed(lead)

    def slow(_: Body) -> Act:
        return replace(GOOD, first_s=0.3)

    server.script = slow
    assert ask() == 1
