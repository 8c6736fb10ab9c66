"""The do-not-call list: what is on it, how it came there, and the one way off it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from calls.admin.base import BaseAdmin, ReadOnlyAdmin, badge, counted, shown_phone, utc
from calls.admin.fields import csv_file
from calls.admin.records import call_link
from calls.domain import phone
from calls.models import Lead, Suppression, SuppressionEntry
from calls.services import opting_out
from calls.services.importing_do_not_call import FileRefused, ListImport, import_do_not_call

_SHOWN = 50


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    phone = forms.CharField(max_length=30, help_text="It will never be called again, in any campaign.")
    said = forms.CharField(
        label="Reason", max_length=300, help_text="How the person asked, such as: e-mail of 3 March to the office."
    )

    class Meta:
        model = Suppression
        fields = ["phone", "said"]

    def clean_phone(self) -> str:
        try:
            return phone.parse(self.cleaned_data["phone"])
        except phone.BadNumber as error:
            raise forms.ValidationError(str(error)) from None


class LiftForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="What shows that the person wants to be called, such as: signed form of 4 May. Kept for good.",
        error_messages={"required": "Say what shows that the person wants to be called."},
    )


class ListForm(forms.Form):
    file = csv_file()
    reason = forms.CharField(
        max_length=300,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Kept with every number whose row has none of its own, such as: the former list, May 2026.",
    )


class _Shown:
    """How a request is shown, on the list and in the history."""

    @admin.display(description="phone", ordering="phone")
    def number(self, entry: Suppression | SuppressionEntry) -> SafeString:
        return shown_phone(entry.phone)

    @admin.display(description="source", ordering="source")
    def how(self, entry: Suppression | SuppressionEntry) -> SafeString | str:
        words = entry.source.replace("_", " ")
        return format_html("{}, of {}", words, shown_phone(entry.origin)) if entry.origin else words

    @admin.display(description="entered by", ordering="by")
    def who(self, entry: Suppression | SuppressionEntry) -> str:
        return entry.by or "-"

    @admin.display(description="carrier's id")
    def carrier_id(self, entry: Suppression | SuppressionEntry) -> str:
        return entry.reference or "-"

    @admin.display(description="call")
    def of_call(self, entry: Suppression | SuppressionEntry) -> SafeString | str:
        return call_link(entry.call_id)


@admin.register(Suppression)
class SuppressionAdmin(_Shown, BaseAdmin):
    form = SuppressionForm
    change_list_template = "admin/calls/suppression/change_list.html"
    list_display = ["number", "how", "said", "who", "added"]
    list_filter = ["source"]
    search_fields = ["phone", "said", "origin"]
    date_hierarchy = "created_at"
    added = utc("created_at", "added")
    empty_sentence = "Nobody asked not to be called yet. A number that is added here is never called again."

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not even an administrator: see ``lift_view``."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ["number", "how", "said", "who", "added", "carrier_id", "of_call", "leads", "history"]
        return ["phone", "said"] if obj is None else shown

    @admin.display(description="leads")
    def leads(self, entry: Suppression) -> SafeString | str:
        count = Lead.objects.filter(phone=entry.phone).count()
        url = reverse("admin:calls_lead_changelist")
        text = counted(count, "lead has this number", "leads have this number")
        return format_html('<a href="{}?q=%2B{}">{}</a>', url, entry.phone[1:], text)

    @admin.display(description="history of the number")
    def history(self, entry: Suppression) -> SafeString:
        entries = SuppressionEntry.objects.filter(phone=entry.phone)[:_SHOWN]
        rows = [(one, badge(one.kind), self.how(one), self.of_call(one)) for one in entries]
        return render_to_string("admin/calls/suppression/history.html", {"rows": rows})

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        """Through the service, which closes the number's leads and cancels its waiting calls as well."""
        asked = opting_out.OptOut(obj.phone, "admin", obj.said, by=str(request.user))
        added = opting_out.suppress_all([asked], now=timezone.now())
        if obj.phone not in added:
            messages.warning(request, "The number was on the list already; its first entry stays.")
        if others := added - {obj.phone}:
            more = counted(len(others), "other number", "other numbers")
            messages.info(request, f"{more} of the same person followed.")
        obj.pk = Suppression.objects.values_list("pk", flat=True).get(phone=obj.phone)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("import/", wrap(self.import_view), name="calls_suppression_import"),
            path("<int:pk>/lift/", wrap(self.lift_view), name="calls_suppression_lift"),
        ]
        return [*own, *super().get_urls()]

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks for the reason, then takes the number off the list. Its leads stay closed."""
        if not request.user.has_perm("calls.lift_suppression"):
            raise PermissionDenied
        entry = get_object_or_404(Suppression, pk=pk)
        form = LiftForm(request.POST or None)
        if form.is_valid():
            reason, by = form.cleaned_data["reason"], str(request.user)
            opting_out.lift(entry.phone, reason=reason, by=by, now=timezone.now())
            shown = phone.shown(entry.phone)
            messages.success(
                request, f"{shown} is off the do-not-call list. Its leads stay closed until somebody reopens them."
            )
            return redirect(f"{reverse('admin:calls_suppressionentry_changelist')}?q=%2B{entry.phone[1:]}")
        context = {**self._context(request, f"Take {phone.shown(entry.phone)} off the list"), "form": form}
        return TemplateResponse(
            request, "admin/calls/suppression/lift.html", {**context, "entry": entry, "history": self.history(entry)}
        )

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The upload form; after an upload, what the file came to."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ListForm(request.POST, request.FILES) if request.method == "POST" else ListForm()
        done = self._take(request, form) if form.is_valid() else None
        context = {**self._context(request, "Import a do-not-call list"), "form": form, "done": done, "most": _SHOWN}
        return TemplateResponse(request, "admin/calls/suppression/import.html", context)

    def _take(self, request: HttpRequest, form: ListForm) -> ListImport | None:
        try:
            return import_do_not_call(
                form.cleaned_data["file"],
                reason=form.cleaned_data["reason"],
                by=str(request.user),
                now=timezone.now(),
            )
        except FileRefused as error:
            form.add_error("file", str(error))
            return None

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}


@admin.register(SuppressionEntry)
class SuppressionEntryAdmin(_Shown, ReadOnlyAdmin):
    list_display = ["happened", "number", "what", "how_and_who", "said"]
    list_filter = ["kind", "source"]
    search_fields = ["phone", "said", "origin", "by"]
    date_hierarchy = "at"
    fields = ["happened", "number", "what", "how", "said", "who", "carrier_id", "of_call"]
    happened = utc("at", "at")
    empty_sentence = "No number was put on the do-not-call list yet, or taken off it."

    @admin.display(description="source", ordering="source")
    def how_and_who(self, entry: SuppressionEntry) -> SafeString:
        return format_html("{}<br><small>{}</small>", self.how(entry), entry.by)

    @admin.display(description="what", ordering="kind")
    def what(self, entry: SuppressionEntry) -> SafeString | str:
        return badge(entry.kind)
