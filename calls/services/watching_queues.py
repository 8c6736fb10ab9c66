"""The watch over queues: calls that no voice worker can take are told of, and made by another where that is meant."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models.functions import Now

from billing.models import Trouble
from billing.services import telling
from calls.domain import queues
from calls.domain.status import CallStatus
from calls.models import Call, Campaign, VoiceWorker
from calls.models.campaign import VoiceTier
from calls.services import workers
from calls.services.database import alone
from calls.services.moving import note
from calls.services.terms import voice_name
from voice.domain.types import Tier

TOLD_AFTER = timedelta(seconds=30)
"""As long as a worker that is started again may be away."""
_GONE_AFTER = timedelta(hours=1)
_BATCH = 100
_QUEUES_LOCK = 7_201_010


def watch_queues(*, now: datetime) -> bool:
    """One look at every queue; False when another process is at it."""
    with alone(_QUEUES_LOCK) as leading:
        if leading:
            lasting = _unserved_for_long(workers.unserved(), now=now)
            for queue in lasting:
                _bring_over(queue, workers.served(), now=now)
            waiting, left = workers.waiting(), set(workers.unserved())
            lasting = [queue for queue in lasting if queue in left]
            for queue in lasting:
                telling.tell_trouble(
                    Trouble.QUEUE_UNSERVED, queue, sentence(queue), value=waiting.get(queue, 0), at=now
                )
            telling.end_trouble(Trouble.QUEUE_UNSERVED, besides=lasting, at=now)
            VoiceWorker.objects.filter(seen_at__lt=Now() - _GONE_AFTER).delete()
        return leading


def sentence(queue: str) -> str:
    return f"No voice worker serves {queue}: start one with -Q {queue}, see docs/operations.md."


def why_unserved(campaign: Campaign) -> str:
    """A sentence for people where the campaign's calls find no voice worker now; empty where they do."""
    premium = bool(settings.VOICE.elevenlabs_api_key)
    missing = set(queues.queues_of(campaign.needs, voice=campaign.tier, premium=premium)) - workers.served()
    return " ".join(map(sentence, sorted(missing)))


def _unserved_for_long(unserved: list[str], *, now: datetime) -> list[str]:
    """Those that were so at every look of the last TOLD_AFTER. A cache that forgets makes the telling later."""
    keys = {queue: f"queue.unserved_since:{queue}" for queue in {*queues.QUEUES, *unserved}}
    cache.delete_many([key for queue, key in keys.items() if queue not in unserved])
    since = {queue: cache.get_or_set(keys[queue], now, timeout=None) or now for queue in unserved}
    return [queue for queue in unserved if since[queue] <= now - TOLD_AFTER]


def _bring_over(queue: str, served: set[str], *, now: datetime) -> None:
    """Waiting calls for which another queue does as well go there: the campaign's needs were changed, or its calls
    speak with the premium voice only where that pays.

    What was held for a premium voice stays held, and is settled by what is used.
    """
    with transaction.atomic():
        waiting = Call.objects.filter(queue=queue, status=CallStatus.QUEUED.value).order_by("queued_at")
        for call in waiting.select_for_update(skip_locked=True, of=("self",)).select_related("campaign")[:_BATCH]:
            tier = Tier.PREMIUM if call.campaign.tier == VoiceTier.PREMIUM else Tier.LOCAL
            tier = tier if call.tier == Tier.PREMIUM else Tier.LOCAL
            other = queues.queue_for(call.campaign.needs, tier)
            if other == queue or other not in served:
                continue
            # The sweep rings it in its new queue.
            changes = {"queue": other, "tier": tier.value, "voice": voice_name(tier), "rung_at": None}
            Call.objects.filter(pk=call.pk).update(**changes)
            note(call.pk, "call.changed_queue", at=now, fields={"from": queue, "to": other, "tier": tier.value})
