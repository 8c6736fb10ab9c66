"""What is written down while a call is finished or analysed, its words are removed, an alert is opened or an
appointment changed: in that transaction, so both or neither.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from billing.models import Alert
from calls.models import Appointment, Call, CallAnalysis
from integrations import services
from integrations.calendars import keeping


def on_call_finished(sender: object, *, call: Call, now: datetime, **_newer: object) -> None:
    services.announce(call, now=now)


def on_call_analysed(sender: object, *, analysis: CallAnalysis, now: datetime, **_newer: object) -> None:
    services.announce_analysis(analysis, now=now)


def on_words_removed(
    sender: object, *, call_ids: Collection[UUID], whole: bool, now: datetime, **_newer: object
) -> None:
    services.forget_words(call_ids, whole=whole)
    if whole:
        keeping.note_erasure(call_ids, now=now)


def on_alert_told(sender: object, *, alert: Alert, now: datetime, **_newer: object) -> None:
    services.announce_alert(alert, now=now)


def on_appointment_changed(sender: object, *, appointment: Appointment, now: datetime, **_newer: object) -> None:
    keeping.note_appointment(appointment, now=now)
