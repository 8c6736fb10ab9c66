"""Calls, their turns, their events, and the appointments that came of them."""

import uuid
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.domain.types import Disposition, EndedBy
from calls.domain.status import OWNED, UNFINISHED, CallStatus

STATUS_CHOICES = [(status.value, status.value) for status in CallStatus]
DISPOSITION_CHOICES = [(disposition.value, disposition.value.replace("_", " ")) for disposition in Disposition]


class Direction(models.TextChoices):
    OUTBOUND = "outbound", "we called"
    INBOUND = "inbound", "the lead called"


class CallQuerySet(models.QuerySet["Call"]):
    def unfinished(self) -> "CallQuerySet":
        return self.filter(status__in=sorted(UNFINISHED))

    def owned(self) -> "CallQuerySet":
        return self.filter(status__in=sorted(OWNED))

    def lease_expired(self) -> "CallQuerySet":
        """By the database's clock."""
        return self.owned().filter(lease_until__lt=Now())


class Call(models.Model):
    """One attempt to reach a lead, or a lead's call to us. ``to_number`` is always the lead's, ``from_number`` ours.

    ``status`` is written by ``calls.services.moving.move`` alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lead = models.ForeignKey("calls.Lead", on_delete=models.CASCADE, related_name="calls")
    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="calls")
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.OUTBOUND)
    attempt = models.PositiveSmallIntegerField(help_text="0 of a call that the lead made.")
    queue = models.CharField(max_length=40, default="calls.local", help_text="The workers that may take it.")
    to_number = models.CharField(max_length=16)
    from_number = models.CharField(max_length=16)
    status = models.CharField(max_length=10, choices=STATUS_CHOICES, default=CallStatus.QUEUED.value, db_index=True)
    status_at = models.DateTimeField()

    owner = models.CharField(max_length=80, blank=True)
    fence = models.PositiveIntegerField(
        default=0, help_text="Counts claims; a writer with an older fence is ignored."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last told of this call.")

    carrier_call_id = models.CharField(max_length=64, blank=True, db_index=True)
    queued_at = models.DateTimeField()
    dialed_at = models.DateTimeField(null=True, blank=True)
    hang_up_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a person wanted it to end at once."
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    billed_s = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds from the answer to the end.")
    answered_by = models.CharField(max_length=40, blank=True)

    disposition = models.CharField(max_length=24, blank=True, choices=DISPOSITION_CHOICES, db_index=True)
    ended_by = models.CharField(max_length=10, blank=True, choices=[(who.value, who.value) for who in EndedBy])
    summary = models.TextField(blank=True)
    facts = models.JSONField(default=dict, blank=True)
    score = models.PositiveSmallIntegerField(default=0)
    told = models.JSONField(
        null=True, blank=True, help_text="Which facts the person gave on this call; empty: not known apart."
    )
    objections = models.JSONField(default=dict, blank=True, help_text="How often each was raised on this call.")
    stood_in = models.BooleanField(default=False, help_text="Somebody else answered for the lead.")
    analysis_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when an analysis is owed."
    )
    disclosed_at = models.DateTimeField(null=True, blank=True)
    cost = models.DecimalField(
        max_digits=14, decimal_places=6, default=Decimal(0), help_text="What its budgets were charged."
    )
    max_length_s = models.PositiveIntegerField(default=0, help_text="As far as its budgets allow.")
    tier = models.CharField(max_length=10, default="local", help_text="Whose voice was chosen and held for.")
    tier_reasons = models.JSONField(default=list, blank=True)
    premium_chosen = models.BooleanField(default=False, help_text="Premium pays for this lead, held out or not.")
    held_out = models.BooleanField(default=False, help_text="Stays local to measure what premium brings.")
    voice = models.CharField(max_length=60, blank=True)
    script = models.ForeignKey(
        "calls.Script",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="calls",
        help_text="Empty: the built-in one.",
    )
    script_version = models.CharField(
        max_length=20, blank=True, help_text="Of the code, and after a plus the hash of the campaign's own script."
    )
    offered_slots = models.JSONField(default=list, blank=True, help_text="Appointments that this call may offer.")
    snapshot = models.JSONField(null=True, blank=True, editable=False)
    closing_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its line said that it will end the conversation."
    )
    resume_asked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the carrier asked who talks on; a worker is to."
    )
    takeovers = models.PositiveSmallIntegerField(
        default=0, help_text="How often another line took the conversation over."
    )
    transfer = models.JSONField(
        null=True, blank=True, editable=False, help_text="To whom the call is being, or was, handed on."
    )
    stream = models.JSONField(
        null=True, blank=True, editable=False, help_text="The line that waits for the media of a call under way."
    )

    objects = CallQuerySet.as_manager()

    class Meta:
        ordering = ["-queued_at"]
        permissions = [
            ("transfer_call", "Can put calls through and hold them"),
            ("supervise_call", "Can listen to calls, speak on them and take them over"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["lead"], condition=Q(status__in=sorted(UNFINISHED)), name="one_live_call_per_lead"
            ),
            models.UniqueConstraint(
                fields=["to_number"], condition=Q(status__in=sorted(UNFINISHED)), name="one_live_call_per_number"
            ),
            models.UniqueConstraint(
                fields=["lead", "attempt"], condition=Q(direction="outbound"), name="one_call_per_attempt"
            ),
            models.UniqueConstraint(
                fields=["carrier_call_id"], condition=Q(direction="inbound"), name="a_call_of_a_lead_is_taken_once"
            ),
        ]
        indexes = [
            models.Index(fields=["rung_at"], condition=Q(status=CallStatus.QUEUED.value), name="call_to_ring"),
            models.Index(fields=["to_number", "dialed_at"], name="call_of_number"),
            models.Index(fields=["from_number", "queued_at"], name="call_of_caller_id"),
            models.Index(fields=["queued_at", "id"], name="call_by_age"),
            models.Index(
                fields=["campaign", "answered_at"], condition=Q(answered_at__isnull=False), name="call_answered"
            ),
            models.Index(fields=["lease_until"], condition=Q(status__in=sorted(OWNED)), name="call_lease"),
            models.Index(
                fields=["analysis_due_at"], condition=Q(analysis_due_at__isnull=False), name="call_to_analyse"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.to_number}, attempt {self.attempt}"


class Turn(models.Model):
    """What one side said, as it was really heard. Offsets are from the call's answer."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="turns")
    seq = models.PositiveIntegerField()
    speaker = models.CharField(max_length=5, choices=[("agent", "agent"), ("lead", "lead")])
    text = models.TextField()
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    interrupted = models.BooleanField(default=False)
    agent = models.CharField(max_length=40, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    timings = models.JSONField(
        default=dict, blank=True, help_text="Milliseconds from the end of the person's speech."
    )

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["call", "seq"], name="one_turn_per_place")]

    def __str__(self) -> str:
        return f"{self.seq} {self.speaker}"


class CallEvent(models.Model):
    """What happened to a call, in order. Append-only."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    status = models.CharField(max_length=10, blank=True, help_text="The status that this event brought, if it did.")
    fields = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [
            models.Index(fields=["call", "kind"], name="event_of_call"),
            models.Index(fields=["at", "id"], name="event_by_age"),
        ]

    def __str__(self) -> str:
        return self.kind


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def standing(self) -> "AppointmentQuerySet":
        return self.filter(status="booked")


class Appointment(models.Model):
    """A visit that a lead agreed to. Its time is kept by a ``Reservation`` of its call, so nobody is booked twice.

    ``uid`` and ``sequence`` are those of iCalendar: an appointment that takes the place of another goes on with its
    ``uid``. ``task`` is what a person has to do about it, as a sentence; "" for nothing.
    """

    class Status(models.TextChoices):
        BOOKED = "booked"
        CANCELED = "canceled"

    class CalendarState(models.TextChoices):
        """Where the calendar elsewhere stands."""

        NONE = "", "no calendar"
        WAITING = "waiting", "to be written"
        WRITTEN = "written", "written"
        CONFLICT = "conflict", "taken there"
        GONE = "gone", "moved or removed there"

    ONCE_WRITTEN = (CalendarState.WRITTEN, CalendarState.GONE)
    """The event was written as it is to stand, and need not stand so still."""

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="appointment")
    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="appointments")
    calendar = models.ForeignKey(
        "calls.Calendar", null=True, blank=True, on_delete=models.PROTECT, related_name="appointments"
    )
    start_at = models.DateTimeField(db_index=True)
    minutes = models.PositiveSmallIntegerField(default=30)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BOOKED)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sequence = models.PositiveIntegerField(default=0, editable=False)
    task = models.CharField(max_length=300, blank=True, editable=False)
    calendar_state = models.CharField(
        "in the calendar", max_length=10, choices=CalendarState.choices, default=CalendarState.NONE, blank=True
    )
    calendar_note = models.CharField(max_length=300, blank=True, editable=False)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["start_at"]
        indexes = [models.Index(fields=["start_at"], condition=~Q(task=""), name="appointment_with_a_task")]

    def __str__(self) -> str:
        return f"{self.start_at:%Y-%m-%d %H:%M} UTC"

    @property
    def is_sure(self) -> bool:
        """Whether a person has nothing to do about it, and the calendar does not speak against it."""
        against = (self.CalendarState.CONFLICT, self.CalendarState.GONE)
        return not self.task and self.calendar_state not in against
