"""The traces of calls: their steps are written with the turns that they made, their sums with the call's end.

What a model is asked for once a call is over is a step too, beside the turns: its tokens and cost count, and it makes
no turn slow.
"""

from decimal import Decimal
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Count, Max, Model, Q, Sum
from django.db.models.fields import CharField

from agents.domain.types import ModelUse, Step
from calls.models import AgentExecution, Call, WorkflowTrace
from calls.models.trace import AFTER_CALL
from calls.services.model_prices import ModelPrices
from voice.domain.types import Worked

_MOST = 2**31 - 1
_MOST_USD = Decimal(10**7)


def keep(call: Call, worked: Worked | None) -> None:
    """Write down the steps, within the transaction of what they came with. Written again, they count once.

    Whatever a step holds is cut to its place: it must not cost the turn that it is written with.
    """
    if worked is None:
        return
    started_at = call.answered_at or worked.steps[0].started_at
    trace = WorkflowTrace(call_id=call.pk, script_version=call.script_version, started_at=started_at)
    WorkflowTrace.objects.bulk_create([trace], ignore_conflicts=True)
    numbered = enumerate(worked.steps, start=worked.first)
    prices = ModelPrices(call)
    rows = [_row(prices, trace, worked, sequence, step) for sequence, step in numbered]
    AgentExecution.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def keep_after(call: Call, step: Step) -> None:
    """Write down a step that was made when ``call`` was over, and sum the call up again."""
    started_at = call.answered_at or step.started_at
    trace = WorkflowTrace(call_id=call.pk, script_version=call.script_version, started_at=started_at)
    WorkflowTrace.objects.bulk_create([trace], ignore_conflicts=True)
    WorkflowTrace.objects.select_for_update().get(pk=call.pk)  # one at a time, for the numbers
    before = AgentExecution.objects.filter(trace=call.pk)
    sequence = before.filter(part=AFTER_CALL).aggregate(last=Max("sequence", default=0))["last"] + 1
    turn = before.exclude(part=AFTER_CALL).aggregate(last=Max("turn", default=0))["last"]
    worked = Worked(turn, AFTER_CALL, sequence, (step,))
    _row(ModelPrices(call), trace, worked, sequence, step).save(force_insert=True)
    conclude(call)


def conclude(call: Call) -> None:
    """Sum up a call that has ended. One that was never talked on has nothing to sum."""
    per_turn = list(
        AgentExecution.objects.filter(trace=call.pk)
        .order_by()
        .values("turn", is_after=Q(part=AFTER_CALL))
        .annotate(
            steps=Count("pk"),
            us=Sum("duration_us"),
            into=Sum("tokens_in", default=0),
            out=Sum("tokens_out", default=0),
            usd=Sum("cost_usd", default=Decimal(0)),
            used=ArrayAgg("model", filter=~Q(model=""), distinct=True, default=[]),
        )
    )
    if not per_turn:
        return
    answered = [one for one in per_turn if not one["is_after"]]
    WorkflowTrace.objects.filter(pk=call.pk).update(
        ended_at=call.ended_at,
        outcome=call.disposition,
        turns=len(answered),
        steps=sum(one["steps"] for one in answered),
        work_us=sum(one["us"] for one in answered),
        slowest_us=max((one["us"] for one in answered), default=0),
        tokens_in=sum(one["into"] for one in per_turn),
        tokens_out=sum(one["out"] for one in per_turn),
        cost_usd=sum((one["usd"] for one in per_turn), Decimal(0)),
        models_used=sorted({name for one in per_turn for name in one["used"]}),
    )


def forget_decisions(call_id: UUID) -> None:
    """What was decided tells, in our words, what somebody wanted: it goes with the rest of what they said."""
    AgentExecution.objects.filter(trace=call_id).update(decision="")


def _row(prices: ModelPrices, trace: WorkflowTrace, worked: Worked, sequence: int, step: Step) -> AgentExecution:
    row = AgentExecution(
        trace_id=trace.pk,
        part=worked.part,
        sequence=sequence,
        turn=worked.turn,
        agent=_cut("agent", step.name),
        started_at=step.started_at,
        duration_us=_bounded(step.duration_us),
        decision=_cut("decision", step.decision),
    )
    return row if step.use is None else _with_use(row, step.use, prices.of(step.use))


def _with_use(row: AgentExecution, use: ModelUse, cost_usd: Decimal | None) -> AgentExecution:
    row.model = _cut("model", use.model)
    row.prompt_version = _cut("prompt_version", use.prompt_version)
    row.prompt_hash = _cut("prompt_hash", use.prompt_hash)
    row.tokens_in = None if use.tokens_in is None else _bounded(use.tokens_in)
    row.tokens_out = None if use.tokens_out is None else _bounded(use.tokens_out)
    row.tokens_estimated = use.estimated
    row.cost_usd = None if cost_usd is None else min(cost_usd, _MOST_USD)
    row.first_ms = None if use.first_ms is None else _bounded(use.first_ms)
    row.cached = use.cached
    row.dropped_reason = _cut("dropped_reason", use.dropped)
    return row


def _cut(field: str, text: str) -> str:
    return text.replace("\x00", "")[: _length(AgentExecution, field)]


def _length(model: type[Model], field: str) -> int | None:
    found = model._meta.get_field(field)
    return found.max_length if isinstance(found, CharField) else None


def _bounded(number: int) -> int:
    return min(max(number, 0), _MOST)
