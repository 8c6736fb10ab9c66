"""The ledger in the admin: every movement, to be read."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.base import ReadOnlyMoneyAdmin, by_reference, link_to_call
from billing.admin.paging import MOST, BoundedPaginator
from billing.domain.money import shown
from billing.models import LedgerEntry


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyMoneyAdmin):
    """The page of a call asks for its own permission, so every entry links to it."""

    list_display = ["when", "of_budget", "what", "exact", "of_call"]
    list_filter = ["at", "kind", "budget"]
    list_select_related = ["budget"]
    search_fields = ["reference"]
    search_help_text = f"A call's id, or how it begins. The pages lead to the newest {MOST:,} entries that match."
    ordering = ["-at", "-pk"]
    sortable_by = ["when"]  # by its index; any other order would sort them all
    paginator = BoundedPaginator
    fields = ["when", "counts_in", "budget", "what", "exact", "of_call", "parts"]
    empty_sentence = "Nothing was held or charged yet. Entries appear here as soon as calls are dialed."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        return (by_reference(queryset, search_term) if search_term.strip() else queryset), False

    @admin.display(description="at (UTC)", ordering="at")
    def when(self, entry: LedgerEntry) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', f"{entry.at:%Y-%m-%d %H:%M:%S}")

    @admin.display(description="counts in the periods of (UTC)")
    def counts_in(self, entry: LedgerEntry) -> str:
        return f"{entry.booked_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="budget", ordering="budget__name")
    def of_budget(self, entry: LedgerEntry) -> SafeString:
        """Whoever may read the ledger follows it; the budget's page asks for its own permission."""
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:billing_budget_change", args=[entry.budget_id]), entry.budget.name
        )

    @admin.display(description="entry", ordering="kind")
    def what(self, entry: LedgerEntry) -> SafeString:
        cause = format_html(" <small>{}</small>", entry.cause.replace("_", " ")) if entry.cause else ""
        return format_html("{}{}", entry.get_kind_display().lower(), cause)

    @admin.display(description="amount", ordering="amount")
    def exact(self, entry: LedgerEntry) -> SafeString:
        return format_html('<span class="amount">{}</span>', shown(entry.amount, entry.budget.currency))

    @admin.display(description="details")
    def parts(self, entry: LedgerEntry) -> SafeString | str:
        """What a charge is made of, or what a correction goes by, line by line."""
        rows = ((name, value) for name, value in entry.details.items())
        return format_html_join("", "<div>{}: {}</div>", rows) or "-"

    @admin.display(description="call", ordering="reference")
    def of_call(self, entry: LedgerEntry) -> SafeString | str:
        return link_to_call(entry.reference)
