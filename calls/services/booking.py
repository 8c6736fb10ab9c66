"""Appointments: booked at the end of a call, moved by a later one, canceled and confirmed by a person."""

from datetime import datetime

from django.db import transaction

from calls.models import Appointment, Call
from calls.services import conflicts, reserving
from calls.services.moving import note
from calls.signals import appointment_changed

TO_CONFIRM = "The lead was told that a colleague will confirm the time: do so, then mark it as done."
UNSURE = "The calendar turned away before this was booked: see whether the time is free there, and call the lead."
"""Settled without a person once the calendar has taken it."""


def book(call: Call, start_at: datetime, *, confirmed: bool, now: datetime) -> None:
    """One appointment for the lead, in place of an earlier one, which it follows in the calendar.

    A time that somebody took meanwhile is a matter for a person: the event and an alert say so, and the call stays
    as it is. It was held for the call, so this takes a hold that lapsed while the database was away.
    """
    if not reserving.secure(call, start_at):
        conflicts.tell_lost(call, start_at, now=now)
        return
    # Whose time was agreed on: the campaign may have got another calendar while they talked.
    calendar = call.reservations.select_related("calendar").get(start_at=start_at).calendar
    earlier = Appointment.objects.standing().filter(call__lead=call.lead_id, start_at__gt=now).exclude(call=call)
    before = list(earlier.select_related("calendar").order_by("pk"))
    follows = next((one for one in reversed(before) if one.calendar == calendar), None)
    # Only one can be followed; others, of another calendar, are called off there.
    for one in before:
        if one != follows:
            cancel(one, now=now)
    reserving.give_back(one.call_id for one in before)
    Appointment.objects.filter(pk__in=[one.pk for one in before]).delete()
    sure = reserving.is_known(calendar, now=now)
    appointment = Appointment(
        call=call,
        campaign=call.campaign,
        calendar=calendar,
        start_at=start_at,
        minutes=reserving.minutes_of(calendar),
        task=TO_CONFIRM if not confirmed else "" if sure else UNSURE,
    )
    if follows is not None:
        appointment.uid, appointment.sequence = follows.uid, follows.sequence + 1
    appointment.save(force_insert=True)
    fields = {"start_at": start_at.isoformat()}
    if before:
        fields["instead_of"] = ", ".join(one.start_at.isoformat() for one in before)
    note(call.pk, "appointment.booked", at=now, fields=fields)
    appointment_changed.send(Appointment, appointment=appointment, now=now)


@transaction.atomic
def cancel(appointment: Appointment, *, now: datetime) -> bool:
    """Call it off: the time is free again, and the calendar is told; False where it was called off before."""
    standing = Appointment.objects.standing().filter(pk=appointment.pk)
    if not standing.update(status=Appointment.Status.CANCELED, sequence=appointment.sequence + 1, task=""):
        return False
    appointment.refresh_from_db()
    reserving.give_back([appointment.call_id])
    note(appointment.call_id, "appointment.canceled", at=now, fields={"start_at": appointment.start_at.isoformat()})
    appointment_changed.send(Appointment, appointment=appointment, now=now)
    return True


def done(appointment: Appointment, *, by: str, now: datetime) -> bool:
    """A person has done what was to be done about it; False where nothing was."""
    if not Appointment.objects.filter(pk=appointment.pk).exclude(task="").update(task=""):
        return False
    note(appointment.call_id, "appointment.task_done", at=now, fields={"by": by})
    return True
