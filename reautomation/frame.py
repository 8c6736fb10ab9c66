"""Running a management command: the environment checked, the embedded services joined where they are needed."""

import sys

from psycopg.errors import UndefinedColumn, UndefinedTable

from reautomation import embedded
from reautomation.env import BadEnvironment

_NEEDS_NO_SERVICES = frozenset(
    {"help", "--help", "-h", "--version", "version", "check", "collectstatic", "draw_graph", "chat"}
)
"""Of these ``chat`` joins them where it is to talk for a campaign."""


def run_command(argv: list[str]) -> int:
    """Run ``argv`` as Django would; an error that a person can mend is one sentence on stderr and exit code 2."""
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        from django.conf import settings

        if len(argv) > 1 and argv[1] not in _NEEDS_NO_SERVICES and settings.USES_EMBEDDED:
            embedded.join(settings.EMBEDDED)
        execute_from_command_line(argv)
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        reason = str(error).partition("\n")[0]
        print(f"The database does not fit this release ({reason}): run manage.py migrate.", file=sys.stderr)
        return 2
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) is not None:
            raise  # it answers, and says what it did not do
        reason = " ".join(str(error).split())
        print(
            f"The database does not answer ({reason}): see that it runs, and is the one of DATABASE_URL.",
            file=sys.stderr,
        )
        return 2
    except (BadEnvironment, embedded.EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
