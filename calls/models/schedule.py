"""When campaigns start, pause and begin anew by themselves, and every time that they did."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Schedule(models.Model):
    """One move of a campaign, once or every week. Celery Beat's row for it is ``task``; it follows this one."""

    class Action(models.TextChoices):
        START = "start", "start"
        START_ANEW = "start_anew", "start, with leads that were never reached open again"
        PAUSE = "pause", "pause"
        FINISH = "finish", "finish"

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="schedules")
    action = models.CharField(max_length=12, choices=Action.choices)
    once_at = models.DateTimeField("once, at", null=True, blank=True)
    at = models.TimeField("every week, at", null=True, blank=True)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=list, blank=True, help_text="0 is Monday, 6 is Sunday."
    )
    zone = models.CharField(max_length=64, default="UTC", help_text="IANA time zone of the time of day.")
    enabled = models.BooleanField(default=True)
    since = models.DateTimeField(
        default=timezone.now, editable=False, help_text="Instants before the last edit are nobody's slots."
    )
    task = models.OneToOneField(
        "django_celery_beat.PeriodicTask",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",  # a task has a ``schedule`` of its own, which Beat reads
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(once_at__isnull=True, at__isnull=False, weekdays__len__gte=1)
                | Q(once_at__isnull=False, at__isnull=True),
                name="schedule_is_once_or_weekly",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.campaign}"


class ScheduleRun(models.Model):
    """A slot of a schedule that took effect, or was found not to: once, however many beats told of it."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs")
    slot = models.DateTimeField(help_text="The instant that was planned.")
    at = models.DateTimeField()
    result = models.CharField(max_length=500)

    class Meta:
        ordering = ["-slot"]
        constraints = [models.UniqueConstraint(fields=["schedule", "slot"], name="one_effect_per_slot")]

    def __str__(self) -> str:
        return self.result
