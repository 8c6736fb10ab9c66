"""Money in the admin. One module a subject; importing this registers them all."""

from billing.admin.alert import AlertAdmin, AlertRuleAdmin
from billing.admin.budget import BudgetAdmin
from billing.admin.ledger import LedgerEntryAdmin
from billing.admin.rate import RateAdmin
from billing.admin.review import ReviewAdmin

__all__ = ["AlertAdmin", "AlertRuleAdmin", "BudgetAdmin", "LedgerEntryAdmin", "RateAdmin", "ReviewAdmin"]
