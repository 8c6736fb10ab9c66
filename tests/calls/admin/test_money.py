"""A call's cost and a campaign's money, as their pages show them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.domain.types import Disposition
from billing.models import Budget, LedgerEntry, Rate, Review
from billing.services import carrier_price, ledger, meter, stops
from billing.services.budgets import Limits, change_limits
from calls.domain.status import CallStatus
from calls.models import Call, Campaign
from calls.services import funding, workers
from calls.services.finishing import finish
from calls.services.moving import note
from tests.billing.factories import entries
from tests.calls import factories as make
from tests.calls.admin.test_pages import text
from tests.calls.fakes import report

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _a_worker() -> None:
    """So that money alone can be what is missing."""
    workers.announce("worker-1", queues=["calls.local", "calls.premium"], lines=4, draining=False)


def url(call: Call) -> str:
    return f"/admin/calls/call/{call.pk}/change/"


def talking(*, for_s: float = 61, **fields: Any) -> Call:
    """A live call, answered so many seconds ago."""
    now = timezone.now()
    return make.call(
        status=CallStatus.LIVE, at=now - (for_s + 9) * SECOND, answered_at=now - for_s * SECOND, **fields
    )


def finished(**fields: Any) -> Call:
    """A call of 61 s, in which 120 characters were said."""
    call = talking(**fields)
    assert call.answered_at is not None
    ended_at = call.answered_at + 61 * SECOND
    finish(call.pk, report(Disposition.QUALIFIED, answered_at=call.answered_at, ended_at=ended_at), now=ended_at)
    call.refresh_from_db()
    return call


def test_the_bill_of_a_call_in_peoples_words(as_manager: Client) -> None:
    call = finished()
    page = text(as_manager, url(call))
    for words in (
        "Charged 0.04873 USD local",
        "Twilio: calls in the US 61 s, billed as 120 s 0.02800 USD",
        "Twilio: media stream 61 s, billed as 120 s 0.00880 USD",
        "Twilio: answering machine detection 1 call 0.00750 USD",
        "Voice, our own 120 characters 0.00000 USD",
        "Taxes and fees on telephony of 0.0443 USD 0.00443 USD",
        "Held before the ring 0.12969 USD",
        "By the rate card 0.04873 USD",
        "The carrier's price asked for",
        "Charged 0.04873 USD",
        f"hold {call.campaign.budget.name} 0.12969 USD",
        f"release {call.campaign.budget.name} 0.12969 USD",
        f"charge {call.campaign.budget.name} 0.04873 USD",
    ):
        assert words in page
    assert "so far" not in page
    assert "call_cost.js" not in as_manager.get(url(call)).content.decode()


def test_the_carriers_price_and_the_difference(as_manager: Client) -> None:
    call = finished()
    carrier_price.apply(call.pk, Decimal("0.014"), "USD", at=timezone.now())
    page = text(as_manager, url(call))
    for words in (
        "Twilio: calls in the US 61 s, billed as 120 s; the carrier's own price 0.01400 USD",
        "Taxes and fees on telephony of 0.0303 USD 0.00303 USD",
        "By the rate card 0.04873 USD",
        "The carrier's price −0.014 USD against the rate card 0.01400 USD",
        "Charged 0.03333 USD",
        "correction, carrier price",
        "-0.01540 USD",
        "Cost $0.0333",
    ):
        assert words in page
    carrier_price.apply(call.pk, Decimal("0.028"), "USD", at=timezone.now())
    assert "The carrier's price as expected 0.02800 USD" in text(as_manager, url(call))


def test_what_no_budget_was_charged_is_said(as_manager: Client) -> None:
    call = finished(held=Decimal("0.04"))
    assert "Charged 0.04000 USD Charged to no budget above what was held or free 0.00873 USD" in text(
        as_manager, url(call)
    )
    assert Review.objects.get().kind == "excess"


def test_use_without_a_rate_is_marked(as_manager: Client) -> None:
    call = talking()
    meter.record(call.pk, [meter.Measured("acme.voice", "char", Decimal(7), 1)], reporter="x", at=timezone.now())
    finish(call.pk, report(answered_at=call.answered_at, ended_at=timezone.now()), now=timezone.now())
    assert "acme.voice 7 characters; no rate 0.00000 USD" in text(as_manager, url(call))


def test_whose_voice_spoke_and_why(as_manager: Client) -> None:
    call = finished(tier="premium", tier_reasons=["The lead is worth it.", "There is room."])
    at = timezone.now()
    reason = "The premium voice did not answer."
    note(call.pk, "tier.changed", at=at, fields={"tier": "local", "reason": reason})
    note(call.pk, "call.wrapping_up", at=at, fields={"reason": "The next minute is not worth it."})
    page = text(as_manager, url(call))
    assert "premium The lead is worth it. There is room." in page
    assert f"{at:%H:%M:%S} Local voice from here: {reason}" in page
    assert f"{at:%H:%M:%S} The agent begins to wrap up: The next minute is not worth it." in page


def test_a_call_that_cost_nothing_says_so(as_manager: Client) -> None:
    call = make.call(status=CallStatus.CANCELED, held=None)
    assert "Cost Nothing was charged for this call." in text(as_manager, url(call))


def test_a_live_call_is_priced_as_if_it_ended_now(as_manager: Client) -> None:
    call = talking()
    page = text(as_manager, url(call))
    assert "$0.0487 so far, $0.13 held" in page
    html = as_manager.get(url(call)).content.decode()
    cost = f"/admin/calls/call/{call.pk}/cost/"
    assert f'data-cost-url="{cost}"' in html
    assert "calls/call_cost.js" in html
    answer = as_manager.get(cost)
    assert answer.json() == {"cost": "0.048730", "shown": "$0.0487", "live": True}
    assert "no-store" in answer["Cache-Control"]
    meter.record(
        call.pk,
        [meter.Measured("elevenlabs.flash_v2_5", "char", Decimal(900), 1)],
        reporter="claim 1",
        at=timezone.now(),
    )
    assert as_manager.get(cost).json()["cost"] == "0.093730"
    finish(call.pk, report(answered_at=call.answered_at, ended_at=timezone.now()), now=timezone.now())
    assert as_manager.get(cost).json() == {"cost": "0.093730", "shown": "$0.0937", "live": False}


def test_the_cost_is_for_those_who_may_see_calls(client: Client) -> None:
    call = talking()
    cost = f"/admin/calls/call/{call.pk}/cost/"
    assert client.get(cost).status_code == 302
    user = User.objects.create_user("ben", password="correct horse", is_staff=True)
    client.force_login(user)
    assert client.get(cost).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_call"))
    assert client.get(cost).status_code == 200
    assert client.get("/admin/calls/call/00000000-0000-0000-0000-000000000009/cost/").status_code == 404
    page = text(client, url(call))
    assert "so far" in page
    assert "Booked Entry" not in page


def test_queries_of_a_calls_page_with_its_money(as_manager: Client) -> None:
    call = finished()
    as_manager.get(url(call))
    for number in range(5):
        carrier_price.apply(call.pk, Decimal(number) / 100, "USD", at=timezone.now())
    with CaptureQueriesContext(connection) as captured:
        as_manager.get(url(call))
    assert len(entries(call.pk)) == 8
    assert len(captured) <= 18


def page_of(client: Client, campaign: Campaign) -> str:
    return text(client, f"/admin/calls/campaign/{campaign.pk}/change/")


def test_every_budget_that_pays_is_on_the_campaigns_page_by_its_tightest_period(as_manager: Client) -> None:
    own = make.budget(limit="5", name="Autumn")
    company = Budget.objects.create(name="Company", scope="company", limit=Decimal(100), day_limit=Decimal(3))
    Budget.objects.create(name="Web", scope="source", source="web")
    Budget.objects.create(name="Elsewhere", scope="source", source="elsewhere", limit=Decimal(1))
    campaign = make.campaign(budget=own)
    lead = make.lead(campaign, source="web")
    now = timezone.now()
    ledger.hold(make.call(lead, held=None).pk, [own.pk, company.pk], Decimal("0.5"), currency="USD", at=now)
    page = page_of(as_manager, campaign)
    assert "Autumn $4.50 free $0.00 spent, $0.50 held of $5.00 in all" in page
    assert "Company $2.50 free $0.00 spent, $0.50 held of $3.00 today" in page
    assert "Web no limit $0.00 spent" in page
    assert "Elsewhere" not in page
    assert "Nothing is dialed" not in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("limit", "Budget 'Autumn' cannot hold 0.12969 USD more: raise its limit or wait for calls to settle."),
        (
            "day",
            "Budget 'Autumn' cannot hold 0.12969 USD more today: raise its limit or wait for calls to settle.",
        ),
        ("call", "Budget 'Autumn' allows 0.01 USD for one call, which does not pay for 60 s: raise that limit."),
        ("stop", "Dialing on budget 'Autumn' is stopped: too dear"),
        ("rate", "There is no rate 'stt.local' at"),
        (
            "currency",
            "Budget 'Autumn' is in EUR and the call is priced in USD: use a budget in USD, or enter the rates",
        ),
    ],
)
def test_why_nothing_is_dialed(as_manager: Client, change: str, sentence: str) -> None:
    budget = make.budget(limit="5", name="Autumn")
    campaign = make.campaign(budget=budget)
    make.lead(campaign)
    assert funding.why_not_payable(campaign, now=timezone.now()) == ""
    now = timezone.now()
    limits = {
        "limit": Limits(Decimal("0.1")),
        "day": Limits(Decimal(5), day=Decimal("0.1")),
        "call": Limits(Decimal(5), call=Decimal("0.01")),
    }
    if change in limits:
        change_limits(budget.pk, limits[change], at=now)
    elif change == "stop":
        stops.stop(budget, "too dear", None, now)
    elif change == "rate":
        Rate.objects.filter(key="stt.local").delete()
    else:
        Budget.objects.update(currency="EUR")
    before = LedgerEntry.objects.count()
    assert f"Nothing is dialed: {sentence}" in page_of(as_manager, campaign)
    assert LedgerEntry.objects.count() == before
    Campaign.objects.update(status="paused")
    assert "Nothing is dialed" not in page_of(as_manager, campaign)


def test_a_campaign_without_leads_is_not_without_money(as_manager: Client) -> None:
    campaign = make.campaign(budget=make.budget(limit="0"))
    assert "Nothing is dialed" not in page_of(as_manager, campaign)


def test_the_voice_of_a_campaign_is_chosen_in_its_form(admin_client: Client) -> None:
    campaign = make.campaign(status="draft")
    Budget.objects.create(name="Web", scope="source", source="web")
    html = admin_client.get(f"/admin/calls/campaign/{campaign.pk}/change/").content.decode()
    assert '<option value="auto">premium where it pays</option>' in html
    assert ">Web</option>" not in html
    assert "Local costs nothing by the character." in html


def test_queries_of_a_campaigns_page_do_not_grow_with_its_budgets(as_manager: Client) -> None:
    campaign = make.campaign()
    url = f"/admin/calls/campaign/{campaign.pk}/change/"

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_manager.get(url).status_code == 200
        return len(captured)

    def more(name: str) -> None:
        Budget.objects.create(name=name, scope="source", source=name, limit=Decimal(9))
        make.lead(campaign, source=name)

    more("web")
    queries()
    few = queries()
    for number in range(5):
        more(f"list {number}")
        Budget.objects.create(name=f"Company {number}", scope="company", limit=Decimal(9))
    assert queries() == few
    assert few <= 56
