"""``manage.py rate_card``: the card in force; what differs from another; take prices over; write it as a file."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from billing.domain.card import RateError
from billing.domain.card_changes import differences
from billing.domain.dated import Difference
from billing.domain.rates import Rate, described
from billing.management.dated_command import DatedCommand, day
from billing.services.card import DEFAULT_CARD, card_at, set_price
from billing.services.card_file import read_card, write_card


class Command(DatedCommand[Rate]):
    help = "Show the rate card, compare it with the shipped one or a file, take prices over, write it as a file."
    noun, nouns, error, default_file = "rate", "rates", RateError, DEFAULT_CARD
    columns = ("key", "price", "since", "until", "source")

    def in_force(self, at: datetime) -> Mapping[str, Rate]:
        return card_at(at).rates

    def read(self, file: Path) -> list[Rate]:
        return read_card(file)

    def write(self, rows: Iterable[Rate], *, at: datetime) -> str:
        return write_card(rows, at=at)

    def cells(self, row: Rate) -> Sequence[str]:
        return row.key, described(row), day(row.valid_from), day(row.valid_until), row.source

    def differences(self, ours: Mapping[str, Rate], theirs: Mapping[str, Rate]) -> list[Difference[Rate]]:
        return differences(ours, theirs)

    def take(self, row: Rate, *, at: datetime, now: datetime) -> None:
        set_price(
            row.key,
            row.price,
            from_at=at,
            now=now,
            source=row.source,
            kind=row.kind,
            unit=row.unit,
            per=row.per,
            increment=row.increment,
            minimum=row.minimum,
            currency=row.currency,
            in_carrier_price=row.in_carrier_price,
        )
