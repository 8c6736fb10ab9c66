"""Calendars elsewhere are read beside the calls and written after them, never while somebody is on the phone.

A calendar that is away loses nothing: the time is held in our database, the agent promises nothing that is not sure,
and the event is written when the calendar is back. What was taken there meanwhile is a matter for a person.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from billing.models import Trouble
from billing.services import telling
from calls.domain.availability import Span
from calls.models import Appointment
from calls.services import conflicts, reserving
from calls.services.database import alone
from calls.services.meetings import meeting_of, meeting_uid
from integrations.calendars import marking
from integrations.calendars.opening import Opener, asked, opened
from integrations.calendars.ports import CalendarAway, CalendarCannot, CalendarError, CalendarTaken, RemoteCalendar
from integrations.domain.webhooks import retry_after
from integrations.models import CalendarEvent, CalendarLink

log = structlog.get_logger(__name__)
READ_EVERY = timedelta(minutes=5)
READ_AGAIN_EVERY = timedelta(minutes=2)
"""One that turned away: until it answers, people have to confirm what is agreed on."""
_BATCH = 50
_CALENDARS_LOCK = 7_201_012
_TOLD_AGAIN = Q(canceled=False, appointment__calendar_state__in=Appointment.ONCE_WRITTEN)
"""Events that were written as they are to stand: only their words are to be written."""


def note_appointment(appointment: Appointment, *, now: datetime) -> None:
    """Write down that the calendar is to be told of this appointment as it is now: with the change, or not at all.

    One that is switched off is told when it is on again.
    """
    link = CalendarLink.objects.filter(calendar=appointment.calendar_id).first()
    if link is None:
        return
    canceled = appointment.status == Appointment.Status.CANCELED
    wanted = {"appointment": appointment, "canceled": canceled, "attempts": 0, "next_attempt_at": now}
    CalendarEvent.objects.update_or_create(link=link, uid=appointment.uid, defaults=wanted)
    marking.mark(appointment, Appointment.CalendarState.WAITING, "")


def note_erasure(call_ids: Collection[UUID], *, now: datetime) -> None:
    """Write down that the words of the calls' events are to go. One that was never written, since it was given up or
    its time was taken, holds none.
    """
    events = CalendarEvent.objects.filter(appointment__call__in=call_ids, canceled=False)
    there = events.filter(Q(next_attempt_at__isnull=False) | Q(last_error="") | _TOLD_AGAIN)
    standing = there.exclude(appointment__calendar_state=Appointment.CalendarState.CONFLICT)
    standing.update(attempts=0, next_attempt_at=now)


@transaction.atomic
def save(link: CalendarLink, *, now: datetime) -> None:
    """Keep the link; our calendar knows whether it has one, and nothing is known of it until it was read. Where it
    leads to another calendar than before, that is told of all appointments that lie ahead.
    """
    before = CalendarLink.objects.filter(pk=link.pk).values_list("kind", "address").first()
    link.save()
    reserving.link(link.calendar, link.active)
    if before != (link.kind, link.address):
        for ahead in Appointment.objects.standing().filter(calendar=link.calendar_id, start_at__gt=now):
            note_appointment(ahead, now=now)


def check(link: CalendarLink, *, open_: Opener = opened) -> str:
    """What is wrong with the connection, in one sentence; "" for nothing."""

    async def look(remote: RemoteCalendar) -> None:
        await remote.check()

    try:
        asked(link, look, open_)
    except CalendarError as error:
        return str(error)
    return ""


def keep_alone(*, now: datetime) -> bool:
    """One round; False when another process is at it."""
    with alone(_CALENDARS_LOCK) as free:
        if free:
            keep(now=now)
        return free


def keep(*, now: datetime, open_: Opener = opened) -> None:
    """Read the calendars that were not read lately, then write what is to be written."""
    links = CalendarLink.objects.filter(active=True).select_related("calendar")
    for link in links:
        every = READ_AGAIN_EVERY if link.last_error else READ_EVERY
        if link.tried_at is None or link.tried_at <= now - every:
            _read(link, now=now, open_=open_)
    _tell_of_the_away(now=now)
    _close_what_is_over(now=now)
    _write_due(now=now, open_=open_)
    conflicts.end_settled(now=now)


def _read(link: CalendarLink, *, now: datetime, open_: Opener) -> None:
    outdated = _outdated(link)
    within = Span(now, now + timedelta(days=link.calendar.horizon_days + 2))
    once_written = {meeting_uid(one.uid): one for one in _once_written(link, within)}

    async def look(remote: RemoteCalendar) -> tuple[list[Span], Mapping[str, datetime]]:
        busy = await remote.busy(within, but=outdated)
        return busy, await remote.standing(once_written, within) if once_written else {}

    error = ""
    try:
        busy, begins = asked(link, look, open_)
        reserving.busy_read(link.calendar, busy, now=now)
        for uid, appointment in once_written.items():
            marking.compared(appointment, begins.get(uid), now=now)
        _look_at_conflicts_again(link, now=now)
    except CalendarError as failed:
        error = str(failed)
        reserving.turned_away(link.calendar)
        log.warning("calendar.not_read", calendar_id=link.calendar_id, reason=error)
    CalendarLink.objects.filter(pk=link.pk).update(tried_at=now, last_error=error[:300])


def _once_written(link: CalendarLink, within: Span) -> QuerySet[Appointment]:
    """Those that lie ahead and are to stand there, whether they still do or not."""
    standing = Appointment.objects.standing().filter(calendar=link.calendar_id, start_at__lt=within.end)
    written = standing.filter(start_at__gt=within.start, calendar_state__in=Appointment.ONCE_WRITTEN)
    return written.select_related("calendar")


def _look_at_conflicts_again(link: CalendarLink, *, now: datetime) -> None:
    """Where the time is free by now the event is written, unless a person has seen to it."""
    open_ = Appointment.objects.filter(calendar_state=Appointment.CalendarState.CONFLICT, start_at__gt=now)
    taken = link.events.filter(canceled=False, appointment__in=open_.exclude(task=""))
    taken.update(attempts=0, next_attempt_at=now)


def _outdated(link: CalendarLink) -> list[str]:
    """Our events that are to be written or removed: where they stand now takes no time of anybody's. The others do,
    also where somebody has moved them.
    """
    waiting = link.events.filter(next_attempt_at__isnull=False).exclude(_TOLD_AGAIN)
    return [meeting_uid(uid) for uid in waiting.values_list("uid", flat=True)]


def _tell_of_the_away(*, now: datetime) -> None:
    away = []
    for link in CalendarLink.objects.filter(active=True).exclude(last_error="").select_related("calendar"):
        if not reserving.was_read(link.calendar, now=now):
            away.append(f"calendar {link.calendar_id}")
            told = f"The calendar {link.calendar} cannot be read, so its appointments wait to be confirmed: "
            telling.tell_trouble(Trouble.CALENDAR_AWAY, away[-1], told + link.last_error, value=1, at=now)
    telling.end_trouble(Trouble.CALENDAR_AWAY, besides=away, at=now)


def _close_what_is_over(*, now: datetime) -> None:
    """What has begun before it was written is written no more. One that may stand there, at a time before it was
    moved or by an attempt whose answer was lost, is removed.
    """
    due = CalendarEvent.objects.filter(next_attempt_at__lte=now, link__active=True, canceled=False)
    over = due.filter(appointment__start_at__lte=now).exclude(_TOLD_AGAIN)
    over.filter(Q(appointment__sequence__gt=0) | Q(attempts__gt=0)).update(canceled=True)
    never_there = list(over.values_list("pk", "appointment"))
    Appointment.objects.filter(pk__in=[appointment for _, appointment in never_there]).update(
        calendar_state=Appointment.CalendarState.NONE, calendar_note=""
    )
    CalendarEvent.objects.filter(pk__in=[pk for pk, _ in never_there]).update(next_attempt_at=None)


def _write_due(*, now: datetime, open_: Opener) -> None:
    """At most ``_BATCH`` events. A server that fails is asked once a round: each question may cost many seconds, in
    which the other calendars are neither read nor written.
    """
    due = CalendarEvent.objects.filter(next_attempt_at__lte=now, link__active=True)
    whole = due.select_related("link__calendar", "appointment__call__lead", "appointment__campaign")
    left, failed = _BATCH, set[int]()
    for pk, link in list(due.values_list("pk", "link")):
        if link in failed or not left:
            continue
        left -= 1
        event = whole.filter(pk=pk).first()
        if event is not None and not _write(event, now=now, open_=open_):
            failed.add(link)


def _write(event: CalendarEvent, *, now: datetime, open_: Opener) -> bool:
    """Write, move or remove one event; again later where that fails, and a person's matter where it cannot be.

    False where the calendar could not be asked.
    """
    appointment = event.appointment
    meeting = None if event.canceled or appointment is None else meeting_of(appointment)
    state = appointment.calendar_state if appointment is not None else ""
    outdated = {*_outdated(event.link)} - {meeting_uid(event.uid)}

    async def do(remote: RemoteCalendar) -> bool:
        if meeting is None:
            await remote.cancel(meeting_uid(event.uid))
            return True
        if state == Appointment.CalendarState.GONE:
            raise CalendarCannot("Somebody moved or removed it there.")
        if state == Appointment.CalendarState.WRITTEN:
            await remote.rewrite(meeting, now=now)
            return True
        span = Span(meeting.start_at, meeting.end_at)
        if await remote.busy(span, but={meeting.uid, *outdated}):
            return False
        try:
            await remote.put(meeting, now=now)
        except CalendarTaken:
            if outdated and await remote.standing(outdated, span):
                raise CalendarAway("Another appointment is still to be removed or moved there.") from None
            return False
        return True

    still = CalendarEvent.objects.filter(pk=event.pk, next_attempt_at=event.next_attempt_at)
    try:
        free = asked(event.link, do, open_)
    except CalendarError as error:
        ends = isinstance(error, CalendarCannot) or state == Appointment.CalendarState.CONFLICT
        wait = None if ends else retry_after(event.attempts + 1)
        again_at = None if wait is None else now + wait
        if still.update(attempts=event.attempts + 1, next_attempt_at=again_at, last_error=str(error)[:300]):
            log.warning("calendar.not_written", calendar_id=event.link.calendar_id, attempts=event.attempts + 1)
            if appointment is not None:
                marking.failed(event, appointment, str(error), for_good=again_at is None)
        return isinstance(error, CalendarCannot)
    if not still.update(next_attempt_at=None, last_error=""):
        return True  # it was changed meanwhile, and is due again
    log.info("calendar.written", calendar_id=event.link.calendar_id, removed=meeting is None, conflict=not free)
    if appointment is None:
        return True
    if meeting is None:
        marking.mark(appointment, Appointment.CalendarState.NONE, "")
    elif free:
        marking.written(appointment)
    else:
        marking.taken(event, appointment, now=now)
    return True
