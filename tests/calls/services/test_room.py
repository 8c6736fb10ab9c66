"""How many more calls a campaign may queue: the smallest limit, named in a sentence."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import LazySettings

from calls.domain.status import CallStatus
from calls.models import CallerId, Campaign
from calls.services import carrier_pace, workers
from calls.services.pacing import Room, room
from tests.calls import factories
from tests.calls.factories import NOON_IN_DENVER as NOW

LOCAL, PREMIUM, GPU = "calls.local", "calls.premium", "calls.gpu"

pytestmark = pytest.mark.django_db
Worker = Callable[..., None]


@pytest.fixture
def worker() -> Worker:
    def announce(*queues: str, lines: int, owner: str = "voice-1", draining: bool = False) -> None:
        workers.announce(owner, queues=queues, lines=lines, draining=draining)

    return announce


@pytest.fixture
def campaign() -> Campaign:
    return factories.campaign(max_concurrency=4)


def calls(campaign: Campaign, count: int, status: CallStatus = CallStatus.LIVE) -> None:
    for _ in range(count):
        factories.call(factories.lead(campaign), status)


def test_the_campaign_s_calls_at_a_time(campaign: Campaign, worker: Worker) -> None:
    worker(LOCAL, lines=50)
    calls(campaign, 1)
    calls(factories.campaign(), 3)
    why = "3 calls more may be made now: 1 of the campaign's 4 calls at a time are taken."
    assert room(campaign, now=NOW) == Room(3, why)
    calls(campaign, 3)
    why = "No more calls are made now: 4 of the campaign's 4 calls at a time are taken."
    assert room(campaign, now=NOW) == Room(0, why)


def test_the_account_s_calls_at_a_time(campaign: Campaign, worker: Worker, settings: LazySettings) -> None:
    worker(LOCAL, lines=50)
    settings.CARRIER_MAX_CALLS = 3
    calls(factories.campaign(), 2)
    why = "1 call more may be made now: 2 of the carrier account's 3 calls at a time are taken."
    assert room(campaign, now=NOW) == Room(1, why)


def test_the_free_lines(campaign: Campaign, worker: Worker) -> None:
    worker(LOCAL, lines=2)
    assert room(campaign, now=NOW) == Room(2, "2 calls more may be made now: 2 lines are free on calls.local.")
    calls(factories.campaign(), 1, CallStatus.QUEUED)
    assert room(campaign, now=NOW) == Room(1, "1 call more may be made now: 1 line is free on calls.local.")
    calls(factories.campaign(), 1, CallStatus.QUEUED)
    assert room(campaign, now=NOW) == Room(0, "No more calls are made now: no line is free on calls.local.")


def test_a_queue_without_a_worker(campaign: Campaign, worker: Worker) -> None:
    worker(PREMIUM, lines=9)
    worker(LOCAL, lines=9, owner="voice-2", draining=True)
    assert room(campaign, now=NOW) == Room(0, "No more calls are made now: no voice worker serves calls.local.")
    campaign.needs = "gpu"
    assert room(campaign, now=NOW).why == "No more calls are made now: no voice worker serves calls.gpu."


@pytest.mark.parametrize(
    ("tier", "key", "free", "named"),
    [
        ("local", "k", 1, "1 line is free on calls.local"),
        ("premium", "k", 2, "2 lines are free on calls.premium"),
        ("premium", "", 1, "1 line is free on calls.local"),
        ("auto", "k", 3, "1 line is free on calls.local and 2 lines are free on calls.premium"),
    ],
)
def test_the_lines_of_the_voices_that_the_campaign_may_choose(
    campaign: Campaign, worker: Worker, settings: LazySettings, *, tier: str, key: str, free: int, named: str
) -> None:
    settings.VOICE = replace(settings.VOICE, elevenlabs_api_key=key)
    campaign.tier = tier
    worker(LOCAL, lines=1)
    worker(PREMIUM, lines=2, owner="voice-2")
    calls_more = "1 call" if free == 1 else f"{free} calls"
    assert room(campaign, now=NOW) == Room(free, f"{calls_more} more may be made now: {named}.")


def test_a_line_that_serves_two_queues_counts_once(
    campaign: Campaign, worker: Worker, settings: LazySettings
) -> None:
    settings.VOICE = replace(settings.VOICE, elevenlabs_api_key="k")
    campaign.tier = "auto"
    worker(LOCAL, PREMIUM, lines=3)
    assert room(campaign, now=NOW).calls == 3


def test_what_is_left_of_the_caller_ids(campaign: Campaign, worker: Worker) -> None:
    worker(LOCAL, lines=50)
    one = CallerId.objects.create(number="+13035550150", daily_cap=2)
    why = "2 calls more may be made now: its caller IDs may make 2 more calls in these 24 hours."
    assert room(campaign, now=NOW) == Room(2, why)
    one.daily_cap = 1
    one.save()
    factories.call(factories.lead(), CallStatus.DONE, from_number=one.number)
    why = "No more calls are made now: +13035550150 made its 1 calls of 24 hours."
    assert room(campaign, now=NOW) == Room(0, why)


def test_the_calls_per_second_of_the_next_two_seconds(
    campaign: Campaign, worker: Worker, settings: LazySettings
) -> None:
    settings.CARRIER_CPS = 1.0
    worker(LOCAL, lines=50)
    calls(factories.campaign(), 1, CallStatus.QUEUED)
    why = "1 call more may be made now: calls begin at 1 a second, and 1 in line before."
    assert room(campaign, now=NOW) == Room(1, why)
    carrier_pace.take_turn()
    carrier_pace.too_much("Twilio has no room (HTTP 429, code 20429).")
    why = (
        "No more calls are made now: calls begin at 0.5 a second, and 1 in line before; "
        "the carrier asked for less: Twilio has no room (HTTP 429, code 20429)."
    )
    assert room(campaign, now=NOW) == Room(0, why)


def test_of_equal_limits_the_one_that_lasts_longest_is_told(campaign: Campaign, worker: Worker) -> None:
    CallerId.objects.create(number="+13035550150", active=False)
    calls(campaign, 4)
    assert room(campaign, now=NOW).why == "No more calls are made now: +13035550150 is not active."
