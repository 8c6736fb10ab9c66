"""A database for a measurement: made, migrated, dropped; nobody's data is touched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import django
import psycopg
from django.conf import settings

from reautomation import embedded


@contextmanager
def database(purpose: str) -> Iterator[None]:
    """Django's default database is a fresh one, named after the purpose and this process, on the server that the
    environment names or the embedded one. Nothing of Django may have been used before.
    """
    if settings.USES_EMBEDDED:
        embedded.join(settings.EMBEDDED)
    server = psycopg.conninfo.make_conninfo(settings.DATABASE_URL, dbname="postgres")
    name = f"bench_{purpose}_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        settings.DATABASES["default"]["NAME"] = name
        try:
            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            yield
        finally:
            from django.db import connections

            connections.close_all()
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
