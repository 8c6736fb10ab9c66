"""Budgets and their ledger in the admin."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from billing.models import Budget, LedgerEntry


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    class Meta:
        model = Budget
        fields = ["name", "limit"]


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = BudgetForm
    list_display = ["name", "limit"]


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
