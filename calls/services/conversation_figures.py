"""What the conversations of the last minutes look like as work, for the metrics: by agent, model and step."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, Max, QuerySet

from agents.base import AgentName
from agents.steps import UNREAD
from calls.models import AgentExecution

WINDOW = timedelta(minutes=5)
_LONGEST = timedelta(hours=1)
"""A call that began earlier is not looked for: its trace is found by its start."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Milliseconds of one step."""

    mean_ms: float
    slowest_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """``models`` counts a model's answers by what they came to: used, cached, or why they were dropped."""

    turns: dict[str, int]
    unread: int
    models: dict[tuple[str, str], int]
    steps: dict[str, StepTimes]


def figures(*, now: datetime) -> Figures:
    """Of the turns that were answered in the last ``WINDOW``."""
    recent = AgentExecution.objects.order_by().filter(
        started_at__gt=now - WINDOW, trace__started_at__gt=now - WINDOW - _LONGEST
    )
    agents = recent.filter(agent__in=[name.value for name in AgentName])
    per_agent = agents.values_list("agent").annotate(turns=Count("pk"))
    per_step = recent.values_list("agent").annotate(mean=Avg("duration_us"), slowest=Max("duration_us"))
    return Figures(
        turns=dict(per_agent),
        unread=agents.filter(decision__startswith=UNREAD).count(),
        models=_of_models(recent),
        steps={name: StepTimes(mean / 1000, slowest / 1000) for name, mean, slowest in per_step},
    )


def _of_models(recent: QuerySet[AgentExecution]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    grouped = recent.exclude(model="").values_list("model", "dropped_reason", "cached").annotate(count=Count("pk"))
    for model, dropped, cached, count in grouped:
        key = (model, dropped or ("cached" if cached else "used"))
        found[key] = found.get(key, 0) + count
    return found
