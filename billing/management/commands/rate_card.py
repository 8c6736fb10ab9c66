"""``manage.py rate_card``: the card in force; what differs from another; take prices over; write it as a file."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from billing.domain.card import RateError
from billing.domain.card_changes import Difference, differences, when
from billing.domain.rates import Rate, described
from billing.services.card import DEFAULT_CARD, card_at, set_price
from billing.services.card_file import read_card, write_card

UNREADABLE = 2


class Command(BaseCommand):
    help = "Show the rate card, compare it with the shipped one or a file, take prices over, write it as a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="show | diff | apply | export")
        for name, said in (
            ("show", "The rates in force."),
            ("diff", "What FILE has otherwise; exit status 0: nothing, 1: something, 2: it cannot be read."),
            ("export", "The rates in force as a file that diff reads."),
        ):
            action = actions.add_parser(name, help=said, description=said)
            action.add_argument("--at", type=instant, help="Another instant than now, such as 2026-12-01.")
            if name == "diff":
                _add_file(action)
        said = "Take the prices of FILE over that differ or are new; all of them or, if one is refused, none."
        apply = actions.add_parser("apply", help=said, description=said)
        _add_file(apply)
        apply.add_argument(
            "--from", dest="at", type=instant, required=True, help="When they begin: now, or such as 2026-12-01."
        )
        apply.add_argument("--only", nargs="+", action="extend", metavar="KEY", help="Only these.")

    def handle(self, *_args: object, action: str, at: datetime | None, **options: Any) -> None:
        now = timezone.now()
        try:
            getattr(self, f"_{action}")(at=at or now, now=now, **options)
        except RateError as error:
            raise CommandError(str(error), returncode=UNREADABLE) from None

    def _show(self, *, at: datetime, **_options: Any) -> None:
        rates = sorted(card_at(at).rates.values(), key=lambda rate: (rate.kind, rate.key))
        if not rates:
            self.stdout.write(f"No rate is in force at {when(at)}.")
            return
        rows = [
            (rate.key, described(rate), _day(rate.valid_from), _day(rate.valid_until), rate.source) for rate in rates
        ]
        self._table(("key", "price", "since", "until", "source"), rows)

    def _diff(self, *, at: datetime, file: Path, **_options: Any) -> None:
        found = differences(card_at(at).rates, _by_key(read_card(file)))
        if not found:
            self.stdout.write("No differences.")
            return
        self._table(("", "key", "what"), [(_sort_of(one), one.key, "; ".join(one.words())) for one in found])
        sys.exit(1)

    def _export(self, *, at: datetime, **_options: Any) -> None:
        self.stdout.write(write_card(card_at(at).rates.values(), at=at), ending="")

    @transaction.atomic
    def _apply(self, *, at: datetime, now: datetime, file: Path, only: list[str] | None, **_options: Any) -> None:
        theirs = _by_key(read_card(file))
        if unknown := sorted({*(only or ())} - {*theirs}):
            raise CommandError(f"{file.name} has no rate {', '.join(unknown)}.", returncode=UNREADABLE)
        wanted = theirs if only is None else {key: theirs[key] for key in only}
        found = [one for one in differences(card_at(at).rates, wanted) if one.theirs is not None]
        refused = [said for one in found if (said := self._take_over(one, at, now))]
        if refused:
            raise CommandError("Nothing was changed.\n" + "\n".join(refused), returncode=1)
        for one in found:
            self.stdout.write(f"{one.key}: {'; '.join(one.words())}, from {when(at)}.")
        self.stdout.write(f"{len(found)} changed, {len(wanted) - len(found)} already so.")

    def _take_over(self, one: Difference, at: datetime, now: datetime) -> str:
        """Set the price; why it was refused, or empty."""
        rate = one.theirs
        assert rate is not None
        try:
            set_price(
                rate.key,
                rate.price,
                from_at=at,
                now=now,
                source=rate.source,
                kind=rate.kind,
                unit=rate.unit,
                per=rate.per,
                increment=rate.increment,
                minimum=rate.minimum,
                currency=rate.currency,
                in_carrier_price=rate.in_carrier_price,
            )
        except RateError as error:
            return str(error)
        return ""

    def _table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [head, *rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _add_file(action: ArgumentParser) -> None:
    action.add_argument("file", nargs="?", type=Path, default=DEFAULT_CARD, help="A card; without: the shipped one.")


def instant(text: str) -> datetime | None:
    """``now``, which is None; a date, or a date and time with or without a zone; UTC where none is given."""
    if text == "now":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no instant: write now, 2026-12-01 or 2026-12-01T08:00Z.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _by_key(rates: Iterable[Rate]) -> dict[str, Rate]:
    return {rate.key: rate for rate in rates}


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "-"


def _sort_of(one: Difference) -> str:
    if one.ours is None:
        return "new"
    return "own" if one.theirs is None else "other"
