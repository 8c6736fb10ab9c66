"""Money in the admin."""

from billing.admin.budget import BudgetAdmin, LedgerEntryAdmin
from billing.admin.rate import RateAdmin

__all__ = ["BudgetAdmin", "LedgerEntryAdmin", "RateAdmin"]
