"""Caps of caller IDs and the carrier's calls per second hold among many at once, on a real PostgreSQL."""

import threading
import time

import pytest
from django.conf import LazySettings
from django.db import transaction

from calls.domain.status import CallStatus
from calls.models import Call, CallerId
from calls.services import carrier_pace
from calls.services.caller_ids import Pool
from tests.calls import factories
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_sixteen_dispatchers_of_two_campaigns_share_numbers_and_the_caps_hold_exactly() -> None:
    shared = CallerId.objects.create(number="+13035550150", daily_cap=10)
    campaigns = [factories.campaign(), factories.campaign()]
    for number, campaign in zip(("+13035550151", "+13035550149"), campaigns, strict=True):
        own = CallerId.objects.create(number=number, daily_cap=7)
        campaign.caller_ids.add(shared, own)
    leads = [[factories.lead(campaigns[index % 2], consent="") for _ in range(4)] for index in range(16)]

    def dispatch(index: int) -> int:
        """A batch of up to four in one transaction, as the dispatcher does it."""
        taken = 0
        with transaction.atomic():
            pool = Pool.of(campaigns[index % 2], now=NOW)
            for lead in leads[index]:
                number = pool.take(lead.phone)
                if number:
                    factories.call(lead, CallStatus.QUEUED, held=None, from_number=number)
                    taken += 1
        return taken

    taken = at_once(16, dispatch)
    assert sum(taken) == 24
    counts = {one.number: Call.objects.filter(from_number=one.number).count() for one in CallerId.objects.all()}
    assert counts == {"+13035550149": 7, "+13035550150": 10, "+13035550151": 7}
    assert all(Pool.seen(campaign, now=NOW).left == 0 for campaign in campaigns)


def test_sixteen_workers_together_keep_to_the_calls_per_second(settings: LazySettings) -> None:
    settings.CARRIER_CPS = 20.0
    stop = threading.Event()
    rings: list[float] = []

    def ring(_: int) -> None:
        for _ in range(3):
            assert carrier_pace.wait_for_turn(stop) is not None
            rings.append(time.monotonic())

    at_once(16, ring)
    rings.sort()
    assert len(rings) == 48
    # 47 intervals of 50 ms. A thread may wake late, so a second may see one or two calls of the one before it.
    assert rings[-1] - rings[0] >= 47 * 0.05 - 0.1
    assert max(sum(1 for at in rings if begin <= at < begin + 1) for begin in rings) <= 22


def test_places_are_a_distance_apart_whoever_takes_them(settings: LazySettings) -> None:
    settings.CARRIER_CPS = 5.0

    def place(_: int) -> float:
        asked = time.monotonic()
        turn = carrier_pace.take_turn()
        return asked + turn.wait_s if turn else 0.0

    places = sorted(at for at in at_once(32, place) if at)
    # As many as fit into the horizon of five seconds and no more: the first, and one each 200 ms.
    assert 25 <= len(places) <= 27
    assert places[-1] - places[0] == pytest.approx((len(places) - 1) * 0.2, abs=0.3)
