"""A voice worker and its database: no connection while waiting, and patience while it is away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

log = structlog.get_logger(__name__)
T = TypeVar("T")
_PATIENCE_S = 180


def released() -> None:
    """Give this thread's connection back before a wait that may last minutes."""
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Whether no other process is inside with the same ``lock``, a key of PostgreSQL's advisory locks.

    The lock is the session's: it holds no transaction open, and goes with a process that dies.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        taken = bool(cursor.fetchone()[0])
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])


def surviving_outage(write: Callable[[], T], *, patience_s: float = _PATIENCE_S) -> T:
    """Do ``write``, again and again while the database is away, for at most ``patience_s`` seconds.

    What happens on the line meanwhile waits in the line's own queue, so a live call does not notice. ``write`` must
    be safe to repeat.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((OperationalError, InterfaceError)),
        wait=wait_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(patience_s),
        before_sleep=_forget_connection,
        reraise=True,
    )
    return retrying(write)


def _forget_connection(state: RetryCallState) -> None:
    log.warning("database.away", attempt=state.attempt_number)
    connection.close()
