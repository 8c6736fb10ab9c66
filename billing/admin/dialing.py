"""Stop and resume dialing, on a budget's page."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.models import Budget
from billing.services import stops
from billing.services.ledger import is_stopped

_FIELDS = ("dialing", "dialing_state")


class DialingMixin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For the budgets' admin: whether its calls are dialed, with a button, as a last section of the page.

    The button posts the page's form to an address of its own, which reads the reason alone.
    """

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), *_FIELDS]

    def get_fieldsets(self, request: HttpRequest, obj: Budget | None = None) -> Any:
        fieldsets = [
            (name, {**options, "fields": [field for field in options["fields"] if field not in _FIELDS]})
            for name, options in super().get_fieldsets(request, obj)
        ]
        may_press = obj is not None and self.has_change_permission(request, obj)
        field = "dialing" if may_press else "dialing_state"
        dialed_on = obj is not None and obj.retired_at is None
        return [*fieldsets, ("Dialing", {"fields": [field]})] if dialed_on else fieldsets

    @admin.display(description="dialing")
    def dialing(self, budget: Budget) -> SafeString:
        if is_stopped(budget, at=timezone.now()):
            return format_html(
                '{} <p><button type="submit" class="button" formnovalidate formaction="{}">Resume dialing'
                "</button></p>",
                self.dialing_state(budget),
                reverse("admin:billing_budget_dialing", args=[budget.pk, "resume"]),
            )
        return format_html(
            '{} <p><input name="stop_reason" class="vTextField" maxlength="200" aria-label="Reason of the stop" '
            'placeholder="Reason"> <button type="submit" class="button" formnovalidate formaction="{}">Stop dialing'
            "</button></p>",
            self.dialing_state(budget),
            reverse("admin:billing_budget_dialing", args=[budget.pk, "stop"]),
        )

    @admin.display(description="dialing")
    def dialing_state(self, budget: Budget) -> SafeString:
        if not is_stopped(budget, at=timezone.now()):
            return format_html("<strong>On.</strong> {}", "Its calls are dialed as far as its limits allow.")
        until = f"until {budget.stopped_until:%Y-%m-%d %H:%M} UTC" if budget.stopped_until else "until it is resumed"
        return format_html(
            "<strong>Stopped</strong> since {} UTC, {}. {}",
            f"{budget.stopped_at:%Y-%m-%d %H:%M}",
            until,
            budget.stopped_reason,
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.dialing_view)
        return [path("<int:pk>/dialing/<str:move>/", view, name="billing_budget_dialing"), *super().get_urls()]

    def dialing_view(self, request: HttpRequest, pk: int, move: str) -> HttpResponse:
        budget = get_object_or_404(Budget, pk=pk)
        if not self.has_change_permission(request, budget):
            raise PermissionDenied
        if request.method != "POST" or move not in ("stop", "resume"):
            return HttpResponseNotAllowed(["POST"])
        if move == "stop":
            self._stop(request, budget)
        elif stops.resume(budget, request.user, timezone.now()):
            messages.success(request, f"Dialing on {budget.name} goes on.")
        else:
            messages.info(request, f"Dialing on {budget.name} was not stopped.")
        return redirect("admin:billing_budget_change", pk)

    def _stop(self, request: HttpRequest, budget: Budget) -> None:
        who = request.user.get_username()
        why = " ".join(request.POST.get("stop_reason", "").split())[:200]
        reason = f"{who} stopped it: {why}" if why else f"{who} stopped it."
        if stops.stop(budget, reason, request.user, timezone.now()):
            messages.success(
                request, f"Dialing on {budget.name} is stopped; calls that are live go on. Resume it here."
            )
        else:
            messages.info(request, f"Dialing on {budget.name} is stopped already.")
