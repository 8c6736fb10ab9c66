"""What the admin pages share: how values are shown, and how people write what they search for."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.base import ListAdmin, ReadOnly
from calls.domain import phone

_TYPED_PHONE = re.compile(r"\+?[\d\s().\-]{4,}")
_TONES = {
    "running": "good",
    "in use": "good",
    "resting": "warn",
    "inactive": "bad",
    "open": "good",
    "live": "good",
    "imported": "good",
    "appointment": "good",
    "qualified": "good",
    "dial": "good",
    "queued": "busy",
    "claimed": "busy",
    "dialing": "busy",
    "callback_requested": "busy",
    "paused": "warn",
    "unknown": "warn",
    "duplicate": "warn",
    "wait": "warn",
    "voicemail": "warn",
    "failed": "bad",
    "rejected": "bad",
    "do_not_call": "bad",
    "wrong_number": "bad",
    "bad_number": "bad",
    "never": "bad",
    "suppressed": "bad",
    "lifted": "warn",
    "booked": "good",
    "canceled": "bad",
    "written": "good",
    "to be written": "busy",
    "taken there": "bad",
    "draining": "warn",
    "silent": "bad",
    "passed": "good",
    "visit": "good",
    "person_calls": "busy",
    "call": "busy",
    "send_information": "busy",
}


def badge(word: str) -> SafeString | str:
    """A status or disposition as a small coloured label; a dash for none."""
    if not word:
        return "-"
    return format_html(
        '<span class="badge badge-{}">{}</span>', _TONES.get(word, "plain"), word.replace("_", " ").lower()
    )


def clock(milliseconds: int | None) -> str:
    """A length of time as ``m:ss``; a dash for None."""
    if milliseconds is None:
        return "-"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02}"


def dollars(amount: Decimal) -> str:
    """USD for reading: cents, and more places only below ten cents, where cents would hide the amount."""
    return f"${amount:,.4f}" if 0 < amount < Decimal("0.1") else f"${amount:,.2f}"


def money(amount: Decimal, currency: str) -> str:
    """``$0.25`` for dollars, ``0.25 EUR`` for others."""
    return dollars(amount) if currency == "USD" else f"{dollars(amount)[1:]} {currency}"


def ago_or_in(at: datetime) -> str:
    """``at`` as people speak of it near now: "in 20 min", "3 h ago"; the date beyond two days."""
    minutes = round((at - timezone.now()).total_seconds() / 60)
    size = abs(minutes)
    if size < 1:
        return "now"
    if size >= 48 * 60:
        return f"{at:%Y-%m-%d}"
    text = f"{size} min" if size < 60 else f"{round(size / 60)} h"
    return f"in {text}" if minutes > 0 else f"{text} ago"


class BaseAdmin(ListAdmin):
    """A phone number is searched for as people write it."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """A phone number is found however it is written."""
        if _TYPED_PHONE.fullmatch(search_term.strip()):
            search_term = re.sub(r"[\s().\-]", "", search_term)
        return super().get_search_results(request, queryset, search_term)


class ReadOnlyAdmin(ReadOnly, BaseAdmin):
    """Records that the machine writes: to be read, never made, edited or deleted here."""


def shown_phone(number: str) -> SafeString:
    return format_html('<span class="phone">{}</span>', phone.shown(number))


def person(name: str, number: str) -> SafeString:
    """The name with the number below it, for lists that are wide already."""
    return format_html('{}<br><small class="phone">{}</small>', name or "(no name)", phone.shown(number))


def instant(at: datetime | None) -> str:
    """For columns: date and minute in UTC, sortable by eye; a dash for None."""
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"


def utc(field: str, description: str) -> Any:
    """A column or a line of a page: the instant in ``field`` as ``instant`` writes it."""

    @admin.display(description=f"{description} (UTC)", ordering=field)
    def column(_admin: object, record: Model) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', instant(getattr(record, field)))

    return column


def pairs(values: Mapping[str, Any]) -> str:
    """What a gate saw or an event carries, for reading: ``attempts: 0; promised: no``."""

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    # A key with a slash is a time zone, whose name has underscores of its own.
    names = {name: name if "/" in name else name.replace("_", " ") for name in values}
    return "; ".join(f"{names[name]}: {text(value) or '-'}" for name, value in values.items())


def verdict_rows(verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Gate, whether it was open, its reason, what it saw, and the rules that it judged by."""
    return [
        {
            "gate": verdict["gate"],
            "passed": verdict["passed"],
            "reason": verdict.get("reason", ""),
            "saw": pairs(verdict.get("saw") or {}),
            "rules": verdict.get("rules") or [],
        }
        for verdict in verdicts
    ]


def counted(count: int, one: str, many: str) -> str:
    """``1 lead was`` or ``3 leads were``: the number with the words that fit it."""
    return f"{count:,} {one if count == 1 else many}"


def figures(rows: Sequence[tuple[str, object]]) -> SafeString:
    """Labelled values side by side."""
    return render_to_string("admin/calls/figures.html", {"figures": rows})
