"""The traces of calls: their steps are written with the turns that they made, their sums with the call's end."""

from decimal import ROUND_UP, Decimal
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Model, Q, Sum
from django.db.models.fields import CharField

from agents.domain.types import ModelUse, Step
from calls.models import AgentExecution, Call, WorkflowTrace
from voice.domain.types import Worked

_MOST = 2**31 - 1
_CENTS = Decimal("0.000001")
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
    rows = [_row(call.pk, worked, sequence, step) for sequence, step in numbered]
    AgentExecution.objects.bulk_create(rows, ignore_conflicts=True)


def conclude(call: Call) -> None:
    """Sum up a call that has ended. One that was never talked on has nothing to sum."""
    per_turn = list(
        AgentExecution.objects.filter(trace=call.pk)
        .order_by()
        .values("turn")
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
    WorkflowTrace.objects.filter(pk=call.pk).update(
        ended_at=call.ended_at,
        outcome=call.disposition,
        turns=len(per_turn),
        steps=sum(one["steps"] for one in per_turn),
        work_us=sum(one["us"] for one in per_turn),
        slowest_us=max(one["us"] for one in per_turn),
        tokens_in=sum(one["into"] for one in per_turn),
        tokens_out=sum(one["out"] for one in per_turn),
        cost_usd=sum((one["usd"] for one in per_turn), Decimal(0)),
        models_used=sorted({name for one in per_turn for name in one["used"]}),
    )


def forget_decisions(call_id: UUID) -> None:
    """What was decided tells, in our words, what somebody wanted: it goes with the rest of what they said."""
    AgentExecution.objects.filter(trace=call_id).update(decision="")


def _row(call_id: UUID, worked: Worked, sequence: int, step: Step) -> AgentExecution:
    row = AgentExecution(
        trace_id=call_id,
        part=worked.part,
        sequence=sequence,
        turn=worked.turn,
        agent=_cut("agent", step.name),
        started_at=step.started_at,
        duration_us=_bounded(step.duration_us),
        decision=_cut("decision", step.decision),
    )
    return row if step.use is None else _with_use(row, step.use)


def _with_use(row: AgentExecution, use: ModelUse) -> AgentExecution:
    row.model = _cut("model", use.model)
    row.prompt_version = _cut("prompt_version", use.prompt_version)
    row.prompt_hash = _cut("prompt_hash", use.prompt_hash)
    row.tokens_in = None if use.tokens_in is None else _bounded(use.tokens_in)
    row.tokens_out = None if use.tokens_out is None else _bounded(use.tokens_out)
    if use.cost_usd is not None:
        row.cost_usd = min(max(use.cost_usd, Decimal(0)), _MOST_USD).quantize(_CENTS, ROUND_UP)
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
