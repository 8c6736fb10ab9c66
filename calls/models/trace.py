"""How calls were held: which agent answered each turn, what it decided, how long it took and what a model cost."""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q

from calls.models.analysis import CallAnalysis

AFTER_CALL = 32_767
"""The ``part`` of the steps that were made when the call was over: no line has so high a number."""
MOST_ATTEMPTS = 3
"""So often a trace that is refused is sent again."""
EXPORTED_WITHIN = timedelta(days=14)
"""What is older is not sent any more: an export that was switched on late does not begin with years of calls."""
_SETTLED = timedelta(seconds=15)
"""By then a call's line has written its last steps, also where the carrier was first to tell of the end."""


class WorkflowTraceQuerySet(models.QuerySet["WorkflowTrace"]):
    def to_export(self, *, now: datetime) -> "WorkflowTraceQuerySet":
        """What is over and has not gone yet; what was refused before comes last.

        A call whose analysis is owed waits: steps may come with it.
        """
        ended = self.filter(ended_at__gt=now - EXPORTED_WITHIN, ended_at__lt=now - _SETTLED)
        waiting = ended.filter(exported_at=None, export_attempts__lt=MOST_ATTEMPTS, call__analysis_due_at=None)
        owed = CallAnalysis.objects.filter(call=OuterRef("pk"), model_due_at__isnull=False)
        waiting = waiting.filter(~Exists(owed))
        return waiting.order_by("export_attempts", "ended_at")


class WorkflowTrace(models.Model):
    """One call's conversation as work. The sums are written when the call ends: 0 and empty until then.

    It holds nothing that anybody said. ``outcome`` is the call's disposition.
    """

    call = models.OneToOneField("calls.Call", primary_key=True, on_delete=models.CASCADE, related_name="trace")
    script_version = models.CharField(max_length=20, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=24, blank=True)
    turns = models.PositiveIntegerField(default=0, help_text="The turns that were answered.")
    steps = models.PositiveIntegerField(default=0)
    work_us = models.PositiveBigIntegerField(default=0, help_text="Microseconds in all steps.")
    slowest_us = models.PositiveBigIntegerField(default=0, help_text="Microseconds in the steps of the slowest turn.")
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, default=0, help_text="Of the models.")
    models_used = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    exported_at = models.DateTimeField(null=True, blank=True, help_text="When LangSmith had it.")
    export_attempts = models.PositiveSmallIntegerField(default=0, help_text="How often LangSmith refused it.")
    export_error = models.CharField(max_length=300, blank=True)

    objects = WorkflowTraceQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["started_at"], name="trace_by_age"),
            models.Index(fields=["ended_at"], condition=Q(exported_at=None), name="trace_to_export"),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class AgentExecution(models.Model):
    """One step of a turn: a node of the graph, an agent, a use of a model.

    ``turn`` is the number of the agent's turn that it made, or of the last before it where nothing was said then.
    ``part`` is that of the line, on which steps are counted from 1: so a step that is written twice counts once.
    ``first_ms`` is how long a model took to its first clause, empty where none came. ``tokens_estimated``: its server
    did not tell them, so they are counted here. ``cost_usd`` is empty for a model that nobody bills.
    """

    trace = models.ForeignKey(WorkflowTrace, on_delete=models.CASCADE, related_name="executions")
    part = models.PositiveSmallIntegerField(default=1)
    sequence = models.PositiveIntegerField()
    turn = models.PositiveIntegerField()
    agent = models.CharField(max_length=40)
    started_at = models.DateTimeField()
    duration_us = models.PositiveIntegerField()
    decision = models.CharField(max_length=120, blank=True)
    model = models.CharField(max_length=80, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    prompt_hash = models.CharField(max_length=64, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    tokens_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    first_ms = models.PositiveIntegerField(null=True, blank=True)
    cached = models.BooleanField(default=False)
    dropped_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["part", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["trace", "part", "sequence"], name="a_step_is_written_once"),
        ]
        indexes = [
            models.Index(fields=["agent", "trace"], name="step_of_agent"),
            models.Index(fields=["model", "trace"], condition=~Q(model=""), name="step_of_model"),
            models.Index(fields=["dropped_reason", "trace"], condition=~Q(dropped_reason=""), name="step_dropped"),
        ]

    def __str__(self) -> str:
        return f"{self.turn} {self.agent}"
