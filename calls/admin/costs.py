"""Costs: what calls cost and brought, and whether budgets were kept to."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from billing.domain.periods import Period
from billing.models import Balance
from billing.services.auditing import audit
from calls.admin.base import ReadOnlyAdmin, money
from calls.admin.charts import chart_of
from calls.domain.costs import Dimension, Figures
from calls.models import Campaign, CostDaily
from calls.services import budget_report, cost_report, costs
from calls.services.budget_report import Compliance
from calls.services.cost_report import Asked, BadQuestion, Outlook
from calls.services.uplift import uplift_since

_PER_PAGE = 50
_LINES_AT_ONCE = 100
_FIELDS = ("since", "until", "campaign", "by", "currency")


_COLUMNS = (
    "Cost",
    "Dials",
    "Conversations",
    "Qualified",
    "Appointments",
    "Talked",
    "Per dial",
    "Per conversation",
    "Per qualified",
    "Per appointment",
)

_BUDGET_COLUMNS = ("Limit", "Spent", "Held", "Share", "Calls", "Stopped", "Corrections", "Above holds", "Alerts")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table, in words."""

    label: str
    cells: Sequence[str]


@admin.register(CostDaily)
class CostsAdmin(ReadOnlyAdmin):
    """Only pages of figures: the rows themselves say nothing to people."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.changelist_view), name="calls_costdaily_changelist"),
            path("export/<str:kind>", wrap(self.export_view), name="calls_costdaily_export"),
            path("budgets/", wrap(self.budgets_view), name="calls_costdaily_budgets"),
            path("budgets/export/<str:kind>", wrap(self.budgets_export_view), name="calls_costdaily_budgets_export"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page; with status 400 and a sentence where what is asked makes no sense."""
        self._check_may_see(request)
        today, wrong = costs.day_of(timezone.now()), ""
        try:
            asked = cost_report.asked(**_asked_in(request), today=today)
        except BadQuestion as error:
            asked, wrong = cost_report.asked(today=today), str(error)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Costs",
            "media": self.media,
            "wrong": wrong,
            "form": _form(asked),
            "address": urlencode(_address(asked)),
            **({} if wrong else _figures(asked, request, today=today)),
        }
        template = "admin/calls/costs/costs.html"
        return TemplateResponse(request, template, context, status=400 if wrong else 200)

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The same figures as a file; ``kind`` is csv or json."""
        self._check_may_see(request)
        try:
            if kind not in ("csv", "json"):
                raise BadQuestion(f"Costs are not exported as {kind[:20]!r}: choose csv or json.")
            asked = cost_report.asked(**_asked_in(request), today=costs.day_of(timezone.now()))
        except BadQuestion as error:
            return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
        answer = cost_report.answer(asked)
        question = asked.question
        name = f"costs-by-{asked.dimension}-{question.since}-{question.until}.{kind}"
        if kind == "csv":
            return streamed(request, cost_report.csv_lines(answer), "text/csv; charset=utf-8", name)
        return streamed(request, [cost_report.json_text(cost_report.as_json(answer))], "application/json", name)

    def budgets_view(self, request: HttpRequest) -> HttpResponse:
        """Whether budgets were kept to; with ``check``, also whether the ledger proves it."""
        self._check_may_see(request, "billing.view_budget")
        asked, period, wrong = _asked_of_budgets(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Budget compliance",
            "media": self.media,
            "wrong": wrong,
            "form": {
                **_form(asked),
                "periods": [("", "every period", not period), *((one, one, one == period) for one in Period)],
            },
            **({} if wrong else _compliance(asked, period, request)),
        }
        template = "admin/calls/costs/budgets.html"
        return TemplateResponse(request, template, context, status=400 if wrong else 200)

    def budgets_export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The same as a file; ``kind`` is csv or json."""
        self._check_may_see(request, "billing.view_budget")
        asked, period, wrong = _asked_of_budgets(request)
        if wrong or kind not in ("csv", "json"):
            sentence = wrong or f"Budgets are not exported as {kind[:20]!r}: choose csv or json."
            return HttpResponseBadRequest(sentence, content_type="text/plain; charset=utf-8")
        question = asked.question
        found = budget_report.periods(question.since, question.until, period=period)
        name = f"budgets-{question.since}-{question.until}.{kind}"
        if kind == "csv":
            return streamed(request, budget_report.csv_lines(found), "text/csv; charset=utf-8", name)
        return streamed(request, budget_report.json_lines(found), "application/json", name)

    def _check_may_see(self, request: HttpRequest, *permissions: str) -> None:
        if not self.has_view_permission(request) or not request.user.has_perms(permissions):
            raise PermissionDenied


def streamed(request: HttpRequest, lines: Iterable[str], content_type: str, name: str) -> StreamingHttpResponse:
    """A file to be saved, sent as it is made."""
    # A synchronous body would be read whole into memory under ASGI, an asynchronous one under WSGI.
    body = _some_by_some(lines) if isinstance(request, ASGIRequest) else lines
    response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


async def _some_by_some(lines: Iterable[str]) -> AsyncIterator[str]:
    """In the request's thread, since lines may be read from the database as they are sent."""
    left = iter(lines)
    while some := await sync_to_async("".join)(islice(left, _LINES_AT_ONCE)):
        yield some


def _asked_in(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "").strip() for name in _FIELDS}


def _address(asked: Asked) -> dict[str, object]:
    """What leads to the same figures again."""
    question = asked.question
    return {
        "since": question.since,
        "until": question.until,
        "campaign": question.campaign_id or "",
        "by": asked.dimension.value,
        "currency": question.currency,
    }


def _form(asked: Asked) -> dict[str, Any]:
    """What may be chosen, and what is."""
    question = asked.question
    campaigns = [(str(key), name) for key, name in Campaign.objects.values_list("pk", "name")]
    currencies = sorted({*costs.currencies(), question.currency})
    return {
        "since": question.since.isoformat(),
        "until": question.until.isoformat(),
        "campaigns": [(key, name, key == str(question.campaign_id)) for key, name in campaigns],
        "dimensions": [(one.value, cost_report.NAMES[one], one is asked.dimension) for one in Dimension],
        "currencies": [(one, one == question.currency) for one in currencies] if len(currencies) > 1 else [],
    }


def _figures(asked: Asked, request: HttpRequest, *, today: date) -> dict[str, Any]:
    answer = cost_report.answer(asked)
    if not answer.rows:
        return {"empty": True}
    page: Page[cost_report.Row] = Paginator(answer.rows, _PER_PAGE).get_page(request.GET.get("page"))
    currency = asked.question.currency
    total = _line("all", answer.total, currency)
    days = cost_report.every_day(asked, answer.days)
    return {
        "dimension": cost_report.NAMES[asked.dimension],
        "figures": list(zip(_COLUMNS, total.cells, strict=True)),
        "chart": chart_of(days, lambda cost: amount(cost, currency)),
        "days": [_line(one.day.isoformat(), one.figures, currency) for one in reversed(answer.days)],
        "outlooks": [_outlook(one, currency) for one in cost_report.outlooks(asked.question, today=today)],
        "lines": [_line(row.label, row.figures, currency) for row in page.object_list],
        "total": total,
        "uplift": _uplift(asked) if "uplift" in request.GET else "",
        "columns": _COLUMNS,
        "zone": settings.REPORT_ZONE,
        "page": page,
        "pages": _pages(page, _address(asked)),
    }


def _asked_of_budgets(request: HttpRequest) -> tuple[Asked, str, str]:
    """The days, the period, and a sentence where they make no sense."""
    today, period = costs.day_of(timezone.now()), request.GET.get("period", "").strip()
    since, until = request.GET.get("since", "").strip(), request.GET.get("until", "").strip()
    try:
        if period and period not in list(Period):
            raise BadQuestion(f"There is no period {period[:20]!r}: choose one of {', '.join(Period)}.")
        return cost_report.asked(since=since, until=until, today=today), period, ""
    except BadQuestion as error:
        return cost_report.asked(today=today), "", str(error)


def _compliance(asked: Asked, period: str, request: HttpRequest) -> dict[str, Any]:
    question = asked.question
    found = budget_report.periods(question.since, question.until, period=period)
    page: Page[Balance] = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
    address = {"since": question.since, "until": question.until, "period": period}
    balances = list(page.object_list)
    told = zip(balances, budget_report.compliance_of(balances), strict=True)
    return {
        "rows": [{"budget": balance.budget_id, **_budget(one)} for balance, one in told],
        "columns": _BUDGET_COLUMNS,
        "over": budget_report.overspent(found),
        "checked": audit() if "check" in request.GET else None,
        "address": urlencode(address),
        "page": page,
        "pages": _pages(page, address),
    }


def _budget(row: Compliance) -> dict[str, object]:
    def cell(value: Decimal | None) -> str:
        return "-" if value is None else amount(value, row.currency)

    share = "-" if row.share is None else f"{row.share:.1%}"
    return {
        "label": row.budget,
        "period": row.period,
        "begins": "-" if row.since is None else f"{row.since:%Y-%m-%d}",
        "zone": row.zone,
        "kept": row.kept,
        "cells": [
            cell(row.limit),
            cell(row.spent),
            cell(row.held),
            share,
            f"{row.calls:,}",
            f"{row.stopped:,}",
            cell(row.corrections),
            cell(row.excess),
            f"{row.alerts:,}",
        ],
    }


def _uplift(asked: Asked) -> str:
    """What the premium voice brings, since the first day; on request, since it looks at each call."""
    question = asked.question
    since = datetime.combine(question.since, time(), ZoneInfo(settings.REPORT_ZONE))
    campaign = Campaign.objects.select_related("budget").filter(pk=question.campaign_id or 0).first()
    return uplift_since(since, campaign=campaign, currency=question.currency).sentence


def _pages(page: Page[Any], address: Mapping[str, object]) -> list[tuple[object, str]]:
    """The numbers of pages to choose from, each with what leads there; "" for a gap."""
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    return [(one, urlencode({**address, "page": one}) if isinstance(one, int) else "") for one in numbers]


def _line(label: str, figures: Figures, currency: str) -> Line:
    per = (figures.per_dial, figures.per_conversation, figures.per_qualified, figures.per_appointment)
    counts = (figures.dials, figures.conversations, figures.qualified, figures.appointments)
    return Line(
        label,
        [
            amount(figures.cost, currency),
            *(f"{count:,}" for count in counts),
            talked(figures.seconds),
            *("-" if one is None else amount(one, currency) for one in per),
        ],
    )


def _outlook(outlook: Outlook, currency: str) -> Mapping[str, object]:
    one = outlook.forecast
    return {
        "name": outlook.name,
        "last": outlook.last,
        "so_far": amount(one.so_far, currency),
        "at_end": amount(one.at_end, currency),
        "low": amount(one.low, currency),
        "high": amount(one.high, currency),
    }


def amount(value: Decimal, currency: str) -> str:
    """For reading: ``$1,234.50``, or ``1,234.50 EUR``; four places below ten cents."""
    return f"{'-' if value < 0 else ''}{money(abs(value), currency)}"


def talked(seconds: int) -> str:
    """``1:02:03``, in hours, minutes and seconds."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours:,}:{rest // 60:02}:{rest % 60:02}"
