"""Webhook endpoints and their deliveries in the admin."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from calls.admin.base import BaseAdmin
from integrations import secrets, services, tokens
from integrations.calendars import calcom, keeping
from integrations.domain.addresses import refused_url
from integrations.models import ApiToken, CalendarLink, Delivery, Endpoint


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


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Made and revoked, never edited; the token's text is on the page that follows its making, and nowhere else."""

    list_display = ["name", "scope", "start", "created_at", "created_by", "last_used_at", "state"]
    list_filter = ["scope"]
    search_fields = ["name", "begins"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        made = ("name", "scope", "start", "created_at", "created_by", "last_used_at", "revoked_at", "revoked_by")
        return made if obj else ("name", "scope")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj) if obj else ()

    @admin.display(description="begins with", ordering="begins")
    def start(self, token: ApiToken) -> str:
        return f"{token.begins}…"

    @admin.display(description="state", ordering="revoked_at")
    def state(self, token: ApiToken) -> str:
        return "revoked" if token.revoked_at else "valid"

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not change:
            request.new_token = tokens.make(obj, by=str(request.user), now=timezone.now())  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the token. Not by way of a message, which would be kept in a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"The token {obj.name}",
            "text": request.new_token,  # type: ignore[attr-defined]
        }
        page = TemplateResponse(request, "admin/integrations/apitoken/made.html", context)
        page["Cache-Control"] = "no-store"
        return page

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = tokens.revoke(ids, by=str(request.user), now=timezone.now())
        self.message_user(
            request, f"{count} {'token is' if count == 1 else 'tokens are'} revoked: nothing opens with it."
        )

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False


class CalendarLinkForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """The secret is typed, kept sealed, and never shown again."""

    secret = forms.CharField(
        required=False,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        label="Password or key",
        help_text="CalDAV: an app password. Google: the JSON key of the service account with which the calendar is "
        "shared. Cal.com: an API key. It is kept sealed and not shown; empty: the one that is there.",
    )

    class Meta:
        model = CalendarLink
        fields = ["calendar", "kind", "address", "username", "active"]

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        if typed.get("kind") == CalendarLink.Kind.CALDAV and typed.get("address"):
            if why := refused_url(typed["address"], any_address=settings.DEBUG):
                self.add_error("address", why)
            if not typed.get("username"):
                self.add_error("username", "A CalDAV server asks for a user name: enter it.")
        if typed.get("kind") == CalendarLink.Kind.CALCOM:
            self._check_cal_com(typed)
        if not typed.get("secret") and not self.instance.sealed:
            self.add_error("secret", "Without a password or key the calendar does not open: enter it.")
        elif not typed.get("secret") and {"kind", "address"} & set(self.changed_data):
            self.add_error("secret", "The one that is there was entered for another address: enter it again.")
        return typed

    def _check_cal_com(self, typed: dict[str, Any]) -> None:
        if address := typed.get("address"):
            if why := refused_url(address, any_address=settings.DEBUG):
                self.add_error("address", why)
            elif calcom.address_of(address) is None:
                self.add_error("address", f"This is no event type in the API of Cal.com: {calcom.ADDRESS_HELP}")
        if (calendar := typed.get("calendar")) and not calendar.email:
            self.add_error("calendar", calcom.NO_EMAIL)


@admin.register(CalendarLink)
class CalendarLinkAdmin(BaseAdmin):
    form = CalendarLinkForm
    list_display = ["calendar", "kind", "address", "active", "read", "last_error"]
    list_filter = ["kind", "active"]
    list_select_related = ["calendar"]
    search_fields = ["calendar__name", "address"]
    actions = ["check_connection"]
    fields = ["calendar", "kind", "address", "username", "secret", "active", "last_error"]
    empty_sentence = (
        "No calendar is kept elsewhere yet. Connect one of yours with CalDAV, Google Calendar or Cal.com, so that "
        "what is busy there is not offered and what is booked stands there."
    )

    def get_readonly_fields(self, request: HttpRequest, obj: CalendarLink | None = None) -> tuple[str, ...]:
        """What was read and written belongs to the calendar for which it was made."""
        return ("calendar", "last_error") if obj else ("last_error",)

    @admin.display(description="read (UTC)", ordering="calendar__busy_read_at")
    def read(self, link: CalendarLink) -> str:
        at = link.calendar.busy_read_at
        return f"{at:%Y-%m-%d %H:%M}" if at else "not yet"

    def save_model(self, request: HttpRequest, obj: CalendarLink, form: Any, change: bool) -> None:
        if secret := form.cleaned_data["secret"]:
            obj.sealed = secrets.seal(secret)
        keeping.save(obj, now=timezone.now())

    @admin.action(description="Check the connection", permissions=["change"])
    def check_connection(self, request: HttpRequest, queryset: QuerySet[CalendarLink]) -> None:
        for link in queryset.select_related("calendar"):
            if wrong := keeping.check(link):
                self.message_user(request, f"{link.calendar}: {wrong}", messages.ERROR)
            else:
                self.message_user(request, f"{link.calendar}: the calendar answers and may be read and written.")

    def has_delete_permission(self, request: HttpRequest, obj: CalendarLink | None = None) -> bool:
        return False
