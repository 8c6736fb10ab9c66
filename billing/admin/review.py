"""Money to review in the admin: what no rule decides, and the two buttons that decide it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.base import ReadOnlyMoneyAdmin, by_reference, link_to_call
from billing.models import Review
from billing.services import deciding
from billing.services.deciding import ReviewError


class Decided(admin.SimpleListFilter):
    """Which reviews are listed; those that wait for somebody, unless another is chosen."""

    title = "decision"
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("accepted", "Accepted"), ("dismissed", "Dismissed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        still_open, *others = super().choices(changelist)
        yield {**still_open, "display": "Open"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        match self.value():
            case "all":
                return queryset
            case "accepted" | "dismissed" as decision:
                return queryset.filter(decision=decision)
        return queryset.filter(decision="")


@admin.register(Review)
class ReviewAdmin(ReadOnlyMoneyAdmin):
    """Nothing is edited here; who may change reviews may accept and dismiss them."""

    list_display = ["since", "found", "of_call", "state"]
    list_display_links = ["since"]
    list_filter = [Decided, "kind"]
    search_fields = ["reference"]
    search_help_text = "A call's id, or how it begins."
    actions = ["accept_selected", "dismiss_selected"]
    fields = ["since", "kind_text", "text", "of_call", "state"]
    empty_sentence = "There is nothing to review: every cost and every price fits."

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_review")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Review], search_term: str
    ) -> tuple[QuerySet[Review], bool]:
        return (by_reference(queryset, search_term) if search_term.strip() else queryset), False

    @admin.action(description="Accept: charge or credit it", permissions=["decide"])
    def accept_selected(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        for review in queryset.order_by("opened_at", "pk"):
            try:
                sentence = deciding.accept(review.pk, by=request.user.get_username(), at=timezone.now())
            except ReviewError as error:
                messages.error(request, f"{_name(review)}: {error}")
            else:
                messages.success(request, f"{_name(review)}: {sentence}")

    @admin.action(description="Dismiss: leave the balances as they are", permissions=["decide"])
    def dismiss_selected(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        dismissed = 0
        for review in queryset.order_by("opened_at", "pk"):
            try:
                deciding.dismiss(review.pk, by=request.user.get_username(), at=timezone.now())
            except ReviewError as error:
                messages.error(request, f"{_name(review)}: {error}")
            else:
                dismissed += 1
        if dismissed:
            messages.success(request, f"{dismissed} dismissed; no balance was changed.")

    @admin.display(description="since (UTC)", ordering="opened_at")
    def since(self, review: Review) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', f"{review.opened_at:%Y-%m-%d %H:%M}")

    @admin.display(description="what", ordering="kind")
    def kind_text(self, review: Review) -> str:
        return review.get_kind_display()

    @admin.display(description="what was found", ordering="kind")
    def found(self, review: Review) -> SafeString:
        return format_html("<strong>{}</strong><br>{}", review.get_kind_display(), review.text)

    @admin.display(description="call")
    def of_call(self, review: Review) -> SafeString | str:
        return link_to_call(review.reference)

    @admin.display(description="decision", ordering="decision")
    def state(self, review: Review) -> SafeString:
        if not review.decision:
            return format_html('<span class="badge badge-warn">{}</span>', "open")
        tone = "good" if review.decision == Review.Decision.ACCEPTED else "plain"
        return format_html(
            '<span class="badge badge-{}">{}</span><br><small>{}, {}</small>',
            tone,
            review.decision,
            review.decided_by,
            f"{review.decided_at:%Y-%m-%d %H:%M}",
        )


def _name(review: Review) -> str:
    return f"Call {str(review.reference)[:8]}, {review.get_kind_display()}"
