"""The voice plane inside a Celery worker: starts with it, drains on TERM, ends with it, takes it along when it hangs.

A worker is a voice worker if it has the threads pool and consumes a ``calls.`` queue; any other stays as it is. Why
the stock shutdown will not do is told in docs/adr/0003-celery-slots-are-phone-lines.md: it blocks the loop that
acknowledges messages and answers the monitor for as long as a call lasts. Why a loop that hangs ends the process is
told in docs/adr/0010-a-loop-that-hangs-ends-its-process.md.
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from celery import Celery, bootsteps, platforms, signals
from celery.concurrency.thread import TaskPool
from celery.worker import state
from django.conf import settings

if TYPE_CHECKING:
    from voice.plane import VoicePlane
    from voice.watchdog import LoopState

log = structlog.get_logger(__name__)

QUEUE_PREFIX = "calls."
RESUME_SUFFIX = ".resume"
"""Ends the names of the queues of calls that lost their line."""
EXIT_HUNG = os.EX_SOFTWARE
"""The exit code of a process whose loop hung for too long."""
_POLL_S = 0.25
_LAST_WRITES_S = 10.0
_plane: "VoicePlane | None" = None
_step: "DrainStep | None" = None
_on_headroom: Callable[[], None] | None = None


def install(app: Celery) -> None:
    """Teach ``app``'s workers to be voice workers."""
    app.steps["worker"].add(PlaneStep)
    app.steps["consumer"].add(DrainStep)
    signals.worker_shutdown.connect(_stop_plane, weak=False)


def plane() -> "VoicePlane":
    """This process's lines. Raises RuntimeError in a process that is no voice worker."""
    if _plane is None:
        raise RuntimeError("This process has no phone lines: start the worker with -P threads -Q calls.local.")
    return _plane


def on_headroom(tell: Callable[[], None]) -> None:
    """Have ``tell`` called when this process begins to refuse calls for want of headroom, and when it takes them
    again. It must not block: it is called on the loop that carries the calls.
    """
    global _on_headroom  # noqa: PLW0603 - one process, one plane
    _on_headroom = tell


def is_voice_worker(worker: Any) -> bool:
    queues = worker.app.amqp.queues.consume_from
    threads = isinstance(worker.pool_cls, type) and issubclass(worker.pool_cls, TaskPool)
    return threads and any(name.startswith(QUEUE_PREFIX) for name in queues)


class PlaneStep(bootsteps.StartStopStep):
    """Opens the lines before the first task can come. They are closed by the shutdown signal, once the pool is empty:
    a step that needs the pool would be stopped before it.
    """

    requires = ("celery.worker.components:Pool",)

    def include_if(self, worker: Any) -> bool:
        return is_voice_worker(worker)

    def start(self, worker: Any) -> None:
        global _plane  # noqa: PLW0603 - one process, one plane
        # Every process of the project imports this module, and only this one needs what a call needs.
        from agents.dialogue import start
        from agents.llm.assembly import interpreter
        from voice.plane import VoicePlane

        asked = interpreter(settings.LANGUAGE_MODEL)
        dialogues = start if asked is None else partial(start, interpreter=asked)
        _plane = VoicePlane(
            settings.VOICE,
            dialogues,
            test_dialogues=start if settings.LANGUAGE_MODEL.rate else dialogues,
            auth_token=settings.TWILIO_AUTH_TOKEN,
            on_loop=_loop_changed,
            on_headroom=_headroom_changed,
        )
        _plane.start()

    def stop(self, worker: Any) -> None:
        """Nothing: see the class."""


class DrainStep(bootsteps.StartStopStep):
    """On TERM: take no more calls, go on acknowledging and answering, and leave when the last call is over.

    While the lines do not answer no call is taken either: a worker without a line would be the quickest to answer
    the doorbell. While another call would harm those that talk, only one that lost its line is: nobody waits for a
    new one on the phone.
    """

    requires = ("celery.worker.consumer:Tasks",)
    _left: tuple[str, ...] = ()
    """Queues that are left alone for a while. They are not told again with a new connection."""

    def include_if(self, consumer: Any) -> bool:
        return is_voice_worker(consumer.controller)

    def start(self, consumer: Any) -> None:
        global _step
        _step, self._consumer = self, consumer
        platforms.signals["SIGTERM"] = self._drain
        # The connection was lost meanwhile, and is a new one.
        self._settle()

    def settle(self) -> None:
        """Take calls, or no more of them: whichever is right once the consumer comes to it."""
        self._consumer.hub.call_soon(self._settle)

    def _settle(self) -> None:
        answers = _plane is None or _plane.healthy()
        strained = _plane is not None and _plane.headroom.strained

        def takes(queue: str) -> bool:
            return answers and not state_of_drain.is_set() and (not strained or queue.endswith(RESUME_SUFFIX))

        consumed = list(self._consumer.app.amqp.queues.consume_from)
        for queue in consumed:
            if not takes(queue):
                self._consumer.cancel_task_queue(queue)
        left = (*self._left, *(queue for queue in consumed if not takes(queue)))
        for queue in left:
            if takes(queue):
                self._consumer.add_task_queue(queue)
        self._left = tuple(queue for queue in left if not takes(queue))

    def _drain(self, *_: object) -> None:
        if state_of_drain.is_set():
            return
        state_of_drain.set()
        if _plane is not None:
            _plane.drain()
        self.settle()
        # A thread, since the consumer's own timer stands still while the broker is away.
        threading.Thread(target=_leave_when_idle, name="voice-drain", daemon=True).start()


state_of_drain = threading.Event()


def _leave_when_idle() -> None:
    # Celery's own handler, which tells of this, was replaced.
    signals.worker_shutting_down.send(sender=None, sig="SIGTERM", how="drain", exitcode=platforms.EX_OK)
    log.info("voice.draining", calls=len(state.active_requests))
    waiting = threading.Event()
    while state.active_requests or state.reserved_requests:
        waiting.wait(_POLL_S)
    log.info("voice.drained")
    setattr(state, "should_stop", platforms.EX_OK)  # noqa: B010 - typed as None, and read as an exit code


def _loop_changed(loop: "LoopState") -> None:
    from voice.watchdog import LoopState

    if loop is LoopState.HOPELESS:
        _end_process()
    elif _step is not None:
        _step.settle()


def _headroom_changed() -> None:
    if _step is not None:
        _step.settle()
    if _on_headroom is not None:
        _on_headroom()


def _end_process() -> None:
    """Have what the lines told written down and their leases let go, then end, whatever hangs.

    No call is cut off that somebody serves: all of them talk on the loop that does not answer. Their media sockets
    close with the process, so the carrier ends what would be silence.
    """
    if _plane is not None:
        _plane.give_up()
    waiting, waited_s = threading.Event(), 0.0
    while state.active_requests and waited_s < _LAST_WRITES_S:
        waiting.wait(_POLL_S)
        waited_s += _POLL_S
    log.critical("voice.replaced", exit_code=EXIT_HUNG, unwritten=len(state.active_requests))
    os._exit(EXIT_HUNG)


def _stop_plane(**_: object) -> None:
    global _plane  # noqa: PLW0603
    if _plane is not None:
        _plane.stop()
        _plane = None
