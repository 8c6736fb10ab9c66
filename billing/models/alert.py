"""When to tell people about money, and what they were told; of other trouble that stops dialing as well."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from billing.models.budget import Balance, Budget
from billing.models.fields import money


class Level(models.TextChoices):
    """How loud. EMERGENCY stops dialing on the budget."""

    INFO = "info", "INFO"
    WARNING = "warning", "WARNING"
    CRITICAL = "critical", "CRITICAL"
    EMERGENCY = "emergency", "EMERGENCY"


class AlertRule(models.Model):
    """One threshold. Without a budget it holds for every budget that has no rule of this kind and level itself.

    ``threshold`` by kind. SHARE: part of a period's limit that is spent, 0.75 is three quarters. BURN_RATE: calling
    hours of a period that are left when, at the present pace, its limit is reached; 0 tells of any exhaustion before
    the end. CALL_COST and APPOINTMENT_COST: amount of money. PRICE_DIFFERENCE: part by which the carrier's price of
    calls differs from the rate card's.
    """

    class Kind(models.TextChoices):
        SHARE = "share", "share of a limit spent"
        BURN_RATE = "burn_rate", "limit reached before the period's end"
        CALL_COST = "call_cost", "cost per call"
        APPOINTMENT_COST = "appointment_cost", "cost per appointment"
        PRICE_DIFFERENCE = "price_difference", "carrier's price differs"

    budget = models.ForeignKey(Budget, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    level = models.CharField(max_length=10, choices=Level.choices)
    threshold = models.DecimalField(max_digits=14, decimal_places=6, validators=[MinValueValidator(Decimal(0))])
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["kind", "threshold"]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "kind", "level"], nulls_distinct=False, name="one_rule_per_kind_and_level"
            ),
            models.CheckConstraint(condition=Q(threshold__gte=0), name="threshold_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()}: {self.get_kind_display()} {self.threshold.normalize():f}"


class Trouble(models.TextChoices):
    """What is told beside money, of no budget and by no rule."""

    QUEUE_UNSERVED = "queue_unserved", "no voice worker"
    RECORDINGS_WAIT = "recordings_wait", "recordings not stored"
    APPOINTMENT_CONFLICT = "appointment_conflict", "appointment at a taken time"
    APPOINTMENT_GONE = "appointment_gone", "appointment moved or removed in the calendar"
    CALENDAR_AWAY = "calendar_away", "calendar not reached"


class Alert(models.Model):
    """A threshold that was crossed, or a trouble. While ``ended_at`` is empty the same crossing is not told again.

    Of a trouble ``value`` counts what it holds up.
    """

    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="alerts")
    budget = models.ForeignKey(
        Budget, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts", help_text="None of a trouble."
    )
    balance = models.ForeignKey(Balance, null=True, on_delete=models.CASCADE, related_name="alerts")
    crossing = models.CharField(max_length=160, help_text="Rule, budget and period; open once at a time.")
    kind = models.CharField(max_length=20, choices=[*AlertRule.Kind.choices, *Trouble.choices])
    level = models.CharField(max_length=10, choices=Level.choices)
    text = models.CharField(max_length=500)
    value = models.DecimalField(max_digits=18, decimal_places=6)
    threshold = models.DecimalField(max_digits=14, decimal_places=6)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When the next mail is tried; the end of its lease while one is under way."
    )
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_error = models.CharField(max_length=300, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["crossing"], condition=Q(ended_at__isnull=True), name="one_open_alert_per_crossing"
            ),
            models.CheckConstraint(
                condition=Q(budget__isnull=False) ^ Q(kind__in=Trouble.values), name="money_alerts_have_a_budget"
            ),
        ]
        indexes = [
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="alert_mail_due")
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()}: {self.text}"


class SpendSample(models.Model):
    """All that a budget had spent when a quarter of an hour began: its pace, without a look at its calls."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="samples")
    at = models.DateTimeField()
    spent = money()

    class Meta:
        ordering = ["budget", "at"]
        constraints = [models.UniqueConstraint(fields=["budget", "at"], name="one_sample_per_quarter_hour")]

    def __str__(self) -> str:
        return f"{self.spent} by {self.at:%Y-%m-%d %H:%M}"
