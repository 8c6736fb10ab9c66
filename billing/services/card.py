"""The rate card as it stands in the database, and the default one that is shipped."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Q

from billing.domain.card import RateCard
from billing.domain.rates import Kind, Unit
from billing.domain.rates import Rate as RateData
from billing.models import Rate

DEFAULT_CARD = Path(__file__).resolve().parent.parent / "data" / "rates.yaml"


def card_at(at: datetime) -> RateCard:
    """The rates in force at ``at``."""
    in_force = Rate.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=at), valid_from__lte=at)
    return RateCard.of((rate.as_domain() for rate in in_force), at=at)


def default_rates(path: Path = DEFAULT_CARD) -> list[RateData]:
    """The shipped card."""
    card: dict[str, Any] = yaml.safe_load(path.read_text())
    return [
        RateData(
            key=row["key"],
            kind=Kind(row["kind"]),
            price=Decimal(row["price"]),
            currency=row.get("currency", card["currency"]),
            unit=Unit(row["unit"]),
            per=row.get("per", 1),
            valid_from=card["effective_from"],
            source=row["source"],
            increment=row.get("increment", 0),
            minimum=row.get("minimum", 0),
            in_carrier_price=row.get("in_carrier_price", False),
        )
        for row in card["rates"]
    ]


def load_defaults() -> int:
    """Fill an empty card; how many rates were loaded. A card that has a single rate is the operator's."""
    if Rate.objects.exists():
        return 0
    return len(Rate.objects.bulk_create(row_of(rate) for rate in default_rates()))


def row_of(rate: RateData) -> Rate:
    return Rate(
        key=rate.key,
        kind=rate.kind.value,
        price=rate.price,
        currency=rate.currency,
        unit=rate.unit.value,
        per=rate.per,
        increment=rate.increment,
        minimum=rate.minimum,
        in_carrier_price=rate.in_carrier_price,
        valid_from=rate.valid_from,
        valid_until=rate.valid_until,
        source=rate.source,
    )
