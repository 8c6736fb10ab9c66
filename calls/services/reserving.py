"""Which times a call may offer, and the hold on them: what one call was given no other is, until it is over.

Whoever gives times away locks the calendar's row, or that of a campaign without one; the database's exclusion
constraint is behind it. So what was offered cannot be lost to another call while the person thinks about it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models.functions import Now

from calls.domain.availability import Availability, Hours, Span, free_times
from calls.domain.slots import free_slots
from calls.models import BusyTime, Calendar, Call, Campaign, Reservation

OFFERS = 4
"""Times that a call has: two to offer, and two where those do not suit."""
OLDEST_BUSY = timedelta(minutes=30)
"""What the calendar elsewhere told longer ago is not relied on."""
_AFTER_THE_CALL = timedelta(hours=1)
"""A hold outlives the longest call by so much: the report of one whose database was away comes late."""
_MINUTES = 30
"""An appointment of a campaign without a calendar."""


def rules_of(calendar: Calendar) -> Availability:
    """The calendar as the domain knows it."""
    hours = (Hours(frozenset(one.weekdays), one.opens_at, one.closes_at) for one in calendar.hours.all())
    return Availability(
        zone=calendar.zone,
        hours=tuple(hours),
        minutes=calendar.minutes,
        every_min=calendar.every_min,
        before_min=calendar.before_min,
        after_min=calendar.after_min,
        notice_min=calendar.notice_min,
        horizon_days=calendar.horizon_days,
        days_off=frozenset(calendar.days_off),
        most_per_day=calendar.most_per_day,
    )


def minutes_of(calendar: Calendar | None) -> int:
    """How long an appointment lasts."""
    return _MINUTES if calendar is None else calendar.minutes


def is_known(calendar: Calendar | None, *, now: datetime) -> bool:
    """Whether what is taken is known: always without a calendar elsewhere, else if that was read lately, and answers
    still.
    """
    if calendar is None or not calendar.linked:
        return True
    return not calendar.away and was_read(calendar, now=now)


def was_read(calendar: Calendar, *, now: datetime) -> bool:
    """Whether the calendar elsewhere told lately what is taken, wherever it may be by now."""
    return calendar.busy_read_at is not None and now - calendar.busy_read_at <= OLDEST_BUSY


def free(campaign: Campaign, lead_zone: str, *, now: datetime, count: int = OFFERS) -> tuple[datetime, ...]:
    """The next free times of the campaign, which nobody holds by that; lapsed holds are free."""
    calendar = campaign.calendar
    given = Reservation.objects.of(campaign.pk, campaign.calendar_id).filter(start_at__gt=now - timedelta(days=1))
    given = given.exclude(pk__in=Reservation.objects.lapsed().values("pk"))
    if calendar is None:
        taken = set(given.values_list("start_at", flat=True))
        return free_slots(lead_zone, now=now, taken=taken, count=count)
    # Booked before the campaign had this calendar.
    before = Reservation.objects.filter(campaign=campaign, calendar=None, expires_at=None, start_at__gt=now)
    rows = [*given.values_list("start_at", "span"), *before.values_list("start_at", "span")]
    busy = BusyTime.objects.filter(calendar=calendar, span__endswith__gt=now).values_list("span", flat=True)
    return free_times(
        rules_of(calendar),
        lead_zone,
        now=now,
        taken=_spans([*(span for _, span in rows), *busy]),
        booked=[start_at for start_at, _ in rows],
        count=count,
    )


@transaction.atomic
def hold(call: Call, lead_zone: str, *, now: datetime) -> tuple[datetime, ...]:
    """Free times, held for this call alone, in place of those that it held before."""
    campaign = _locked(call)
    release(call)
    Reservation.objects.of(campaign.pk, campaign.calendar_id).lapsed().delete()
    found = free(campaign, lead_zone, now=now)
    return tuple(at for at in found if _take(call, campaign.calendar, at, for_s=call.max_length_s))


def secure(call: Call, start_at: datetime) -> bool:
    """Book what the call holds, or what is free still; False where another has it by now."""
    held = Reservation.objects.filter(call=call, start_at=start_at)
    if held.update(expires_at=None):
        return True
    with transaction.atomic():
        campaign = _locked(call)
        Reservation.objects.of(campaign.pk, campaign.calendar_id).lapsed().delete()
        return _take(call, campaign.calendar, start_at, for_s=None)


def release(call: Call) -> None:
    """What the call holds is free for others; what it booked stays booked."""
    Reservation.objects.held().filter(call=call).delete()


def give_back(calls: Iterable[object]) -> None:
    """What was booked on the calls with these keys is free again."""
    Reservation.objects.filter(call__in=list(calls)).delete()


@transaction.atomic
def busy_read(calendar: Calendar, busy: Iterable[Span], *, now: datetime) -> None:
    """The calendar elsewhere was read: what it says is taken, in place of what it said before."""
    BusyTime.objects.filter(calendar=calendar).delete()
    BusyTime.objects.bulk_create(BusyTime(calendar=calendar, span=DateTimeTZRange(*span)) for span in busy)
    Calendar.objects.filter(pk=calendar.pk).update(busy_read_at=now, away=False)
    calendar.busy_read_at, calendar.away = now, False


def turned_away(calendar: Calendar) -> None:
    """The calendar elsewhere could not be read: what it said before is still not offered, and nothing is promised."""
    Calendar.objects.filter(pk=calendar.pk).update(away=True)
    calendar.away = True


@transaction.atomic
def link(calendar: Calendar, linked: bool) -> None:
    """Whether a calendar elsewhere stands behind it; one that is new was never read."""
    BusyTime.objects.filter(calendar=calendar).delete()
    Calendar.objects.filter(pk=calendar.pk).update(linked=linked, busy_read_at=None, away=False)


def _locked(call: Call) -> Campaign:
    """The call's campaign, with the row locked by which its times are given away."""
    campaign = Campaign.objects.select_related("calendar").get(pk=call.campaign_id)
    if campaign.calendar_id is None:
        Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    else:
        Calendar.objects.select_for_update(no_key=True).get(pk=campaign.calendar_id)
    return campaign


def _take(call: Call, calendar: Calendar | None, start_at: datetime, *, for_s: int | None) -> bool:
    """Hold the time for as long as a call of ``for_s`` seconds may need, None: book it. False where it is taken."""
    span = Span(start_at, start_at + timedelta(minutes=_MINUTES))
    if calendar is not None:
        span = rules_of(calendar).span(start_at)
    expires_at = None if for_s is None else Now() + timedelta(seconds=for_s) + _AFTER_THE_CALL
    try:
        with transaction.atomic():
            Reservation.objects.create(
                call=call,
                campaign_id=call.campaign_id,
                calendar=calendar,
                start_at=start_at,
                span=DateTimeTZRange(*span),
                expires_at=expires_at,
            )
    except IntegrityError:
        return False
    return True


def _spans(ranges: Iterable[DateTimeTZRange]) -> list[Span]:
    always = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    return [Span(one.lower or always[0], one.upper or always[1]) for one in ranges if not one.isempty]
