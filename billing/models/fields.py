"""Columns that several models share."""

from decimal import Decimal
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

currency_validator = RegexValidator(r"^[A-Z]{3}$", "Enter a currency by its three letters, such as USD.")


def money(**options: object) -> "models.DecimalField[Decimal, Decimal]":
    """An amount with 6 places; never a float."""
    return models.DecimalField(max_digits=14, decimal_places=6, **options)  # type: ignore[arg-type]


def maybe_money(**options: object) -> "models.DecimalField[Decimal | None, Decimal | None]":
    """An amount, or none."""
    return models.DecimalField(max_digits=14, decimal_places=6, null=True, **options)  # type: ignore[arg-type]


def check_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone: enter an IANA name such as America/Denver.")
