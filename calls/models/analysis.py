"""What is known of a call once it is over."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from agents.after.types import Mood, StepKind


def _words(names: type[Mood] | type[StepKind]) -> list[tuple[str, str]]:
    return [(name.value, name.value.replace("_", " ")) for name in names]


class CallAnalysis(models.Model):
    """One analysis of a call by one version of the analyser. The newest is ``current``, older ones are kept.

    ``data`` is the whole of it without the quotes, which are read from the call's turns. Written by
    ``calls.services.analysing`` alone.

    ``model_data`` is what a language model added, likewise without quotes, and written by ``calls.services.adding``.
    ``model_due_at`` None: a model is not to be asked, or not any more; while it is asked it is the end of the lease.
    ``model_trouble`` is in one word why there is nothing of it.
    """

    call = models.ForeignKey("calls.Call", on_delete=models.CASCADE, related_name="analyses")
    version = models.PositiveSmallIntegerField()
    current = models.BooleanField(default=True)
    made_at = models.DateTimeField()
    summary = models.TextField(blank=True)
    sentiment = models.CharField(max_length=10, choices=_words(Mood))
    next_step = models.CharField(max_length=20, choices=_words(StepKind))
    next_step_at = models.DateTimeField(null=True, blank=True)
    failed_checks = models.JSONField(default=list, blank=True)
    data = models.JSONField()
    model_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    model_attempts = models.PositiveSmallIntegerField(default=0)
    model_trouble = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=80, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    prompt_hash = models.CharField(max_length=64, blank=True)
    model_made_at = models.DateTimeField(null=True, blank=True)
    model_data = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-version"]
        verbose_name_plural = "call analyses"
        constraints = [
            models.UniqueConstraint(fields=["call", "version"], name="one_analysis_per_version"),
            models.UniqueConstraint(fields=["call"], condition=Q(current=True), name="one_current_analysis"),
        ]
        indexes = [
            models.Index(
                fields=["model_due_at"], condition=Q(model_due_at__isnull=False), name="analysis_owed_by_model"
            ),
            GinIndex(
                fields=["failed_checks"],
                name="analysis_failed",
                opclasses=["jsonb_path_ops"],
                condition=Q(current=True) & ~Q(failed_checks=[]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id}, version {self.version}"
