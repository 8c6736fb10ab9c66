"""A worker's process for one call, which strikes itself at a chosen point: killed, frozen or ended, for real.

It is forked from the test, so it costs milliseconds, and has a database connection of its own.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from calls.services.placing import place
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakePlane, Scripted, update
from voice.domain.types import CarrierStatus, CarrierUpdate, DialRequest
from voice.ports import Refused

NOW = NOON_IN_DENVER
_WRITES = ("INSERT", "UPDATE", "DELETE")


class Carrier:
    """A phone company that outlives whoever asks it: its log is a file, one ring a line. It judges."""

    def __init__(self, log: Path, *, around: Callable[[str], None] = lambda _: None) -> None:
        self._log, self._around = log, around
        log.touch()

    def place(self, request: DialRequest) -> str:
        self._around("before the ring")
        with self._log.open("a") as log:
            log.write(f"{request.call_id}\n")
        self._around("after the ring")
        return self._id_of(request.call_id)

    def rings(self, call_id: UUID) -> int:
        return self._log.read_text().split().count(str(call_id))

    def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
        ids = {self._id_of(call_id) for call_id in self._log.read_text().split()}
        return self._over(carrier_call_id) if carrier_call_id in ids else None

    def find(self, call_id: str, *, to: str) -> CarrierUpdate | None:
        return self._over(self._id_of(call_id)) if self.rings(UUID(call_id)) else None

    def hang_up(self, carrier_call_id: str) -> None:
        with self._log.with_suffix(".hung_up").open("a") as log:
            log.write(f"{carrier_call_id}\n")

    def redirect(self, carrier_call_id: str, url: str) -> None:
        raise Refused(f"{carrier_call_id} is over.", code="21220")

    def owns(self, number: str) -> bool:
        return True

    def hung_up(self) -> list[str]:
        log = self._log.with_suffix(".hung_up")
        return log.read_text().split() if log.exists() else []

    def _over(self, carrier_call_id: str) -> CarrierUpdate:
        return update(CarrierStatus.COMPLETED, carrier_call_id=carrier_call_id, duration_s=61)

    def _id_of(self, call_id: str) -> str:
        return f"CA{UUID(call_id).hex}"


class Boundaries:
    """Counts the points around each commit, from 1; at the chosen one ``strike`` is called."""

    def __init__(self, chosen: int = 0, strike: Callable[[], None] = lambda: None) -> None:
        self.passed, self._chosen, self._strike = 0, chosen, strike

    def pass_one(self, _where: str = "") -> None:
        self.passed += 1
        if self.passed == self._chosen:
            self._strike()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A statement outside of a transaction is a commit too."""
        commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

        def committing(wrapper: BaseDatabaseWrapper) -> None:
            self.pass_one()
            commit(wrapper)
            self.pass_one()

        def alone(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            single = sql.startswith(_WRITES) and not connection.in_atomic_block
            if single:
                self.pass_one()
            result = execute(sql, params, many, context)
            if single:
                self.pass_one()
            return result

        BaseDatabaseWrapper._commit = committing  # type: ignore[attr-defined]
        try:
            with connection.execute_wrapper(alone):
                yield
        finally:
            BaseDatabaseWrapper._commit = commit  # type: ignore[attr-defined]


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def freeze_self() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def forked(act: Callable[[], object]) -> int:
    """Run ``act`` in a child; its pid. It ends with 0, or with 1 where ``act`` raised.

    Threads that other tests left (asgiref keeps its pool for good) are idle and do not exist in the child.
    """
    connections.close_all()
    if pid := os.fork():
        return pid
    code = 1
    try:
        act()
        code = 0
    except BaseException as error:  # noqa: BLE001 - it must not come back into the test
        with suppress(OSError):
            sys.stderr.write(f"child: {error!r}\n")
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """How the child ended: its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def frozen(pid: int) -> bool:
    """Wait until the child has frozen; False where it ended instead."""
    return os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])


def make_call(call_id: UUID, carrier: Carrier, *script: Scripted, owner: str = "worker", **plane: Any) -> bool:
    return place(call_id, plane=FakePlane(*script, **plane), dialer=carrier, owner=owner, clock=lambda: NOW)
