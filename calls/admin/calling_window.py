"""The calling windows on a campaign's page."""

from datetime import time
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from calls.admin.fields import OfferedRowForm, WeekdaysField, time_input
from calls.domain.calling_windows import NOWHERE, allowed_somewhere, wrong_with
from calls.domain.rules import Window
from calls.models import CallingWindow
from calls.models.campaign import every_day
from calls.services.rules import book_at


class WindowForm(OfferedRowForm):
    weekdays = WeekdaysField(
        label="Days", initial=every_day, required=False
    )  # that none is chosen is said by the domain

    class Meta:
        model = CallingWindow
        fields = ["weekdays", "opens_at", "closes_at"]
        widgets = {"opens_at": time_input("Opens at"), "closes_at": time_input("Closes at")}

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        days, opens, closes = typed.get("weekdays", []), typed.get("opens_at"), typed.get("closes_at")
        wrong = wrong_with(days, opens, closes)
        for field, sentence in wrong.items():
            self.add_error(field, sentence)
        if not wrong and isinstance(opens, time) and isinstance(closes, time):
            window = Window(tuple(sorted(days)), opens, closes)
            if not allowed_somewhere([window], book_at(timezone.now())):
                self.add_error("opens_at", f"{NOWHERE.capitalize()}: choose hours between 08:00 and 21:00.")
        return typed


class WindowFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # a plain class while it runs
    def clean(self) -> None:
        super().clean()
        if set(self.forms) == set(self.deleted_forms):
            raise ValidationError("Add a calling window: without one nobody is called.", code="no_window")


class WindowInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = CallingWindow
    form = WindowForm
    formset = WindowFormSet
    verbose_name_plural = "calling windows, in the lead's local time"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """A new campaign is offered one: every day, all hours that the law leaves."""
        return 0 if obj else 1
