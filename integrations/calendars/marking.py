"""How an appointment stands by what its calendar said, and what a person has to do about it."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from billing.models import Trouble
from calls.models import Appointment
from calls.services import booking, conflicts
from integrations.models import CalendarEvent

State = Appointment.CalendarState
TAKEN = "The calendar has something else at this time: call the lead and agree on another."
GONE = "It was moved or removed in the calendar: find out why there, and call the lead."
NOT_WRITTEN = "The appointment could not be written into the calendar: enter it there yourself."
NOT_REMOVED = "The appointment could not be removed from the calendar: remove it there yourself."
NOT_ERASED = "What was said could not be erased from the calendar: erase it from the event there yourself."
_TASK_LENGTH, _NOTE_LENGTH = 300, 300


@transaction.atomic
def mark(appointment: Appointment, state: State, note: str, task: str = "", *, settled: Collection[str] = ()) -> None:
    """A ``task`` comes after the one that is there, which may be a promise to the lead; another time, to be agreed on
    with them, comes before it. What is ``settled`` is nobody's task any more.
    """
    found = Appointment.objects.select_for_update().filter(pk=appointment.pk).first()
    if found is None:  # another took its place, or it went with its call
        return
    tasks = found.task
    for one in filter(None, (*settled, task)):
        tasks = tasks.replace(one, "")
    both = f"{task} {tasks}" if task == TAKEN else f"{tasks} {task}"
    found.task = " ".join(both.split())[:_TASK_LENGTH]
    found.calendar_state, found.calendar_note = state, note[:_NOTE_LENGTH]
    found.save(update_fields=["task", "calendar_state", "calendar_note"])


def written(appointment: Appointment) -> None:
    """It stands in the calendar, at its time."""
    mark(appointment, State.WRITTEN, "", settled=(booking.UNSURE, TAKEN, GONE, NOT_WRITTEN))


def failed(event: CalendarEvent, appointment: Appointment, why: str, *, for_good: bool) -> None:
    """An event that stands stays as it was written: its words alone are old, and its time needs no other look. What
    is taken is looked at again when the calendar is read.
    """
    state = State(appointment.calendar_state)
    if state is State.CONFLICT:
        return
    if state in Appointment.ONCE_WRITTEN:
        mark(appointment, state, why, NOT_ERASED if for_good else "")
    else:
        left = NOT_REMOVED if event.canceled else NOT_WRITTEN
        mark(appointment, State.WAITING, why, left if for_good else "")


def taken(event: CalendarEvent, appointment: Appointment, *, now: datetime) -> None:
    """Something else has its time there; told once."""
    if appointment.calendar_state == State.CONFLICT:
        return
    mark(appointment, State.CONFLICT, TAKEN, TAKEN, settled=(booking.UNSURE,))
    told = f"{event.link.calendar}: an appointment at {appointment.start_at:%Y-%m-%d %H:%M} UTC is at a time that is "
    told += "taken in the calendar. Call the lead and agree on another."
    conflicts.tell(Trouble.APPOINTMENT_CONFLICT, appointment, told, now=now)


@transaction.atomic
def compared(appointment: Appointment, begins_at: datetime | None, *, now: datetime) -> None:
    """The calendar was asked when its event begins; None: it is not there. It is never called off by that: somebody
    who moved or removed the event is asked why.
    """
    same = Appointment.objects.standing().filter(pk=appointment.pk, calendar_state=appointment.calendar_state)
    if not same.select_for_update().exists():  # it was changed while the calendar was asked
        return
    known = appointment.calendar_state == State.GONE
    if begins_at == appointment.start_at:
        if known:
            written(appointment)
        return
    note = f"It begins at {begins_at:%Y-%m-%d %H:%M} UTC there." if begins_at else "It is not there any more."
    mark(appointment, State.GONE, note, "" if known else GONE)
    if not known:
        told = f"{appointment.calendar}: an appointment at {appointment.start_at:%Y-%m-%d %H:%M} UTC was moved or "
        told += f"removed in the calendar. {note} Find out why there, and call the lead."
        conflicts.tell(Trouble.APPOINTMENT_GONE, appointment, told, now=now)
