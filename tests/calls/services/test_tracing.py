"""What is kept of a conversation as work: with the turns, once, and nothing that anybody said."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.domain.types import Disposition, ModelUse, Step
from agents.llm.config import ModelConfig
from billing.models import Rate
from billing.services.card import set_price
from calls.domain.status import CallStatus
from calls.models import AgentExecution, Call, CallAnalysis, Turn, WorkflowTrace
from calls.models.trace import AFTER_CALL
from calls.services import recordings, tracing
from calls.services.finishing import finish
from calls.services.listening import _keep_turn
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import FakeDialer, FakePlane, ended, report, turn
from voice.domain.types import Ended, LineEvent, Live, TurnTaken, Worked

pytestmark = pytest.mark.django_db
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
USE = ModelUse("llama3.1:8b", "3", "ab" * 32, 812, 40, 280, dropped="deadline")
PRICED = ModelConfig("openai", rate="openai.gpt-4.1-mini")
"""0.40 and 1.60 USD for a million tokens in and out, by the default rate card."""
OPENED = (Step("opening", ANSWERED, 210, "ask interest"),)
REPLIED = (
    Step("understand", ANSWERED + timedelta(seconds=4), 900, "yes"),
    Step("model", ANSWERED + timedelta(seconds=4), 640_000, "timeline", USE),
    Step("answer", ANSWERED + timedelta(seconds=5), 100, "ask timeline"),
)
OVER = (Step("rules", ANSWERED + timedelta(seconds=50), 40, "end"),)
END = ended(Disposition.QUALIFIED, answered_at=ANSWERED, ended_at=ENDED)


def told(seq: int, first: int, steps: tuple[Step, ...], *, part: int = 1) -> TurnTaken:
    """An agent's turn that says how it was made."""
    return turn(seq, worked=Worked(seq, part, first, steps))


def ended_after(first: int, steps: tuple[Step, ...]) -> Ended:
    return Ended(replace(END.report, worked=Worked(3, 1, first, steps)))


TALK: tuple[LineEvent, ...] = (
    Live(ANSWERED),
    told(1, 1, OPENED),
    turn(2, "Yes."),
    told(3, 2, REPLIED),
    ended_after(5, OVER),
)


def talked(*script: LineEvent) -> Call:
    call = make.call(script_version="7")
    assert place(call.pk, plane=FakePlane(*script), dialer=FakeDialer(), owner="worker-1", clock=lambda: NOW)
    call.refresh_from_db()
    return call


def rows() -> list[tuple[int, int, int, str, str, int]]:
    names = ("part", "sequence", "turn", "agent", "decision", "duration_us")
    return list(AgentExecution.objects.values_list(*names))


def test_a_call_leaves_its_steps_and_their_sums(settings: Settings) -> None:
    settings.LANGUAGE_MODEL = PRICED
    call = talked(*TALK)
    assert rows() == [
        (1, 1, 1, "opening", "ask interest", 210),
        (1, 2, 3, "understand", "yes", 900),
        (1, 3, 3, "model", "timeline", 640_000),
        (1, 4, 3, "answer", "ask timeline", 100),
        (1, 5, 3, "rules", "end", 40),
    ]
    model = AgentExecution.objects.get(agent="model")
    assert (model.model, model.prompt_version, model.prompt_hash) == ("llama3.1:8b", "3", "ab" * 32)
    assert (model.tokens_in, model.tokens_out, model.cost_usd) == (812, 40, Decimal("0.000389"))
    assert (model.first_ms, model.cached, model.dropped_reason) == (280, False, "deadline")
    assert model.tokens_estimated is False
    assert model.started_at == ANSWERED + timedelta(seconds=4)
    trace = WorkflowTrace.objects.get()
    assert (trace.pk, trace.script_version, trace.outcome) == (call.pk, "7", "qualified")
    assert (trace.started_at, trace.ended_at) == (ANSWERED, ENDED)
    assert (trace.turns, trace.steps, trace.work_us, trace.slowest_us) == (2, 5, 641_250, 641_040)
    assert (trace.tokens_in, trace.tokens_out, trace.cost_usd) == (812, 40, Decimal("0.000389"))
    assert (trace.models_used, trace.exported_at) == (["llama3.1:8b"], None)


def test_what_was_made_after_the_call_is_summed_beside_its_turns(settings: Settings) -> None:
    settings.LANGUAGE_MODEL = PRICED
    call = talked(*TALK)
    step = Step("after", ENDED, 9_000_000, "summary", replace(USE, dropped="", first_ms=None))
    for _ in range(2):
        tracing.keep_after(call, step)
    assert rows()[5:] == [(AFTER_CALL, n, 3, "after", "summary", 9_000_000) for n in (1, 2)]
    trace = WorkflowTrace.objects.get()
    assert (trace.turns, trace.steps, trace.work_us, trace.slowest_us) == (2, 5, 641_250, 641_040)
    assert (trace.tokens_in, trace.tokens_out, trace.cost_usd) == (3 * 812, 3 * 40, Decimal("0.001167"))
    assert AgentExecution.objects.filter(part=AFTER_CALL).first().first_ms is None  # type: ignore[union-attr]


def of_the_model() -> tuple[int | None, int | None, Decimal | None]:
    row = AgentExecution.objects.get(agent="model")
    return row.tokens_in, row.tokens_out, row.cost_usd


def test_a_model_of_ones_own_has_tokens_and_no_price() -> None:
    talked(*TALK)
    assert of_the_model() == (812, 40, None)
    assert WorkflowTrace.objects.get().cost_usd == 0


def test_a_step_keeps_the_price_of_the_instant_at_which_its_call_was_held_for(settings: Settings) -> None:
    """A price that changes while somebody talks is for the calls after it."""
    settings.LANGUAGE_MODEL = PRICED
    call = make.call()
    at = NOW + timedelta(seconds=1)
    set_price("openai.gpt-4.1-mini.in", Decimal(40), from_at=at, now=at, source="a test")
    assert place(call.pk, plane=FakePlane(*TALK), dialer=FakeDialer(), owner="worker-1", clock=lambda: at)
    assert of_the_model() == (812, 40, Decimal("0.000389"))


@pytest.mark.parametrize("rate", ["nobody.knows", "elevenlabs.flash_v2_5", "euros"])
def test_what_the_card_cannot_price_has_no_price(settings: Settings, rate: str) -> None:
    for key in ("euros.in", "euros.out"):
        Rate.objects.create(
            key=key, kind="llm", price=1, currency="EUR", unit="token", per=1, valid_from=NOW - timedelta(days=9)
        )
    settings.LANGUAGE_MODEL = ModelConfig("openai", rate=rate)
    talked(*TALK)
    assert of_the_model() == (812, 40, None)


def test_tokens_that_we_counted_are_marked_and_priced(settings: Settings) -> None:
    settings.LANGUAGE_MODEL = PRICED
    step = Step("model", ANSWERED, 640_000, "", replace(USE, estimated=True))
    talked(Live(ANSWERED), told(1, 1, (step,)), END)
    assert AgentExecution.objects.get().tokens_estimated is True
    assert of_the_model() == (812, 40, Decimal("0.000389"))


def test_a_call_whose_analysis_is_owed_is_exported_later() -> None:
    call = talked(*TALK)
    Call.objects.filter(pk=call.pk).update(analysis_due_at=None)
    row = CallAnalysis.objects.create(call=call, version=1, made_at=ENDED, data={}, model_due_at=ENDED)

    def waiting() -> int:
        return WorkflowTrace.objects.to_export(now=ENDED + timedelta(minutes=1)).count()

    assert waiting() == 0
    CallAnalysis.objects.filter(pk=row.pk).update(model_due_at=None)
    assert waiting() == 1
    Call.objects.filter(pk=call.pk).update(analysis_due_at=ENDED)
    assert waiting() == 0


def test_what_is_told_twice_is_kept_once() -> None:
    talked(*TALK[:-1], *TALK[1:])
    assert [row[1] for row in rows()] == [1, 2, 3, 4, 5]
    assert WorkflowTrace.objects.get().steps == 5


def test_steps_are_written_with_their_turn_or_neither_is() -> None:
    """A database that goes away in between leaves nothing; the line writes both again."""
    call = make.call(status=CallStatus.LIVE)
    taken = told(1, 1, OPENED)
    with (
        mock.patch.object(AgentExecution.objects, "bulk_create", side_effect=OperationalError("gone")),
        pytest.raises(OperationalError),
    ):
        _keep_turn(call, taken.turn, taken.snapshot)
    assert (Turn.objects.count(), WorkflowTrace.objects.count()) == (0, 0)
    for _ in range(2):
        _keep_turn(call, taken.turn, taken.snapshot)
    assert (Turn.objects.count(), rows()) == (1, [(1, 1, 1, "opening", "ask interest", 210)])


def test_another_line_counts_its_own_steps() -> None:
    talked(*TALK[:2], told(3, 1, REPLIED, part=2), END)
    assert [row[:3] for row in rows()] == [(1, 1, 1), (2, 1, 3), (2, 2, 3), (2, 3, 3)]


def test_a_call_without_a_conversation_has_no_trace() -> None:
    talked(ended(Disposition.NO_ANSWER, ended_at=ENDED))
    assert not WorkflowTrace.objects.exists()


def test_the_line_that_was_replaced_writes_no_steps() -> None:
    call = make.call(status=CallStatus.LIVE, fence=2)
    call.fence = 1
    taken = told(1, 1, OPENED)
    _keep_turn(call, taken.turn, taken.snapshot)
    assert (Turn.objects.count(), WorkflowTrace.objects.count()) == (0, 0)


def test_a_line_whose_call_the_carrier_has_ended_completes_the_sums() -> None:
    def carrier_ends() -> None:
        call = Call.objects.get()
        carriers = report(Disposition.HUNG_UP, answered_at=ANSWERED, ended_at=ENDED)
        assert finish(call.pk, carriers, now=NOW)

    talked(*TALK[:2], carrier_ends, ended_after(2, OVER))  # type: ignore[arg-type]
    trace = WorkflowTrace.objects.get()
    assert (trace.steps, trace.outcome, trace.ended_at) == (2, "hung_up", ENDED)


def test_a_step_that_does_not_fit_is_cut_and_costs_no_turn(settings: Settings) -> None:
    settings.LANGUAGE_MODEL = PRICED
    wild = ModelUse("m" * 500, "v" * 500, "h" * 500, -5, 2**50, dropped="d" * 500)
    step = Step("n" * 500, ANSWERED, 2**40, "\x00decision" * 500, wild)
    small = Step("model", ANSWERED, -1, "", replace(wild, tokens_in=1, tokens_out=0))
    talked(Live(ANSWERED), told(1, 1, (step, small)), END)
    row, other = AgentExecution.objects.all()
    assert (len(row.agent), len(row.model), len(row.decision), len(row.dropped_reason)) == (40, 80, 120, 40)
    assert (row.duration_us, row.tokens_in, row.tokens_out) == (2**31 - 1, 0, 2**31 - 1)
    assert row.cost_usd == Decimal(10**7)
    assert (other.duration_us, other.tokens_in, other.cost_usd) == (0, 1, Decimal("0.000001"))
    assert Turn.objects.count() == 1


def test_a_turn_with_steps_takes_two_queries_more() -> None:
    call = make.call(status=CallStatus.LIVE, answered_at=ANSWERED)
    Turn.objects.all()
    with CaptureQueriesContext(connection) as captured:
        tracing.keep(call, Worked(1, 1, 1, REPLIED))
    assert [query["sql"].split(" (")[0] for query in captured] == [
        'INSERT INTO "calls_workflowtrace"',
        'INSERT INTO "calls_agentexecution"',
    ]
    with CaptureQueriesContext(connection) as nothing:
        tracing.keep(call, None)
    assert len(nothing) == 0


def test_an_erasure_takes_the_decisions() -> None:
    call, other = talked(*TALK), talked(*TALK)
    recordings.erase_talk(Call.objects.filter(pk=call.pk), why="asked", by="mia", now=NOW)
    decisions = AgentExecution.objects.filter(trace=call.pk).values_list("decision", flat=True)
    assert set(decisions) == {""}
    assert AgentExecution.objects.filter(trace=other.pk).exclude(decision="").count() == 5
    assert WorkflowTrace.objects.get(pk=call.pk).steps == 5
