"""Budgets, what is held and spent of them in each period, and the ledger that proves it."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from billing.domain.periods import Period
from billing.models.fields import check_zone, currency_validator, maybe_money, money

LIMIT_FIELDS = {
    Period.TOTAL: "limit",
    Period.DAY: "day_limit",
    Period.WEEK: "week_limit",
    Period.MONTH: "month_limit",
}
_NOT_NEGATIVE = [MinValueValidator(Decimal(0))]


class Scope(models.TextChoices):
    """Whose calls a budget pays for."""

    COMPANY = "company", "every call"
    CAMPAIGN = "campaign", "the campaigns that name it"
    SOURCE = "source", "leads of one source"


class BudgetQuerySet(models.QuerySet["Budget"]):
    def active(self) -> "BudgetQuerySet":
        """Not retired."""
        return self.filter(retired_at__isnull=True)


class Budget(models.Model):
    """What may be spent: in all, a day, a week, a month, and on one call. An empty limit does not limit.

    Its row is the lock under which its balances change. Limits are changed by ``billing.services.budgets`` alone,
    since the balances of the running periods carry them too. One that is retired pays for no new call.
    """

    name = models.CharField(max_length=120, unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.CAMPAIGN)
    source = models.CharField(max_length=80, blank=True, help_text="The lead source that it pays for.")
    currency = models.CharField(max_length=3, default="USD", validators=[currency_validator])
    zone = models.CharField(
        max_length=64, default="UTC", validators=[check_zone], help_text="Where its days, weeks and months begin."
    )
    limit = maybe_money(blank=True, validators=_NOT_NEGATIVE, help_text="In all.")
    day_limit = maybe_money(blank=True, validators=_NOT_NEGATIVE)
    week_limit = maybe_money(blank=True, validators=_NOT_NEGATIVE, help_text="A week begins on Monday.")
    month_limit = maybe_money(blank=True, validators=_NOT_NEGATIVE)
    call_limit = maybe_money(blank=True, validators=_NOT_NEGATIVE, help_text="For one call.")
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    stopped_until = models.DateTimeField(null=True, blank=True, editable=False)
    stopped_reason = models.CharField(max_length=300, blank=True, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope=Scope.SOURCE) ^ Q(source=""), name="budget_of_a_source_names_it"
            ),
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(scope=Scope.SOURCE, retired_at__isnull=True),
                name="one_budget_per_source",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def limit_of(self, period: Period) -> Decimal | None:
        limit: Decimal | None = getattr(self, LIMIT_FIELDS[period])
        return limit

    @property
    def total(self) -> "Balance":
        """All that was ever held and spent; nothing, before the first hold. Lists prefetch it: ``prefetch_total``."""
        totals: list[Balance] | None = getattr(self, "totals", None)
        found = totals[:1] if totals is not None else self.balances.filter(period=Period.TOTAL)[:1]
        return next(iter(found), None) or Balance(budget=self, period=Period.TOTAL.value, limit=self.limit)


class Balance(models.Model):
    """A budget's balance in one period: ``spent + held <= limit`` always; the database checks it.

    A call counts in the periods of the instant at which it was held for, also when it ends after midnight.
    """

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="balances")
    period = models.CharField(max_length=5, choices=[(period.value, period.value) for period in Period])
    window = DateTimeRangeField(help_text="From an instant to before another; unbounded for the total.")
    limit = maybe_money()
    spent = money(default=Decimal(0))
    held = money(default=Decimal(0))

    class Meta:
        ordering = ["budget", "period", "-window"]
        constraints = [
            ExclusionConstraint(
                name="periods_of_a_budget_do_not_overlap",
                expressions=[
                    ("budget", RangeOperators.EQUAL),
                    ("period", RangeOperators.EQUAL),
                    ("window", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(spent__gte=0) & Q(held__gte=0), name="balance_is_not_negative"),
            models.CheckConstraint(
                condition=Q(limit__isnull=True) | Q(limit__gte=F("spent") + F("held")),
                name="balance_is_not_overspent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.spent} spent, {self.held} held"

    @classmethod
    def prefetch_total(cls, path: str = "balances") -> "models.Prefetch[str, Any, str]":
        """For ``Budget.total``: one query for all the budgets that ``path`` leads to."""
        return models.Prefetch(path, queryset=cls.objects.filter(period=Period.TOTAL), to_attr="totals")

    @property
    def used(self) -> Decimal:
        return self.spent + self.held

    @property
    def free(self) -> Decimal | None:
        """None where there is no limit."""
        return None if self.limit is None else self.limit - self.used


class LedgerEntry(models.Model):
    """One movement on a budget. Append-only, by a trigger; a budget's balances are the sums of its entries.

    A hold raises ``held``; a release lowers it; a charge raises ``spent``; a correction changes ``spent`` by its
    amount, which alone may be negative. ``reference`` is the call it is for, ``booked_at`` the instant whose periods
    it counts in, ``cause`` what a correction follows from.
    """

    class Kind(models.TextChoices):
        HOLD = "hold"
        RELEASE = "release"
        CHARGE = "charge"
        CORRECTION = "correction"

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="entries")
    reference = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    cause = models.CharField(max_length=60, blank=True)
    amount = money()
    at = models.DateTimeField()
    booked_at = models.DateTimeField()
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(fields=["at", "id"], name="entry_by_age"),
            models.Index(fields=["budget", "booked_at"], name="entry_of_period"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "reference", "kind", "cause"], name="one_entry_per_call_and_kind"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0) | Q(kind="correction"), name="entry_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
