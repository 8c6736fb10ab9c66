"""What a voice worker process does as such: it serves what it can, and is announced from its start to its end.

Celery's signals come here, see reautomation.celery; the lines themselves are voice's.
"""

from collections.abc import Iterable
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from calls.domain import queues
from calls.services import workers
from calls.services.leases import Heartbeat

log = structlog.get_logger(__name__)
_served: tuple[str, ...] = ()
_most = 0


def serve_what_it_can(**_signal: object) -> None:
    """Leave out the queues whose calls this process cannot make. Raises SystemExit where none is left."""
    consumed = current_app.amqp.queues
    asked = _calls_of(consumed.consume_from)
    reasons = {name: reason for name in asked if (reason := _why_unable(name))}
    if asked and len(reasons) == len(asked):
        raise SystemExit(" ".join(reasons.values()))
    for name, reason in reasons.items():
        log.info("worker.queue_left_out", queue=name, reason=reason)
        consumed.deselect([name])
    for name in asked:
        if name not in reasons:
            consumed.select_add(consumed[queues.resumed_on(name)])


def _calls_of(consumed: Iterable[str]) -> list[str]:
    """The queues of calls; those of calls that lost their line come with them."""
    return [name for name in consumed if name.startswith(queues.PREFIX) and not name.endswith(queues.RESUME)]


def _why_unable(queue: str) -> str:
    voice = settings.VOICE
    if queue == queues.PREMIUM and not voice.elevenlabs_api_key:
        return "This worker cannot serve calls.premium: set ELEVENLABS_API_KEY and ELEVENLABS_VOICE_ID."
    if queue == queues.GPU and queue not in settings.VOICE_QUEUES and not _has_cuda(voice.whisper_device):
        return (
            "This worker cannot serve calls.gpu: set WHISPER_DEVICE=cuda, or name calls.gpu in VOICE_QUEUES if its "
            "GPU serves something else."
        )
    return ""


def _has_cuda(device: str) -> bool:
    if device != "auto":
        return device == "cuda"
    from ctranslate2 import get_cuda_device_count

    return bool(get_cuda_device_count())


def begin(sender: Any, **_signal: object) -> None:
    """The worker takes calls from now on. ``sender`` is Celery's consumer."""
    from voice import worker

    global _served, _most  # noqa: PLW0603 - one process, one worker
    if not worker.is_voice_worker(sender.controller):
        return
    # Kept, since a worker that drains or pauses has none any more.
    _served = tuple(_calls_of(sender.app.amqp.queues.consume_from))
    _most = sender.controller.concurrency
    heartbeat.start(worker.plane().healthy)
    worker.on_headroom(heartbeat.hurry)


def hurry(**_signal: object) -> None:
    """The worker drains: no call is to be queued for it any more."""
    heartbeat.hurry()


def end(**_signal: object) -> None:
    """The worker ends. Without the database the announcement runs out by itself."""
    heartbeat.stop()
    try:
        workers.withdraw(heartbeat.owner)
    except (DatabaseError, InterfaceError) as error:
        log.warning("worker.not_withdrawn", error=str(error))
    connection.close()


def _announce(owner: str) -> None:
    from voice import worker

    if not _served:
        return  # it begins in a moment
    plane = worker.plane()
    health = plane.health()
    workers.announce(
        owner,
        queues=_served,
        lines=min(health.lines, _most),
        draining=health.draining,
        offered=health.offered,
        why=health.why,
        measured=plane.headroom.measured.figures(),
        address=plane.internal_url,
    )


heartbeat = Heartbeat(_announce)
