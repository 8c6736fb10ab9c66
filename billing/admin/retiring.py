"""Retire a budget and bring it back, on its page; and the list's filter for those that are retired."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.models import Budget
from billing.services import retiring
from billing.services.retiring import CannotRetire

_FIELDS = ("retirement", "retirement_state")


class InUse(admin.SimpleListFilter):
    """Which budgets are listed; those in use, unless others are chosen."""

    title = "use"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("retired", "Retired"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        in_use, *others = super().choices(changelist)
        yield {**in_use, "display": "In use"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Budget]) -> QuerySet[Budget]:
        match self.value():
            case "all":
                return queryset
            case "retired":
                return queryset.filter(retired_at__isnull=False)
        return queryset.filter(retired_at__isnull=True)


class RetiringMixin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For the budgets' admin: whether it pays for calls at all, with a button, as the last section of the page."""

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), *_FIELDS]

    def get_fieldsets(self, request: HttpRequest, obj: Budget | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        field = "retirement" if self.has_change_permission(request, obj) else "retirement_state"
        return [*fieldsets, ("Use", {"fields": [field]})]

    @admin.display(description="use")
    def retirement(self, budget: Budget) -> SafeString:
        move, label = ("retire", "Retire") if budget.retired_at is None else ("bring-back", "Bring back")
        return format_html(
            '{} <p><button type="submit" class="button" formnovalidate formaction="{}">{}</button></p>',
            self.retirement_state(budget),
            reverse("admin:billing_budget_retirement", args=[budget.pk, move]),
            label,
        )

    @admin.display(description="use")
    def retirement_state(self, budget: Budget) -> SafeString:
        if budget.retired_at is None:
            return format_html("<strong>In use.</strong> {}", "One that is retired pays for no new call.")
        return format_html(
            "<strong>Retired</strong> since {} UTC. {}",
            f"{budget.retired_at:%Y-%m-%d %H:%M}",
            "It pays for no new call; calls that it held for settle on it.",
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.retirement_view)
        own = path("<int:pk>/retirement/<str:move>/", view, name="billing_budget_retirement")
        return [own, *super().get_urls()]

    def retirement_view(self, request: HttpRequest, pk: int, move: str) -> HttpResponse:
        """POST from the button of the budget's page."""
        budget = get_object_or_404(Budget, pk=pk)
        if not self.has_change_permission(request, budget):
            raise PermissionDenied
        if request.method != "POST" or move not in ("retire", "bring-back"):
            return HttpResponseNotAllowed(["POST"])
        try:
            self._retire(request, budget) if move == "retire" else self._bring_back(request, budget)
        except CannotRetire as error:
            messages.error(request, str(error))
        return redirect("admin:billing_budget_change", pk)

    def _retire(self, request: HttpRequest, budget: Budget) -> None:
        with transaction.atomic():
            if retiring.retire(budget.pk, at=timezone.now()):
                self.log_change(request, budget, "Retired.")
                messages.success(request, f"{budget.name} is retired: it pays for no new call.")
            else:
                messages.info(request, f"{budget.name} is retired already.")

    def _bring_back(self, request: HttpRequest, budget: Budget) -> None:
        with transaction.atomic():
            if retiring.bring_back(budget.pk):
                self.log_change(request, budget, "Brought back.")
                messages.success(request, f"{budget.name} is in use again.")
            else:
                messages.info(request, f"{budget.name} was not retired.")
