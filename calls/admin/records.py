"""The remaining records: decisions, what was said, what happened."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from calls.admin.base import (
    ReadOnlyAdmin,
    badge,
    clock,
    counted,
    instant,
    pairs,
    utc,
    verdict_rows,
)
from calls.models import CallEvent, Consent, Decision, Turn


def call_link(call_id: object) -> SafeString | str:
    return (
        format_html('<a href="{}">open</a>', reverse("admin:calls_call_change", args=[call_id])) if call_id else "-"
    )


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["looked", "lead", "result_badge", "reason", "rules_version"]
    list_filter = ["result", "rules_version"]
    list_select_related = ["lead"]
    search_fields = ["lead__name", "lead__phone", "reason"]
    date_hierarchy = "at"
    fields = ["looked", "lead", "result_badge", "reason", "rules_version", "gates", "of_call"]
    looked = utc("at", "looked at")
    empty_sentence = "No lead was looked at yet. Decisions appear once a campaign is running."

    @admin.display(description="result", ordering="result")
    def result_badge(self, decision: Decision) -> SafeString | str:
        return badge(decision.result)

    @admin.display(description="gates")
    def gates(self, decision: Decision) -> SafeString:
        return render_to_string("admin/calls/verdicts.html", {"verdicts": verdict_rows(decision.verdicts)})

    @admin.display(description="call")
    def of_call(self, decision: Decision) -> SafeString | str:
        return call_link(decision.call_id)


@admin.register(Turn)
class TurnAdmin(ReadOnlyAdmin):
    list_display = ["of_call", "at", "speaker", "text", "agent"]
    list_filter = ["speaker", "agent", "interrupted"]
    list_select_related = ["call"]
    list_display_links = None
    search_fields = ["text"]
    date_hierarchy = "call__queued_at"
    ordering = ["-call__queued_at", "call_id", "seq"]  # calls of one dispatch have one time
    empty_sentence = "Nobody has spoken yet. What is said on a call can be searched here."

    @admin.display(description="call", ordering="call__queued_at")
    def of_call(self, turn: Turn) -> SafeString:
        url = reverse("admin:calls_call_change", args=[turn.call_id])
        return format_html('<a href="{}">{}</a>', url, instant(turn.call.queued_at))

    @admin.display(description="at")
    def at(self, turn: Turn) -> str:
        return clock(turn.start_ms)


@admin.register(CallEvent)
class CallEventAdmin(ReadOnlyAdmin):
    list_display = ["happened", "call", "kind", "status_badge"]
    list_filter = ["kind", "status"]
    list_select_related = ["call"]
    date_hierarchy = "at"
    ordering = ["-at", "-pk"]
    fields = ["happened", "call", "kind", "status_badge", "details"]
    happened = utc("at", "at")
    empty_sentence = "Nothing has happened to a call yet."

    @admin.display(description="status", ordering="status")
    def status_badge(self, event: CallEvent) -> SafeString | str:
        return badge(event.status)

    @admin.display(description="details")
    def details(self, event: CallEvent) -> str:
        return pairs(event.fields) or "-"


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["lead", "kind", "scope", "source", "given", "revoked"]
    list_filter = ["kind", "scope"]
    actions = ["revoke"]
    list_select_related = ["lead"]
    search_fields = ["lead__name", "lead__phone", "source"]
    date_hierarchy = "given_at"
    fields = [
        "lead",
        "kind",
        "scope",
        "seller",
        "source",
        "given",
        "expires_at",
        "revoked",
        "revoked_why",
        "recorded",
    ]
    given = utc("given_at", "given")
    recorded = utc("recorded_at", "recorded")
    revoked = utc("revoked_at", "revoked")
    empty_sentence = "There is no consent yet. It comes with an import, or is added on a lead's page."

    @admin.action(description="Revoke selected consents", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Consent]) -> None:
        """From now on no call is covered by them: a person may revoke by any reasonable means, 64.1200(a)(10)."""
        why = f"Revoked in the admin by {request.user}"
        count = queryset.filter(revoked_at__isnull=True).update(revoked_at=timezone.now(), revoked_why=why[:200])
        messages.success(request, f"{counted(count, 'consent was', 'consents were')} revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.add_suppression")
