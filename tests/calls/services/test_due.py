"""Which leads come next, in which order, and what the query reads for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from calls.domain.status import CallStatus
from calls.models import Campaign, Lead, LeadList, Suppression
from calls.services import due
from calls.services.due import next_due
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER


def of(campaign: Campaign, count: int = 50) -> list[int]:
    return next_due(campaign.pk, now=NOW, count=count)


def minutes_ago(minutes: int) -> dict[str, Any]:
    return {"next_attempt_at": NOW - timedelta(minutes=minutes)}


def test_promises_then_lists_then_priority_then_age() -> None:
    campaign = make.campaign()
    first, also_five, last = (
        LeadList.objects.create(campaign=campaign, name=str(priority), priority=priority) for priority in (2, 5, 9)
    )
    leads = [
        make.lead(campaign, list=last, priority=9, commitment_at=NOW, **minutes_ago(2)),
        make.lead(campaign, commitment_at=NOW, **minutes_ago(1)),
        make.lead(campaign, list=first, priority=1),
        make.lead(campaign, list=first, priority=7, **minutes_ago(90)),
        make.lead(campaign, priority=3),
        make.lead(campaign, list=also_five, priority=4, **minutes_ago(3)),
        make.lead(campaign, priority=4, **minutes_ago(2)),
        make.lead(campaign, list=also_five, priority=4, **minutes_ago(1)),
        make.lead(campaign, list=last, priority=1, **minutes_ago(99)),
    ]
    assert of(campaign) == [lead.pk for lead in leads]
    assert of(campaign, 4) == [lead.pk for lead in leads[:4]]


@pytest.mark.parametrize(
    "fields",
    [{"status": "closed"}, {"next_attempt_at": NOW + timedelta(microseconds=1)}],
    ids=["closed", "not due"],
)
def test_who_is_not_due(fields: dict[str, Any]) -> None:
    campaign = make.campaign()
    make.lead(campaign, **fields)
    make.lead(campaign, commitment_at=NOW, **fields)
    make.lead()  # of another campaign
    assert of(campaign) == []


def test_a_list_that_is_not_active_waits_with_its_promises() -> None:
    campaign = make.campaign()
    waiting = LeadList.objects.create(campaign=campaign, name="Old", active=False)
    make.lead(campaign, list=waiting)
    make.lead(campaign, list=waiting, commitment_at=NOW)
    called = make.lead(campaign)
    assert of(campaign) == [called.pk]


@pytest.mark.parametrize("promised", [None, NOW])
def test_a_number_with_an_unfinished_call_is_passed_over(promised: Any) -> None:
    campaign = make.campaign()
    for status in (CallStatus.QUEUED, CallStatus.CLAIMED, CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN):
        lead = make.lead(campaign, commitment_at=promised)
        make.call(make.lead(phone=lead.phone), status)
    done = make.lead(campaign, commitment_at=promised)
    make.call(done, CallStatus.DONE)
    assert of(campaign) == [done.pk]


def test_a_number_on_the_do_not_call_list_is_left_to_the_gates() -> None:
    lead = make.lead()
    Suppression.objects.create(phone=lead.phone, source="admin", created_at=NOW)
    assert of(lead.campaign) == [lead.pk]


@pytest.mark.django_db(transaction=True)
def test_leads_that_another_has_locked_are_passed_over() -> None:
    campaign = make.campaign()
    leads = [make.lead(campaign, priority=number) for number in range(1, 6)]

    def others(_: int) -> list[int]:
        with transaction.atomic():
            return of(campaign, 2)

    with transaction.atomic():
        assert of(campaign, 2) == [leads[0].pk, leads[1].pk]
        assert at_once(1, others) == [[leads[2].pk, leads[3].pk]]


def test_of_many_leads_only_those_that_are_due_are_read() -> None:
    """However PostgreSQL counts, neither those due later nor the rest of those due now are read and sorted."""
    campaign = make.campaign()
    listed = LeadList.objects.create(campaign=campaign, name="New")
    Lead.objects.bulk_create(
        Lead(
            campaign=campaign,
            phone=f"+1303555{number:04}",
            next_attempt_at=NOW + timedelta(days=1) if number % 2 else NOW - timedelta(minutes=number),
            list=listed if number % 3 else None,
        )
        for number in range(2000)
    )
    sql, asked = due.query(campaign.pk, now=NOW, count=5)
    with connection.cursor() as cursor:
        cursor.execute(due.BY_INDEX)
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", asked)
        [[[root]]] = cursor.fetchall()
    read = list(_read(root["Plan"]))
    assert {index for index, _ in read} >= {"lead_due"}
    assert [(index, rows) for index, rows in read if rows > 5 + 50 + 1] == []
    assert [of(campaign, 2)] == [list(Lead.objects.order_by("next_attempt_at").values_list("pk", flat=True)[:2])]


def _read(plan: dict[str, Any]) -> Any:
    """Each scan of leads: its index, and the rows that it gave or dropped at most in one go."""
    if plan.get("Relation Name") == "calls_lead":
        yield plan.get("Index Name"), plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    for part in plan.get("Plans", ()):
        yield from _read(part)
