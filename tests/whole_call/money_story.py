"""What happens in test_money.py: campaigns begin, a provider stalls, a worker is killed, limits and rates change."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from billing.models import Budget, CallCost, Review, Scope, UsageReport
from billing.services import budgets
from billing.services.card import end_rate, set_price
from calls.models import Call, CallerId, CallingWindow, Campaign
from calls.services import campaigns
from calls.services.gates import rules_of
from calls.services.importing import import_leads
from calls.services.rules import book_at
from reautomation.demo.place import CALLER_ENDING, place_for
from simulator.faults import Chance, Dice
from tests.processes import left_over
from tests.whole_call.books import PREMIUM, used
from tests.whole_call.installation import Installation
from tests.whole_call.settings import OWN_CAMPAIGN

MARIA, BEN, CAROL, DORA = "0201", "0202", "0203", "0204"
DEAR, FAR_TOO_DEAR, IN_EUROS, CHEAP = "0211", "0212", "0213", "0214"
ROOM = ("0221", "0222", "0223", "0224", "0225")
UNPRICED = ("0231", "0232")
OPENING = 5
"""Clauses."""
SHORTEST_S = 30
"""A call that may last so long is, with the time to hang up, one minute to the carrier."""
STREAMS = "twilio.media_streams"


@dataclass
class Seen:
    """What is not in the records afterwards."""

    told_before_kill: Decimal = Decimal(0)
    refused: dict[str, set[str]] = field(default_factory=dict)
    """Why calls were not dialed, by campaign, as the operator reads it in the log and the manager on the page."""
    raised_at: datetime | None = None
    priced_at: datetime | None = None


def call_to(ending: str) -> Call:
    return Call.objects.select_related("campaign", "lead").get(to_number__endswith=ending)


def play(house: Installation) -> Seen:
    """All of it, to the last price that the carrier tells."""
    seen = Seen()
    Budget.objects.create(name="Company", scope=Scope.COMPANY, limit=Decimal(20), day_limit=Decimal(10))
    Budget.objects.create(
        name="Website", scope=Scope.SOURCE, source="website", limit=Decimal(5), week_limit=Decimal(2)
    )
    _begin(_campaign("Premium", tier="premium"), MARIA, name="Maria", source="website")
    _begin(_campaign(OWN_CAMPAIGN, tier="premium", needs="gpu"), DORA, name="Dora", street="Birch Court")
    _begin(_campaign("Short", call_limit=Decimal("0.0525")), CAROL, name="Carol")
    _the_provider_stalls(house)
    _begin(_campaign("Prices", max_call_s=SHORTEST_S), DEAR, FAR_TOO_DEAR, IN_EUROS, CHEAP)
    room = _campaign("Room", limit="0.0775", max_call_s=SHORTEST_S)
    _begin(room, *ROOM)
    _the_worker_is_lost(house, seen)
    _the_budget_is_raised(house, room, seen)
    _the_carrier_tells_its_prices(house)
    _rates_are_missing(house, seen)
    house.until("every call is over", _over(MARIA, BEN, CAROL, DORA, *UNPRICED), within_s=100)
    house.until("every price is told", lambda: _prices_told() == Call.objects.count() - 2, within_s=20)
    return seen


def _the_provider_stalls(house: Installation) -> None:
    """In the third clause of a call, while others listen to what they have got already."""
    provider = house.provider

    def spoken() -> bool:
        return len(provider.requests()) == 2 * OPENING and provider.idle()

    house.until("two openings are spoken", spoken, within_s=40)
    chance = Chance(rate=0.5, at_most=1)
    provider.faults(stalls=chance.model_dump(), seed=_seed_for_third(chance))
    _begin(_campaign("Stalls", tier="premium", company_name="Harbor Homes"), BEN, name="Ben", street="Cedar Lane")
    house.until("the next one stalls", lambda: any(one["cut"] for one in provider.requests()), within_s=30)


def _seed_for_third(chance: Chance) -> int:
    """With which the provider's dice strike at the third request; each is drawn a latency first."""

    def struck(seed: int) -> list[bool]:
        dice = Dice(seed)
        return [(dice.within_s((0, 0)), dice.strikes(chance))[1] for _ in range(3)]

    return next(seed for seed in count() if struck(seed) == [False, False, True])


def _the_worker_is_lost(house: Installation, seen: Seen) -> None:
    """Killed in the middle of an answer, when all that the provider bills has been told."""
    dora = call_to(DORA)

    def in_the_middle() -> bool:
        billed = sum(one["characters"] for one in house.provider.requests())
        return len(used(dora, PREMIUM)) > OPENING and house.provider.idle() and _metered() == billed

    house.until("Dora gets an answer", in_the_middle, within_s=60)
    house.own_worker.kill()
    assert left_over([house.own_worker]) == []
    seen.told_before_kill = sum(used(dora, PREMIUM), Decimal(0))


def _metered() -> Decimal:
    total: Decimal | None = UsageReport.objects.filter(component=PREMIUM).aggregate(sum=Sum("quantity"))["sum"]
    return total or Decimal(0)


def _the_budget_is_raised(house: Installation, room: Campaign, seen: Seen) -> None:
    house.until("two calls are over", _over(*ROOM[:2]), within_s=40)
    house.until("the rest waits", lambda: bool(_refusals(house, room)), within_s=20)
    assert room.calls.count() == 2
    seen.refused["Room"] = {*_refusals(house, room), _shown(house, room)}
    seen.raised_at = timezone.now()
    budgets.change_limits(room.budget_id, budgets.Limits(Decimal("0.1")), at=seen.raised_at)
    house.until("a third phone rings", _over(ROOM[2]), within_s=30)


def _the_carrier_tells_its_prices(house: Installation) -> None:
    house.until("the calls are over", _over(DEAR, FAR_TOO_DEAR, IN_EUROS, CHEAP), within_s=30)
    house.until("two prices are doubted", lambda: _prices_told() and Review.objects.count() == 2, within_s=20)


def _rates_are_missing(house: Installation, seen: Seen) -> None:
    """First that of the premium voice, then one that no call can do without; that one comes back."""
    unpriced = _campaign("Unpriced", tier="premium", max_call_s=SHORTEST_S, max_concurrency=1)
    now = timezone.now()
    end_rate(PREMIUM, now, now=now)
    _begin(unpriced, UNPRICED[0])
    house.until("a call is dialed all the same", _over(UNPRICED[0]), within_s=30)
    now = timezone.now()
    end_rate(STREAMS, now, now=now)
    _begin(unpriced, UNPRICED[1])
    house.until("the next is not dialed", lambda: bool(_refusals(house, unpriced)), within_s=20)
    assert unpriced.calls.count() == 1
    seen.refused["Unpriced"] = {*_refusals(house, unpriced), _shown(house, unpriced)}
    seen.priced_at = timezone.now()
    set_price(STREAMS, Decimal("0.0044"), from_at=seen.priced_at, now=seen.priced_at, source="test")


def _campaign(name: str, *, limit: str = "5", call_limit: Decimal | None = None, **fields: Any) -> Campaign:
    budget = Budget.objects.create(name=f"Budget of {name}", limit=Decimal(limit), call_limit=call_limit)
    campaign = Campaign.objects.create(name=name, budget=budget, **{"max_concurrency": 5, **fields})
    CallingWindow.objects.create(campaign=campaign)
    place = place_for(timezone.now(), rules_of(campaign), book_at(timezone.now()))
    campaign.caller_ids.add(CallerId.objects.get_or_create(number=place.prefix + CALLER_ENDING)[0])
    return campaign


def _begin(
    campaign: Campaign, *endings: str, name: str = "Alex", street: str = "Maple Street", source: str = "referral"
) -> None:
    """Import the leads whose numbers end so, and start."""
    prefix = campaign.caller_ids.get().number.removesuffix(CALLER_ENDING)
    head = "phone,name,interest,address,source,consent_kind,consent_source,consent_at"
    rows = [f"{prefix}{end},{name} Stone,sell,{end} {street},{source},written,Form,2026-09-14" for end in endings]
    done = import_leads(campaign.pk, "leads.csv", io.BytesIO("\n".join([head, *rows]).encode()), now=timezone.now())
    assert done.imported == len(endings), list(done.rows.values_list("reason", flat=True))
    if not Campaign.objects.running().filter(pk=campaign.pk).exists():
        campaigns.start(campaign.pk, now=timezone.now())


def _over(*endings: str) -> Callable[[], bool]:
    def all_over() -> bool:
        ended = Call.objects.filter(ended_at__isnull=False).values_list("to_number", flat=True)
        return {number[-4:] for number in ended} >= set(endings)

    return all_over


def _refusals(house: Installation, campaign: Campaign) -> Sequence[str]:
    lines = house.log("worker")
    unpaid = [line for line in lines if line["event"] == "dispatch.not_payable"]
    return [line["reason"] for line in unpaid if line["campaign_id"] == campaign.pk]


def _shown(house: Installation, campaign: Campaign) -> str:
    found = re.search(
        r"<strong>Nothing is dialed:</strong> ([^<]*)<", house.page(f"/admin/calls/campaign/{campaign.pk}/change/")
    )
    assert found is not None
    return found[1]


def _prices_told() -> int:
    """How many; the others are asked for now, where that is done a minute after the end and later once more."""
    CallCost.objects.filter(carrier_due_at__gt=timezone.now()).update(carrier_due_at=timezone.now())
    return CallCost.objects.filter(carrier_price__isnull=False).count()
