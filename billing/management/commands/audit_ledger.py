"""``manage.py audit_ledger``: do the budgets' balances equal the sums of their entries?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.models import Budget
from billing.services.auditing import audit


class Command(BaseCommand):
    help = "Compare every budget's balances with its ledger; exit 1 and name the difference if they disagree."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        if differences := audit():
            raise CommandError("\n".join(str(difference) for difference in differences), returncode=1)
        count = Budget.objects.count()
        said = "1 budget agrees with its ledger." if count == 1 else f"{count} budgets agree with their ledgers."
        self.stdout.write(said)
