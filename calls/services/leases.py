"""Keeps this process's calls its own: one statement renews every lease, on the database's clock."""

import os
import socket
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from calls.models import Call

log = structlog.get_logger(__name__)


def lease_end() -> CombinedExpression:
    """When a lease taken or renewed now runs out; an expression for the database's own clock."""
    return Now() + timedelta(seconds=settings.CALL_LEASE_S)


def let_go(call: Call) -> bool:
    """End this claim's lease if it still has one: the sweep brings on whatever its worker left undone."""
    held = Call.objects.owned().filter(pk=call.pk, fence=call.fence)
    return bool(held.update(lease_until=Now()))


def renew(owner: str) -> int:
    """Renew the leases of all calls that ``owner`` holds; how many. A lease that has run out stays so."""
    held = Call.objects.owned().filter(owner=owner, lease_until__gt=Now())
    return held.update(lease_until=lease_end())


class Heartbeat:
    """A thread that renews the leases of one worker process, and has the process announced with them.

    It does neither while the process's lines do not answer: a call that nobody serves is not to be kept from the
    sweep, and no call is to be queued for it. ``announce`` gets the owner's name.
    """

    def __init__(self, announce: Callable[[str], None] = lambda _owner: None) -> None:
        self._announce = announce
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped, self._due = threading.Event(), threading.Event()

    def start(self, healthy: Callable[[], bool]) -> str:
        """Begin, if it has not; the owner's name. ``healthy`` says whether the calls are served."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._beat, args=(healthy,), name="lease-heartbeat", daemon=True
                )
                self._thread.start()
        return self.owner

    def hurry(self) -> None:
        """There is news: announce it at once."""
        self._due.set()

    def stop(self) -> None:
        self._stopped.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self, healthy: Callable[[], bool]) -> None:
        while not self._stopped.is_set():
            self._due.clear()
            if healthy():
                self._renew()
            else:
                log.warning("lease.not_renewed", error="The lines of this process do not answer.")
            if not self._stopped.is_set():
                self._due.wait(settings.CALL_LEASE_S / 4)
        connection.close()

    def _renew(self) -> None:
        try:
            renew(self.owner)
            self._announce(self.owner)
        except (DatabaseError, InterfaceError) as error:
            log.warning("lease.not_renewed", error=str(error))
            connection.close()
