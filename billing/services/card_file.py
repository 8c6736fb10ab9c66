"""A rate card as a YAML file: read, checked rate by rate, and written."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from billing.domain.card import BadRate, RateError
from billing.domain.rates import Kind, Rate, Unit, plain
from billing.services.yaml_rows import RowFile, document, flow, sentence

LARGEST = 2_147_483_647
"""What the database keeps as a count of units."""


class BadCard(RateError):
    """A file that is no rate card; one sentence for each thing to change, with its line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def _exact(value: object) -> object:
    if isinstance(value, str | Decimal):
        return value
    raise ValueError(f'is not in quotes: write "{value}", since a number without them loses digits')


def instant(value: object) -> datetime:
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"is {value!r}, which is no instant with its zone: write it as 2026-11-01T00:00:00Z")
    return at.astimezone(UTC)


Instant = Annotated[datetime, BeforeValidator(instant)]
Count = Annotated[StrictInt, Field(ge=0, le=LARGEST)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class RateRow(BaseModel):
    """A rate as it is typed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]+$", max_length=60)]
    kind: Kind
    price: Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, max_digits=18, decimal_places=9)]
    currency: Currency
    unit: Unit
    per: Annotated[StrictInt, Field(ge=1, le=LARGEST)] = 1
    increment: Count = 0
    minimum: Count = 0
    in_carrier_price: StrictBool = False
    effective_from: Instant
    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _a_tax_is_a_share(self) -> "RateRow":
        if (self.kind is Kind.TAX) != (self.unit is Unit.SHARE):
            raise ValueError("A tax has the unit 'share', and nothing else has: change kind or unit")
        return self


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str = ""
    effective_from: Instant
    currency: Currency
    rates: list[Any]


def rate_of(values: Mapping[str, object], *, valid_until: datetime | None = None) -> Rate:
    """A rate from what was typed. Raises BadRate with all that is to change, and the first field of it."""
    try:
        row = RateRow.model_validate(values)
    except ValidationError as error:
        problems = error.errors()
        field = str(problems[0]["loc"][0]) if problems[0]["loc"] else ""
        raise BadRate("; ".join(map(_sentence, problems)) + ".", field=field) from None
    fields = row.model_dump()
    return Rate(valid_from=fields.pop("effective_from"), valid_until=valid_until, **fields)


def write_card(rates: Iterable[Rate], *, at: datetime) -> str:
    """A card as a file that ``parse_card`` reads back as these rates."""
    rates = sorted(rates, key=lambda rate: rate.key)
    since = max((rate.valid_from for rate in rates), default=at)
    head = {"version": f"{at:%Y-%m-%d}", "effective_from": since.isoformat(), "currency": "USD"}
    return document(head, "rates", [flow(_row(rate, since)) for rate in rates])


def _row(rate: Rate, since: datetime) -> dict[str, object]:
    row: dict[str, object] = {
        "key": rate.key,
        "kind": rate.kind.value,
        "price": plain(rate.price, places=2),
        "currency": rate.currency,
        "unit": rate.unit.value,
        "per": rate.per,
        "increment": rate.increment,
        "minimum": rate.minimum,
        "in_carrier_price": rate.in_carrier_price,
        "source": rate.source,
    }
    return row if rate.valid_from == since else {**row, "effective_from": rate.valid_from.isoformat()}


_EXPECTED = {
    "key": "use at most 60 small letters, digits, dots, hyphens and underscores",
    "currency": "use three capital letters, such as USD",
    "source": "say in at most 200 letters where the price was read",
    "in_carrier_price": "use true or false",
}


def _expected(field: str, kind: str) -> str | None:
    return _EXPECTED.get(field) if kind.startswith(("string", "bool")) else None


_sentence = partial(sentence, noun="rate", expected=_expected)

_FILE = RowFile(
    rows="rates",
    noun="rate",
    head=_Head,
    make=lambda head, row: rate_of({"currency": head.currency, "effective_from": head.effective_from, **row}),
    bad=BadRate,
    wrong=BadCard,
    said=_sentence,
    lacks="The file is no rate card: it needs effective_from, currency and rates.",
    whose="The card's",
    needs="at least key, kind, price, unit and source",
    twice="a price for it",
)


def read_card(path: Path) -> list[Rate]:
    """The rates of a file. Raises BadCard."""
    return _FILE.read(path)


def parse_card(text: str) -> list[Rate]:
    """The rates of a card. Raises BadCard."""
    return _FILE.parse(text)
