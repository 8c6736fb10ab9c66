"""Many runs at once: processes with a database each, copied from one that is migrated and built once.

A database of its own for every process, since an opt-out holds a lock that all calls of one database share.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import SpawnContext
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
_CHUNK = 8


@dataclass(frozen=True, slots=True)
class Crew:
    """``template`` names the database that is built; ``server`` is the connection string beside it."""

    server: str
    template: str
    processes: int

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task], *, shared: bool = False) -> Iterator[Result]:
        """``work`` of every task, in their order. ``shared``: all on the template itself, at the same time."""
        context: SpawnContext = get_context("spawn")
        numbers = context.Queue()
        for number in range(self.processes):
            numbers.put(number)
        names = [self.template if shared else f"{self.template}_{number}" for number in range(self.processes)]
        try:
            if not shared:
                self._copy(names)
            with ProcessPoolExecutor(
                self.processes, mp_context=context, initializer=_join, initargs=(names, numbers)
            ) as pool:
                yield from pool.map(work, tasks, chunksize=1 if shared else _CHUNK)
        finally:
            if not shared:
                self._drop(names)

    def _copy(self, names: Iterable[str]) -> None:
        import psycopg
        from django.db import connections

        connections.close_all()  # a database with somebody in it cannot be copied
        with psycopg.connect(self.server, autocommit=True) as admin:
            for name in names:
                admin.execute(f"CREATE DATABASE {name} TEMPLATE {self.template}")

    def _drop(self, names: Iterable[str]) -> None:
        import psycopg

        with psycopg.connect(self.server, autocommit=True) as admin:
            for name in names:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def hired(processes: int) -> Iterator[Crew]:
    """A crew on the server that the environment names, or on the embedded one; all of it is dropped at the end."""
    from bench import scratch

    with scratch.database("evals"):
        import psycopg
        from django.conf import settings

        settle(settings)
        server = psycopg.conninfo.make_conninfo(settings.DATABASE_URL, dbname="postgres")
        yield Crew(server, settings.DATABASES["default"]["NAME"], processes)


def _join(names: list[str], numbers: Any) -> None:
    """In a new process: take a number, and with it a database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = names[numbers.get()]
    settle(settings)
    import django

    django.setup()


def settle(settings: Any) -> None:
    """No carrier's pace, and doorbells that ring nowhere."""
    settings.CARRIER_CPS = 1_000_000.0
    settings.CELERY_BROKER_URL = "memory://"
    settings.TWILIO_ACCOUNT_SID = "AC" + "0" * 32
