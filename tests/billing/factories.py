"""Budgets and rates for tests, made as an operator would leave them."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from billing.domain.periods import Period
from billing.models import Balance, Budget, LedgerEntry
from billing.services import ledger

AT = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)
"""A Tuesday: 10:00 in Denver."""
CALL = UUID("6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0001")
OTHER = UUID("6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0002")
ZERO = Decimal(0)
_LIMITS = ("limit", "day_limit", "week_limit", "month_limit", "call_limit")
_numbers = count(1)


def budget(limit: str | None = "1", **fields: Any) -> Budget:
    """A campaign's budget, of 1 USD in all; limits may be given as text."""
    fields = {name: Decimal(value) if name in _LIMITS and value else value for name, value in fields.items()}
    fields.setdefault("name", f"Budget {next(_numbers)}")
    return Budget.objects.create(limit=None if limit is None else Decimal(limit), **fields)


def hold(of: UUID, *budgets: Budget, amount: str = "0.25", at: datetime = AT, currency: str = "USD") -> None:
    ledger.hold(of, [one.pk for one in budgets], Decimal(amount), currency=currency, at=at)


def sums(of: Budget, period: Period = Period.TOTAL, at: datetime = AT) -> tuple[Decimal, Decimal]:
    """What is spent and held of the budget in its period around ``at``; it must have one."""
    balance = Balance.objects.get(budget=of, period=period.value, window__contains=at)
    return balance.spent, balance.held


def entries(of: UUID = CALL) -> list[tuple[str, Decimal]]:
    return list(LedgerEntry.objects.filter(reference=of).order_by("pk").values_list("kind", "amount"))
