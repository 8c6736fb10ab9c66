"""Imports of leads: what each file came to, line by line."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from calls.admin.base import ReadOnlyAdmin, badge, utc
from calls.models import LeadImport, LeadRow

_ROWS_PER_PAGE = 100


@admin.register(LeadImport)
class LeadImportAdmin(ReadOnlyAdmin):
    list_display = ["file_name", "campaign", "imported_at", "imported", "duplicates", "rejected"]
    list_filter = ["campaign"]
    list_select_related = ["campaign"]
    search_fields = ["file_name"]
    date_hierarchy = "created_at"
    fields = [("campaign", "created_at")]
    imported_at = utc("created_at", "imported")
    change_form_template = "admin/calls/leadimport/change_form.html"
    empty_sentence = "Nothing was imported yet. Open a campaign and press Import leads."

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {**(extra_context or {}), **self._rows(request, object_id)}
        return super().change_view(request, object_id, form_url, extra)

    def _rows(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        source = self.get_object(request, object_id)
        if source is None:
            return {}
        fate = request.GET.get("fate", "")
        if fate not in LeadRow.Fate.values:
            fate = ""
        rows = source.rows.select_related("lead").order_by("line")
        page = Paginator(rows.filter(fate=fate) if fate else rows, _ROWS_PER_PAGE).get_page(request.GET.get("page"))
        counts = {
            "": source.imported + source.duplicates + source.rejected,
            LeadRow.Fate.IMPORTED.value: source.imported,
            LeadRow.Fate.DUPLICATE.value: source.duplicates,
            LeadRow.Fate.REJECTED.value: source.rejected,
        }
        return {
            "import": source,
            "title": f"Import of {source.file_name}",
            "subtitle": "",
            "tabs": [(name, name or "all", count, name == fate) for name, count in counts.items()],
            "fate": fate,
            "page": page,
            "pages": list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)),
            "fates": [(row, badge(row.fate)) for row in page.object_list],
        }
