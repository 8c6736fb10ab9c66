"""What lists say of numbers: scrubs, a company's own do-not-call entries, checks of a number's owner."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from calls.admin.base import BaseAdmin, ReadOnlyAdmin, shown_phone, utc
from calls.domain import phone
from calls.models import CompanySuppression, NumberCheck, Scrub


class NumberForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """A record about a number, however it is typed."""

    phone = forms.CharField(max_length=30, help_text="Such as 303-555-0100.")

    def clean_phone(self) -> str:
        try:
            return phone.parse(self.cleaned_data["phone"])
        except phone.BadNumber as error:
            raise forms.ValidationError(str(error)) from None


class _OfNumber(BaseAdmin):
    """Evidence: added, never edited or deleted."""

    form = NumberForm
    typed: tuple[str, ...] = ()
    stamped = ""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return list(self.typed) if obj is None else ["number", *self.typed[1:], "added"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="phone", ordering="phone")
    def number(self, entry: Any) -> SafeString:
        return shown_phone(entry.phone)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        setattr(obj, self.stamped, timezone.now())
        obj.save()


@admin.register(CompanySuppression)
class CompanySuppressionAdmin(_OfNumber):
    typed, stamped = ("phone", "company", "said"), "created_at"
    list_display = ["number", "company", "said", "added"]
    list_filter = ["company"]
    search_fields = ["phone", "company"]
    added = utc("created_at", "added")
    empty_sentence = (
        "No company has numbers of its own that it never calls. Opt-outs are on the list for all of them."
    )


@admin.register(NumberCheck)
class NumberCheckAdmin(_OfNumber):
    typed, stamped = ("phone", "answer", "source"), "checked_at"
    list_display = ["number", "answer", "source", "added"]
    list_filter = ["answer"]
    search_fields = ["phone", "source"]
    added = utc("checked_at", "checked")
    empty_sentence = "No number was looked up yet. An answer that it was reassigned stops every call to it."


@admin.register(Scrub)
class ScrubAdmin(ReadOnlyAdmin):
    list_display = ["list", "of", "count", "areas", "file_name", "imported"]
    list_filter = ["list"]
    fields = ["list", "of", "count", "areas", "file_name", "sha256", "imported"]
    of = utc("as_of", "as of")
    imported = utc("imported_at", "imported")
    empty_sentence = "No list was imported yet: run manage.py scrub import FILE --as-of DATE."

    @admin.display(description="covers")
    def areas(self, scrub: Scrub) -> str:
        shown = ", ".join(scrub.covers[:8])
        return f"{shown} and {len(scrub.covers) - 8} more" if len(scrub.covers) > 8 else shown
