"""``manage.py scrub import FILE --as-of DATE``: take a public do-not-call list as it was on a day."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from calls.services.scrubbing import ScrubRefused, import_scrub


class Command(BaseCommand):
    help = "Import a public do-not-call list: a file of numbers, one a line; the same file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="import")
        take = actions.add_parser("import", help="Take a file over.")
        take.add_argument("file", type=Path, help="Numbers such as 303,5550100 or +13035550100.")
        take.add_argument("--as-of", type=_day, required=True, help="The day of the list, such as 2026-11-01.")
        take.add_argument("--list", default="national", help="As the rule names it; national if not said.")
        take.add_argument(
            "--covers", nargs="+", default=[], metavar="+1303", help="Area codes without a number on the list."
        )

    def handle(self, *_args: object, file: Path, as_of: datetime, covers: list[str], **options: Any) -> None:
        try:
            scrub, new = import_scrub(file, name=options["list"], as_of=as_of, now=timezone.now(), covers=covers)
        except ScrubRefused as error:
            raise CommandError(str(error)) from None
        if not new:
            self.stdout.write(f"This file was imported before, at {scrub.imported_at:%Y-%m-%d %H:%M} UTC.")
        self.stdout.write(f"{scrub.count} numbers of {scrub}, which covers {', '.join(scrub.covers)}.")


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day: write it as 2026-11-01.") from None
    return datetime.combine(day, time(0), UTC)
