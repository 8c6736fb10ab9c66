"""A process that kills or freezes itself right before or right after a commit, at places drawn ahead."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from reautomation.settings import BASE_DIR

BEFORE, AFTER = "before", "after"
KILL, FREEZE = "kill", "freeze"
_WRITES = ("INSERT", "UPDATE", "DELETE")
_LONGEST_WAIT = 250
"""Commits."""
_NOT_OURS = tuple(str(BASE_DIR / name) for name in (".venv", "tests", "reautomation"))


@dataclass(frozen=True, slots=True)
class FailPoint:
    """The ``nth`` commit, counted from 1, of those made in ``place`` ("" for any): what to do on which side of it.

    A place is a function's name; where it does not come for long, any does. A single statement outside of a
    transaction is a commit too.
    """

    nth: int
    side: str
    act: str = KILL
    place: str = ""


def written(plan: Sequence[FailPoint]) -> str:
    return json.dumps([asdict(point) for point in plan])


def read(text: str) -> list[FailPoint]:
    return [FailPoint(**point) for point in json.loads(text)]


class FailPoints:
    """Goes through ``plan``, one entry after the other, in whatever process meets it first.

    What has struck is a file in ``folder``, named by the entry's place in the plan, so that a process that is started
    again, or a sister of the killed one, goes on with the next entry; each counts its own commits.
    """

    def __init__(self, plan: Sequence[FailPoint], folder: Path, strike: Callable[[str], None]) -> None:
        self._plan, self._folder, self._strike = plan, folder, strike
        self._lock = threading.Lock()
        self._current = self._passed = self._waited = 0

    def around(self, commit: Callable[[], Any]) -> Any:
        place = _place()
        index = self._due(place)
        if index is not None and self._plan[index].side == BEFORE:
            self._hit(index, place)
        result = commit()
        if index is not None and self._plan[index].side == AFTER:
            self._hit(index, place)
        return result

    def _due(self, place: str) -> int | None:
        """The entry whose commit this is, if it is one's; each is due once a process."""
        with self._lock:
            while self._current < len(self._plan) and self._file(self._current).exists():
                self._current, self._passed, self._waited = self._current + 1, 0, 0
            if self._current == len(self._plan):
                return None
            point = self._plan[self._current]
            self._waited += 1
            self._passed += point.place in ("", place)
            at_place = self._passed == point.nth and point.place in ("", place)
            return self._current if at_place or self._waited == _LONGEST_WAIT else None

    def _hit(self, index: int, place: str) -> None:
        point = self._plan[index]
        try:
            struck = os.open(self._file(index), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return  # a sister process was first
        record = {**asdict(point), "place": place, "pid": os.getpid(), "at": datetime.now(UTC).isoformat()}
        os.write(struck, json.dumps(record).encode())
        os.close(struck)
        self._strike(point.act)

    def _file(self, index: int) -> Path:
        return self._folder / f"{index:03d}.json"


def arm(plan: Sequence[FailPoint], folder: Path) -> None:
    """Put this process, and those that it forks, under ``plan``."""
    points = FailPoints(plan, folder, strike)
    wrapper: Any = BaseDatabaseWrapper
    cursor: Any = CursorWrapper
    commit, execute = wrapper._commit, cursor._execute

    def _commit(self: BaseDatabaseWrapper) -> Any:
        return points.around(lambda: commit(self))

    def _execute(self: CursorWrapper, sql: Any, params: Any, *rest: Any) -> Any:
        alone = self.db.autocommit and not self.db.in_atomic_block
        if alone and str(sql).lstrip()[:6].upper() in _WRITES:
            return points.around(lambda: execute(self, sql, params, *rest))
        return execute(self, sql, params, *rest)

    wrapper._commit, cursor._execute = _commit, _execute


def strike(act: str) -> None:
    """The end of this process, or its pause until somebody sends it SIGCONT."""
    os.kill(os.getpid(), signal.SIGKILL if act == KILL else signal.SIGSTOP)


def _place() -> str:
    """The function of ours that commits: the innermost one, or the one that ``transaction.atomic`` decorates."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "inner" and code.co_filename.endswith("contextlib.py"):
            return str(frame.f_locals["func"].__name__)
        if code.co_filename.startswith(str(BASE_DIR)) and not code.co_filename.startswith(_NOT_OURS):
            return code.co_qualname.rpartition(".<locals>")[0] or code.co_name
        frame = frame.f_back  # type: ignore[assignment]
    return "?"
