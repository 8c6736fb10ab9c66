"""What calls cost, told apart by what may explain it."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billing.models.fields import money
from calls.domain.costs import Dimension


class CostEvent(models.Model):
    """One call's part in the figures of costs, or a later change of its cost. Append-only but for ``folded``.

    Nothing here is a foreign key: figures outlive what they are about, and an insert locks no other row. ``day`` is
    that of the dial in the settings' report zone, ``hour`` the lead's. Counts are 0 or 1, and 0 in a correction.
    """

    reference = models.UUIDField(help_text="The call.")
    correction = models.BooleanField(default=False)
    at = models.DateTimeField(help_text="When it was dialed, or corrected.")
    day = models.DateField()
    campaign = models.BigIntegerField()
    lead_list = models.BigIntegerField(null=True, help_text="The import that the lead came with.")
    hour = models.PositiveSmallIntegerField(null=True)
    caller_id = models.CharField(max_length=16)
    script = models.CharField(max_length=20)
    voice = models.CharField(max_length=60)
    tier = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    budgets = ArrayField(models.BigIntegerField(), default=list, help_text="Those that were charged.")
    booked_at = models.DateTimeField(null=True, help_text="Their periods are this instant's.")
    dials = models.PositiveSmallIntegerField(default=0)
    conversations = models.PositiveSmallIntegerField(default=0)
    qualified = models.PositiveSmallIntegerField(default=0)
    appointments = models.PositiveSmallIntegerField(default=0)
    seconds = models.PositiveIntegerField(default=0)
    cost = money(default=Decimal(0))
    folded = models.BooleanField(default=False, help_text="It is in the daily sums.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], condition=Q(correction=False), name="a_call_counts_once"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(folded=False), name="cost_to_fold"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.cost} {self.currency}"


class CostDaily(models.Model):
    """The sums of a day's folded events that have one value of one dimension.

    ``campaign`` 0 sums over every campaign. Each dimension sums every event, so any of them gives the day's total.
    """

    EVERY_CAMPAIGN = 0

    campaign = models.BigIntegerField()
    dimension = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Dimension])
    currency = models.CharField(max_length=3)
    day = models.DateField()
    value = models.CharField(max_length=60)
    dials = models.BigIntegerField()
    conversations = models.BigIntegerField()
    qualified = models.BigIntegerField()
    appointments = models.BigIntegerField()
    seconds = models.BigIntegerField()
    cost = models.DecimalField(max_digits=18, decimal_places=6)

    class Meta:
        verbose_name = "costs"
        verbose_name_plural = "costs"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "dimension", "currency", "day", "value"], name="one_sum_per_day_and_value"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.value}"


class BudgetSum(models.Model):
    """The calls that a budget was charged for, and what, by the quarter of an hour in which it held for them.

    Every period of every zone begins on a quarter, so any of a budget's periods is a sum of these. Later corrections
    are not in ``charged``.
    """

    budget = models.BigIntegerField()
    since = models.DateTimeField()
    calls = models.BigIntegerField()
    charged = models.DecimalField(max_digits=18, decimal_places=6)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["budget", "since"], name="one_sum_per_budget_and_quarter")]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} {self.calls}"
