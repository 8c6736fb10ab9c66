"""Budgets and what is held and spent of them."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q


def money(**options: object) -> "models.DecimalField[Decimal, Decimal]":
    """USD with 6 places; never a float."""
    return models.DecimalField(max_digits=14, decimal_places=6, **options)  # type: ignore[arg-type]


class Budget(models.Model):
    """``spent + held <= limit`` always; the database checks it."""

    name = models.CharField(max_length=120, unique=True)
    limit = money(validators=[MinValueValidator(Decimal(0))], help_text="USD.")
    spent = money(default=Decimal(0), editable=False)
    held = money(default=Decimal(0), editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(spent__gte=0) & Q(held__gte=0), name="budget_is_not_negative"),
            models.CheckConstraint(condition=Q(limit__gte=F("spent") + F("held")), name="budget_is_not_overspent"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def free(self) -> Decimal:
        return self.limit - self.spent - self.held


class LedgerEntry(models.Model):
    """One movement on a budget. Append-only; a budget's balances are the sums of its entries.

    A hold raises ``held``; a release lowers it; a charge raises ``spent``. ``reference`` is the call it is for.
    """

    class Kind(models.TextChoices):
        HOLD = "hold"
        RELEASE = "release"
        CHARGE = "charge"

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="entries")
    reference = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = money(validators=[MinValueValidator(Decimal(0))])
    at = models.DateTimeField()
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["at", "id"], name="entry_by_age")]
        constraints = [
            models.UniqueConstraint(fields=["budget", "reference", "kind"], name="one_entry_per_call_and_kind"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="entry_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} USD"
