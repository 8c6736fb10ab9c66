"""``manage.py import_do_not_call FILE --reason …``: put the numbers of a CSV on the do-not-call list."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from calls.services.importing_do_not_call import FileRefused, import_do_not_call


class Command(BaseCommand):
    help = "Put the numbers of a CSV on the do-not-call list. Its first line names the columns, one of them phone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--reason", required=True, help="Kept with every number whose row has none of its own.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                done = import_do_not_call(
                    file, reason=options["reason"], by="manage.py import_do_not_call", now=timezone.now()
                )
        except (OSError, FileRefused) as error:
            raise CommandError(str(error)) from None
        for row in done.rejected:
            self.stderr.write(f"line {row.line}: {row.reason}")
        self.stdout.write(
            f"{done.added} added, {done.known} on the list already, {done.followed} more of the same people, "
            f"{len(done.rejected)} not readable."
        )
        if done.rejected:
            raise CommandError("Some lines hold no number that can be read: correct them and import the file again.")
