"""What others may listen to. ``calls`` does not know who does."""

from django.dispatch import Signal

appointment_changed = Signal()
"""Sent inside the transaction that books, moves or cancels, with ``appointment`` (as it is now) and ``now``."""
call_analysed = Signal()
"""Sent inside the transaction that writes an analysis that is new or came out differently, or what a model added to
it, with ``analysis`` (the CallAnalysis) and ``now``."""
call_finished = Signal()
"""Sent inside the transaction that finishes a call, with ``call`` (the Call, all fields set) and ``now``."""
words_removed = Signal()
"""Sent inside the transaction that erases or masks words of calls, with ``call_ids``, ``now`` and ``whole``: whether
all that was said is erased, and what was known of it with it."""
