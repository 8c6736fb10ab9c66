"""Analyses as rows: once for each call and version, made up for when a message is lost, and gone with the words."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from unittest import mock
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pytest_django import Settings
from structlog.testing import capture_logs

from agents.after import types
from agents.after.analysis import analyse
from agents.domain.types import Disposition
from calls import tasks
from calls.domain.status import CallStatus
from calls.models import Call, CallAnalysis, Lead
from calls.services import analysing, doorbell, listening, recordings, sweeping
from calls.services.finishing import finish
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, report
from tests.calls.talks import held

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)
SELLS = ("yes", "got a new job", "How big is the yard next door?")


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The calls that a worker was told to analyse."""
    told: list[UUID] = []

    def analyse(call_id: UUID) -> bool:
        told.append(call_id)
        return True

    monkeypatch.setattr(doorbell, "analyse", analyse)
    return told


@pytest.fixture
def lead() -> Lead:
    return make.lead(make.campaign(agent_name="Ava"), interest="sell", address="12 Elm St, Denver, CO")


def owed(call: Call) -> bool:
    return Call.objects.filter(pk=call.pk, analysis_due_at__isnull=False).exists()


def test_a_call_that_ends_is_analysed(
    lead: Lead, rung: list[UUID], django_capture_on_commit_callbacks: mock.MagicMock
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        call, _ = held(lead, *SELLS, at=NOW)
    assert (rung, owed(call)) == ([call.pk], True)
    assert analysing.analyse(call.pk, now=LATER)
    row = CallAnalysis.objects.get()
    assert (row.call_id, row.version, row.current, row.made_at) == (call.pk, types.VERSION, True, LATER)
    assert (row.sentiment, row.next_step, row.next_step_at) == ("neutral", "call_again", None)
    assert row.failed_checks == ["questions_answered"]
    assert row.summary == call.summary
    assert not owed(call)
    shown = analysing.shown(call, call.turns.all())
    assert shown is not None
    quotes = {fact.name: (fact.turn, fact.quote) for fact in shown.analysis.facts if fact.turn}
    assert quotes["interested"] == (2, "yes")
    assert "got a new job" in {quote for _, quote in quotes.values()}
    assert (shown.analysis.unanswered, shown.made_at, shown.earlier) == ((6,), LATER, ())
    assert "got a new job" not in str(row.data)


def test_twice_is_once(lead: Lead) -> None:
    call, _ = held(lead, *SELLS, at=NOW)
    assert analysing.analyse(call.pk, now=LATER)
    before = CallAnalysis.objects.values("pk", "data").get()
    tasks.analyse(call_id=str(call.pk), of_a_newer_release=1)
    assert CallAnalysis.objects.values("pk", "data").get() == before


def test_what_cannot_be_analysed_is_left_alone(lead: Lead) -> None:
    live = make.call(lead, CallStatus.LIVE, answered_at=NOW, analysis_due_at=NOW)
    unanswered = make.call(make.lead(), CallStatus.DONE, disposition="no_answer", ended_at=NOW)
    for call_id in (live.pk, unanswered.pk, uuid4()):
        assert not analysing.analyse(call_id, now=LATER)
    assert not CallAnalysis.objects.exists()
    assert owed(live)
    assert analysing.shown(live, []) is None


def test_nobody_answered_so_nothing_is_owed(lead: Lead) -> None:
    call = make.call(lead, CallStatus.DIALING)
    assert finish(call.pk, report(Disposition.NO_ANSWER, ended_at=LATER), now=LATER)
    assert not owed(call)


def test_a_newer_analyser_keeps_what_an_older_one_said(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    call, _ = held(lead, *SELLS, at=NOW)
    analysing.analyse(call.pk, now=LATER)
    old = CallAnalysis.objects.values("summary", "data", "made_at").get()
    monkeypatch.setattr(analysing, "VERSION", types.VERSION + 1)
    told = StringIO()
    call_command("analyse_calls", stdout=told)
    assert told.getvalue().startswith("1 call analysed by version")
    assert CallAnalysis.objects.filter(current=False).values("summary", "data", "made_at").get() == old
    shown = analysing.shown(call, call.turns.all())
    assert shown is not None
    assert shown.earlier == (types.VERSION,)


def test_the_command_chooses(lead: Lead) -> None:
    held(lead, "yes", at=NOW)
    make.call(make.lead(), CallStatus.DONE, disposition="no_answer", ended_at=NOW)

    def counted(*arguments: str) -> str:
        told = StringIO()
        call_command("analyse_calls", *arguments, stdout=told)
        return told.getvalue().strip()

    assert counted("--from", "2026-11-11") == "0 calls analysed by version 1."
    assert counted("--from", "2026-11-10") == "1 call analysed by version 1."
    assert counted() == "0 calls analysed by version 1."
    assert counted("--again") == "1 call analysed by version 1."
    with pytest.raises(CommandError, match=r"'Monday' is not a day: write it as 2026-03-04\."):
        counted("--from", "Monday")


def test_a_lost_message_is_made_up_for(lead: Lead) -> None:
    call, _ = held(lead, *SELLS, at=NOW)
    due_at = call.analysis_due_at
    assert due_at is not None
    sweeping.sweep(dialer=FakeDialer(), now=due_at + timedelta(seconds=29))
    assert not CallAnalysis.objects.exists()
    sweeping.sweep(dialer=FakeDialer(), now=due_at + timedelta(seconds=31))
    assert CallAnalysis.objects.get().call_id == call.pk
    assert analysing.catch_up(now=due_at + timedelta(hours=1)) == 0


def test_one_that_fails_holds_up_no_other(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, _ = held(lead, "yes", at=NOW)
    whole, _ = held(make.lead(), "yes", at=NOW + timedelta(seconds=1))

    def breaks(transcript: list[types.Said], brief: object, *given: object, **named: object) -> types.Analysis:
        if getattr(brief, "call_id", "") == str(broken.pk):
            raise ZeroDivisionError
        return analyse(transcript, brief, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(analysing, "analysed", breaks)
    with capture_logs() as logged:
        assert analysing.catch_up(now=LATER) == 1
    assert [entry["event"] for entry in logged] == ["analysis.failed", "call.analysed"]
    assert CallAnalysis.objects.get().call_id == whole.pk
    broken.refresh_from_db()
    assert broken.analysis_due_at == LATER + timedelta(minutes=10)
    assert analysing.catch_up(now=NOW + timedelta(days=2)) == 0
    assert not owed(broken)


def test_a_database_that_is_away_ends_the_round(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    held(lead, "yes", at=NOW)
    monkeypatch.setattr(analysing, "analysed", mock.Mock(side_effect=OperationalError))
    with pytest.raises(OperationalError):
        analysing.catch_up(now=LATER)


def test_a_state_that_cannot_be_read_leaves_facts_without_quotes(lead: Lead) -> None:
    call, _ = held(lead, *SELLS, at=NOW)
    for snapshot in ({"version": 99}, None):
        Call.objects.filter(pk=call.pk).update(snapshot=snapshot)
        assert analysing.analyse(call.pk, now=LATER)
        shown = analysing.shown(call, call.turns.all())
        assert shown is not None
        assert {fact.turn for fact in shown.analysis.facts} == {None}
        assert (shown.analysis.reasons, shown.analysis.score) == ((), call.score)
    CallAnalysis.objects.update(data={})
    assert analysing.shown(call, []) is None


def test_words_that_come_after_the_end_count(lead: Lead, rung: list[UUID]) -> None:
    """The carrier told of the end before the line did."""
    call, _ = held(lead, "yes", at=NOW)
    analysing.analyse(call.pk, now=LATER)
    late = report(Disposition.QUALIFIED, answered_at=NOW, ended_at=LATER)
    listening._end(call, late, now=LATER)
    assert owed(call)
    assert analysing.analyse(call.pk, now=LATER)
    assert not owed(call)


def test_it_is_erased_with_the_words(lead: Lead, settings: Settings, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    call, _ = held(lead, *SELLS, at=NOW)
    other, _ = held(make.lead(), "yes", at=NOW)
    for one in (call, other):
        analysing.analyse(one.pk, now=LATER)
    CallAnalysis.objects.filter(call=call).update(version=99, current=False)
    analysing.analyse(call.pk, now=LATER)
    Call.objects.filter(pk=call.pk).update(analysis_due_at=LATER)
    recordings.erase_talk(Call.objects.filter(pk=call.pk), why="Asked.", by="mia", now=LATER)
    assert CallAnalysis.objects.get().call_id == other.pk
    call.refresh_from_db()
    assert (call.told, call.objections, call.facts, call.summary) == ([], {}, {}, "")
    assert not owed(call)
    assert not analysing.analyse(call.pk, now=LATER)
    assert CallAnalysis.objects.count() == 1


def test_what_is_redacted_is_quoted_no_more(lead: Lead, settings: Settings, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    call, _ = held(lead, *SELLS, at=NOW)
    analysing.analyse(call.pk, now=LATER)
    job = call.turns.get(text="got a new job")
    recordings.redact(call.pk, job.start_ms, job.end_ms, by="mia", now=LATER)
    shown = analysing.shown(call, call.turns.all())
    assert shown is not None
    assert "got a new job" not in {fact.quote for fact in shown.analysis.facts}
    assert recordings.REDACTED in {fact.quote for fact in shown.analysis.facts}
