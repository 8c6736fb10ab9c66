"""Leads: who they are, why they are called or not, and what came of it."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from calls.admin.base import BaseAdmin, ago_or_in, badge, counted, figures, instant, person, shown_phone, utc
from calls.domain import phone
from calls.models import Consent, Lead
from calls.models.call import DISPOSITION_CHOICES
from calls.models.lead import LeadStatus
from calls.services import campaigns, following, opting_out, persons

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
            "priority",
            "next_attempt_at",
        ]

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
    fields = ["kind", "source", "given_at", "recorded"]
    readonly_fields = ["recorded"]
    recorded = utc("recorded_at", "recorded")

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
        "status_badge",
        "outcome",
        "attempts",
        "next_attempt",
    ]
    list_filter = ["status", "campaign", DispositionFilter, "interest", "priority"]
    list_select_related = ["campaign"]
    search_fields = ["name", "phone", "email", "address"]
    date_hierarchy = "created_at"
    autocomplete_fields = ["campaign"]
    actions = ["reopen", "never_call_again", "link_as_one_person", "unlink"]
    empty_sentence = "There is no lead yet. Open a campaign and press Import leads, or add one here."
    readonly_fields = ["progress", "number", "history"]
    fieldsets = [
        ("Who", {"fields": ["campaign", "phone", "name", "email"]}),
        ("Interest", {"fields": ["interest", "address", "source"]}),
        ("Where", {"fields": ["state", "zone"]}),
        ("When", {"fields": ["priority", "next_attempt_at"]}),
    ]
    _known = [
        ("Now", {"fields": ["progress", "history"]}),
        ("Who", {"fields": ["campaign", "number", "name", "email"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Lead | None = None) -> Any:
        """Calls and consents belong to a number in a campaign: another number is another lead."""
        return [*self._known, *self.fieldsets[1:]] if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Lead | None = None) -> Any:
        return [*self.readonly_fields, "campaign"] if obj else self.readonly_fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"next_attempt_at": timezone.now(), **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Lead, form: Any, change: bool) -> None:
        """Only what was edited: a call may have ended since the form was shown."""
        obj.save(update_fields=form.changed_data if change else None)
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

    @admin.display(description="calls and decisions")
    def history(self, lead: Lead) -> SafeString:
        context = {"calls": lead.calls.all()[:_SHOWN], "decisions": lead.decisions.all()[:_SHOWN]}
        return render_to_string("admin/calls/lead/history.html", context)

    @admin.action(description="Reopen selected leads", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        count = campaigns.reopen(list(queryset.values_list("pk", flat=True)), now=timezone.now())
        left = queryset.filter(status=LeadStatus.CLOSED).count()
        messages.success(request, f"{counted(count, 'lead is', 'leads are')} open and due now.")
        if left:
            messages.warning(request, f"{counted(left, 'lead stays', 'leads stay')} closed: on the do-not-call list.")

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
        persons.link(ids, by=str(request.user), now=timezone.now())
        messages.success(request, f"{len(ids)} leads are one person: an opt-out of one holds for all their numbers.")
        self._follow(request, ids)

    @admin.action(description="Selected leads are nobody else", permissions=["change"])
    def unlink(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        count = persons.unlink(queryset.values_list("pk", flat=True))
        messages.success(request, f"{counted(count, 'lead is', 'leads are')} linked with no other any more.")

    def has_suppress_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.add_suppression")
