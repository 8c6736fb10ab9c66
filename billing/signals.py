"""What others may listen to. ``billing`` does not know who does."""

from django.dispatch import Signal

alert_told = Signal()
"""Sent inside the transaction that opens an alert, with ``alert`` (the Alert with its budget) and ``now``."""
cost_corrected = Signal()
"""Sent inside the transaction that corrects what a settled call was charged, with ``reference``, ``charged`` (all of
it), ``change`` and ``at``. The call's budgets are locked: be quick, and lock nothing that waits for a budget."""
