"""Traces on their way to LangSmith, after the call, out of the database.

The rows are the outbox: a trace without ``exported_at`` has not gone. One process sends at a time. While LangSmith is
away nobody tries, for ever longer up to ``_LONGEST``; nothing is lost meanwhile, and no call ever waits.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import F

from agents.domain.masking import masked
from calls.models import AgentExecution, Turn, WorkflowTrace
from calls.models.trace import AFTER_CALL
from calls.services.database import alone
from integrations.domain.run_tree import CallRun, StepRun, Words, runs_of

log = structlog.get_logger(__name__)

BATCH = 100
_ROUND_S = 20.0  # a round's end, but for the call that is being sent
_LOCK = 7_201_013
BREAKER = "integrations.langsmith.away"
_SHORTEST, _LONGEST = timedelta(seconds=30), timedelta(minutes=15)


def export_alone(*, now: datetime) -> bool:
    """One round of ``export_due``; False when another process is at it, or LangSmith is not set up."""
    if not settings.LANGSMITH_API_KEY:
        return False
    with alone(_LOCK) as free:
        if free:
            export_due(now=now)
        return free


def export_due(*, now: datetime, clock: Callable[[], float] = time.monotonic) -> int:
    """Send what is over and has not gone yet, at most ``BATCH`` calls; how many went."""
    failures, rests_until = cache.get(BREAKER, (0, now))
    waiting = list(WorkflowTrace.objects.to_export(now=now)[:BATCH]) if rests_until <= now else []
    if not waiting:
        return 0
    from integrations.adapters import langsmith  # the SDK takes a while to load, and only this needs it

    sent, until_s = 0, clock() + _ROUND_S
    with langsmith.opened(url=settings.LANGSMITH_ENDPOINT, api_key=settings.LANGSMITH_API_KEY) as sink:
        for trace in waiting:
            if clock() > until_s:
                break
            try:
                sink.send(runs_of(call_run(trace), project=settings.LANGSMITH_PROJECT))
            except langsmith.Refused as error:
                _refused(trace, str(error))
            except langsmith.Away as error:
                _rest(failures + 1, str(error), now=now)
                return sent
            else:
                WorkflowTrace.objects.filter(pk=trace.pk).update(exported_at=now, export_error="")
                sent += 1
    cache.delete(BREAKER)
    log.info("langsmith.exported", calls=sent)
    return sent


def call_run(trace: WorkflowTrace) -> CallRun:
    """The call as it is sent: nothing that anybody said, unless the settings want it, and never a number."""
    steps = [_step_run(step) for step in AgentExecution.objects.filter(trace=trace.pk)]
    return CallRun(
        call_id=trace.pk,
        started_at=trace.started_at,
        ended_at=trace.ended_at or trace.started_at,
        outcome=trace.outcome,
        script_version=trace.script_version,
        steps=steps,
        words=_words(trace) if settings.LANGSMITH_SPEECH else {},
    )


def _step_run(step: AgentExecution) -> StepRun:
    return StepRun(
        part=step.part,
        sequence=step.sequence,
        turn=None if step.part == AFTER_CALL else step.turn,
        agent=step.agent,
        started_at=step.started_at,
        duration_us=step.duration_us,
        decision=step.decision,
        model=step.model,
        prompt=f"{step.prompt_version} {step.prompt_hash}".strip(),
        tokens_in=step.tokens_in,
        tokens_out=step.tokens_out,
        cost_usd=step.cost_usd,
        first_ms=step.first_ms,
        cached=step.cached,
        dropped=step.dropped_reason,
        tokens_estimated=step.tokens_estimated,
    )


def _words(trace: WorkflowTrace) -> dict[int, Words]:
    found, said = {}, list[str]()
    for turn in Turn.objects.filter(call=trace.pk):
        if turn.speaker == "lead":
            said.append(masked(turn.text))
        else:
            found[turn.seq] = Words(" ".join(said), masked(turn.text))
            said.clear()
    return found


def _refused(trace: WorkflowTrace, error: str) -> None:
    """It comes last from now on, and soon not at all: it must not keep back what follows it."""
    WorkflowTrace.objects.filter(pk=trace.pk).update(export_attempts=F("export_attempts") + 1, export_error=error)
    log.warning("langsmith.refused", call_id=str(trace.pk), error=error)


def _rest(failures: int, error: str, *, now: datetime) -> None:
    rest = min(_SHORTEST * 2 ** min(failures - 1, 10), _LONGEST)
    cache.set(BREAKER, (failures, now + rest), timeout=2 * _LONGEST.total_seconds())
    log.warning("langsmith.away", error=error, failures=failures, rests_s=rest.total_seconds())
