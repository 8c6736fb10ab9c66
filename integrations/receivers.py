"""What is written down while a call is finished or an alert is opened: in that transaction, so both or neither."""

from datetime import datetime

from billing.models import Alert
from calls.models import Call
from integrations import services


def on_call_finished(sender: object, *, call: Call, now: datetime, **_newer: object) -> None:
    services.announce(call, now=now)


def on_alert_told(sender: object, *, alert: Alert, now: datetime, **_newer: object) -> None:
    services.announce_alert(alert, now=now)
