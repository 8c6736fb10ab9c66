"""Campaigns: their list with counts, their form, the buttons that start and stop them, and the upload of leads."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.domain.voicemail import problems
from billing.domain.periods import IN_WORDS, Period
from billing.domain.tier import Wish
from billing.models import Balance, Budget, Scope
from billing.services.ledger import is_stopped
from calls.admin import talk, upload
from calls.admin.base import BaseAdmin, badge, figures, money
from calls.admin.cadence import LeadListInline, RetryRuleInline
from calls.admin.calling_window import WindowInline
from calls.admin.fields import DatesField, date_input
from calls.admin.schedule import ScheduleInline, save_schedules
from calls.admin.transfer_targets import TransferTargetInline
from calls.admin.words import CampaignWordInline
from calls.models import Appointment, Call, CallingWindow, Campaign, Lead, Schedule, Script
from calls.models.campaign import CampaignStatus
from calls.models.lead import LeadStatus
from calls.services import campaigns, funding, gates, watching_queues
from calls.services.campaigns import CampaignError
from calls.services.funding import Purse
from calls.services.pacing import room
from calls.services.reach import survey
from calls.services.terms import NO_PREMIUM

_MOVES: dict[str, tuple[Callable[..., object], str]] = {
    "start": (campaigns.start, "{} is running: leads that are due are called from now on."),
    "pause": (campaigns.pause, "{} is paused: nothing new is dialed; calls that are live go on."),
    "pause_now": (partial(campaigns.pause, hang_up=True), "{} is paused; its calls are being hung up."),
    "finish": (campaigns.finish, "{} is finished."),
    "finish_now": (partial(campaigns.finish, hang_up=True), "{} is finished; its calls are being hung up."),
    "hang_up": (campaigns.hang_up, "The calls of {} are being hung up."),
}
_LOGGED = {"pause_now": "Pause, calls hung up", "finish_now": "Finish, calls hung up", "hang_up": "Calls hung up"}
_HOURS = {"starts_on", "ends_on", "skips_holidays", "closed_on"}


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    closed_on = DatesField(
        label="Closed days", required=False, help_text="Further days without calls: 2026-12-24, 2026-12-31."
    )

    class Meta:
        model = Campaign
        fields = [
            "name",
            "budget",
            "tier",
            "appointment_value",
            "holdout_percent",
            "company_name",
            "agent_name",
            "script",
            "caller_ids",
            "starts_on",
            "ends_on",
            "skips_holidays",
            "closed_on",
            "public_lists",
            "max_concurrency",
            "max_attempts",
            "max_call_s",
            "needs",
            "voicemail_message",
            "calendar",
            "transfer_mode",
            "records",
            "recordings_days",
        ]
        widgets = {
            "caller_ids": forms.CheckboxSelectMultiple(),
            "voicemail_message": forms.Textarea(attrs={"rows": 3}),
            "starts_on": date_input(),
            "ends_on": date_input(),
        }
        labels = {
            "caller_ids": "Caller IDs",
            "tier": "Voice",
            "starts_on": "First day",
            "ends_on": "Last day",
            "holdout_percent": "Held out of premium, in percent",
            "max_concurrency": "Calls at a time",
            "max_attempts": "Attempts a lead",
            "max_call_s": "Longest call in seconds",
            "needs": "Voice worker needs",
            "voicemail_message": "Message",
        }
        help_texts = {
            "starts_on": "",
            "ends_on": "After it the campaign is finished.",
            "budget": "What the calls may cost together; its limits are set under Billing.",
            "tier": "Local costs nothing by the character. Premium where it pays decides for each call, and within "
            "it, by what the lead is worth.",
            "appointment_value": "What an appointment is worth to you, in the budget's currency.",
            "holdout_percent": "So many of the calls that premium is chosen for stay local, from 0 to 50: the "
            "difference is what premium brings.",
            "max_concurrency": "",
            "max_attempts": "Then the lead is closed.",
            "max_call_s": "A call ends politely after so many seconds.",
            "needs": "Calls wait for a worker that has it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        script = self.fields.get("script")
        if isinstance(script, forms.ModelChoiceField):  # older versions are for looking things up
            script.queryset = Script.objects.newest() | Script.objects.filter(pk=self.instance.script_id)
            script.empty_label = "the built-in script"
        if "caller_ids" in self.fields:  # added many at once, on a page that is no popup
            setattr(self.fields["caller_ids"].widget, "can_add_related", False)  # noqa: B010 - the admin's wrapper
        budget = self.fields.get("budget")
        if isinstance(budget, forms.ModelChoiceField):  # a source's budget pays by the lead, whatever the campaign
            # The one that it has stays a choice, so that a form without an edit of it can be saved.
            offered = Q(retired_at__isnull=True) | Q(pk=self.instance.budget_id)
            budget.queryset = Budget.objects.exclude(scope=Scope.SOURCE).filter(offered)

    def clean_voicemail_message(self) -> str:
        """Raises ValidationError with a sentence for each thing that is missing or too much."""
        message: str = self.cleaned_data["voicemail_message"].strip()
        company = self.cleaned_data.get("company_name") or settings.COMPANY_NAME
        if message and (wrong := problems(message, company=company)):
            raise ValidationError(wrong)
        return message

    def clean_max_call_s(self) -> int:
        """Raises ValidationError where no worker lets a call last as long."""
        seconds: int = self.cleaned_data["max_call_s"]
        if "max_call_s" in self.changed_data and seconds > (most := settings.VOICE.max_call_s):
            wrong = f"Voice workers end every call after {most} s: choose no more, or have VOICE_MAX_CALL_S raised."
            raise ValidationError(wrong)
        return seconds

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = typed.get("starts_on"), typed.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", f"The last day, {last}, is before the first, {first}: choose a later one.")
        elif last and "ends_on" in self.changed_data and campaigns.is_over(last, now=timezone.now()):
            self.add_error("ends_on", f"{last} is over: choose a later day.")
        return typed


def _count(queryset: QuerySet[Any]) -> Coalesce:
    """How many of ``queryset`` belong to each campaign; a subquery, since joins would multiply one another."""
    per_campaign = queryset.order_by().filter(campaign=OuterRef("pk")).values("campaign").annotate(n=Count("pk"))
    return Coalesce(Subquery(per_campaign.values("n"), output_field=IntegerField()), 0)


@admin.register(Campaign)
class CampaignAdmin(BaseAdmin):
    form = CampaignForm
    list_display = ["name", "status_badge", "open_leads", "calls_now", "booked", "spent"]
    list_filter = ["status"]
    list_select_related = ["budget"]
    search_fields = ["name", "company_name"]
    actions = ["start_selected", "pause_selected"]
    readonly_fields = ["progress"]
    inlines = [
        WindowInline,
        ScheduleInline,
        RetryRuleInline,
        CampaignWordInline,
        TransferTargetInline,
        LeadListInline,
    ]
    empty_sentence = "There is no campaign yet. Add one with a budget, import leads into it and start it."
    fieldsets = [
        (None, {"fields": ["name", "budget"]}),
        ("Who calls", {"fields": ["company_name", "agent_name", "caller_ids"]}),
        ("What is said", {"fields": ["script"]}),
        (
            "When",
            {
                "fields": [("starts_on", "ends_on"), "skips_holidays", "closed_on"],
                "description": "In the lead's local time. The law's hours hold as well: these only narrow them.",
            },
        ),
        ("The law", {"fields": ["public_lists"]}),
        ("Appointments", {"fields": ["calendar"]}),
        ("Voice", {"fields": ["tier", "appointment_value", "holdout_percent"]}),
        (
            "Voicemail",
            {
                "fields": ["voicemail_message"],
                "description": "Left after the beep; empty: hang up. The law asks for the caller's name and a "
                "toll-free number to opt out with (47 CFR 64.1200(b)(3)): call from one, or write one here.",
            },
        ),
        ("Recording", {"fields": ["records", "recordings_days"]}),
        (
            "People who take calls over",
            {
                "fields": ["transfer_mode"],
                "description": "A person who asks for somebody is put through to those named below.",
            },
        ),
        ("How much", {"fields": ["max_concurrency", "max_attempts", "max_call_s", "needs"]}),
    ]
    _progress = ("Now", {"fields": ["progress"]})

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        return [self._progress, *self.fieldsets] if obj else self.fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        campaigns: QuerySet[Any] = super().get_queryset(request).select_related("budget")
        campaigns = campaigns.prefetch_related(Balance.prefetch_total("budget__balances"))
        annotated: QuerySet[Any] = campaigns.annotate(
            open_lead_count=_count(Lead.objects.filter(status=LeadStatus.OPEN)),
            unfinished_call_count=_count(Call.objects.unfinished()),
            appointment_count=_count(Appointment.objects.all()),
            task_count=_count(Appointment.objects.exclude(task="")),
        )
        return annotated

    @admin.display(description="status", ordering="status")
    def status_badge(self, campaign: Campaign) -> SafeString | str:
        return badge(campaign.status)

    @admin.display(description="open leads", ordering="open_lead_count")
    def open_leads(self, campaign: Any) -> SafeString:
        url = reverse("admin:calls_lead_changelist")
        return format_html(
            '<a href="{}?campaign__id__exact={}&status__exact=open">{}</a>',
            url,
            campaign.pk,
            campaign.open_lead_count,
        )

    @admin.display(description="calls now", ordering="unfinished_call_count")
    def calls_now(self, campaign: Any) -> int:
        return int(campaign.unfinished_call_count)

    @admin.display(description="appointments", ordering="appointment_count")
    def booked(self, campaign: Any) -> SafeString | int:
        if not campaign.task_count:
            return int(campaign.appointment_count)
        url = f"{reverse('admin:calls_appointment_changelist')}?campaign__id__exact={campaign.pk}&task=open"
        to_do = format_html('<a href="{}" class="tone-bad">{} to do</a>', url, campaign.task_count)
        return format_html("{}, {}", campaign.appointment_count, to_do)

    @admin.display(description="spent of budget", ordering="budget__name")
    def spent(self, campaign: Campaign) -> SafeString:
        total, currency = campaign.budget.total, campaign.budget.currency
        held = f", {money(total.held, currency)} held" if total.held else ""
        of = "" if total.limit is None else f" of {money(total.limit, currency)}"
        tone = "bad" if total.free is not None and total.free <= 0 else "plain"
        return format_html('<span class="tone-{}">{}{}{}</span>', tone, money(total.spent, currency), of, held)

    @admin.display(description="progress")
    def progress(self, campaign: Any) -> SafeString:
        now = timezone.now()
        table = figures(
            [
                ("Status", self.status_badge(campaign)),
                ("Open leads", self.open_leads(campaign)),
                ("Calls now", self.calls_now(campaign)),
                ("Appointments", self.booked(campaign)),
                *_pace(campaign),
                *((purse.budget.name, _purse(purse)) for purse in funding.purses(campaign, now=now)),
            ]
        )
        if campaign.status == CampaignStatus.FINISHED:
            return table
        why = _why_nothing(campaign, now=now) if campaign.status == CampaignStatus.RUNNING else ""
        stopped = format_html('<p class="not-payable"><strong>Nothing is dialed:</strong> {}</p>', why) if why else ""
        return format_html("{}{}{}", table, stopped, _who(campaign, now=now))

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        """Only what was edited: the status may have moved since the form was shown."""
        columns = [name for name in form.changed_data if not obj._meta.get_field(name).many_to_many]
        obj.save(update_fields=columns if change else None)
        if Wish(obj.tier) is not Wish.LOCAL and not settings.VOICE.elevenlabs_api_key:
            messages.warning(request, NO_PREMIUM)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is Schedule:
            save_schedules(formset, now=timezone.now())
        else:
            super().save_formset(request, form, formset, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """New hours hold from the next decision on: leads that the old ones put off are due again."""
        super().save_related(request, form, formsets, change)
        windows = any(one.model is CallingWindow and one.has_changed() for one in formsets)
        if windows or _HOURS & set(form.changed_data):
            campaigns.hours_changed(form.instance.pk, now=timezone.now())

    @admin.action(description="Start selected campaigns", permissions=["change"])
    def start_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move_all(request, queryset, "start")

    @admin.action(description="Pause selected campaigns", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move_all(request, queryset, "pause")

    def _move_all(self, request: HttpRequest, queryset: QuerySet[Campaign], move: str) -> None:
        for campaign in queryset:
            self._move(request, campaign, move)

    def _move(self, request: HttpRequest, campaign: Campaign, move: str) -> None:
        service, sentence = _MOVES[move]
        try:
            service(campaign.pk, now=timezone.now())
        except CampaignError as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, campaign, f"{_LOGGED.get(move, move.capitalize())}.")
            messages.success(request, sentence.format(campaign.name))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<path:object_id>/move/<str:move>/", wrap(self.move_view), name="calls_campaign_move"),
            path("<path:object_id>/import/", wrap(self.import_view), name="calls_campaign_import"),
            path("<path:object_id>/talk/offer/", wrap(self.talk_offer_view), name="calls_campaign_talk_offer"),
            path("<path:object_id>/talk/", wrap(self.talk_view), name="calls_campaign_talk"),
        ]
        return [*own, *super().get_urls()]

    def move_view(self, request: HttpRequest, object_id: str, move: str) -> HttpResponse:
        """POST from a button of the campaign's page."""
        campaign = get_object_or_404(Campaign, pk=_key(object_id))
        if not self.has_change_permission(request, campaign):
            raise PermissionDenied
        if request.method != "POST" or move not in _MOVES:
            return HttpResponseNotAllowed(["POST"])
        self._move(request, campaign, move)
        return redirect("admin:calls_campaign_change", campaign.pk)

    def import_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return upload.import_view(self, request, object_id)

    def talk_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return talk.talk_view(self, request, object_id)

    def talk_offer_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return talk.offer_view(self, request, object_id)


def _pace(campaign: Campaign) -> list[tuple[str, str]]:
    """How many more calls a running campaign may make at this moment, and what keeps it from more."""
    running = campaign.status == CampaignStatus.RUNNING
    return [("Pace", room(campaign, now=timezone.now()).why)] if running else []


def _why_nothing(campaign: Campaign, *, now: datetime) -> str:
    """Why a campaign that runs dials nobody, whoever its leads are; '' where it does."""
    halted = " ".join(verdict.reason for verdict in gates.ask_campaign(campaign, now=now))
    return halted or funding.why_not_payable(campaign, now=now) or watching_queues.why_unserved(campaign)


def _who(campaign: Campaign, *, now: datetime) -> SafeString | str:
    """How many of the next leads may be called now, and why the others may not."""
    found = survey(campaign, now=now)
    if not found.asked:
        return format_html('<p class="reach">{}</p>', "There is no open lead: import some.")
    asked = "its open leads" if found.all else f"{found.asked} of its open leads"
    says = format_html("<strong>{} of {}</strong> may be called now.", found.dialable, asked)
    reasons = format_html_join("", "<li>{}</li>", ((one,) for one in found.sentences()))
    return format_html('<div class="reach"><p>{}</p><ul>{}</ul></div>', says, reasons)


def _purse(purse: Purse) -> SafeString:
    """What is free of a budget in its tightest period, linked to its page."""
    balance, currency = purse.balance, purse.budget.currency
    tone = "bad" if balance.free is not None and balance.free <= 0 else "plain"
    free = "no limit" if balance.free is None else f"{money(balance.free, currency)} free"
    of = f"{money(balance.spent, currency)} spent"
    of += f", {money(balance.held, currency)} held" if balance.held else ""
    of += "" if balance.limit is None else f" of {money(balance.limit, currency)} {IN_WORDS[Period(balance.period)]}"
    stopped = "; dialing is stopped" if is_stopped(purse.budget, at=timezone.now()) else ""
    stopped = "; retired" if purse.budget.retired_at else stopped
    return format_html(
        '<a href="{}"><span class="tone-{}">{}</span></a><br><small>{}{}</small>',
        reverse("admin:billing_budget_change", args=[purse.budget.pk]),
        tone,
        free,
        of,
        stopped,
    )


def _key(object_id: str) -> int:
    """The number in the address; -1, which no campaign has, for anything else."""
    text = unquote(object_id)
    return int(text) if text.isdecimal() and len(text) < 19 else -1
