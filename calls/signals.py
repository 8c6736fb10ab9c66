"""What others may listen to. ``calls`` does not know who does."""

from django.dispatch import Signal

call_finished = Signal()
"""Sent inside the transaction that finishes a call, with ``call`` (the Call, all fields set) and ``now``."""
