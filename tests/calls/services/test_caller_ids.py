"""Which number a lead sees: its area, its state, the daily cap, and numbers that may not be used."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from structlog.testing import capture_logs

from calls.domain.status import CallStatus
from calls.models import Call, CallerId, Campaign, Suppression
from calls.models.call import Direction
from calls.services import caller_ids, campaigns, dispatching, keeping_caller_ids, workers
from calls.services.caller_ids import Pool
from calls.services.campaigns import CampaignError
from tests.calls import factories
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import FakeDialer

DENVER, SPRINGS, NEW_YORK = "+13035550150", "+17195550150", "+12125550150"
IN_DENVER, IN_COLORADO, IN_TEXAS = "+13035550177", "+19705550177", "+12145550177"

pytestmark = pytest.mark.django_db


def caller_id(number: str = DENVER, **fields: Any) -> CallerId:
    return CallerId.objects.create(number=number, **fields)


def used(number: str, count: int, status: CallStatus = CallStatus.DONE, **fields: object) -> None:
    for _ in range(count):
        factories.call(factories.lead(), status, from_number=number, held=None, **fields)


@pytest.fixture
def campaign() -> Campaign:
    return factories.campaign()


def pool(campaign: Campaign) -> Pool:
    return Pool.seen(campaign, now=NOW)


def test_a_lead_sees_a_number_of_its_area_else_of_its_state_else_any(campaign: Campaign) -> None:
    for number in (NEW_YORK, SPRINGS, DENVER):
        caller_id(number)
    taken = pool(campaign)
    assert taken.take(IN_DENVER) == DENVER
    assert taken.take("+12125550177") == NEW_YORK


def test_the_least_used_of_the_nearest_is_taken(campaign: Campaign) -> None:
    for number in (NEW_YORK, SPRINGS, DENVER):
        caller_id(number)
    used(DENVER, 2)
    taken = pool(campaign)
    # From a third area of the state: the number with fewer calls, until both have as many.
    assert [taken.take(IN_COLORADO) for _ in range(4)] == [SPRINGS, SPRINGS, DENVER, SPRINGS]
    assert [taken.take(IN_TEXAS) for _ in range(3)] == [NEW_YORK] * 3


def test_a_number_abroad_is_near_to_nobody_and_still_used(campaign: Campaign) -> None:
    caller_id("+442079460018")
    assert pool(campaign).take(IN_DENVER) == "+442079460018"


def test_the_cap_counts_calls_of_all_campaigns_and_of_24_hours(campaign: Campaign) -> None:
    caller_id(daily_cap=5)
    used(DENVER, 1, at=NOW - timedelta(hours=23, minutes=59))
    used(DENVER, 1, at=NOW - timedelta(hours=24))
    used(DENVER, 1, CallStatus.QUEUED)
    used(NEW_YORK, 3)
    taken = pool(campaign)
    assert taken.left == 3
    assert [taken.take(IN_DENVER) for _ in range(4)] == [DENVER, DENVER, DENVER, None]
    assert (taken.left, pool(campaign).left) == (0, 3)


def test_calls_that_never_rang_and_calls_to_us_do_not_count(campaign: Campaign) -> None:
    caller_id(daily_cap=5)
    used(DENVER, 1, CallStatus.CANCELED)
    used(DENVER, 1, CallStatus.FAILED)
    used(DENVER, 1, CallStatus.FAILED, carrier_call_id="CA1")
    used(DENVER, 1, direction=Direction.INBOUND)
    assert pool(campaign).left == 4


def test_a_number_that_is_used_up_makes_room_for_the_next(campaign: Campaign) -> None:
    caller_id(daily_cap=1)
    caller_id(NEW_YORK, daily_cap=1)
    taken = pool(campaign)
    assert [taken.take(IN_DENVER) for _ in range(3)] == [DENVER, NEW_YORK, None]


def test_the_campaign_s_own_numbers_go_before_all_that_there_are(campaign: Campaign) -> None:
    own = caller_id(NEW_YORK)
    caller_id(DENVER)
    campaign.caller_ids.add(own)
    assert pool(campaign).take(IN_DENVER) == NEW_YORK
    campaign.caller_ids.clear()
    assert pool(campaign).take(IN_DENVER) == DENVER


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"active": False, "inactive_why": "Not verified."}, f"{DENVER} is not active (Not verified.)"),
        ({"active": False}, f"{DENVER} is not active"),
        (
            {"rests_until": NOW + timedelta(hours=3), "rests_why": "2 of 60"},
            f"{DENVER} rests until 2026-11-10 22:00 UTC (2 of 60)",
        ),
    ],
)
def test_a_number_that_may_not_be_used_is_not_and_the_pool_says_why(
    campaign: Campaign, fields: dict[str, Any], why: str
) -> None:
    caller_id(**fields)
    taken = pool(campaign)
    assert (taken.take(IN_DENVER), taken.left, taken.why) == (None, 0, why)
    assert not caller_ids.may_show(DENVER, now=NOW)


def test_a_rest_that_is_over_is_over(campaign: Campaign) -> None:
    caller_id(rests_until=NOW, rests_why="2 of 60")
    assert pool(campaign).take(IN_DENVER) == DENVER
    assert caller_ids.may_show(DENVER, now=NOW)


def test_a_number_on_the_do_not_call_list_or_the_lead_s_own_is_not_shown(campaign: Campaign) -> None:
    caller_id(DENVER)
    caller_id(NEW_YORK)
    Suppression.objects.create(phone=NEW_YORK, source="admin", created_at=NOW)
    taken = pool(campaign)
    assert taken.take(DENVER) is None
    assert (taken.take(IN_DENVER), taken.left) == (DENVER, 99)


def test_the_pool_names_three_numbers_and_counts_the_rest(campaign: Campaign) -> None:
    for last in range(5):
        caller_id(f"+1303555015{last}", daily_cap=1)
        used(f"+1303555015{last}", 1)
    made = [f"+1303555015{last} made its 1 calls of 24 hours" for last in range(3)]
    assert pool(campaign).why == "; ".join([*made, "and 2 more"])
    CallerId.objects.filter(number="+13035550154").update(daily_cap=8)
    assert pool(campaign).why == "its caller IDs may make 7 more calls in these 24 hours"


def test_without_any_row_the_number_of_the_settings_is_used_uncapped(
    campaign: Campaign, settings: LazySettings
) -> None:
    taken = pool(campaign)
    assert {taken.take(IN_DENVER) for _ in range(1000)} == {settings.TWILIO_FROM_NUMBER}
    assert taken.take(settings.TWILIO_FROM_NUMBER) is None
    settings.TWILIO_FROM_NUMBER = ""
    none = pool(campaign)
    assert (none.left, none.take(IN_DENVER)) == (0, None)
    assert none.why == "there is no caller ID: add one, or set TWILIO_FROM_NUMBER"
    assert caller_ids.may_show("+12125550199", now=NOW)


def test_the_pool_that_holds_caps_needs_a_transaction_and_counts_the_same(campaign: Campaign) -> None:
    caller_id(daily_cap=2)
    with transaction.atomic():
        assert Pool.of(campaign, now=NOW).left == 2


def test_a_refused_number_is_deactivated_with_the_reason() -> None:
    caller_id()
    with capture_logs() as logs:
        caller_ids.refused(DENVER, "Twilio refused the call: not verified.")
    assert CallerId.objects.values_list("active", "inactive_why").get() == (
        False,
        "Twilio refused the call: not verified.",
    )
    assert [(one["event"], one["pii"]) for one in logs] == [("caller_id.refused", {"number": DENVER})]


def test_a_refused_number_of_the_settings_becomes_a_row_and_stops_being_the_pool(
    campaign: Campaign, settings: LazySettings
) -> None:
    caller_ids.refused(settings.TWILIO_FROM_NUMBER, "Not verified.")
    assert (pool(campaign).left, pool(campaign).why) == (0, "+12125550199 is not active (Not verified.)")


NOT_OURS = f"{DENVER} is not a number of this carrier account: buy or verify it there first, or remove it here"


def test_a_number_that_the_carrier_does_not_know_is_named(campaign: Campaign) -> None:
    caller_id()
    caller_id(NEW_YORK, active=False)
    dialer = FakeDialer(owned=False)
    assert caller_ids.not_ours(campaign, dialer, now=NOW) == [NOT_OURS]
    assert dialer.asked == [("owns", DENVER)]


def test_a_yes_is_remembered_and_taken_back_by_a_no(campaign: Campaign) -> None:
    one = caller_id()
    dialer = FakeDialer(owned=True)
    assert caller_ids.not_ours(campaign, dialer, now=NOW) == []
    one.refresh_from_db()
    assert one.owned_at is not None
    assert caller_ids.not_ours(campaign, dialer, now=one.owned_at) == []
    assert dialer.asked == [("owns", DENVER)]
    dialer.owned = False
    assert caller_ids.confirm(DENVER, dialer) is False
    one.refresh_from_db()
    assert one.owned_at is None


def test_a_silent_carrier_is_asked_once_and_stops_nothing(campaign: Campaign) -> None:
    caller_id()
    caller_id(NEW_YORK)
    dialer = FakeDialer(owned=None)
    with capture_logs() as logs:
        assert caller_ids.not_ours(campaign, dialer, now=NOW) == []
    assert len(dialer.asked) == 1
    assert [one["event"] for one in logs] == ["caller_id.not_confirmed"]


def test_the_number_of_the_settings_is_asked_about_as_well(campaign: Campaign, settings: LazySettings) -> None:
    [sentence] = caller_ids.not_ours(campaign, FakeDialer(owned=False), now=NOW)
    assert sentence.startswith(f"{settings.TWILIO_FROM_NUMBER} is not a number of this carrier account")
    assert not CallerId.objects.exists()
    assert not Call.objects.exists()


def test_a_campaign_without_an_active_number_is_told_which_and_the_carrier_is_not_asked(campaign: Campaign) -> None:
    one = caller_id(active=False, inactive_why="Not verified.")
    dialer = FakeDialer()
    assert caller_ids.why_unusable(campaign, dialer, now=NOW) == [f"{DENVER} is not active (Not verified.)"]
    assert dialer.asked == []
    CallerId.objects.filter(pk=one.pk).update(active=True, rests_until=NOW + timedelta(hours=1))
    assert caller_ids.why_unusable(campaign, dialer, now=NOW) == []
    assert dialer.asked == [("owns", DENVER)]


def test_a_campaign_with_a_number_that_is_not_ours_does_not_start(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller_id()
    factories.lead(campaign)
    campaigns.pause(campaign.pk, now=NOW)
    monkeypatch.setattr(campaigns, "dialer", lambda: FakeDialer(owned=False))
    with pytest.raises(CampaignError, match=rf"cannot start: {re.escape(NOT_OURS)}\.$"):
        campaigns.start(campaign.pk, now=NOW)
    monkeypatch.setattr(campaigns, "dialer", lambda: FakeDialer(owned=None))
    campaigns.start(campaign.pk, now=NOW)
    campaign.refresh_from_db()
    assert campaign.status == "running"


def test_numbers_are_asked_about_twice_a_day_and_what_was_given_back_is_deactivated(campaign: Campaign) -> None:
    caller_id(NEW_YORK, owned_at=NOW - timedelta(hours=13))
    caller_id(SPRINGS, owned_at=NOW - timedelta(hours=11))
    caller_id(DENVER)
    caller_id("+13035550151", active=False)
    dialer = FakeDialer(owned=False)
    keeping_caller_ids.look_after(dialer=dialer, now=NOW)
    assert sorted(dialer.asked) == [("owns", NEW_YORK), ("owns", DENVER)]
    assert list(CallerId.objects.filter(active=True).values_list("number", flat=True)) == [SPRINGS]
    assert CallerId.objects.get(number=DENVER).inactive_why == f"{NOT_OURS}."


def test_a_silent_carrier_is_asked_once_a_round_and_a_yes_is_kept(campaign: Campaign) -> None:
    caller_id(DENVER)
    caller_id(NEW_YORK)
    silent, kind = FakeDialer(owned=None), FakeDialer()
    keeping_caller_ids.look_after(dialer=silent, now=NOW)
    assert len(silent.asked) == 1
    keeping_caller_ids.look_after(dialer=kind, now=NOW)
    keeping_caller_ids.look_after(dialer=kind, now=NOW)
    assert len(kind.asked) == 2
    assert CallerId.objects.filter(active=True, owned_at__isnull=False).count() == 2


def test_a_lead_with_our_only_number_keeps_nobody_else_from_being_called(campaign: Campaign) -> None:
    campaign.caller_ids.add(caller_id())
    workers.announce("voice-1", queues=["calls.local"], lines=9, draining=False)
    factories.lead(campaign, phone=DENVER, priority=1)
    other = factories.lead(campaign, phone=IN_DENVER, priority=9)
    assert dispatching.dispatch(now=NOW) == 1
    call = Call.objects.get()
    assert (call.lead, call.from_number) == (other, DENVER)
