"""A management command that cannot run says in one sentence what to do."""

import pytest
from django.core import management
from django.db import OperationalError, ProgrammingError
from psycopg import errors
from pytest_django import Settings

from reautomation import embedded
from reautomation.frame import run_command


def fails_with(monkeypatch: pytest.MonkeyPatch, cause: Exception, error: type[Exception] = ProgrammingError) -> None:
    def fail(_argv: list[str]) -> None:
        raise error(f"{cause}\nLINE 1: SELECT …") from cause

    monkeypatch.setattr(management, "execute_from_command_line", fail)


@pytest.mark.parametrize(
    "cause",
    [
        errors.UndefinedTable('relation "calls_rule" does not exist'),
        errors.UndefinedColumn("column needs does not exist"),
    ],
)
def test_before_migrating_a_command_asks_to_migrate(
    cause: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.USES_EMBEDDED = False
    fails_with(monkeypatch, cause)
    assert run_command(["manage.py", "rules", "show"]) == 2
    assert capsys.readouterr().err == f"The database does not fit this release ({cause}): run manage.py migrate.\n"


def test_another_error_of_the_database_is_not_explained_away(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.USES_EMBEDDED = False
    fails_with(monkeypatch, errors.SyntaxError("syntax error"))
    with pytest.raises(ProgrammingError, match="syntax error"):
        run_command(["manage.py", "rules", "show"])


def test_a_database_that_is_away_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.USES_EMBEDDED = False
    fails_with(monkeypatch, errors.OperationalError("connection refused"), OperationalError)
    assert run_command(["manage.py", "chat", "--campaign", "Autumn"]) == 2
    assert capsys.readouterr().err == (
        "The database does not answer (connection refused LINE 1: SELECT …): see that it runs, and is the one of "
        "DATABASE_URL.\n"
    )
    fails_with(monkeypatch, errors.DeadlockDetected("deadlock detected"), OperationalError)
    with pytest.raises(OperationalError, match="deadlock detected"):
        run_command(["manage.py", "rules", "show"])


@pytest.mark.parametrize(("command", "joined"), [("draw_graph", False), ("chat", False), ("rules", True)])
def test_what_needs_no_database_starts_none(
    command: str, joined: bool, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.USES_EMBEDDED = True
    seen: list[object] = []
    monkeypatch.setattr(embedded, "join", seen.append)
    monkeypatch.setattr(management, "execute_from_command_line", lambda _argv: None)
    assert run_command(["manage.py", command]) == 0
    assert seen == ([settings.EMBEDDED] if joined else [])
