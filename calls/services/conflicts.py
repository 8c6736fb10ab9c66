"""Alerts of appointments whose time is in doubt: told once, and over when the doubt is."""

from datetime import datetime
from uuid import UUID

from billing.models import Alert, Trouble
from billing.services import telling
from calls.models import Appointment, Call, CallEvent
from calls.services.moving import note

_LOST = "appointment.conflict"
_STATES = {
    Trouble.APPOINTMENT_CONFLICT: Appointment.CalendarState.CONFLICT,
    Trouble.APPOINTMENT_GONE: Appointment.CalendarState.GONE,
}


def tell(trouble: Trouble, appointment: Appointment, text: str, *, now: datetime) -> None:
    """Of an appointment that the calendar elsewhere speaks against."""
    telling.tell_trouble(trouble, f"appointment {appointment.uid}", text, value=1, at=now)


def tell_lost(call: Call, start_at: datetime, *, now: datetime) -> None:
    """Of a time that was agreed on in the call and given to another before it was booked."""
    note(call.pk, _LOST, at=now, fields={"start_at": start_at.isoformat()})
    told = f"{call.campaign}: a lead agreed to {start_at:%Y-%m-%d %H:%M} UTC, which another has by now. "
    told += "Call them and agree on another time."
    telling.tell_trouble(Trouble.APPOINTMENT_CONFLICT, f"call {call.pk}", told, value=1, at=now)


def end_settled(*, now: datetime) -> None:
    """Alerts end when nobody has to do anything about them any more, or the time is over."""
    opened = Alert.objects.filter(kind__in=list(_STATES), ended_at=None)
    telling.end([alert.pk for alert in opened if not _lasts(alert, now=now)], at=now)


def _lasts(alert: Alert, *, now: datetime) -> bool:
    trouble, what, key = alert.crossing.split()
    if what == "call":
        return _is_lost(UUID(key), now=now)
    ahead = Appointment.objects.standing().filter(uid=UUID(key), start_at__gt=now)
    return ahead.filter(calendar_state=_STATES[Trouble(trouble)]).exclude(task="").exists()


def _is_lost(call_id: UUID, *, now: datetime) -> bool:
    """Whether the time that was agreed on lies ahead and the lead has agreed to no other in a later call."""
    noted = CallEvent.objects.filter(call=call_id, kind=_LOST).select_related("call").last()
    if noted is None or datetime.fromisoformat(noted.fields["start_at"]) <= now:
        return False
    later = Appointment.objects.standing().filter(call__queued_at__gt=noted.call.queued_at)
    return not later.filter(call__lead=noted.call.lead_id).exists()
