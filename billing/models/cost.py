"""What calls used, what that cost, and what a person has to look at."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from billing.models.fields import maybe_money, money


class UsageReport(models.Model):
    """Units that one component of a call used; never a price. A report that comes twice is one row.

    ``reporter`` is who counted, such as a worker's claim on the call; its ``seq`` counts from 1 per component.
    """

    reference = models.UUIDField()
    reporter = models.CharField(max_length=40)
    component = models.CharField(max_length=60)
    seq = models.PositiveIntegerField()
    unit = models.CharField(max_length=8)
    quantity = models.DecimalField(max_digits=16, decimal_places=6)
    at = models.DateTimeField()

    class Meta:
        ordering = ["reference", "component", "seq"]
        indexes = [BrinIndex(fields=["at"], name="usage_by_age")]
        constraints = [
            models.UniqueConstraint(fields=["reference", "reporter", "component", "seq"], name="usage_counts_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="usage_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.component} {self.quantity} {self.unit}"


class CallCost(models.Model):
    """What one call cost: estimated from its use, charged to its budgets, and reported by the carrier.

    ``lines`` are the bill's, with amounts as text. ``charged`` is at most what was held; the rest is ``excess``.
    """

    reference = models.UUIDField(primary_key=True)
    currency = models.CharField(max_length=3)
    lines = models.JSONField()
    estimated = money(help_text="By the rate card, from the measured use.")
    charged = money(help_text="What the budgets were charged, corrections included.")
    excess = money(default=0, help_text="Cost above the hold, which no budget was charged.")
    booked_at = models.DateTimeField(help_text="Its periods are this instant's.")
    settled_at = models.DateTimeField()
    answered_s = models.PositiveIntegerField(null=True)
    carrier_estimate = money(default=0, help_text="What the carrier's price should be, by the rate card.")
    carrier_price = maybe_money(help_text="What the carrier reports.")
    carrier_priced_at = models.DateTimeField(null=True)
    carrier_due_at = models.DateTimeField(null=True, help_text="When to ask the carrier for its price.")
    carrier_asks = models.PositiveSmallIntegerField(default=0, help_text="How often it had none to tell.")

    class Meta:
        ordering = ["-settled_at"]
        indexes = [
            models.Index(fields=["carrier_due_at"], condition=Q(carrier_due_at__isnull=False), name="cost_to_price"),
            models.Index(fields=["carrier_priced_at"], condition=Q(carrier_price__isnull=False), name="cost_priced"),
            models.Index(fields=["booked_at"], name="cost_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.charged} {self.currency}"


class Review(models.Model):
    """Something about money that no rule decides: it changed no balance, and waits for a person.

    ``key`` makes the same finding one row however often it comes.
    """

    class Kind(models.TextChoices):
        UNPRICED_USAGE = "unpriced_usage", "use without a rate"
        LATE_USAGE = "late_usage", "use of a finished call"
        UNKNOWN_USAGE = "unknown_usage", "use of an unknown call"
        BAD_USAGE = "bad_usage", "use that cannot be read"
        CARRIER_CURRENCY = "carrier_currency", "carrier price in another currency"
        CARRIER_PRICE = "carrier_price", "carrier price far from the estimate"
        CARRIER_UNKNOWN = "carrier_unknown", "carrier price of an unknown call"
        CARRIER_SILENT = "carrier_silent", "no carrier price"
        EXCESS = "excess", "cost above the hold"

    class Decision(models.TextChoices):
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    reference = models.UUIDField(db_index=True)
    key = models.CharField(max_length=120, unique=True)
    text = models.CharField(max_length=500, help_text="What was found, and what to change.")
    data = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    decision = models.CharField(max_length=10, blank=True, choices=Decision.choices)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        verbose_name_plural = "money to review"
        indexes = [models.Index(fields=["opened_at"], condition=Q(decision=""), name="review_open")]

    def __str__(self) -> str:
        return self.get_kind_display()
