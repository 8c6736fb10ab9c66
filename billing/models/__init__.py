"""What may be spent, and what was."""

from billing.models.alert import Alert, AlertRule, Level, SpendSample, Trouble
from billing.models.budget import Balance, Budget, LedgerEntry, Scope
from billing.models.cost import CallCost, Review, UsageReport
from billing.models.rate import Rate

__all__ = [
    "Alert",
    "AlertRule",
    "Balance",
    "Budget",
    "CallCost",
    "LedgerEntry",
    "Level",
    "Rate",
    "Review",
    "Scope",
    "SpendSample",
    "Trouble",
    "UsageReport",
]
