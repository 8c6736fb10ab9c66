"""Spending, and a watch over it."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from agents.domain.scoring import rating
from billing.domain.forecast import CallingHours
from billing.domain.watch import Rating, Score
from billing.models import Alert, AlertRule, Budget, CallCost
from billing.services import alerts, ledger
from billing.services.readings import Figures

NOW = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""Tuesday noon in Denver."""
LATER = timedelta(seconds=15)
EVERY_DAY = CallingHours("America/Denver", tuple((day, time(8), time(20)) for day in range(7)))
NO_FIGURES: Mapping[int, Figures] = {}


def rated(points: int) -> Score:
    """A score by the limits of the built-in script."""
    return Score(points, Rating(rating(points)))


def budget(name: str = "November", *, limit: str | None = None, **fields: object) -> Budget:
    amounts = {key: Decimal(str(value)) for key, value in fields.items() if key.endswith("_limit")}
    other = {key: value for key, value in fields.items() if key not in amounts}
    total = None if limit is None else Decimal(limit)
    return Budget.objects.create(name=name, zone="America/Denver", limit=total, **amounts, **other)


def spend(
    amount: str, *on: Budget, at: datetime = NOW, price: str | None = None, estimate: str = "0", excess: str = "0"
) -> UUID:
    """One settled call that cost ``amount``, and what the carrier said about it."""
    call = uuid4()
    ledger.hold(call, [one.pk for one in on], Decimal(amount), currency="USD", at=at)
    ledger.charge(call, Decimal(amount), at=at)
    CallCost.objects.create(
        reference=call,
        currency="USD",
        lines=[],
        estimated=Decimal(amount),
        charged=Decimal(amount),
        excess=Decimal(excess),
        booked_at=at,
        settled_at=at,
        carrier_estimate=Decimal(estimate),
        carrier_price=None if price is None else Decimal(price),
        carrier_priced_at=None if price is None else at,
    )
    return call


def only(*rules: tuple[str, str, str], on: Budget | None = None) -> list[AlertRule]:
    """No other rules than these: kind, level, threshold."""
    AlertRule.objects.all().delete()
    return [
        AlertRule.objects.create(kind=kind, level=level, threshold=Decimal(threshold), budget=on)
        for kind, level, threshold in rules
    ]


def watch(now: datetime = NOW, figures: Mapping[int, Figures] = NO_FIGURES) -> list[tuple[str, str]]:
    """The kinds and levels that were told."""
    return [(alert.kind, alert.level) for alert in alerts.watch(now, figures)]


def opened() -> list[tuple[str, str]]:
    return sorted(Alert.objects.filter(ended_at=None).values_list("kind", "level"))
