"""A carrier that takes fewer calls a second than was configured: the workers find its pace, and nobody is lost."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest
from django.conf import LazySettings

from agents.domain.types import Disposition
from calls.domain.status import CallStatus
from calls.models import Call, Lead
from calls.services import carrier_pace
from calls.services.placing import place
from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.rest import create_app
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import FakePlane, ended
from tests.calls.race.threads import at_once
from tests.simulator.world import FakeSpeech, everybody, human, web
from voice.adapters.twilio import TwilioDialer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SID, TOKEN = "AC" + "0" * 32, "token"
TAKES, CONFIGURED, WORKERS, LEADS = 1.0, 8.0, 4, 16


@contextmanager
def carrier() -> Iterator[tuple[Exchange, str]]:
    """The simulator with its own calls per second, on a loop of its own."""
    ready, over, found = threading.Event(), threading.Event(), []

    async def serve() -> None:
        account = Account(SID, TOKEN, TAKES)
        exchange = Exchange(account, everybody(human()), FakeSpeech(()), switches=Switches(), load_mode=True)
        async with web(create_app(exchange)) as url:
            found.append((exchange, url))
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        over.set()
        thread.join()


def test_after_a_storm_the_rate_settles_and_every_lead_is_rung_once(settings: LazySettings) -> None:
    settings.CARRIER_CPS = CONFIGURED
    campaign = make.campaign()
    waiting: SimpleQueue[Lead] = SimpleQueue()
    for _ in range(LEADS):
        waiting.put(make.lead(campaign))
    intervals: set[int] = set()
    with carrier() as (exchange, url):
        dialer = TwilioDialer(
            account_sid=SID, auth_token=TOKEN, api_base_url=url, callback_base_url="http://127.0.0.1:1"
        )

        def work(_: int) -> int:
            """As a worker with one line; a lead that was not rung is due again. How many did not ring."""
            in_vain = 0
            while True:
                try:
                    lead = waiting.get_nowait()
                except Empty:
                    return in_vain
                call = make.call(lead, CallStatus.QUEUED)
                plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW))
                while call.status == CallStatus.QUEUED:  # a turn too far ahead sends it back
                    place(call.pk, plane=plane, dialer=dialer, owner="worker", clock=lambda: NOW)
                    call.refresh_from_db()
                intervals.add(carrier_pace.standing().interval_ms)
                if call.status == CallStatus.FAILED:
                    in_vain += 1
                    waiting.put(lead)

        in_vain = sum(at_once(WORKERS, work))
        rung = Counter(call.to for call in exchange.calls())
    assert rung == Counter(Lead.objects.values_list("phone", flat=True))
    assert set(rung.values()) == {1}
    assert Call.objects.filter(status=CallStatus.DONE).count() == LEADS
    assert set(Lead.objects.values_list("attempts", flat=True)) == {1}
    # 125 ms between two calls were configured; the carrier wants a second.
    assert min(intervals) <= 250
    assert 1000 <= max(intervals) <= 4000
    assert in_vain <= 20
