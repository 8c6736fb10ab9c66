"""A call as LangSmith's tree of runs: the call, its replies, their steps.

Ids are made of ours, so what is sent again is the same run. https://docs.smith.langchain.com/reference/api: a run's
``dotted_order`` is its parent's, a dot, its start and its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID, uuid5


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step; ``part`` and ``sequence`` are unique in a call. Without a ``model`` the last eight say nothing.

    ``turn`` None: it was made when the call was over.
    """

    part: int
    sequence: int
    turn: int | None
    agent: str
    started_at: datetime
    duration_us: int
    decision: str
    model: str = ""
    prompt: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: Decimal | None = None
    first_ms: int | None = None
    cached: bool = False
    dropped: str = ""
    tokens_estimated: bool = False

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(microseconds=self.duration_us)


@dataclass(frozen=True, slots=True)
class Words:
    """What was said around a turn, where it may be sent: by the lead before it, and by the agent."""

    lead: str
    agent: str


@dataclass(frozen=True, slots=True)
class CallRun:
    """A call that is over. ``words`` are by the number of the agent's turn; empty where none may be sent."""

    call_id: UUID
    started_at: datetime
    ended_at: datetime
    outcome: str
    script_version: str
    steps: Sequence[StepRun]
    words: dict[int, Words]


Run = dict[str, Any]


def runs_of(call: CallRun, *, project: str) -> list[Run]:
    """All runs of the call, parents before their children."""
    root_id = uuid5(call.call_id, "call")
    started_at = min([call.started_at, *(step.started_at for step in call.steps)])
    about = {"call_id": str(call.call_id), "script_version": call.script_version}
    root = _run(root_id, None, "call", (started_at, call.ended_at), project=project, **about)
    root["outputs"] = {"outcome": call.outcome}
    runs = [root]
    for (part, turn), group in groupby(call.steps, key=lambda step: (step.part, step.turn)):
        steps = list(group)
        span = min(step.started_at for step in steps), max(step.ended_at for step in steps)
        run_id = uuid5(call.call_id, f"turn {part}.{turn}")
        if turn is None:
            reply = _run(run_id, root, "after the call", span, project=project)
        else:
            reply = _run(run_id, root, f"turn {turn}", span, project=project, turn=turn, line=part)
        if turn is not None and (words := call.words.get(turn)):
            reply["inputs"], reply["outputs"] = {"lead": words.lead}, {"agent": words.agent}
        runs += [reply, *(_step(call, step, reply, project) for step in steps)]
    return runs


def _step(call: CallRun, step: StepRun, parent: Run, project: str) -> Run:
    run_id = uuid5(call.call_id, f"step {step.part}.{step.sequence}")
    metadata: dict[str, Any] = {"agent": step.agent}
    if step.model:
        metadata |= {"ls_model_name": step.model, "prompt": step.prompt, "cached": step.cached}
        metadata |= {"dropped": step.dropped} if step.dropped else {}
        metadata |= {"tokens_estimated": True} if step.tokens_estimated else {}
        metadata |= {} if step.first_ms is None else {"first_ms": step.first_ms}
        metadata["usage_metadata"] = _usage(step)
    run = _run(run_id, parent, step.agent, (step.started_at, step.ended_at), project=project, **metadata)
    run["outputs"] = {"decision": step.decision}
    if step.model:
        run["run_type"] = "llm"
    return run


def _usage(step: StepRun) -> dict[str, Any]:
    into, out = step.tokens_in or 0, step.tokens_out or 0
    usage: dict[str, Any] = {"input_tokens": into, "output_tokens": out, "total_tokens": into + out}
    return usage if step.cost_usd is None else usage | {"total_cost": float(step.cost_usd)}


def _run(
    run_id: UUID, parent: Run | None, name: str, span: tuple[datetime, datetime], *, project: str, **metadata: Any
) -> Run:
    """``span`` is when it began and ended."""
    start, end = span
    order = f"{start:%Y%m%dT%H%M%S%fZ}{run_id}"
    run: Run = {
        "id": str(run_id),
        "trace_id": parent["trace_id"] if parent else str(run_id),
        "dotted_order": f"{parent['dotted_order']}.{order}" if parent else order,
        "name": name,
        "run_type": "chain",
        "start_time": start.isoformat(),
        "end_time": end.isoformat(),
        "session_name": project,
        "inputs": {},
        "outputs": {},
        "extra": {"metadata": metadata},
    }
    if parent:
        run["parent_run_id"] = parent["id"]
    return run
