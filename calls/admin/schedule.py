"""When campaigns move by themselves: on a campaign's page, and in a list of all."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from calls.admin.base import BaseAdmin, utc
from calls.admin.fields import WeekdaysField, ZoneInput, in_words, time_input
from calls.domain.recurring import Plan, local_time
from calls.models import Campaign, Schedule, ScheduleRun
from calls.services import scheduling

_SHOWN_RUNS = 3


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """What is typed is local time of the zone, the one date and time included."""

    weekdays = WeekdaysField(required=False, label="Every week, on")
    zone = forms.CharField(
        max_length=64, widget=ZoneInput, initial="America/New_York", help_text="Of the times here, not of the lead."
    )

    class Meta:
        model = Schedule
        fields = ["action", "weekdays", "at", "once_at", "zone", "enabled"]
        labels = {"at": "at", "once_at": "Or once, at"}
        widgets = {
            "at": time_input("at"),
            "once_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }
        field_classes = {"once_at": forms.DateTimeField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.once_at and "once_at" in self.fields:
            there = self.instance.once_at.astimezone(ZoneInfo(self.instance.zone))
            self.initial["once_at"] = there.replace(tzinfo=UTC)

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        zone, once_at = typed.get("zone", ""), typed.get("once_at")
        if typed.get("at"):
            typed["at"] = typed["at"].replace(second=0, microsecond=0)
        now, moved = timezone.now(), {"once_at", "zone"} & set(self.changed_data)
        wrong = scheduling.wrong_fields(Plan(None, typed.get("at"), (), zone), now=now)
        if zone and "zone" not in wrong and once_at is not None:
            typed["once_at"] = local_time(once_at.replace(tzinfo=None), zone)
        plan = Plan(typed.get("once_at"), typed.get("at"), tuple(typed.get("weekdays", ())), zone)
        for field, sentence in scheduling.wrong_fields(plan, now=now, is_new=bool(moved)).items():
            if field not in self.errors:
                self.add_error(field, sentence)
        return typed

    def validate_constraints(self) -> None:
        """What must go together was said above, in better words than the database's."""


def next_and_last(schedule: Schedule) -> SafeString | str:
    """When it is due next, and what its latest slots came to."""
    if schedule.pk is None:
        return "-"
    now = timezone.now()
    upcoming = scheduling.plan_of(schedule).next_slot(now) if schedule.enabled else None
    due = _clock(upcoming, schedule.zone) if upcoming else "never"
    runs = [(_clock(run.slot, schedule.zone), run.result) for run in schedule.runs.all()[:_SHOWN_RUNS]]
    return format_html("Next: {}{}", due, format_html_join("", "<br>{}: {}", runs))


def _clock(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M %Z}"


def in_short(schedule: Schedule) -> str:
    """``Mon to Fri at 09:00``, or the one date."""
    if schedule.once_at:
        return f"once, {_clock(schedule.once_at, schedule.zone)}"
    return f"{in_words(schedule.weekdays)} at {schedule.at:%H:%M}, {schedule.zone}"


class ScheduleInline(admin.StackedInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = Schedule
    form = ScheduleForm
    extra = 0
    readonly_fields = ["runs_so_far"]
    fields = ["action", "weekdays", ("at", "once_at"), ("zone", "enabled"), "runs_so_far"]

    @admin.display(description="runs")
    def runs_so_far(self, schedule: Schedule) -> SafeString | str:
        return next_and_last(schedule)


def save_schedules(formset: Any, *, now: datetime) -> None:
    """What an inline's formset changed, with Beat's rows."""
    changed = formset.save(commit=False)
    for gone in formset.deleted_objects:
        gone.delete()
    for schedule in changed:
        scheduling.save(schedule, now=now)


class RunInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = ScheduleRun
    extra = 0
    can_delete = False
    fields = ["planned", "result"]
    readonly_fields = ["planned", "result"]
    verbose_name_plural = "what it came to"
    planned = utc("slot", "planned")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Schedule)
class ScheduleAdmin(BaseAdmin):
    form = ScheduleForm
    list_display = ["campaign", "action", "when", "enabled", "runs_so_far"]
    list_filter = ["action", "enabled"]
    list_select_related = ["campaign"]
    search_fields = ["campaign__name"]
    fields = ["campaign", *ScheduleInline.fields]
    readonly_fields = ["runs_so_far"]
    inlines = [RunInline]
    empty_sentence = "No campaign moves by itself. Add a schedule here or on a campaign's page."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).prefetch_related("runs")
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> list[str]:
        return ["runs_so_far", *(["campaign"] if obj else [])]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "campaign":
            kwargs["queryset"] = Campaign.objects.exclude(status="finished")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        scheduling.save(obj, now=timezone.now())

    @admin.display(description="when")
    def when(self, schedule: Schedule) -> str:
        return in_short(schedule)

    @admin.display(description="next and last")
    def runs_so_far(self, schedule: Schedule) -> SafeString | str:
        return next_and_last(schedule)
