"""Money in the admin."""

from billing.admin.budget import BudgetAdmin, LedgerEntryAdmin

__all__ = ["BudgetAdmin", "LedgerEntryAdmin"]
