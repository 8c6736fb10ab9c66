"""What commands about dated rows share: show, diff, apply, export."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from billing.domain.dated import Difference, Row, keyed, when

UNREADABLE = 2


def instant(text: str) -> datetime | None:
    """``now``, which is None; a date, or a date and time with or without a zone; UTC where none is given."""
    if text == "now":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no instant: write now, 2026-12-01 or 2026-12-01T08:00Z.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class DatedCommand(BaseCommand, Generic[Row]):
    """``noun`` is what a row is called, ``error`` what the hooks raise, with a sentence for people."""

    noun: str
    nouns: str
    columns: Sequence[str]
    error: type[Exception]
    default_file: Path

    def in_force(self, at: datetime) -> Mapping[str, Row]:
        raise NotImplementedError

    def read(self, file: Path) -> list[Row]:
        raise NotImplementedError

    def write(self, rows: Iterable[Row], *, at: datetime) -> str:
        raise NotImplementedError

    def cells(self, row: Row) -> Sequence[str]:
        """A row under ``columns``."""
        raise NotImplementedError

    def differences(self, ours: Mapping[str, Row], theirs: Mapping[str, Row]) -> list[Difference[Row]]:
        raise NotImplementedError

    def take(self, row: Row, *, at: datetime, now: datetime) -> None:
        """Let ``row`` hold from ``at`` on."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="show | diff | apply | export")
        for name, said in (
            ("show", f"The {self.nouns} in force."),
            ("diff", "What FILE has otherwise; exit status 0: nothing, 1: something, 2: it cannot be read."),
            ("export", f"The {self.nouns} in force as a file that diff reads."),
        ):
            action = actions.add_parser(name, help=said, description=said)
            action.add_argument("--at", type=instant, help="Another instant than now, such as 2026-12-01.")
            if name == "diff":
                self._add_file(action)
        said = f"Take the {self.nouns} of FILE over that differ or are new; all of them or, if one is refused, none."
        apply = actions.add_parser("apply", help=said, description=said)
        self._add_file(apply)
        apply.add_argument(
            "--from", dest="at", type=instant, required=True, help="When they begin: now, or such as 2026-12-01."
        )
        apply.add_argument("--only", nargs="+", action="extend", metavar="KEY", help="Only these.")

    def handle(self, *_args: object, action: str, at: datetime | None, **options: Any) -> None:
        now = timezone.now()
        try:
            getattr(self, f"_{action}")(at=at or now, now=now, **options)
        except self.error as error:
            raise CommandError(str(error), returncode=UNREADABLE) from None

    def _show(self, *, at: datetime, **_options: Any) -> None:
        rows: list[Any] = sorted(self.in_force(at).values(), key=lambda row: (row.kind, row.key))
        if not rows:
            self.stdout.write(f"No {self.noun} is in force at {when(at)}.")
            return
        self._table(self.columns, map(self.cells, rows))

    def _diff(self, *, at: datetime, file: Path, **_options: Any) -> None:
        found = self.differences(self.in_force(at), keyed(self.read(file)))
        if not found:
            self.stdout.write("No differences.")
            return
        self._table(("", "key", "what"), [(one.sort, one.key, "; ".join(one.words)) for one in found])
        sys.exit(1)

    def _export(self, *, at: datetime, **_options: Any) -> None:
        self.stdout.write(self.write(self.in_force(at).values(), at=at), ending="")

    @transaction.atomic
    def _apply(self, *, at: datetime, now: datetime, file: Path, only: list[str] | None, **_options: Any) -> None:
        theirs = keyed(self.read(file))
        if unknown := sorted({*(only or ())} - {*theirs}):
            raise CommandError(f"{file.name} has no {self.noun} {', '.join(unknown)}.", returncode=UNREADABLE)
        wanted = theirs if only is None else {key: theirs[key] for key in only}
        found = [one for one in self.differences(self.in_force(at), wanted) if one.theirs is not None]
        refused = [said for one in found if one.theirs is not None and (said := self._refusal(one.theirs, at, now))]
        if refused:
            raise CommandError("Nothing was changed.\n" + "\n".join(refused), returncode=1)
        for one in found:
            self.stdout.write(f"{one.key}: {'; '.join(one.words)}, from {when(at)}.")
        self.stdout.write(f"{len(found)} changed, {len(wanted) - len(found)} already so.")

    def _refusal(self, row: Row, at: datetime, now: datetime) -> str:
        """Take the row; why it was refused, or empty."""
        try:
            self.take(row, at=at, now=now)
        except self.error as error:
            return str(error)
        return ""

    def _table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [head, *rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def _add_file(self, action: ArgumentParser) -> None:
        said = f"Without: the shipped {self.nouns}."
        action.add_argument("file", nargs="?", type=Path, default=self.default_file, help=said)


def day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "-"
