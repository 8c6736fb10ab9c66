"""What is written down while ``calls`` finishes a call: inside its transaction, so both happen or neither."""

from datetime import datetime

from calls.models import Call
from integrations import services


def on_call_finished(sender: object, *, call: Call, now: datetime, **_newer: object) -> None:
    services.announce(call, now=now)
