"""Whose time is offered: the rules of a calendar, each mistake told at its field."""

from dataclasses import replace
from datetime import time
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from calls.admin.base import BaseAdmin
from calls.admin.fields import DatesField, OfferedRowForm, WeekdaysField, ZoneInput, in_words, time_input
from calls.domain.availability import Availability, Hours, problems
from calls.models import Calendar, CalendarHours
from calls.models.calendar import working_days

_ALL_DAY = (Hours(frozenset(range(7)), time(0), time(23, 59)),)


class CalendarForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    zone = forms.CharField(max_length=64, widget=ZoneInput, initial="America/New_York", label="Time zone")
    days_off = DatesField(required=False, help_text="Days without appointments: 2026-12-24, 2026-12-31.")

    class Meta:
        model = Calendar
        fields = [
            *("name", "email", "place", "zone", "minutes", "every_min", "before_min", "after_min", "notice_min"),
            *("horizon_days", "most_per_day", "days_off"),
        ]

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        numbers = {name: typed[name] for name in ("notice_min", "horizon_days") if name in typed}
        rules = replace(Availability(typed.get("zone", "UTC"), _ALL_DAY), **numbers)
        for field, sentence in problems(rules).items():
            if field in ("zone", "notice_min") and field not in self.errors:
                self.add_error(field, sentence)
        return typed


class HoursForm(OfferedRowForm):
    weekdays = WeekdaysField(label="Days", initial=working_days)

    class Meta:
        model = CalendarHours
        fields = ["weekdays", "opens_at", "closes_at"]
        widgets = {"opens_at": time_input("Opens at"), "closes_at": time_input("Closes at")}

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        if "weekdays" in typed and typed.get("opens_at") and typed.get("closes_at"):
            hours = Hours(frozenset(typed["weekdays"]), typed["opens_at"], typed["closes_at"])
            wrong = problems(Availability("UTC", (hours,), minutes=0))
            if "hours" in wrong:
                self.add_error("closes_at", wrong["hours"])
        return typed

    def validate_constraints(self) -> None:
        """Hours that end before they start were told of above, in better words than the database's."""


class HoursFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # a plain class while it runs
    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form.cleaned_data for form in self.forms if form not in self.deleted_forms]
        hours = (Hours(frozenset(one["weekdays"]), one["opens_at"], one["closes_at"]) for one in kept if one)
        wrong = problems(Availability("UTC", tuple(hours), minutes=self.instance.minutes))
        if "hours" in wrong:
            raise ValidationError(wrong["hours"], code="no_hours")


class HoursInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = CalendarHours
    form = HoursForm
    formset = HoursFormSet
    verbose_name_plural = "hours, in the calendar's time zone"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """A new calendar is offered the usual week."""
        return 0 if obj else 1


@admin.register(Calendar)
class CalendarAdmin(BaseAdmin):
    form = CalendarForm
    list_display = ["name", "week", "zone", "minutes", "elsewhere"]
    search_fields = ["name", "email"]
    inlines = [HoursInline]
    empty_sentence = (
        "There is no calendar yet. A campaign without one offers working days of the lead at fixed hours; add one to "
        "offer somebody's real time."
    )
    fieldsets = [
        ("Who", {"fields": ["name", "email", "place"]}),
        (
            "When",
            {
                "fields": ["zone", ("notice_min", "horizon_days"), "most_per_day", "days_off"],
                "description": "Leads hear the times of their own zone, from 08:00 to 20:00 there.",
            },
        ),
        ("An appointment", {"fields": [("minutes", "every_min"), ("before_min", "after_min")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("hours")

    @admin.display(description="hours")
    def week(self, calendar: Calendar) -> str:
        return "; ".join(f"{in_words(one.weekdays)} {one}" for one in calendar.hours.all())

    @admin.display(description="elsewhere", ordering="busy_read_at")
    def elsewhere(self, calendar: Calendar) -> str:
        if not calendar.linked:
            return "-"
        read = f"read {calendar.busy_read_at:%Y-%m-%d %H:%M} UTC" if calendar.busy_read_at else "never read"
        return f"{read}, away since" if calendar.away and calendar.busy_read_at else read
