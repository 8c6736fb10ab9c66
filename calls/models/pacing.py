"""What paces dialing: the numbers that leads see, the carrier's patience, the workers that are there."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models


class CallerId(models.Model):
    """A number of ours that leads see. It rests while too few of its calls are answered."""

    number = models.CharField(
        max_length=16,
        unique=True,
        validators=[RegexValidator(r"^\+\d{8,15}$", "Enter the number in E.164 form, such as +13035550100.")],
    )
    label = models.CharField(max_length=80, blank=True)
    active = models.BooleanField(default=True)
    daily_cap = models.PositiveIntegerField(
        default=100, validators=[MinValueValidator(1)], help_text="Calls from it in 24 hours, in all campaigns."
    )
    rests_until = models.DateTimeField(null=True, blank=True)
    rests_why = models.CharField(max_length=200, blank=True)
    inactive_why = models.CharField(max_length=300, blank=True, help_text="What the carrier said, or a person.")
    owned_at = models.DateTimeField(
        "confirmed at", null=True, blank=True, help_text="When the carrier last said that it is the account's."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        verbose_name = "caller ID"
        verbose_name_plural = "caller IDs"

    def __str__(self) -> str:
        return f"{self.number} {self.label}".rstrip()


class CarrierPace(models.Model):
    """How quickly calls may be asked of one carrier account, by the database's clock.

    ``next_at`` is the first free place in the row of requests, ``interval_ms`` their distance. A carrier that says it
    is too much makes the distance longer; it comes back step by step.
    """

    account = models.CharField(max_length=64, primary_key=True)
    interval_ms = models.PositiveIntegerField()
    next_at = models.DateTimeField()
    slowed_at = models.DateTimeField(null=True, blank=True)
    slowed_why = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.account


class VoiceWorker(models.Model):
    """A process with phone lines: what it announces of itself, as often as it renews its leases."""

    owner = models.CharField(max_length=80, primary_key=True)
    queues = ArrayField(models.CharField(max_length=40))
    lines = models.PositiveIntegerField()
    offered = models.PositiveIntegerField(
        null=True, blank=True, help_text="Calls that it may have at a time now; 0 while it takes none."
    )
    why = models.CharField("why not all", max_length=300, blank=True)
    measured = models.JSONField(default=dict, blank=True, help_text="Figures of its headroom, by name.")
    address = models.CharField(
        max_length=200, blank=True, help_text="Where the web finds its media server, for test calls."
    )
    draining = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True, help_text="By the database's clock.")

    class Meta:
        ordering = ["owner"]

    def __str__(self) -> str:
        return self.owner
