"""How conversations worked: a list of their traces. The steps themselves are on the call's page."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.base import AgentName
from calls.admin.base import ReadOnlyAdmin, badge, counted, dollars, instant, person
from calls.admin.waterfall import length
from calls.models import AgentExecution, WorkflowTrace
from calls.models.call import DISPOSITION_CHOICES
from calls.models.trace import MOST_ATTEMPTS

_LOOKED_AT = 2000  # of the newest steps or traces, for what there is to choose from: all would be millions


class _StepFilter(admin.SimpleListFilter):
    """Traces with a step that has the chosen value in the column of the filter's name."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        newest = AgentExecution.objects.exclude(**{self.column: ""}).order_by("-pk")
        found = set(newest.values_list(self.column, flat=True)[:_LOOKED_AT])
        return [(name, name.replace("_", " ")) for name in sorted(found)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowTrace]) -> QuerySet[WorkflowTrace]:
        if not self.value():
            return queryset
        steps = AgentExecution.objects.filter(trace=OuterRef("pk"), **{self.column: self.value()})
        return queryset.filter(Exists(steps))

    @property
    def column(self) -> str:
        return str(self.parameter_name)


class AgentFilter(_StepFilter):
    title, parameter_name = "agent", "agent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name.value, name.value.replace("_", " ")) for name in AgentName if name is not AgentName.ANALYTICS]


class ModelFilter(_StepFilter):
    title, parameter_name = "model", "model"


class DroppedFilter(_StepFilter):
    title, parameter_name = "why a model's answer was dropped", "dropped_reason"


class OutcomeFilter(admin.SimpleListFilter):
    title, parameter_name = "outcome", "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return DISPOSITION_CHOICES

    def queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowTrace]) -> QuerySet[WorkflowTrace]:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


class ScriptVersionFilter(admin.SimpleListFilter):
    title, parameter_name = "script version", "script_version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        newest = WorkflowTrace.objects.order_by("-started_at").values_list("script_version", flat=True)
        return [(name, name) for name in sorted(set(newest[:_LOOKED_AT])) if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowTrace]) -> QuerySet[WorkflowTrace]:
        return queryset.filter(script_version=self.value()) if self.value() else queryset


@admin.register(WorkflowTrace)
class WorkflowTraceAdmin(ReadOnlyAdmin):
    list_display = ["when", "lead", "result", "answered", "slowest", "used", "cost", "sent"]
    list_filter = [AgentFilter, ModelFilter, DroppedFilter, OutcomeFilter, ScriptVersionFilter]
    list_select_related = ["call__lead"]
    list_display_links = None
    date_hierarchy = "started_at"
    actions = ["send_again"]
    fields = ()
    empty_sentence = "No conversation was held yet. What each agent decided on a call appears here."

    def change_view(self, request: HttpRequest, object_id: str, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """The steps are told beside what was said."""
        return redirect(_steps_of(object_id))

    @admin.display(description="answered (UTC)", ordering="started_at")
    def when(self, trace: WorkflowTrace) -> SafeString:
        return format_html('<a class="nowrap" href="{}">{}</a>', _steps_of(trace.pk), instant(trace.started_at))

    @admin.display(description="lead", ordering="call__lead__name")
    def lead(self, trace: WorkflowTrace) -> SafeString:
        return person(trace.call.lead.name, trace.call.to_number)

    @admin.display(description="outcome", ordering="outcome")
    def result(self, trace: WorkflowTrace) -> SafeString | str:
        return badge(trace.outcome)

    @admin.display(description="turns", ordering="turns")
    def answered(self, trace: WorkflowTrace) -> SafeString:
        steps = counted(trace.steps, "step", "steps")
        return format_html('{}<br><small class="nowrap">{}</small>', trace.turns, steps)

    @admin.display(description="slowest turn", ordering="slowest_us")
    def slowest(self, trace: WorkflowTrace) -> SafeString:
        slowest, in_all = length(trace.slowest_us), length(trace.work_us)
        return format_html('{}<br><small class="nowrap">{} in all</small>', slowest, in_all)

    @admin.display(description="models", ordering="tokens_in")
    def used(self, trace: WorkflowTrace) -> SafeString | str:
        if not trace.models_used:
            return "-"
        tokens = f"{trace.tokens_in:,} tokens in, {trace.tokens_out:,} out"
        return format_html("{}<br><small>{}</small>", ", ".join(trace.models_used), tokens)

    @admin.display(description="models' cost", ordering="cost_usd")
    def cost(self, trace: WorkflowTrace) -> str:
        return dollars(trace.cost_usd) if trace.models_used else "-"

    @admin.display(description="LangSmith", ordering="exported_at")
    def sent(self, trace: WorkflowTrace) -> str:
        if trace.exported_at is not None:
            return "sent"
        if trace.export_attempts >= MOST_ATTEMPTS:
            return f"refused: {trace.export_error}"
        return "-"

    @admin.action(description="Send selected traces to LangSmith again", permissions=["send"])
    def send_again(self, request: HttpRequest, traces: QuerySet[WorkflowTrace]) -> None:
        due = WorkflowTrace.objects.filter(pk__in=traces.order_by().values("pk"))
        count = due.update(exported_at=None, export_attempts=0, export_error="")
        self.message_user(request, f"{counted(count, 'trace', 'traces')} will be sent.")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.change_workflowtrace")


def _steps_of(call_id: object) -> str:
    return reverse("admin:calls_call_change", args=[call_id]) + "#steps"
