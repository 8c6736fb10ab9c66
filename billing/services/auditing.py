"""Do the books agree? Every balance against the sum of the entries that count in its period."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from billing.domain.money import shown

# The bounds are told apart, so that a period finds its entries by their index. A total is made up where it is
# missing, so that no entry goes uncounted.
_COMPARE = """
    WITH balance AS (
        SELECT id, budget_id, period, spent, held, lower("window") AS since,
               coalesce(lower("window"), '-infinity') AS from_at, coalesce(upper("window"), 'infinity') AS until_at
        FROM billing_balance
        UNION ALL
        SELECT NULL, id, 'total', 0, 0, NULL, '-infinity', 'infinity'
        FROM billing_budget budget
        WHERE NOT EXISTS (
            SELECT 1 FROM billing_balance total WHERE total.budget_id = budget.id AND total.period = 'total'
        )
    )
    SELECT budget.name, budget.currency, balance.period, balance.since, balance.spent, balance.held,
           coalesce(entries.spent, 0), coalesce(entries.held, 0)
    FROM balance
    JOIN billing_budget budget ON budget.id = balance.budget_id
    CROSS JOIN LATERAL (
        SELECT sum(entry.amount) FILTER (WHERE entry.kind IN ('charge', 'correction')) AS spent,
               sum(CASE entry.kind WHEN 'hold' THEN entry.amount WHEN 'release' THEN -entry.amount END) AS held
        FROM billing_ledgerentry entry
        WHERE entry.budget_id = balance.budget_id
          AND entry.booked_at >= balance.from_at AND entry.booked_at < balance.until_at
    ) entries
    ORDER BY budget.name, balance.period, balance.since
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
