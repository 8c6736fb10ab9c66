"""Each crossing of a threshold is told once, ended when it is over, and told again when it is crossed again."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from billing.domain.forecast import CallingHours
from billing.models import Alert, AlertRule, Balance, Budget, CallCost, SpendSample
from billing.services import alerts, ledger
from billing.services.readings import Figures

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""Tuesday noon in Denver."""
EVERY_DAY = CallingHours("America/Denver", tuple((day, time(8), time(20)) for day in range(7)))
NO_FIGURES: Mapping[int, Figures] = {}


def budget(name: str = "November", **fields: object) -> Budget:
    return Budget.objects.create(name=name, zone="America/Denver", **fields)


def spend(on: Budget, amount: str, *, at: datetime = NOW, price: str | None = None, estimate: str = "0") -> UUID:
    """One settled call that cost ``amount``, and what the carrier said about it."""
    call = uuid4()
    ledger.hold(call, [on.pk], Decimal(amount), currency="USD", at=at)
    ledger.charge(call, Decimal(amount), at=at)
    CallCost.objects.create(
        reference=call,
        currency="USD",
        lines=[],
        estimated=Decimal(amount),
        charged=Decimal(amount),
        booked_at=at,
        settled_at=at,
        carrier_estimate=Decimal(estimate),
        carrier_price=None if price is None else Decimal(price),
        carrier_priced_at=None if price is None else at,
    )
    return call


def watch(now: datetime = NOW, figures: Mapping[int, Figures] = NO_FIGURES) -> list[tuple[str, str]]:
    return [(alert.kind, alert.level) for alert in alerts.watch(now, figures)]


def opened() -> list[tuple[str, str]]:
    return sorted(Alert.objects.filter(ended_at=None).values_list("kind", "level"))


def only(kind: str, level: str, threshold: str) -> AlertRule:
    AlertRule.objects.all().delete()
    return AlertRule.objects.create(kind=kind, level=level, threshold=Decimal(threshold))


def test_a_share_is_told_once_with_the_amounts() -> None:
    november = budget(limit=Decimal(10))
    only("share", "info", "0.5")
    spend(november, "4.999999")
    assert watch() == []
    spend(november, "0.000001")
    assert watch() == [("share", "info")]
    assert watch(NOW + timedelta(seconds=15)) == []
    alert = Alert.objects.get()
    assert alert.text == (
        "50.0 % of what budget 'November' may spend in all is spent: 5.00 USD of 10.00 USD. "
        "Raise the limit if dialing is to go on; when nothing is left, nothing is dialed."
    )
    assert (alert.value, alert.threshold, alert.at, alert.ended_at) == (Decimal("0.5"), Decimal("0.5"), NOW, None)
    assert alert.balance == Balance.objects.get(period="total")
    assert alert.rule == AlertRule.objects.get()
