"""Calls: what was said, what came of it, why it was made, and how long each answer took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from calls.admin import call_analysis
from calls.admin.base import (
    ReadOnlyAdmin,
    badge,
    clock,
    counted,
    instant,
    money,
    pairs,
    person,
    shown_phone,
    verdict_rows,
)
from calls.admin.call_analysis import FailedCheckFilter
from calls.admin.call_money import cost_now, money_of
from calls.admin.call_recordings import RedactForm, players
from calls.admin.transfer_targets import TransferForm, told_of
from calls.admin.waterfall import work_of
from calls.domain import phone
from calls.domain.status import UNFINISHED, CallStatus
from calls.models import Appointment, Call, Decision, Recording, Turn
from calls.models.call import Direction
from calls.services import recordings, supervising
from calls.services.transferring import NotPossible

_STEPS = {
    "vad_stop_ms": "end of speech heard",
    "transcript_ms": "transcribed",
    "turn_decided_ms": "turn decided",
    "reply_ms": "reply ready",
    "first_clause_ms": "first clause spoken",
    "filler_ms": "filler",
    "first_audio_ms": "first sound",
}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One turn as the page shows it; ``wait`` is what the person waited before it, "" where unknown."""

    turn: Turn
    who: str
    at: str
    wait: str
    slow: bool
    steps: str


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = [
        "when",
        "person",
        "outcome",
        "talked",
        "score",
        "price",
    ]
    list_filter = ["direction", "status", "disposition", "campaign", "ended_by", FailedCheckFilter]
    search_fields = ["lead__name", "to_number", "summary", "carrier_call_id"]
    date_hierarchy = "queued_at"
    actions = ["erase_recordings"]
    change_form_template = "admin/calls/call/change_form.html"
    fields = ()
    empty_sentence = "No call was made yet. Start a campaign that has leads; calls appear here as they are dialed."

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the snapshot and the script's text, which may be large; of the one a page needs nothing, of the
        other only which it is."""
        calls = super().get_queryset(request).select_related("lead", "campaign__budget", "script")
        return calls.defer("snapshot", "script__body")

    @admin.display(description="queued (UTC)", ordering="queued_at")
    def when(self, call: Call) -> SafeString:
        return format_html("{}<br><small>{}</small>", instant(call.queued_at), call.campaign)

    @admin.display(description="lead", ordering="lead__name")
    def person(self, call: Call) -> SafeString:
        """Who, and that they called us where they did."""
        shown = person(call.lead.name, call.to_number)
        if call.direction == Direction.OUTBOUND:
            return shown
        return format_html("{}<br><small>{}</small>", shown, call.get_direction_display())

    @admin.display(description="outcome", ordering="disposition")
    def outcome(self, call: Call) -> SafeString | str:
        """Until there is an outcome, where the call is."""
        return badge(call.disposition or call.status)

    @admin.display(description="talked", ordering="billed_s")
    def talked(self, call: Call) -> str:
        return clock(None if call.billed_s is None else call.billed_s * 1000)

    @admin.display(description="cost", ordering="cost")
    def price(self, call: Call) -> str:
        """What it cost; a dash until it is over, when its page tells the cost so far."""
        return "-" if call.status in UNFINISHED else _cost(call)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        call = self.get_object(request, unquote(object_id))
        extra = {**(extra_context or {}), **(_page(call, request) if call else {})}
        return super().change_view(request, object_id, form_url, extra)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:call_id>/cost/", wrap(self.cost_view), name="calls_call_cost"),
            path("<uuid:call_id>/redact/", wrap(self.redact_view), name="calls_call_redact"),
            path("<uuid:call_id>/erase/", wrap(self.erase_view), name="calls_call_erase"),
            path("<uuid:call_id>/transfer/", wrap(self.transfer_view), name="calls_call_transfer"),
            *super().get_urls(),
        ]

    def cost_view(self, request: HttpRequest, call_id: UUID) -> HttpResponse:
        """The cost so far, as JSON."""
        call = get_object_or_404(self.get_queryset(request), pk=call_id)
        if not self.has_view_permission(request, call):
            raise PermissionDenied
        return JsonResponse(cost_now(call, now=timezone.now()))

    def redact_view(self, request: HttpRequest, call_id: UUID) -> HttpResponse:
        """Silence a span of the call's recordings, and mask the turns in it."""
        call = self._changed_by(request, call_id, "calls.change_recording")
        if isinstance(call, HttpResponse):
            return call
        form = RedactForm(request.POST)
        if not form.is_valid():
            problems = [str(problem) for errors in form.errors.values() for problem in errors]
            self.message_user(request, " ".join(problems), messages.ERROR)
            return self._back(call)
        from_ms, to_ms = form.span_ms()
        by = request.user.get_username()
        try:
            changed = recordings.redact(call.pk, from_ms, to_ms, by=by, now=timezone.now())
        except recordings.UNREADABLE as error:
            self.message_user(request, f"Nothing was redacted. {error}", messages.ERROR)
            return self._back(call)
        told = counted(changed, "recording is", "recordings are")
        self.message_user(request, f"{told} silent from {clock(from_ms)} to {clock(to_ms)}; its words are masked.")
        return self._back(call)

    def erase_view(self, request: HttpRequest, call_id: UUID) -> HttpResponse:
        call = self._changed_by(request, call_id, "calls.delete_recording")
        if isinstance(call, HttpResponse):
            return call
        self._erase(request, Call.objects.filter(pk=call.pk))
        return self._back(call)

    def transfer_view(self, request: HttpRequest, call_id: UUID) -> HttpResponse:
        """POST from the button of a live call."""
        call = self._changed_by(request, call_id, "calls.transfer_call")
        if isinstance(call, HttpResponse):
            return call
        by, target = request.user.get_username(), request.POST.get("target", "")[:80]
        try:
            to = supervising.transfer(call.pk, by=by, now=timezone.now(), target=target)
        except (NotPossible, supervising.NoAnswer) as reason:
            self.message_user(request, f"The call is not put through. {reason}", messages.ERROR)
        else:
            self.message_user(request, f"The agent tells the person that they are put through to {to}.")
        return self._back(call)

    @admin.action(description="Erase recordings of selected calls", permissions=["erase"])
    def erase_recordings(self, request: HttpRequest, calls: QuerySet[Call]) -> None:
        self._erase(request, calls)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.delete_recording")

    def _erase(self, request: HttpRequest, calls: QuerySet[Call]) -> None:
        by = request.user.get_username()
        rows = Recording.objects.filter(call__in=calls.order_by().values("pk"))
        erased = recordings.erase(rows, why=f"Erased by {by}.", by=by, now=timezone.now())
        self.message_user(request, f"{counted(erased, 'recording is', 'recordings are')} erased.")

    def _changed_by(self, request: HttpRequest, call_id: UUID, permission: str) -> Call | HttpResponse:
        """The call that a form is about. Raises PermissionDenied."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        call: Call = get_object_or_404(self.get_queryset(request), pk=call_id)
        if not (self.has_view_permission(request, call) and request.user.has_perm(permission)):
            raise PermissionDenied
        return call

    def _back(self, call: Call) -> HttpResponse:
        return redirect("admin:calls_call_change", call.pk)


def _page(call: Call, request: HttpRequest) -> dict[str, Any]:
    """All that the page shows besides what the admin itself does."""
    events, turns = list(call.events.all()), list(call.turns.all())
    decision = Decision.objects.filter(call_id=call.pk).first()
    return {
        "call": call,
        "title": f"{call.lead} - {call.campaign}",
        "subtitle": "",
        "header": _header(call, request),
        "analysis": call_analysis.block(call, turns, request.user),
        "facts": [call_analysis.shown_fact(name, value) for name, value in sorted(call.facts.items())],
        "bubbles": [_bubble(turn) for turn in turns],
        "events": [(event, badge(event.status), pairs(event.fields)) for event in events],
        "decision": decision,
        "decision_badge": badge(decision.result) if decision else "",
        "verdicts": verdict_rows(decision.verdicts) if decision else [],
        "players": players(call),
        "redact_form": RedactForm(),
        "unfinished": call.status in UNFINISHED,
        "transfer_form": _transfer_form(call, request),
        "transfer_told": told_of(call),
        "work": work_of(call) if request.user.has_perm("calls.view_agentexecution") else None,
        "money": money_of(call, events, request.user, now=timezone.now()),
    }


def _transfer_form(call: Call, request: HttpRequest) -> TransferForm | None:
    may = call.status == CallStatus.LIVE and request.user.has_perm("calls.transfer_call")
    return TransferForm.of(call) if may else None


def _cost(call: Call) -> str:
    return money(call.cost, call.campaign.budget.currency)


def _header(call: Call, request: HttpRequest) -> list[tuple[str, object]]:
    lead_url = reverse("admin:calls_lead_change", args=[call.lead_id])
    inbound = call.direction == Direction.INBOUND
    rows: list[tuple[str, object]] = [
        ("Outcome", badge(call.disposition)),
        ("Status", badge(call.status)),
        ("Score", f"{call.score} of 100"),
        ("Lead", format_html('<a href="{}">{}</a>', lead_url, call.lead)),
        ("Phone", shown_phone(call.to_number)),
        ("Direction", call.get_direction_display()),
        ("Our number" if inbound else "Caller ID", shown_phone(call.from_number)),
        *([] if inbound else [("Attempt", call.attempt)]),
        ("Talked", clock(None if call.billed_s is None else call.billed_s * 1000)),
        ("Ended by", call.ended_by or "-"),
        ("Answered by", call.answered_by.replace("_", " ") or "-"),
        ("Script", _script(call, may_see=request.user.has_perm("calls.view_script"))),
        ("Cost", _cost(call) if call.ended_at else "-"),
        ("Queued", call.queued_at),
        ("Answered", call.answered_at),
        ("Disclosed as AI", call.disclosed_at),
    ]
    appointment = Appointment.objects.filter(call=call).first()
    if appointment:
        url = reverse("admin:calls_appointment_change", args=[appointment.pk])
        when = format_html('<a href="{}">{}</a>', url, _with_local_time(appointment.start_at, call))
        rows.insert(1, ("Appointment", when))
        if appointment.task:
            rows.insert(2, ("To do", appointment.task))
    return rows


def _script(call: Call, *, may_see: bool) -> SafeString:
    """The version that the call was held by, and of which code."""
    named: object = call.script or "built-in"
    if call.script and may_see:
        named = format_html('<a href="{}">{}</a>', reverse("admin:calls_script_change", args=[call.script.pk]), named)
    return format_html("{} <small>{}</small>", named, call.script_version)


def _with_local_time(at: datetime, call: Call) -> str:
    """The instant in UTC and, where it is known, on the lead's clock."""
    local = local_time(at, call)
    return f"{instant(at)} UTC" + (f", {local}" if local else "")


def local_time(at: datetime, call: Call) -> str:
    """The instant on the lead's clock; "" where the lead may be in several zones."""
    zones = (call.lead.zone,) if call.lead.zone else phone.zones_of(call.to_number)
    return f"{at.astimezone(ZoneInfo(zones[0])):%a %H:%M} in {zones[0]}" if len(zones) == 1 else ""


def _bubble(turn: Turn) -> Bubble:
    timings = turn.timings if turn.speaker == "agent" else {}
    wait_ms = timings.get("first_audio_ms")
    steps = ", ".join(f"{label} {timings[key]} ms" for key, label in _STEPS.items() if timings.get(key) is not None)
    return Bubble(
        turn=turn,
        who=turn.agent.replace("_", " ") or turn.speaker,
        at=clock(turn.start_ms),
        wait="" if wait_ms is None else f"{wait_ms / 1000:.1f} s",
        slow=wait_ms is not None and wait_ms > 1500,
        steps=steps,
    )
