"""Whose time is given away, when, and what of it is held, booked or busy elsewhere."""

from datetime import time

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from calls.domain.status import CallStatus


def working_days() -> list[int]:
    return [0, 1, 2, 3, 4]


class Calendar(models.Model):
    """The time of one person, or of one desk; campaigns that use it never book the same time twice.

    ``linked`` says that a calendar elsewhere stands behind it, ``busy_read_at`` when that last told what is taken,
    ``away`` that it told nothing when it was asked last.
    """

    name = models.CharField(max_length=80, unique=True, help_text="Whose time it is: Maria Lopez, the listing desk.")
    email = models.EmailField(blank=True, help_text="Of the person; stands in invitations as the organizer.")
    place = models.CharField(max_length=120, blank=True, help_text="Where people meet; stands in the event.")
    zone = models.CharField(max_length=64, default="America/New_York", help_text="IANA time zone of the hours.")
    minutes = models.PositiveSmallIntegerField(
        "an appointment lasts, in minutes",
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(480)],
    )
    every_min = models.PositiveSmallIntegerField(
        "one may begin every, in minutes",
        default=60,
        validators=[MinValueValidator(5), MaxValueValidator(480)],
        help_text="Counted from the opening: 60 gives 9:00, 10:00, 11:00.",
    )
    before_min = models.PositiveSmallIntegerField(
        "free before it, in minutes", default=0, validators=[MaxValueValidator(240)]
    )
    after_min = models.PositiveSmallIntegerField(
        "free after it, in minutes", default=0, validators=[MaxValueValidator(240)]
    )
    notice_min = models.PositiveIntegerField(
        "notice, in minutes", default=720, validators=[MaxValueValidator(43_200)], help_text="No sooner than that."
    )
    horizon_days = models.PositiveSmallIntegerField(
        "days ahead", default=14, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    most_per_day = models.PositiveSmallIntegerField(
        "most a day", null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: as many as fit."
    )
    days_off = ArrayField(models.DateField(), default=list, blank=True)
    linked = models.BooleanField(default=False, editable=False)
    busy_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    away = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CalendarHours(models.Model):
    """Local hours of a calendar on some days of the week."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="hours")
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=working_days, help_text="0 is Monday, 6 is Sunday."
    )
    opens_at = models.TimeField(default=time(9))
    closes_at = models.TimeField(default=time(17))

    class Meta:
        ordering = ["opens_at", "pk"]
        verbose_name_plural = "hours"
        constraints = [
            models.CheckConstraint(
                condition=Q(opens_at__lt=models.F("closes_at")), name="a_calendar_opens_before_it_closes"
            )
        ]

    def __str__(self) -> str:
        return f"{self.opens_at:%H:%M} to {self.closes_at:%H:%M}"


class BusyTime(models.Model):
    """Time that the calendar elsewhere says is taken, by events that are not ours. Replaced at every look."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="busy")
    span = DateTimeRangeField()

    class Meta:
        ordering = ["span"]

    def __str__(self) -> str:
        return str(self.span)


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def of(self, campaign_id: int, calendar_id: int | None) -> "ReservationQuerySet":
        """Those that share the time: of the calendar, or of a campaign without one."""
        if calendar_id is None:
            return self.filter(campaign_id=campaign_id, calendar=None)
        return self.filter(calendar_id=calendar_id)

    def lapsed(self) -> "ReservationQuerySet":
        """Held for longer than any call lasts, by the database's clock, or for a call that never rang."""
        return self.held().filter(Q(expires_at__lte=Now()) | Q(call__status=CallStatus.CANCELED.value))

    def held(self) -> "ReservationQuerySet":
        return self.filter(expires_at__isnull=False)


class Reservation(models.Model):
    """A time that is held for a call, or booked on it (``expires_at`` None). ``span`` is with the buffers.

    The exclusion constraints are the last word on who has a time. They hold for lapsed rows as well, which are
    therefore deleted before others are made.
    """

    call = models.ForeignKey("calls.Call", on_delete=models.CASCADE, related_name="reservations")
    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="reservations")
    calendar = models.ForeignKey(
        Calendar, null=True, blank=True, on_delete=models.CASCADE, related_name="reservations"
    )
    start_at = models.DateTimeField()
    span = DateTimeRangeField()
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["start_at"]
        constraints = [
            ExclusionConstraint(
                name="a_calendars_time_is_given_once",
                expressions=[("calendar", RangeOperators.EQUAL), ("span", RangeOperators.OVERLAPS)],
                condition=Q(calendar__isnull=False),
            ),
            ExclusionConstraint(
                name="a_campaigns_time_is_given_once",
                expressions=[("campaign", RangeOperators.EQUAL), ("span", RangeOperators.OVERLAPS)],
                condition=Q(calendar__isnull=True),
            ),
            models.UniqueConstraint(fields=["call", "start_at"], name="a_call_has_a_time_once"),
        ]

    def __str__(self) -> str:
        return self.start_at.isoformat(timespec="minutes")
