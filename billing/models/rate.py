"""The rate card as rows: one price of one key, from an instant to another."""

from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q

from billing.domain import rates as domain
from billing.models.fields import currency_validator


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class Rate(models.Model):
    """A row is never repriced: a new price is a new row, which ends the one before. So old calls keep their price."""

    key = models.CharField(
        max_length=60,
        validators=[RegexValidator(r"^[a-z0-9_.-]+$", "Use small letters, digits, dots, hyphens and underscores.")],
        help_text="Such as twilio.voice_out_us; components report their use under it.",
    )
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in domain.Kind])
    price = models.DecimalField(max_digits=18, decimal_places=9, validators=[MinValueValidator(Decimal(0))])
    currency = models.CharField(max_length=3, default="USD", validators=[currency_validator])
    unit = models.CharField(max_length=8, choices=[(unit.value, unit.value) for unit in domain.Unit])
    per = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="The price is for so many units."
    )
    increment = models.PositiveIntegerField(default=0, help_text="Billed in steps of so many units; 0: as used.")
    minimum = models.PositiveIntegerField(default=0, help_text="At least so many units are billed.")
    in_carrier_price = models.BooleanField(
        default=False, help_text="The price that the carrier reports for a call contains this."
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Empty: until further notice.")
    source = models.CharField(max_length=200, help_text="Where the price was read.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key", "-valid_from"]
        constraints = [
            ExclusionConstraint(
                name="rates_of_a_key_do_not_overlap",
                expressions=[
                    ("key", RangeOperators.EQUAL),
                    (TsTzRange("valid_from", "valid_until", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="rate_is_not_negative"),
            models.CheckConstraint(condition=Q(per__gte=1), name="rate_is_per_something"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="rate_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    def as_domain(self) -> domain.Rate:
        return domain.Rate(
            key=self.key,
            kind=domain.Kind(self.kind),
            price=self.price,
            currency=self.currency,
            unit=domain.Unit(self.unit),
            per=self.per,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            source=self.source,
            increment=self.increment,
            minimum=self.minimum,
            in_carrier_price=self.in_carrier_price,
        )
