"""The kill switch: while a halt is open, nothing is dialed."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class HaltQuerySet(models.QuerySet["Halt"]):
    def open(self) -> "HaltQuerySet":
        return self.filter(released_at__isnull=True)


class Halt(models.Model):
    """One time for which all dialing was stopped: who, when, why. At most one is open."""

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=200)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = HaltQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        verbose_name = "stop of all dialing"
        verbose_name_plural = "stops of all dialing"
        default_permissions = ("view",)
        permissions = [("flip_halt", "Can stop all dialing and let it go on")]
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=Q(released_at__isnull=True), name="one_halt_is_open"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} ({self.at:%Y-%m-%d %H:%M} UTC)"
