"""Usage reports of settled calls go after their time; what is not settled, the ledger and the bills stay."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from billing.models import Budget, CallCost, LedgerEntry, SpendSample, UsageReport
from billing.services import ledger, meter, settling
from billing.services.pruning import SAMPLES_KEPT, USAGE_KEPT, prune
from tests.calls.factories import NOON_IN_DENVER as AT

pytestmark = pytest.mark.django_db


def metered(budget: Budget) -> UUID:
    reference = uuid4()
    ledger.hold(reference, [budget.pk], Decimal("0.1"), currency="USD", at=AT)
    meter.record(reference, [meter.Measured("call", "s", Decimal(9), 1)], reporter="claim 1", at=AT)
    return reference


def test_only_what_is_old_and_settled_goes() -> None:
    budget = Budget.objects.create(name="Autumn", limit=Decimal(5))
    settled, open_ = metered(budget), metered(budget)
    settling.settle(settled, settling.Ending(9), at=AT)
    for days in (0, 1):
        SpendSample.objects.create(budget=budget, at=AT + timedelta(days=days), spent=Decimal(1))
    assert prune(now=AT + USAGE_KEPT) == 0
    assert prune(now=AT + USAGE_KEPT + timedelta(seconds=1)) == 1
    assert [report.reference for report in UsageReport.objects.all()] == [open_]
    assert prune(now=AT + SAMPLES_KEPT + timedelta(seconds=1)) == 1
    assert [sample.at for sample in SpendSample.objects.all()] == [AT + timedelta(days=1)]
    assert (CallCost.objects.count(), LedgerEntry.objects.count()) == (1, 4)
