"""A campaign: who calls, when, with what money."""

from datetime import time
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from calls.domain.compliance import ListUse


class CampaignStatus(models.TextChoices):
    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"


def every_day() -> list[int]:
    return [0, 1, 2, 3, 4, 5, 6]


class VoiceTier(models.TextChoices):
    """Whose voice speaks. ``auto`` decides a call, and within it, by what the lead is worth."""

    LOCAL = "local", "local"
    PREMIUM = "premium", "premium"
    AUTO = "auto", "premium where it pays"


class PublicLists(models.TextChoices):
    """Whether leads must be scrubbed against the public do-not-call lists."""

    UNLESS_CONSENT = ListUse.UNLESS_CONSENT.value, "needed, unless written consent covers the call"
    ALWAYS = ListUse.ALWAYS.value, "always needed"
    NEVER = ListUse.NEVER.value, "not needed: these calls sell nothing"


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def running(self) -> "CampaignQuerySet":
        return self.filter(status=CampaignStatus.RUNNING)


class Campaign(models.Model):
    """The hours are the lead's local time and narrow what the law allows; they never widen it."""

    name = models.CharField(max_length=120, unique=True)
    status = models.CharField(
        max_length=10, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT, db_index=True
    )
    company_name = models.CharField(
        max_length=80, blank=True, help_text="Spoken in the first sentence; empty: the company of the settings."
    )
    agent_name = models.CharField(max_length=40, blank=True, help_text="Empty: the name of the settings.")
    from_number = models.CharField(
        max_length=16,
        blank=True,
        validators=[RegexValidator(r"^\+\d{8,15}$", "Enter the number in E.164 form, such as +13035550100.")],
        help_text="Caller ID in E.164 form; empty: the number of the settings.",
    )
    budget = models.ForeignKey("billing.Budget", on_delete=models.PROTECT, related_name="campaigns")
    tier = models.CharField("voice", max_length=10, choices=VoiceTier.choices, default=VoiceTier.LOCAL)
    appointment_value = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        default=Decimal(50),
        validators=[MinValueValidator(Decimal(0))],
        help_text="What an appointment is worth, in the budget's currency.",
    )
    holdout_percent = models.PositiveSmallIntegerField(
        default=10,
        validators=[MaxValueValidator(50)],
        help_text="So many of the calls that premium is chosen for stay local, to measure what it brings.",
    )
    opens_at = models.TimeField(default=time(8), help_text="Local time of the lead.")
    closes_at = models.TimeField(default=time(21), help_text="Local time of the lead.")
    weekdays = models.JSONField(default=every_day, help_text="0 is Monday, 6 is Sunday.")
    public_lists = models.CharField(
        "public do-not-call lists",
        max_length=15,
        choices=PublicLists.choices,
        default=PublicLists.UNLESS_CONSENT,
        help_text="A number on such a list may be called with the person's signed permission "
        "(47 CFR 64.1200(c)(2)(ii)), which an artificial voice needs anyway.",
    )
    max_concurrency = models.PositiveIntegerField(
        default=4, validators=[MinValueValidator(1), MaxValueValidator(500)], help_text="Calls at a time."
    )
    max_attempts = models.PositiveIntegerField(default=6, validators=[MinValueValidator(1), MaxValueValidator(10)])
    retry_after_min = models.PositiveIntegerField(
        default=45, help_text="Minutes until an unanswered lead is due again."
    )
    max_call_s = models.PositiveIntegerField(
        default=300,
        validators=[MinValueValidator(30), MaxValueValidator(3600)],
        help_text="A call ends after so many seconds.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(opens_at__lt=models.F("closes_at")), name="campaign_opens_before_it_closes"
            )
        ]

    def __str__(self) -> str:
        return self.name
