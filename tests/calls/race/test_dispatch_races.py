"""Several dispatchers, campaigns and people at once: batches stay exact."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from billing.models import LedgerEntry
from billing.services.auditing import audit
from calls.models import Call, CallerId, CallEvent, Decision, Lead, Suppression
from calls.services import doorbell
from calls.services.dispatching import dispatch
from calls.services.opting_out import suppress
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from tests.calls.race.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []

    def ring(call_id: UUID, _: str) -> bool:
        ids.append(call_id)
        return True

    monkeypatch.setattr(doorbell, "ring", ring)
    return ids


def all_of_one_piece(rung: list[UUID]) -> None:
    """Every call has its event, its reasons, its money and its bell, and nothing else has any."""
    calls = {call.pk for call in Call.objects.all()}
    assert sorted(CallEvent.objects.values_list("call", flat=True)) == sorted(calls)
    dials = Decision.objects.filter(result="dial")
    assert sorted(call_id for call_id in dials.values_list("call_id", flat=True) if call_id) == sorted(calls)
    assert dials.count() == len(calls)
    assert sorted(LedgerEntry.objects.values_list("reference", flat=True)) == sorted(calls)
    assert sorted(rung) == sorted(calls)
    assert audit() == []


def test_campaigns_that_share_all_their_numbers_call_each_once(rung: list[UUID]) -> None:
    numbers = [f"+1303555{number:04}" for number in range(20)]
    campaigns = [make.campaign(max_concurrency=50) for _ in range(4)]
    for place, campaign in enumerate(campaigns):
        for number in numbers[place * 5 :] + numbers[: place * 5]:  # each meets them in another order
            make.lead(campaign, phone=number)
    at_once(4, lambda number: dispatch(now=NOW, campaign_id=campaigns[number].pk))
    assert sorted(Call.objects.values_list("to_number", flat=True)) == numbers
    assert Lead.objects.filter(status="open").count() == 80
    all_of_one_piece(rung)


def test_a_budget_for_seven_calls_pays_for_seven(rung: list[UUID]) -> None:
    budget = make.budget(limit=str(7 * WORST_CASE + Decimal("0.1")))
    campaigns = [make.campaign(budget=budget, max_concurrency=50) for _ in range(4)]
    for campaign in campaigns:
        for _ in range(5):
            make.lead(campaign)
    queued = at_once(8, lambda number: dispatch(now=NOW, campaign_id=campaigns[number % 4].pk))
    assert sum(queued) == Call.objects.count() == 7
    assert budget.total.held == 7 * WORST_CASE
    all_of_one_piece(rung)


def test_caller_ids_that_campaigns_share_keep_their_caps(rung: list[UUID]) -> None:
    for number in ("+13035550111", "+13035550112"):
        CallerId.objects.create(number=number, daily_cap=3)
    campaigns = [make.campaign(max_concurrency=50) for _ in range(4)]
    for campaign in campaigns:
        for _ in range(4):
            make.lead(campaign)
    queued = at_once(4, lambda number: dispatch(now=NOW, campaign_id=campaigns[number].pk))
    assert sum(queued) == 6
    used = Call.objects.values_list("from_number", flat=True)
    assert sorted(used) == ["+13035550111"] * 3 + ["+13035550112"] * 3
    all_of_one_piece(rung)


def test_all_calls_of_an_account_are_counted_by_one_dispatcher_at_a_time(settings: object, rung: list[UUID]) -> None:
    settings.CARRIER_MAX_CALLS = 5  # type: ignore[attr-defined]
    campaigns = [make.campaign(max_concurrency=50) for _ in range(4)]
    for campaign in campaigns:
        for _ in range(4):
            make.lead(campaign)
    queued = at_once(4, lambda number: dispatch(now=NOW, campaign_id=campaigns[number].pk))
    assert sum(queued) == Call.objects.unfinished().count() == 5
    all_of_one_piece(rung)


def test_people_who_opt_out_meanwhile_have_no_call_left() -> None:
    numbers = [f"+1303555{number:04}" for number in range(12)]
    campaigns = [make.campaign(max_concurrency=50) for _ in range(2)]
    for campaign in campaigns:
        for number in numbers:
            make.lead(campaign, phone=number)
    out = numbers[::2]

    def act(number: int) -> object:
        if number < 2:
            return dispatch(now=NOW, campaign_id=campaigns[number].pk)
        return [suppress(one, source="api", said="", now=NOW) for one in out]

    at_once(3, act)
    dispatch(now=NOW + timedelta(seconds=2))
    assert Suppression.objects.count() == len(out)
    assert not Call.objects.unfinished().filter(to_number__in=out).exists()
    assert not Lead.objects.filter(phone__in=out, status="open").exists()
    assert sorted(Call.objects.unfinished().values_list("to_number", flat=True)) == numbers[1::2]
    assert audit() == []
