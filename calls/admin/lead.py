"""Leads: who they are, why they are called or not, and what came of it."""

from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from calls.admin.base import (
    BaseAdmin,
    ago_or_in,
    badge,
    counted,
    figures,
    instant,
    person,
    shown_phone,
    verdict_rows,
)
from calls.admin.call_analysis import shown_fact
from calls.admin.lead_lists import ListFilter, MoveForm, move_to_list
from calls.domain import phone
from calls.domain.compliance import Dial, Never, Wait
from calls.models import Call, Consent, Decision, Lead, LeadList
from calls.models.call import DISPOSITION_CHOICES
from calls.models.lead import LeadStatus
from calls.services import campaigns, following, gates, opting_out, persons, recordings, remembering, rules

_SHOWN = 10


class LeadForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    phone = forms.CharField(max_length=30, help_text="Such as 303-555-0100, or +44 20 7183 8750 abroad.")

    class Meta:
        model = Lead
        fields = [
            "campaign",
            "phone",
            "name",
            "email",
            "interest",
            "address",
            "state",
            "zone",
            "source",
            "list",
            "priority",
            "next_attempt_at",
            "commitment_at",
            "last_transaction_at",
            "last_inquiry_at",
        ]
        labels = {
            "next_attempt_at": "Next attempt at (UTC)",
            "commitment_at": "Promised time (UTC)",
            "last_transaction_at": "Last transaction at (UTC)",
            "last_inquiry_at": "Last inquiry at (UTC)",
        }
        help_texts = {"commitment_at": "When the person asked to be called; empty: no promise."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("next_attempt_at", "commitment_at"):
            # A call that ends while the form is open sets these: what the form showed tells an edit from that.
            self.fields[name].show_hidden_initial = True
        offered = self.fields.get("list")
        if isinstance(offered, forms.ModelChoiceField) and self.instance.pk:
            offered.queryset = LeadList.objects.filter(campaign=self.instance.campaign_id)

    def clean_list(self) -> LeadList | None:
        chosen: LeadList | None = self.cleaned_data["list"]
        campaign = self.instance.campaign if self.instance.pk else self.cleaned_data.get("campaign")
        if chosen is not None and campaign is not None and chosen.campaign_id != campaign.pk:
            raise forms.ValidationError(f"The list {chosen.name} is of another campaign: choose one of {campaign}.")
        return chosen

    def clean_commitment_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["commitment_at"]
        if at is None or "commitment_at" not in self.changed_data:
            return at
        if at <= timezone.now():
            raise forms.ValidationError(
                f"{at:%Y-%m-%d %H:%M} UTC has passed: enter a time to come, or leave it empty for no promise."
            )
        if self.instance.status == LeadStatus.CLOSED:
            raise forms.ValidationError("The lead is closed: reopen it, then enter when it is to be called.")
        return at

    def clean_phone(self) -> str:
        try:
            return phone.parse(self.cleaned_data["phone"])
        except phone.BadNumber as error:
            raise forms.ValidationError(str(error)) from None

    def clean_state(self) -> str:
        code: str = self.cleaned_data["state"].strip().upper()
        if code and code not in phone.STATE_CODES:
            raise forms.ValidationError(f"{code} is not a state of the US: write its two letters, such as CO.")
        return code

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"].strip()
        if zone and (zone not in available_timezones() or "/" not in zone):
            raise forms.ValidationError(f"{zone} is not an IANA time zone: write one such as America/Denver.")
        return zone


class ConsentInline(admin.TabularInline):  # type: ignore[type-arg]
    """Evidence: it can be added, never edited."""

    model = Consent
    extra = 0
    can_delete = False
    fields = ["kind", "scope", "seller", "source", "given_at", "expires_at", "state"]
    readonly_fields = ["state"]

    @admin.display(description="revoked")
    def state(self, consent: Consent) -> str:
        return f"{consent.revoked_at:%Y-%m-%d}: {consent.revoked_why}" if consent.revoked_at else "-"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DispositionFilter(admin.SimpleListFilter):
    """The outcomes in the words of the list."""

    title = "last outcome"
    parameter_name = "disposition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return DISPOSITION_CHOICES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        return queryset.filter(disposition=self.value()) if self.value() else queryset


@admin.register(Lead)
class LeadAdmin(BaseAdmin):
    form = LeadForm
    inlines = [ConsentInline]
    list_display = [
        "who",
        "campaign",
        "list",
        "status_badge",
        "outcome",
        "attempts",
        "next_attempt",
    ]
    list_filter = ["status", "campaign", ListFilter, DispositionFilter, "interest", "priority"]
    list_select_related = ["campaign", "list"]
    action_form = MoveForm
    search_fields = ["name", "phone", "email", "address"]
    date_hierarchy = "created_at"
    autocomplete_fields = ["campaign"]
    actions = ["reopen", "move_to_list", "never_call_again", "link_as_one_person", "unlink", "erase_talk"]
    empty_sentence = "There is no lead yet. Open a campaign and press Import leads, or add one here."
    readonly_fields = ["progress", "number", "known", "history"]
    fieldsets = [
        ("Who", {"fields": ["campaign", "phone", "name", "email"]}),
        ("Interest", {"fields": ["interest", "address", "source"]}),
        ("Where", {"fields": ["state", "zone"]}),
        (
            "When",
            {
                "fields": ["list", "priority", "next_attempt_at", "commitment_at"],
                "description": "A promised time goes before the cadence and is kept even when all attempts are used. "
                "Outside the legal hours it waits for the next opening.",
            },
        ),
        (
            "Business with us",
            {
                "fields": ["last_transaction_at", "last_inquiry_at"],
                "description": "An established business relationship frees a number from the public do-not-call "
                "lists for a while. It never replaces consent.",
            },
        ),
    ]
    _known = [
        ("Now", {"fields": ["progress", "known", "history"]}),
        ("Who", {"fields": ["campaign", "number", "name", "email"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Lead | None = None) -> Any:
        """Calls and consents belong to a number in a campaign: another number is another lead."""
        return [*self._known, *self.fieldsets[1:]] if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Lead | None = None) -> Any:
        return [*self.readonly_fields, "campaign", "phone"] if obj else self.readonly_fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"next_attempt_at": timezone.now(), **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Lead, form: Any, change: bool) -> None:
        """Only what was edited: a call may have ended since the form was shown. A promise sets the next attempt."""
        changed = list(form.changed_data)
        if "email" in changed:
            opting_out.one_at_a_time()  # before the lead is locked, as a worker does that is about to ring it
        if obj.commitment_at is not None and "commitment_at" in changed:
            obj.next_attempt_at = obj.commitment_at
            changed.append("next_attempt_at")
        obj.save(update_fields=changed if change else None)
        if "email" in form.changed_data:
            self._follow(request, [obj.pk])

    def _follow(self, request: HttpRequest, ids: list[int]) -> None:
        """Leads that turn out to be somebody who has opted out are not called either."""
        if added := following.follow(ids, now=timezone.now()):
            follows = counted(len(added), "number follows", "numbers follow")
            messages.warning(request, f"The same person has opted out before: {follows} onto the do-not-call list.")

    @admin.display(description="name", ordering="name")
    def who(self, lead: Lead) -> SafeString:
        return person(lead.name, lead.phone)

    @admin.display(description="phone", ordering="phone")
    def number(self, lead: Lead) -> SafeString:
        return shown_phone(lead.phone)

    @admin.display(description="status", ordering="status")
    def status_badge(self, lead: Lead) -> SafeString | str:
        return badge(lead.status)

    @admin.display(description="last outcome", ordering="disposition")
    def outcome(self, lead: Lead) -> SafeString | str:
        return badge(lead.disposition)

    @admin.display(description="next attempt", ordering="next_attempt_at")
    def next_attempt(self, lead: Lead) -> str:
        if lead.status == LeadStatus.CLOSED:
            return "-"
        due = max(lead.next_attempt_at, timezone.now())  # a lead that is due waits for a free line
        return f"{ago_or_in(due)}{' (asked for)' if lead.commitment_at else ''}"

    @admin.display(description="progress")
    def progress(self, lead: Lead) -> SafeString:
        rows: list[tuple[str, object]] = [
            ("Status", self.status_badge(lead)),
            ("Last outcome", self.outcome(lead)),
            ("Attempts", lead.attempts),
            ("Next attempt", self.next_attempt(lead)),
            ("Added", f"{instant(lead.created_at)} UTC"),
        ]
        if lead.commitment_at:
            rows.append(("Asked to be called at", f"{instant(lead.commitment_at)} UTC"))
        if lead.closed_reason:
            rows.append(("Closed because", lead.closed_reason))
        return figures(rows)

    @admin.display(description="what is known")
    def known(self, lead: Lead) -> SafeString:
        """Each fact as it was last told on any call of this person."""
        rows = [(*shown_fact(fact.name, fact.value), fact) for fact in remembering.known_of(lead)]
        return render_to_string("admin/calls/lead/known.html", {"known": rows, "lead": lead})

    @admin.display(description="calls and decisions")
    def history(self, lead: Lead) -> SafeString:
        decisions: list[Any] = list(Decision.objects.about(lead)[:_SHOWN])
        for decision in decisions:
            decision.rows = verdict_rows(decision.verdicts)
        context = {"calls": lead.calls.all()[:_SHOWN], "decisions": decisions}
        return render_to_string("admin/calls/lead/history.html", context)

    def get_urls(self) -> list[URLPattern]:
        own = path("<path:object_id>/ask/", self.admin_site.admin_view(self.ask_view), name="calls_lead_ask")
        return [own, *super().get_urls()]

    def ask_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the gates would say at this moment; nothing is kept."""
        key = unquote(object_id)
        known = key.isdecimal() and len(key) < 19
        lead = get_object_or_404(Lead.objects.select_related("campaign"), pk=int(key) if known else -1)
        if not self.has_view_permission(request, lead) or not request.user.has_perm("calls.view_decision"):
            raise PermissionDenied
        now = timezone.now()
        decision = gates.ask(lead, now=now)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"May {lead} be called now?",
            "lead": lead,
            "said": {Dial: "Yes.", Wait: "Not now.", Never: "No."}[type(decision)],
            "reason": getattr(decision, "reason", ""),
            "until": getattr(decision, "until", None),
            "at": now,
            "version": rules.book_at(now).version,
            "verdicts": verdict_rows([gates.as_kept(verdict) for verdict in decision.verdicts]),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/calls/lead/ask.html", context)

    @admin.action(description="Reopen selected leads", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        count = campaigns.reopen(list(queryset.values_list("pk", flat=True)), now=timezone.now())
        left = queryset.filter(status=LeadStatus.CLOSED).count()
        messages.success(request, f"{counted(count, 'lead is', 'leads are')} open and due now.")
        if left:
            messages.warning(request, f"{counted(left, 'lead stays', 'leads stay')} closed: on the do-not-call list.")

    @admin.action(description="Move selected leads to the list chosen beside", permissions=["change"])
    def move_to_list(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        move_to_list(request, queryset)

    @admin.action(description="Never call selected leads again", permissions=["suppress"])
    def never_call_again(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        numbers = set(queryset.values_list("phone", flat=True))
        now, said = timezone.now(), f"Chosen in the admin by {request.user}"
        by = str(request.user)
        requests = [opting_out.OptOut(number, "admin", said, by=by) for number in sorted(numbers)]
        added = len(opting_out.suppress_all(requests, now=now))
        messages.success(request, f"{counted(added, 'number was', 'numbers were')} added to the do-not-call list.")

    @admin.action(description="Selected leads are one person", permissions=["change"])
    def link_as_one_person(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        if len(ids) < 2:
            messages.error(request, "Choose at least two leads that are one person.")
            return
        messages.success(request, f"{len(ids)} leads are one person: an opt-out of one holds for all their numbers.")
        with transaction.atomic():
            opting_out.one_at_a_time()
            persons.link(ids, by=str(request.user), now=timezone.now())
            self._follow(request, ids)

    @admin.action(description="Selected leads are nobody else", permissions=["change"])
    def unlink(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        count = persons.unlink(queryset.values_list("pk", flat=True))
        messages.success(request, f"{counted(count, 'lead is', 'leads are')} linked with no other any more.")

    @admin.action(description="Erase recordings and transcripts of selected leads", permissions=["erase"])
    def erase_talk(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        calls = Call.objects.filter(lead__in=queryset.order_by().values("pk")).exclude(ended_at=None)
        by = str(request.user)
        erased = recordings.erase_talk(calls, why=f"Erased by {by}.", by=by, now=timezone.now())
        told = counted(erased, "recording is", "recordings are")
        messages.success(request, f"{told} erased, and what was said on these leads' calls.")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.delete_recording")

    def has_suppress_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.add_suppression")
