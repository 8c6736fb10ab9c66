"""A finished call, and somebody who wants to know."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.models import Budget
from calls.models import Call, Campaign, Lead
from integrations.models import Endpoint
from tests.integrations.receiver import Receiver, receiving

NOW = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def endpoint(db: None, receiver: Receiver) -> Endpoint:
    return Endpoint.objects.create(url=receiver.url, description="CRM")


@pytest.fixture
def call(db: None) -> Call:
    budget = Budget.objects.create(name="November", limit=Decimal(10))
    campaign = Campaign.objects.create(name="Sellers", budget=budget)
    lead = Lead.objects.create(campaign=campaign, phone="+13035550142", name="José Álvarez", next_attempt_at=NOW)
    return Call.objects.create(
        lead=lead,
        campaign=campaign,
        attempt=1,
        to_number=lead.phone,
        from_number="+12125550199",
        status="done",
        status_at=NOW,
        queued_at=NOW,
        ended_at=NOW,
        disposition="appointment",
        summary="Sells in spring.",
        facts={"timeline": "3 months"},
        score=78,
        cost=Decimal("0.0443"),
    )
