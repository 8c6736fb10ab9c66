"""What the pages about money share: how amounts are shown, links to calls, and what an empty list says."""

import re
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

CALL_PAGE = "admin:calls_call_change"
"""By its name alone: what is billed is known here, what is called is not."""
_SMALL = Decimal("0.1")
_HEX = re.compile(r"[0-9a-f]{4,32}")
Row = TypeVar("Row", bound=Model)


class ListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # a plain class while it runs
    """``empty_sentence`` says what to do where the list has nothing to show yet."""

    empty_sentence = ""
    change_list_template = "admin/calls/change_list.html"
    list_per_page = 50
    show_full_result_count = False

    class Media:
        css = {"all": ["calls/admin.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {"empty_sentence": self.empty_sentence, **(extra_context or {})}
        return super().changelist_view(request, extra)


class ReadOnly:
    """Before an admin class: its records are to be read, never made, edited or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MoneyAdmin(ListAdmin):
    class Media:
        css = {"all": ["billing/admin.css"]}


class ReadOnlyMoneyAdmin(ReadOnly, MoneyAdmin):
    """Records that the ledger writes."""

    actions: list[str] | None = None


def rounded(amount: Decimal) -> str:
    """For reading: cents, and more places only below ten cents, where cents would hide the amount."""
    return f"{amount:,.4f}" if 0 < abs(amount) < _SMALL else f"{amount:,.2f}"


def link_to_call(reference: UUID) -> SafeString | str:
    """A link to the call's page, which asks for its own permission; the id alone where there is no such page."""
    try:
        url = reverse(CALL_PAGE, args=[reference])
    except NoReverseMatch:
        return str(reference)[:8]
    return format_html('<a href="{}">{}</a>', url, str(reference)[:8])


def bar(used: Decimal, limit: Decimal | None, currency: str) -> SafeString | str:
    """How much of a limit is used; a limit of nothing is used up."""
    if limit is None:
        return ""
    percent = min(100, int(used / limit * 100)) if limit else 100
    tone = "bad" if percent >= 100 else "warn" if percent >= 80 else "good"
    return format_html(
        '<progress class="purse purse-{}" max="100" value="{}" title="{} of {} {}"></progress>',
        tone,
        percent,
        rounded(used),
        rounded(limit),
        currency,
    )


def by_reference(rows: "QuerySet[Row]", typed: str) -> "QuerySet[Row]":
    """Those of the calls whose id begins with what was typed; a range, which an index finds."""
    digits = typed.strip().replace("-", "").lower()
    if not _HEX.fullmatch(digits):
        return rows.none()
    return rows.filter(reference__range=(UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))))
