"""Budgets and their ledger in the admin."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.models import Budget, LedgerEntry
from billing.services import usd


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    class Meta:
        model = Budget
        fields = ["name", "limit"]

    def clean_limit(self) -> Decimal:
        """The lock lasts until the admin has saved, so no hold can slip between this check and the new limit."""
        limit: Decimal = self.cleaned_data["limit"]
        if self.instance.pk is None:
            return limit
        budget = Budget.objects.select_for_update().get(pk=self.instance.pk)
        if limit < (used := budget.spent + budget.held):
            raise forms.ValidationError(
                f"{usd(limit)} is less than the {usd(budget.spent)} spent and {usd(budget.held)} held: "
                f"enter at least {usd(used)}, or wait for calls to settle."
            )
        return limit


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = BudgetForm
    list_display = ["name", "limit", "spent", "held", "free_usd", "use"]
    search_fields = ["name"]
    readonly_fields = ["spent", "held", "free_usd", "use", "created_at"]
    fields = ["name", "limit", "spent", "held", "free_usd", "use", "created_at"]

    @admin.display(description="free")
    def free_usd(self, budget: Budget) -> str:
        return usd(budget.free) if budget.pk else "-"

    @admin.display(description="use")
    def use(self, budget: Budget) -> SafeString | str:
        if not budget.pk:
            return "-"
        used = budget.spent + budget.held
        percent = int(100 * used / budget.limit) if budget.limit else 0
        return format_html(
            '<progress max="100" value="{}" title="{} of {}"></progress> {} %',
            percent,
            usd(used),
            usd(budget.limit),
            percent,
        )

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        """Only what the form edits: the balances belong to the ledger and may have moved since they were read."""
        obj.save(update_fields=["name", "limit"] if change else None)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["at", "budget", "kind", "amount", "reference"]
    list_filter = ["kind", "budget", "at"]
    list_select_related = ["budget"]
    search_fields = ["^reference"]
    date_hierarchy = "at"
    ordering = ["-at", "-pk"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return False
