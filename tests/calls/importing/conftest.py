from decimal import Decimal

import pytest

from billing.models import Budget
from calls.models import Campaign


@pytest.fixture
def campaign(db: None) -> Campaign:
    budget = Budget.objects.create(name="Autumn", limit=Decimal(50))
    return Campaign.objects.create(name="Autumn sellers", budget=budget)
