"""What may be spent: rates, budgets, holds and the ledger."""
