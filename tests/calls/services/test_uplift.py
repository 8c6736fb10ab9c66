"""What premium brings, from the calls' records."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.domain.uplift import Arm
from billing.models import Budget
from calls.domain.status import CallStatus
from calls.models import Campaign
from calls.services.uplift import uplift_since
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
SINCE = NOW - timedelta(days=7)
NOBODY = Arm(0, 0, Decimal(0), Decimal(0), Decimal(0))


def over(of: Campaign, cost: str, *, held_out: bool = False, at: datetime = NOW, **fields: Any) -> None:
    """A call that is over, for which premium was chosen."""
    fields = {"premium_chosen": True, "ended_at": at, "disposition": "hung_up", **fields}
    lead = make.lead(of)
    make.call(lead, CallStatus.DONE, at=at, held=None, cost=Decimal(cost), held_out=held_out, **fields)


def test_the_arms_are_counted_in_one_query() -> None:
    of = make.campaign()
    over(of, "0.1")
    over(of, "0.3", disposition="appointment")
    over(of, "0", disposition="no_answer")
    over(of, "0.05", held_out=True)
    over(of, "0.04", held_out=True, disposition="appointment")
    with CaptureQueriesContext(connection) as captured:
        found = uplift_since(SINCE)
    assert len(captured) == 1
    assert found.premium == Arm(3, 1, Decimal("0.4"), Decimal("0.3"), Decimal("0.1"))
    assert found.held_out == Arm(2, 1, Decimal("0.09"), Decimal("0.04"), Decimal("0.0041"))
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(2.5 / (1 / 0.09))


def test_other_calls_do_not_count() -> None:
    of = make.campaign()
    over(of, "0.1", premium_chosen=False)
    over(of, "0.1", ended_at=None)
    over(of, "0.1", at=SINCE - timedelta(seconds=1))
    euros = make.campaign(budget=Budget.objects.create(name="Berlin", currency="EUR"))
    over(euros, "0.1", held_out=True)
    found = uplift_since(SINCE)
    assert (found.premium, found.held_out, found.ratio, found.difference) == (NOBODY, NOBODY, None, None)
    assert found.sentence.startswith("Not enough yet: 0 calls, 0 appointments; about ")
    assert uplift_since(SINCE, currency="EUR").held_out.calls == 1


def test_one_campaign_is_counted_in_its_own_currency() -> None:
    euros = make.campaign(budget=Budget.objects.create(name="Berlin", currency="EUR"))
    for held_out in (False, True):
        over(euros, "0.1", held_out=held_out, disposition="appointment", at=SINCE)
        over(make.campaign(), "0.1", held_out=held_out)
    found = uplift_since(SINCE, campaign=euros)
    assert (found.premium.calls, found.held_out.calls) == (1, 1)
    assert found.sentence.startswith("For 1 EUR premium brings 1.00 times the appointments")
