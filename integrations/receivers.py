"""What is written down while a call is finished, an alert opened or an appointment changed: in that transaction, so
both or neither.
"""

from datetime import datetime

from billing.models import Alert
from calls.models import Appointment, Call
from integrations import services
from integrations.calendars import keeping


def on_call_finished(sender: object, *, call: Call, now: datetime, **_newer: object) -> None:
    services.announce(call, now=now)


def on_alert_told(sender: object, *, alert: Alert, now: datetime, **_newer: object) -> None:
    services.announce_alert(alert, now=now)


def on_appointment_changed(sender: object, *, appointment: Appointment, now: datetime, **_newer: object) -> None:
    keeping.note_appointment(appointment, now=now)
