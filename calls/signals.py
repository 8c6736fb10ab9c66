"""What others may listen to. ``calls`` does not know who does."""

from django.dispatch import Signal

appointment_changed = Signal()
"""Sent inside the transaction that books, moves or cancels, with ``appointment`` (as it is now) and ``now``."""
call_finished = Signal()
"""Sent inside the transaction that finishes a call, with ``call`` (the Call, all fields set) and ``now``."""
