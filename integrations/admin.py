"""Webhook endpoints and their deliveries in the admin."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from integrations import services
from integrations.models import Delivery, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # a plain class while it runs
    list_display = ["__str__", "url", "active", "created_at"]
    list_filter = ["active"]
    search_fields = ["url", "description"]
    readonly_fields = ["secret", "created_at"]
    actions = ["send_test_event"]

    def get_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> tuple[str, ...]:
        """The secret is made on saving, and shown to those who may change the endpoint."""
        if obj is None:
            return "url", "description", "active"
        secret = ("secret",) if self.has_change_permission(request, obj) else ()
        return "url", "description", "active", *secret, "created_at"

    @admin.action(description="Send a test event", permissions=["change"])
    def send_test_event(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset:
            if not endpoint.active:
                self.message_user(request, f"{endpoint} is inactive: activate it first.", messages.ERROR)
                continue
            delivery = services.send_test_event(endpoint, now=timezone.now())
            self.message_user(request, f"{endpoint}: {delivery} goes out in a moment, see its delivery.")


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = [
        "id",
        "endpoint",
        "event_type",
        "call",
        "state",
        "attempts",
        "next_attempt_at",
        "delivered_at",
        "last_error",
    ]
    list_filter = ["endpoint", "event_type", "delivered_at"]
    list_select_related = ["endpoint", "call"]
    search_fields = ["=id", "last_error"]
    date_hierarchy = "created_at"
    actions = ["send_again"]

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = services.send_again(queryset.values_list("pk", flat=True), now=timezone.now())
        self.message_user(request, f"{count} deliveries go out again in a moment.")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integrations.change_delivery")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False
