"""Do the books agree? Every balance against the sum of the entries that count in its period."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from billing.domain.money import shown

_COMPARE = """
    SELECT budget.name, budget.currency, balance.period, lower(balance.window), balance.spent, balance.held,
           coalesce(sum(entry.amount) FILTER (WHERE entry.kind IN ('charge', 'correction')), 0),
           coalesce(sum(CASE entry.kind WHEN 'hold' THEN entry.amount WHEN 'release' THEN -entry.amount END), 0)
    FROM billing_balance balance
    JOIN billing_budget budget ON budget.id = balance.budget_id
    LEFT JOIN billing_ledgerentry entry ON entry.budget_id = balance.budget_id AND balance.window @> entry.booked_at
    GROUP BY budget.id, balance.id
    ORDER BY budget.name, balance.period, balance.window
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance (``spent`` or ``held``) that is not the sum of its period's entries."""

    budget: str
    currency: str
    period: str
    balance: str
    booked: Decimal
    entries: Decimal

    def __str__(self) -> str:
        booked, entries = shown(self.booked, self.currency), shown(self.entries, self.currency)
        difference = shown(self.booked - self.entries, self.currency)
        return (
            f"Budget {self.budget!r}, {self.period}: {self.balance} is {booked}, its entries say {entries} "
            f"(difference {difference})."
        )


def audit() -> list[Difference]:
    """Every balance that is not the sum of its entries. One statement, so calls may go on meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE)
        rows = cursor.fetchall()
    differences = []
    for name, currency, period, since, spent, held, charged, holding in rows:
        label = period if since is None else f"{period} from {since:%Y-%m-%d %H:%M} UTC"
        for balance, booked, entries in (("spent", spent, charged), ("held", held, holding)):
            if booked != entries:
                differences.append(Difference(name, currency, label, balance, booked, entries))
    return differences
