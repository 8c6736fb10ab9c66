"""Budgets in the admin: what is left of each, and the page that shows and sets what it allows."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.alert import AlertRuleInline
from billing.admin.base import MoneyAdmin, bar, rounded
from billing.admin.budget_form import LIMITS, BudgetForm
from billing.admin.budget_page import page_of
from billing.admin.dialing import DialingMixin
from billing.admin.retiring import InUse, RetiringMixin
from billing.domain.money import shown
from billing.domain.periods import Period
from billing.domain.rates import Kind
from billing.models import Balance, Budget, Scope
from billing.services import budgets
from billing.services.budgets import FIXED, BudgetRefused
from billing.services.card import card_at
from billing.services.ledger import is_stopped

_NO_PRICES = (
    "No carrier's price is in {0}, so no call that this budget concerns is dialed: make a budget in {1}, or enter "
    "the rates in {0}."
)
_WHOSE = {Scope.COMPANY: "every call", Scope.CAMPAIGN: "its campaigns"}


_ALLOWED = {field: f"allowed_{field}" for field in LIMITS}


def _allowed(field: str) -> Callable[["BudgetAdmin", Budget], str]:
    @admin.display(description=BudgetForm.Meta.labels[field])
    def allowed(_admin: "BudgetAdmin", budget: Budget) -> str:
        limit = getattr(budget, field)
        return "no limit" if limit is None else shown(limit, budget.currency)

    return allowed


@admin.register(Budget)
class BudgetAdmin(RetiringMixin, DialingMixin, MoneyAdmin):
    form = BudgetForm
    inlines = [AlertRuleInline]
    list_display = ["name", "whose", "today", "this_month", "in_all", "state"]
    list_filter = [InUse]
    search_fields = ["name", "source"]
    ordering = ["name"]
    change_form_template = "admin/billing/budget/change_form.html"
    empty_sentence = "There is no budget yet, and nothing is dialed without one: add one, then name it in a campaign."
    allowed_limit, allowed_day_limit, allowed_week_limit, allowed_month_limit, allowed_call_limit = map(
        _allowed, LIMITS
    )
    fieldsets = [
        (None, {"fields": ["name", "scope", "source"]}),
        (
            "What it allows",
            {
                "fields": [*LIMITS],
                "description": "A call is dialed only where its worst case fits into every limit. "
                "A change counts at once, also for the periods that are running.",
            },
        ),
        ("Currency and time zone", {"fields": ["currency", "zone"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Budget | None = None) -> Any:
        """Who may only read sees the limits as amounts, not as the column holds them."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (name, {**options, "fields": [_ALLOWED.get(field, field) for field in options["fields"]]})
            for name, options in fieldsets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        """With the balances of the periods that are running, in one query for all."""
        running = Balance.objects.filter(window__contains=timezone.now())
        found: QuerySet[Budget] = super().get_queryset(request)
        return found.prefetch_related(Prefetch("balances", queryset=running, to_attr="running"))

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> list[str]:
        fixed = FIXED if obj is not None and budgets.fixed_fields(obj) else ()
        return [*fixed, *super().get_readonly_fields(request, obj)]

    def has_delete_permission(self, request: HttpRequest, obj: Budget | None = None) -> bool:
        """Not once money was held: the ledger stays."""
        booked = obj is not None and obj.balances.exists()
        return not booked and super().has_delete_permission(request, obj)

    @admin.display(description="pays for", ordering="scope")
    def whose(self, budget: Budget) -> str:
        if budget.scope == Scope.SOURCE:
            return f"leads from {budget.source}"
        return _WHOSE[Scope(budget.scope)]

    @admin.display(description="today")
    def today(self, budget: Budget) -> SafeString:
        return _cell(budget, Period.DAY)

    @admin.display(description="this month")
    def this_month(self, budget: Budget) -> SafeString:
        return _cell(budget, Period.MONTH)

    @admin.display(description="in all", ordering="limit")
    def in_all(self, budget: Budget) -> SafeString:
        return _cell(budget, Period.TOTAL)

    @admin.display(description="state")
    def state(self, budget: Budget) -> SafeString:
        return state_of(budget, at=timezone.now())

    def save_model(self, request: HttpRequest, obj: Budget, form: BudgetForm, change: bool) -> None:
        """A budget that is there is changed under its lock, by what was typed alone."""
        now = timezone.now()
        if change:
            budgets.change(obj.pk, form.typed(), form.limits(), at=now)
        else:
            obj.save()
        priced = {rate.currency for rate in card_at(now).rates.values() if rate.kind is Kind.CARRIER}
        if priced and obj.currency not in priced:
            messages.warning(request, _NO_PRICES.format(obj.currency, " and ".join(sorted(priced))))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        extra = dict(extra_context or {})
        if object_id and (budget := self.get_object(request, unquote(object_id))):
            extra |= page_of(budget, request.user, now=timezone.now())
        try:
            return super().changeform_view(request, object_id, form_url, extra)
        except BudgetRefused as refused:  # calls held money since the form was checked
            messages.error(request, f"Nothing was changed. {refused}")
            return redirect(request.path)


def state_of(budget: Budget, *, at: datetime) -> SafeString:
    """Retired, stopped, used up in one of its periods, or open. ``budget.running`` are the balances of now."""
    if budget.retired_at is not None:
        return format_html('<span class="badge badge-plain">{}</span>', "retired")
    if is_stopped(budget, at=at):
        return format_html('<span class="badge badge-bad" title="{}">stopped</span>', budget.stopped_reason)
    running: Iterable[Balance] = budget.running  # type: ignore[attr-defined]  # prefetched
    if any(one.free is not None and one.free <= 0 for one in running):
        return format_html('<span class="badge badge-warn">{}</span>', "used up")
    return format_html('<span class="badge badge-good">{}</span>', "open")


def _cell(budget: Budget, period: Period) -> SafeString:
    """What is free, with a bar, and what is spent and held; a period in which nothing was held yet is empty."""
    running: Iterable[Balance] = budget.running  # type: ignore[attr-defined]  # prefetched
    balance = next(
        (one for one in running if one.period == period), Balance(period=period.value, limit=budget.limit_of(period))
    )
    currency = budget.currency
    free = "no limit" if balance.free is None else f"{rounded(balance.free)} {currency} free"
    of = "" if balance.limit is None else f" of {rounded(balance.limit)}"
    held = f", {rounded(balance.held)} held" if balance.held else ""
    return format_html(
        '<div class="money-cell">{}{}<small>{} spent{}{}</small></div>',
        free,
        bar(balance.used, balance.limit, currency),
        rounded(balance.spent),
        held,
        of,
    )
