"""A campaign: who calls, when, with what money."""

from datetime import time
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
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


class Needs(models.TextChoices):
    """What a campaign asks of a voice worker beyond its voice."""

    NOTHING = "", "nothing"
    GPU = "gpu", "a GPU"


class TransferMode(models.TextChoices):
    """Cold connects at once; warm tells the one who takes over first, and asks whether they do."""

    WARM = "warm", "told first, and asked"
    COLD = "cold", "connected at once"


class Records(models.TextChoices):
    """Whether calls are recorded; what the states ask for holds in any case."""

    ANNOUNCED = "announced", "after the announcement"
    NEVER = "never", "never"


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def running(self) -> "CampaignQuerySet":
        return self.filter(status=CampaignStatus.RUNNING)


class Campaign(models.Model):
    """Calls are made within its ``windows``, which narrow what the law allows and never widen it."""

    name = models.CharField(max_length=120, unique=True)
    status = models.CharField(
        max_length=10, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT, db_index=True
    )
    company_name = models.CharField(
        max_length=80, blank=True, help_text="Spoken in the first sentence; empty: the company of the settings."
    )
    agent_name = models.CharField(max_length=40, blank=True, help_text="Empty: the name of the settings.")
    script = models.ForeignKey(
        "calls.Script",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="campaigns",
        help_text="What is asked and answered, and how leads are scored. Empty: the built-in script.",
    )
    caller_ids = models.ManyToManyField(
        "calls.CallerId",
        blank=True,
        related_name="campaigns",
        help_text="Numbers that leads see, the nearest to the lead first; none chosen: all that are active.",
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
    starts_on = models.DateField(null=True, blank=True, help_text="First day of calls, where the lead lives.")
    ends_on = models.DateField(null=True, blank=True, help_text="Last day of calls, where the lead lives.")
    skips_holidays = models.BooleanField(
        "no calls on legal holidays", default=False, help_text="Of the lead's state; some states ask for it anyway."
    )
    closed_on = ArrayField(
        models.DateField(), default=list, blank=True, help_text="Further days without calls, where the lead lives."
    )
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
    max_call_s = models.PositiveIntegerField(
        default=300,
        validators=[MinValueValidator(30), MaxValueValidator(3600)],
        help_text="A call ends after so many seconds.",
    )
    needs = models.CharField(
        "what the worker needs",
        max_length=10,
        choices=Needs.choices,
        default=Needs.NOTHING,
        blank=True,
        help_text="Calls wait for a voice worker that has it.",
    )
    voicemail_message = models.TextField(
        max_length=600,
        blank=True,
        help_text="Left after the beep, where the law allows it. {lead_name}, {agent_name}, {company} and "
        "{callback_number} are filled in. Empty: nothing is left.",
    )
    calendar = models.ForeignKey(
        "calls.Calendar",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="campaigns",
        help_text="Whose time is offered. Empty: working days of the lead at fixed hours.",
    )
    transfer_mode = models.CharField(max_length=4, choices=TransferMode.choices, default=TransferMode.WARM)
    records = models.CharField("recording", max_length=9, choices=Records.choices, default=Records.ANNOUNCED)
    recordings_days = models.PositiveIntegerField(
        "recordings kept, in days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Then they are erased. Empty: as the settings say.",
    )
    hours_changed_at = models.DateTimeField(
        null=True, editable=False, help_text="Set while leads that the old hours kept back are not all due again."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(starts_on__isnull=True)
                | models.Q(ends_on__isnull=True)
                | models.Q(starts_on__lte=models.F("ends_on")),
                name="campaign_starts_before_it_ends",
            )
        ]

    def __str__(self) -> str:
        return self.name


class CallingWindow(models.Model):
    """Local hours of the lead, on some days of the week, in which a campaign calls."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="windows")
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=every_day, help_text="0 is Monday, 6 is Sunday."
    )
    opens_at = models.TimeField(default=time(8), help_text="Local time of the lead.")
    closes_at = models.TimeField(default=time(21), help_text="Local time of the lead.")

    class Meta:
        ordering = ["opens_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(opens_at__lt=models.F("closes_at")), name="window_opens_before_it_closes"
            )
        ]

    def __str__(self) -> str:
        return f"{self.opens_at:%H:%M} to {self.closes_at:%H:%M}"


class RetryRule(models.Model):
    """When a lead is called again after calls that ended in one way. Without a row the defaults of the cadence hold.

    ``attempts`` calls at most may end so. ``spacing_min`` are minutes until the next call after the first such end,
    the second, and so on; the last repeats. With ``rotate`` the next call falls into another part of the day.
    """

    class Outcome(models.TextChoices):
        NO_ANSWER = "no_answer", "nobody answered"
        BUSY = "busy", "busy"
        VOICEMAIL = "voicemail", "voicemail"
        HUNG_UP = "hung_up", "hung up"
        FAILED = "failed", "failed"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="retry_rules")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    attempts = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(10)])
    spacing_min = ArrayField(models.PositiveIntegerField(validators=[MinValueValidator(1)]), verbose_name="spacing")
    rotate = models.BooleanField("another part of the day", default=True)

    class Meta:
        ordering = ["outcome"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "outcome"], name="one_retry_rule_per_outcome"),
            models.CheckConstraint(condition=models.Q(attempts__gte=1), name="a_retry_rule_allows_an_attempt"),
            models.CheckConstraint(condition=models.Q(spacing_min__len__gte=1), name="a_retry_rule_has_a_spacing"),
        ]

    def __str__(self) -> str:
        return self.get_outcome_display()
