"""Columns of a call become rows, and go back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.calls import factories as make

BEFORE, AFTER = ("calls", "0020_headroom"), ("calls", "0021_recordings")


def migrate(*to: tuple[str, str]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(list(to))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_was_recorded_is_kept() -> None:
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    recorded, silent = make.call(), make.call()
    began_at = make.NOON_IN_DENVER + timedelta(seconds=1)
    try:
        migrate(BEFORE)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE calls_call SET recording = 'a.wav', recording_started_at = %s, recording_ms = 61000"
                " WHERE id = %s",
                [began_at, recorded.pk],
            )
        migrate(AFTER)
        [row] = recorded.recordings.all()
        assert (row.part, row.name, row.started_at, row.duration_ms) == (1, "a.wav", began_at, 61_000)
        assert (row.bytes, row.stored_at, row.erased_at, row.erased_why) == (0, None, None, "")
        assert not silent.recordings.exists()
        migrate(BEFORE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT recording, recording_ms FROM calls_call WHERE id = %s", [recorded.pk])
            assert cursor.fetchone() == ("a.wav", 61_000)
    finally:
        migrate(*newest)  # of every app: other apps' tables went with those that they refer to
