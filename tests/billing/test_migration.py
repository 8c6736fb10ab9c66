"""An installation of before the periods keeps its money, and its open calls settle."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from billing.domain.periods import Period
from billing.models import Balance, Budget, LedgerEntry, Rate
from billing.services import ledger, settling
from billing.services.auditing import audit
from billing.services.card import load_defaults
from tests.billing.factories import ZERO, sums

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
OLD, OPEN, LOST = (UUID(int=number) for number in range(1, 4))


def migrate(targets: list[tuple[str, str]]) -> Any:
    """The models as they are then."""
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def newest() -> list[tuple[str, str]]:
    return list(MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.fixture
def before() -> Iterator[Any]:
    """The tables of billing 0002, and at the end those of today."""
    try:
        yield migrate([("billing", "0002_lists_by_age")])
    finally:
        migrate(newest())


def test_balances_holds_and_limits_come_along(before: Any) -> None:
    now = timezone.now()
    month_ago = now - timedelta(days=40)
    old_budget, old_entry = before.get_model("billing", "Budget"), before.get_model("billing", "LedgerEntry")
    november = old_budget.objects.create(
        name="November", limit=Decimal(1), spent=Decimal("0.04"), held=Decimal("0.5")
    )
    old_budget.objects.create(name="Unused", limit=Decimal(2))
    for reference, kind, amount, at in (
        (OLD, "hold", "0.25", month_ago),
        (OLD, "release", "0.25", month_ago + timedelta(minutes=5)),
        (OLD, "charge", "0.04", month_ago + timedelta(minutes=5)),
        (LOST, "hold", "0.25", month_ago),
        (OPEN, "hold", "0.25", now),
    ):
        old_entry.objects.create(
            budget=november, reference=reference, kind=kind, amount=Decimal(amount), at=at, details={"a": "b"}
        )

    migrate(newest())

    assert audit() == []
    budget, unused = Budget.objects.order_by("name")
    assert (budget.limit, budget.day_limit, budget.call_limit) == (Decimal(1), None, None)
    assert (budget.currency, budget.zone, budget.scope, budget.source) == ("USD", "UTC", "campaign", "")
    assert sums(budget) == (Decimal("0.04"), Decimal("0.5"))
    assert [sums(budget, period, now) for period in (Period.DAY, Period.WEEK, Period.MONTH)] == [
        (ZERO, Decimal("0.25"))
    ] * 3
    assert sums(unused) == (ZERO, ZERO)
    assert Balance.objects.get(budget=unused, period="total").limit == Decimal(2)
    assert LedgerEntry.objects.get(reference=OLD, kind="charge").booked_at == month_ago
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(amount=0)

    load_defaults()
    Rate.objects.update(valid_from=month_ago)
    assert settling.settle(OPEN, settling.Ending(61), at=now) == Decimal("0.04873")
    ledger.release(LOST, at=now)
    assert sums(budget) == (Decimal("0.08873"), ZERO)
    assert sums(budget, Period.DAY, now) == (Decimal("0.04873"), ZERO)
    ledger.hold(UUID(int=9), [budget.pk], Decimal("0.9"), currency="USD", at=now + timedelta(days=1))
    assert audit() == []
