"""Caller IDs: which numbers leads see, how often, and how people answer them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from calls.admin.base import BaseAdmin, badge, counted, instant, shown_phone, utc
from calls.carrier import dialer
from calls.domain import phone
from calls.domain.pacing import RANG_AT_LEAST, Answers
from calls.models import CallerId
from calls.services import caller_id_health, keeping_caller_ids
from calls.services.caller_ids import used_today


class NumbersForm(forms.Form):
    numbers = forms.CharField(
        label="Numbers",
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "vLargeTextField", "placeholder": "303-555-0150, Denver office"}
        ),
        help_text="One a line; a label may follow after a comma. The carrier is asked whether it is yours.",
        error_messages={"required": "Write at least one number."},
    )
    daily_cap = forms.IntegerField(
        min_value=1,
        initial=100,
        help_text="Calls from each of them in 24 hours, in all campaigns.",
        error_messages={"min_value": "Allow at least one call a day, or deactivate the number."},
    )


class CallerIdForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    class Meta:
        model = CallerId
        fields = ["label", "daily_cap"]


@admin.register(CallerId)
class CallerIdAdmin(BaseAdmin):
    form = CallerIdForm
    list_display = ["shown_number", "label", "area", "state", "today", "answered"]
    list_display_links = ["shown_number"]
    list_filter = ["active"]
    list_per_page = 50
    search_fields = ["number", "label"]
    actions = ["activate", "deactivate", "end_rest"]
    confirmed = utc("owned_at", "confirmed by the carrier")
    readonly_fields = [
        "shown_number",
        "area",
        "standing",
        "today",
        "answered_last",
        "answered_before",
        "used_by",
        "confirmed",
    ]
    fields = ["shown_number", "label", "area", "standing", "daily_cap", *readonly_fields[3:]]
    empty_sentence = "There is no caller ID yet: leads see TWILIO_FROM_NUMBER, as often as calls are made."

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        one = context["original"]
        return super().render_change_form(request, {**context, "rests": _rests(one)}, *args, **kwargs)

    @admin.display(description="number", ordering="number")
    def shown_number(self, one: CallerId) -> SafeString:
        return shown_phone(one.number)

    @admin.display(description="area")
    def area(self, one: CallerId) -> str:
        return phone.state_of(one.number) or phone.country_of(one.number) or "-"

    @admin.display(description="state")
    def state(self, one: CallerId) -> SafeString:
        """The word alone, with until when it rests; the page tells why."""
        if one.active and _rests(one):
            return _told("resting", f"until {instant(one.rests_until)} UTC")
        return format_html("{}", badge("in use" if one.active else "inactive"))

    @admin.display(description="answered lately, before")
    def answered(self, one: CallerId) -> SafeString:
        health = caller_id_health.health_of(one, now=timezone.now())
        return format_html("{}<br><small>{}</small>", _rate(health.last), _rate(health.before))

    @admin.display(description="state")
    def standing(self, one: CallerId) -> SafeString:
        if not one.active:
            return _told("inactive", one.inactive_why)
        if _rests(one):
            return _told("resting", f"Until {instant(one.rests_until)} UTC. {one.rests_why}.")
        return _told("in use", "")

    @admin.display(description="last 24 hours")
    def today(self, one: CallerId) -> SafeString:
        used = used_today([one.number], now=timezone.now())[one.number]
        tone = "bad" if used >= one.daily_cap else "plain"
        return format_html('<span class="tone-{} nowrap">{} of {}</span>', tone, used, one.daily_cap)

    @admin.display(description="answered lately")
    def answered_last(self, one: CallerId) -> str:
        return _rate(caller_id_health.health_of(one, now=timezone.now()).last)

    @admin.display(description="answered before")
    def answered_before(self, one: CallerId) -> str:
        return _rate(caller_id_health.health_of(one, now=timezone.now()).before)

    @admin.display(description="campaigns")
    def used_by(self, one: CallerId) -> SafeString | str:
        chosen = [
            (reverse("admin:calls_campaign_change", args=[campaign.pk]), campaign.name)
            for campaign in one.campaigns.order_by("name")
        ]
        return format_html_join(", ", '<a href="{}">{}</a>', chosen) or "Campaigns that have chosen none."

    def get_urls(self) -> list[URLPattern]:
        own = path("<int:pk>/act/<str:act>/", self.admin_site.admin_view(self.act_view), name="calls_callerid_act")
        return [own, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Many numbers at once, each with its fate told."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NumbersForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and self._take(request, form):
            return redirect("admin:calls_callerid_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add caller IDs",
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/calls/callerid/add.html", context)

    def _take(self, request: HttpRequest, form: NumbersForm) -> bool:
        """Whether all lines were taken; else the form is shown again with the reasons."""
        typed, cap = form.cleaned_data["numbers"], form.cleaned_data["daily_cap"]
        done = keeping_caller_ids.add(typed, daily_cap=cap, dialer=dialer())
        for one in CallerId.objects.filter(number__in=done.new):
            self.log_addition(request, one, "Added.")
        if done.new:
            messages.success(request, f"{counted(len(done.new), 'caller ID was', 'caller IDs were')} added.")
        if done.known:
            messages.info(request, f"{', '.join(done.known)}: there already, not changed.")
        for sentence in done.doubtful:
            messages.warning(request, sentence)
        for sentence in done.wrong:
            form.add_error("numbers", sentence)
        return not done.wrong

    def act_view(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        """POST from a button of the number's page."""
        one = get_object_or_404(CallerId, pk=pk)
        if not self.has_change_permission(request, one):
            raise PermissionDenied
        if request.method != "POST" or act not in self.actions:
            return HttpResponseNotAllowed(["POST"])
        getattr(self, act)(request, CallerId.objects.filter(pk=pk))
        return redirect("admin:calls_callerid_change", pk)

    @admin.action(description="Activate selected caller IDs", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[CallerId]) -> None:
        for one in queryset.filter(active=False):
            try:
                doubtful = keeping_caller_ids.activate(one, dialer())
            except keeping_caller_ids.NotOurs as error:
                messages.error(request, str(error))
                continue
            self._did(request, one, "Activated.", "is used from now on.")
            if doubtful:
                messages.warning(request, doubtful)

    @admin.action(description="Deactivate selected caller IDs", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[CallerId]) -> None:
        for one in queryset.filter(active=True):
            keeping_caller_ids.deactivate(one, by=request.user.get_username())
            self._did(request, one, "Deactivated.", "is not used any more.")

    @admin.action(description="End the rest of selected caller IDs", permissions=["change"])
    def end_rest(self, request: HttpRequest, queryset: QuerySet[CallerId]) -> None:
        for one in queryset:
            if caller_id_health.end_rest(one, now=timezone.now()):
                self._did(request, one, "Rest ended.", "is used again, and judged by its calls from now on.")

    def _did(self, request: HttpRequest, one: CallerId, note: str, told: str) -> None:
        self.log_change(request, one, note)
        messages.success(request, f"{one.number} {told}")


def _rests(one: CallerId) -> bool:
    return one.rests_until is not None and one.rests_until > timezone.now()


def _told(word: str, why: str) -> SafeString:
    return format_html("{}<br><small>{}</small>", badge(word), why) if why else format_html("{}", badge(word))


def _rate(answers: Answers) -> str:
    """Of so few calls the rate is nothing to go by, so it is not shown."""
    if not answers.rang:
        return "-"
    share = f"{answers.rate:.0%}, " if answers.rang >= RANG_AT_LEAST else ""
    return f"{share}{answers.answered} of {answers.rang}"
