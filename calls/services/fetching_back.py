"""Calls that are taken away from a worker that stands still: the carrier is sent to ask who talks on.

Such a worker keeps its sockets open, so the carrier notices nothing, and the person hears nothing. Its leases run
out, and it announces itself no more. After an outage of the database all leases have run out, those of workers that
talk on too: so one that has been seen since then keeps its calls.
"""

from datetime import datetime, timedelta
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse

from calls.domain.status import CallStatus
from calls.models import Call, VoiceWorker
from calls.models.call import Direction
from calls.services.moving import note
from voice.ports import CarrierError, Dialer

log = structlog.get_logger(__name__)
FETCHED_BACK = "call.fetched_back"
_BATCH = 100
_MAX_SILENCES = 3
_MARGIN_S = 2


def fetch_back(dialer: Dialer, *, now: datetime) -> int:
    """Send the carrier to ask about each such call, once; how many it went for.

    What it does not go for stays unknown, and comes to its end by the sweep.
    """
    fetched = silences = 0
    for call in standing_still(now=now)[:_BATCH]:
        if not _take_away(call, now=now):
            continue
        try:
            dialer.redirect(call.carrier_call_id, next_url(call))
        except CarrierError as error:
            log.warning("call.not_fetched_back", call_id=str(call.pk), reason=str(error))
            silences += not error.code  # an answer that says no costs no time
            if silences == _MAX_SILENCES:
                break
            continue
        fetched += 1
        log.warning(FETCHED_BACK, call_id=str(call.pk), owner=call.owner)
    return fetched


def standing_still(*, now: datetime) -> "QuerySet[Call]":
    """Calls with a person on the phone whose worker lost them a while ago, and was not seen since."""
    beat = timedelta(seconds=settings.CALL_LEASE_S / 4 + _MARGIN_S)
    seen = VoiceWorker.objects.filter(owner=OuterRef("owner"), seen_at__gt=OuterRef("lease_until"))
    lost = Call.objects.filter(
        ~Exists(seen),
        status=CallStatus.UNKNOWN.value,
        status_at__lt=now - beat,
        lease_until__isnull=False,
        answered_at__isnull=False,
        resume_asked_at__isnull=True,
        closing_at__isnull=True,
        hang_up_at__isnull=True,
    )
    return lost.exclude(carrier_call_id="").exclude(owner="").order_by("status_at")


def next_url(call: Call) -> str:
    """Where the carrier asks who talks on behind the line that talked last."""
    part = call.takeovers + 1
    if call.direction == Direction.INBOUND:
        path, query = reverse("twilio-voice-talked"), {"part": part, "asked": 0}
    else:
        path, query = reverse("twilio-resume", args=[call.pk]), {"part": part}
    return f"{settings.PUBLIC_URL}{path}?{urlencode(query)}"


def _take_away(call: Call, *, now: datetime) -> bool:
    """From now on its worker writes nothing of it any more: the end of its media is not the end of the call."""
    unknown = Call.objects.filter(pk=call.pk, status=CallStatus.UNKNOWN.value, fence=call.fence)
    with transaction.atomic():
        if not unknown.filter(resume_asked_at=None).update(fence=F("fence") + 1, lease_until=None, stream=None):
            return False
        note(call.pk, FETCHED_BACK, at=now, fields={"owner": call.owner})
        return True
