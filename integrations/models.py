"""Who wants to know, and what they were told."""

import base64
import secrets
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from integrations.domain.addresses import refused_url
from integrations.domain.webhooks import SECRET_PREFIX


def new_secret() -> str:
    """``whsec_`` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def new_message_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


def check_endpoint_url(url: str) -> None:
    """Raises ValidationError with what to enter instead."""
    if why := refused_url(url, any_address=settings.DEBUG):
        raise ValidationError(why)


class Endpoint(models.Model):
    """A receiver of webhooks. What waits for an inactive one is sent when it is active again."""

    url = models.CharField("URL", max_length=500, validators=[check_endpoint_url])
    secret = models.CharField(
        max_length=80, default=new_secret, editable=False, help_text="The receiver checks signatures with it."
    )
    description = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.description or f"endpoint {self.pk}"


class EventType(models.TextChoices):
    CALL_FINISHED = "call.finished", "call.finished"
    CALL_ANALYSED = "call.analysed", "call.analysed"
    CALL_ANALYSED_BY_MODEL = "call.analysed_by_model", "call.analysed_by_model"
    BUDGET_ALERT = "budget.alert", "budget.alert"
    TROUBLE = "operations.alert", "operations.alert"
    TEST = "endpoint.test", "endpoint.test"


ANALYSED = (EventType.CALL_ANALYSED, EventType.CALL_ANALYSED_BY_MODEL)
"""Of one call there may be several: an analysis is made again when it comes out differently."""


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, *, now: datetime) -> "DeliveryQuerySet":
        return self.filter(next_attempt_at__lte=now, endpoint__active=True).order_by("next_attempt_at", "pk")


class Delivery(models.Model):
    """One message to one endpoint. Its id is the ``webhook-id``, the same in every attempt.

    ``next_attempt_at`` is None when there is nothing more to do; while an attempt runs it is the end of its lease.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_message_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    call = models.ForeignKey(
        "calls.Call", null=True, blank=True, on_delete=models.CASCADE, related_name="webhook_deliveries"
    )
    event_type = models.CharField(max_length=40, choices=EventType.choices)
    payload = models.JSONField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "call", "event_type"],
                condition=~Q(event_type__in=ANALYSED),
                name="an_endpoint_is_told_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="delivery_waiting"
            )
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def state(self) -> str:
        if self.delivered_at:
            return "delivered"
        return "waiting" if self.next_attempt_at else "gave up"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self) -> "ApiTokenQuerySet":
        return self.filter(revoked_at=None)


class ApiToken(models.Model):
    """Lets a program use one part of the REST API. The token is shown once; its SHA-256 is what is kept.

    A token has 256 random bits, so a fast hash without salt gives nothing away.
    """

    class Scope(models.TextChoices):
        DO_NOT_CALL = "do_not_call", "add numbers to the do-not-call list"
        LEADS = "leads", "add leads that want to be called"
        CALLS = "calls", "read calls and their analyses"
        RECORDINGS = "recordings", "redact and erase recordings"
        CONTROL = "control", "put calls through and hold them"
        SUPERVISE = "supervise", "listen to calls, speak on them and take them over"

    name = models.CharField(max_length=80, unique=True, help_text="Who uses it, such as: CRM.")
    scope = models.CharField(max_length=20, choices=Scope.choices, default=Scope.DO_NOT_CALL)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    begins = models.CharField(max_length=12, editable=False, help_text="How the token begins.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name


class CalendarLink(models.Model):
    """The calendar elsewhere that stands behind one of ours: what is busy there is not offered, what is booked is
    written there. ``sealed`` is the password or key (``integrations.secrets``). What an inactive one is to be told
    waits until it is active again.
    """

    class Kind(models.TextChoices):
        CALDAV = "caldav", "CalDAV"
        GOOGLE = "google", "Google Calendar"
        CALCOM = "calcom", "Cal.com"

    calendar = models.OneToOneField("calls.Calendar", on_delete=models.CASCADE, related_name="link")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CALDAV)
    address = models.CharField(
        max_length=500,
        help_text="CalDAV: the URL of the calendar. Google: its ID, such as maria@example.com. Cal.com: the URL of "
        "an event type in the API, such as https://api.cal.com/v2/event-types/123.",
    )
    username = models.CharField(max_length=200, blank=True, help_text="CalDAV alone.")
    sealed = models.TextField(editable=False)
    active = models.BooleanField(default=True)
    tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["calendar"]
        verbose_name = "calendar elsewhere"
        verbose_name_plural = "calendars elsewhere"
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return f"{self.calendar} ({self.get_kind_display()})"


class CalendarEvent(models.Model):
    """What a calendar elsewhere is to be told of an appointment, until it is. ``next_attempt_at`` None: nothing more.

    ``appointment`` None: it went with its call, or another calendar has it now, and the event is to be removed.
    """

    uid = models.UUIDField()
    link = models.ForeignKey(CalendarLink, on_delete=models.CASCADE, related_name="events")
    appointment = models.ForeignKey("calls.Appointment", null=True, on_delete=models.SET_NULL, related_name="+")
    canceled = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["next_attempt_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["link", "uid"], name="an_event_of_a_calendar_once")]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="calendar_event_waiting"
            )
        ]

    def __str__(self) -> str:
        return str(self.uid)
