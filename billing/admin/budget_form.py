"""The form of a budget: what can be typed, and what is said where it cannot be so."""

from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.validators import MinValueValidator
from django.utils import timezone

from billing.domain.money import LARGEST
from billing.domain.rates import plain
from billing.models import Budget
from billing.models.budget import LIMIT_FIELDS
from billing.services import budgets
from billing.services.budgets import FIXED, Limits

LIMITS = (*LIMIT_FIELDS.values(), "call_limit")
_NEGATIVE = "A limit cannot be negative: enter 0 to allow nothing, or leave this empty for no limit."
_NO_AMOUNT = {
    "invalid": "Enter an amount such as 50 or 12.50, or leave this empty for no limit.",
    "max_decimal_places": "Enter at most 6 places.",
    "max_digits": f"Enter at most {LARGEST:,}, with at most 6 places.",
    "max_whole_digits": f"Enter at most {LARGEST:,}, or leave this empty for no limit.",
}


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """What the service would refuse is said beside the fields; it looks again, under the lock, while it saves."""

    class Meta:
        model = Budget
        fields = ["name", "scope", "source", "currency", "zone", *LIMITS]
        labels = {
            "scope": "Pays for",
            "source": "Lead source",
            "zone": "Time zone",
            "limit": "In all",
            "day_limit": "A day",
            "week_limit": "A week",
            "month_limit": "A month",
            "call_limit": "One call",
        }
        help_texts = {
            "scope": "A call is held for on every budget that pays for it; all of them must have room.",
            "source": "Only for leads of one source: which one.",
            "currency": "That of the carrier's prices on the rate card; nothing is converted.",
            "zone": "Its days, weeks and months begin at midnight here.",
            "limit": "Empty: no limit.",
            "week_limit": "From Monday to Sunday.",
            "call_limit": "A call that could cost more is made shorter, or not at all.",
        }
        error_messages = dict.fromkeys(LIMITS, _NO_AMOUNT)
        widgets = {"zone": forms.Select, "source": forms.Select}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {*LIMITS} & {*self.fields}:
            self.fields[name].validators.append(MinValueValidator(0, _NEGATIVE))
            if isinstance(amount := self.initial.get(name), Decimal):
                self.initial[name] = plain(amount)
        if "zone" in self.fields:
            self.fields["zone"].widget.choices = [(name, name) for name in sorted(available_timezones())]
        if "source" in self.fields:
            known = [*budgets.lead_sources(), self.instance.source]
            choices = [(name, name) for name in sorted({*known} - {""})]
            self.fields["source"].widget.choices = [("", "---------"), *choices]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            # The form has filled its own instance with what was typed.
            was = Budget.objects.get(pk=self.instance.pk) if self.instance.pk else Budget()
            for field, sentence in budgets.problems_of(was, self.typed(), self.limits(), at=timezone.now()).items():
                self.add_error(field if field in self.fields else None, sentence)
        return cleaned

    def typed(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in ("name", *FIXED) if name in self.cleaned_data}

    def limits(self) -> Limits:
        total, day, week, month, call = (self.cleaned_data[name] for name in LIMITS)
        return Limits(total, day, week, month, call)
