"""The last questions before a call may reach a phone, the same for our calls and for those of leads."""

from datetime import datetime

from django.db.models.functions import Now

from calls.models import Call
from calls.services import halting
from calls.services.opting_out import cancel, may_not_ring


def may_go_ahead(call: Call, *, now: datetime) -> bool:
    """Whether this worker still holds the call, and nobody has opted out or stopped dialing; else it is canceled.

    In the transaction that writes the intent: opt-outs and the kill switch are held off until its end.
    """
    if may_not_ring(call.to_number):
        cancel(call.pk, at=now, why="call.canceled_opt_out", fence=call.fence)
        return False
    if not Call.objects.filter(pk=call.pk, fence=call.fence, lease_until__gt=Now()).select_for_update().exists():
        return False
    if not halting.lets_ring():
        cancel(call.pk, at=now, why="call.canceled_halted", fence=call.fence)
        return False
    return True
