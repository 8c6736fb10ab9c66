"""What happens when everybody comes at once, on a real PostgreSQL."""

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from structlog.testing import capture_logs

from agents.domain.types import BookAppointment, Disposition
from billing.models import LedgerEntry
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, CallEvent, Decision, Lead, Suppression
from calls.services import carrier, doorbell
from calls.services.dispatching import dispatch
from calls.services.finishing import finish
from calls.services.leases import renew
from calls.services.moving import move
from calls.services.opting_out import suppress
from calls.services.placing import place
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from tests.calls.fakes import FakeDialer, FakePlane, ended, report, turn, update
from tests.calls.race.threads import at_once
from voice.domain.types import CarrierStatus, Live

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
TALK = (
    Live(ANSWERED),
    turn(1),
    ended(Disposition.QUALIFIED, answered_at=ANSWERED, ended_at=ENDED),
)


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []

    def ring(call_id: UUID, _queue: str) -> bool:
        ids.append(call_id)
        return True

    monkeypatch.setattr(doorbell, "ring", ring)
    return ids


def kinds(call: Call) -> list[str]:
    """What happened to the call itself."""
    own = call.events.exclude(kind__startswith="lead.")
    return list(own.order_by("pk").values_list("kind", flat=True))


def test_eight_dispatchers_fill_five_places_with_five_calls(rung: list[UUID]) -> None:
    campaign = make.campaign(max_concurrency=5)
    for _ in range(20):
        make.lead(campaign)
    queued = at_once(8, lambda _: dispatch(now=NOW) + dispatch(now=NOW))
    assert sum(queued) == 5
    calls = Call.objects.all()
    assert [call.status for call in calls] == ["queued"] * 5
    assert len({call.lead_id for call in calls}) == 5
    assert (Decision.objects.count(), CallEvent.objects.count()) == (5, 5)
    campaign.budget.refresh_from_db()
    assert (campaign.budget.total.held, campaign.budget.total.spent) == (5 * WORST_CASE, Decimal(0))
    assert sorted(rung) == sorted(call.pk for call in calls)
    assert audit() == []


def test_two_campaigns_share_one_number_and_one_budget() -> None:
    budget = make.budget(limit=str(3 * WORST_CASE))
    campaigns = [make.campaign(budget=budget, max_concurrency=50) for _ in range(2)]
    for campaign in campaigns:
        make.lead(campaign, phone="+13035559999", priority=1)
        for _ in range(4):
            make.lead(campaign)
    for _ in range(3):
        at_once(8, lambda _: dispatch(now=NOW))
    assert Call.objects.filter(to_number="+13035559999").count() == 1
    assert Call.objects.count() == LedgerEntry.objects.count() == Decision.objects.count() == 3
    budget.refresh_from_db()
    assert (budget.total.held, budget.limit) == (3 * WORST_CASE, 3 * WORST_CASE)
    assert audit() == []


def test_one_number_in_eight_campaigns_has_one_call() -> None:
    for _ in range(8):
        make.lead(phone="+13035559999")
    assert sum(at_once(8, lambda _: dispatch(now=NOW))) == 1
    assert Call.objects.count() == LedgerEntry.objects.count() == 1
    assert Lead.objects.filter(status="open").count() == 8


def test_a_message_delivered_ten_times_at_once_rings_once() -> None:
    call, dialer, plane = make.call(), FakeDialer(), FakePlane(*TALK)
    made = at_once(10, lambda n: place(call.pk, plane=plane, dialer=dialer, owner=f"worker-{n}", clock=lambda: NOW))
    assert sorted(made) == [False] * 9 + [True]
    assert (len(dialer.dialed), len(plane.lines)) == (1, 1)
    call.refresh_from_db()
    assert (call.status, call.fence, call.disposition) == ("done", 1, "qualified")
    assert kinds(call) == ["call.claimed", "call.dialing", "call.live", "call.finished"]
    call.lead.refresh_from_db()
    assert call.lead.attempts == 1


def test_twenty_threads_finish_one_call_once() -> None:
    call = make.call(make.lead(attempts=1), CallStatus.LIVE)
    dispositions = list(Disposition)

    def end(number: int) -> bool:
        outcome = report(dispositions[number % len(dispositions)], answered_at=ANSWERED, ended_at=ENDED)
        return finish(call.pk, outcome, now=NOW + timedelta(seconds=number))

    assert Counter(at_once(20, end)) == {True: 1, False: 19}
    call.refresh_from_db()
    assert (call.status, call.cost) == ("done", Decimal("0.04873"))
    assert kinds(call) == ["call.finished"]
    assert call.events.get(kind="call.finished").fields == {"disposition": call.disposition}
    assert sorted(LedgerEntry.objects.values_list("kind", flat=True)) == ["charge", "hold", "release"]
    call.lead.refresh_from_db()
    assert call.lead.disposition == call.disposition
    assert audit() == []


def test_a_callback_doubled_twenty_times_is_news_once() -> None:
    call = make.call(make.lead(attempts=1), CallStatus.DIALING)
    news = at_once(20, lambda _: carrier.apply(call.pk, update(CarrierStatus.BUSY), now=NOW))
    assert Counter(news) == {True: 1, False: 19}
    assert kinds(call) == ["carrier.busy", "call.finished"]


def test_every_pair_of_moves_has_one_winner() -> None:
    call = make.call(status=CallStatus.CLAIMED)
    ways = (CallStatus.DIALING, CallStatus.QUEUED, CallStatus.CANCELED, CallStatus.FAILED)

    def go(number: int) -> bool:
        return move(call.pk, ways[number % 4], at=NOW, why="test.moved", only_from=CallStatus.CLAIMED)

    assert sum(at_once(16, go)) == 1
    call.refresh_from_db()
    assert call.events.get().status == call.status


def test_an_appointment_for_one_hour_goes_to_one_call() -> None:
    campaign = make.campaign()
    calls = [make.call(make.lead(campaign, attempts=1), CallStatus.LIVE) for _ in range(8)]
    booked = report(Disposition.APPOINTMENT, BookAppointment(NOW), answered_at=ANSWERED, ended_at=ENDED)
    assert at_once(8, lambda n: finish(calls[n].pk, booked, now=NOW)) == [True] * 8
    assert Appointment.objects.count() == 1
    assert CallEvent.objects.filter(kind="appointment.conflict").count() == 7


def test_calls_prepared_at_once_offer_different_hours() -> None:
    campaign = make.campaign()
    calls = [make.call(make.lead(campaign)) for _ in range(6)]
    plane = FakePlane(RuntimeError("cut"))

    def prepare(number: int) -> None:
        with pytest.raises(RuntimeError, match="cut"):
            place(calls[number].pk, plane=plane, dialer=FakeDialer(), owner="worker-1", clock=lambda: NOW)

    at_once(6, prepare)
    offered = [slot for brief, _, _ in plane.opened for slot in brief.slots]
    assert len(offered) == len(set(offered)) == 24


def test_stop_against_dispatchers_and_workers_never_rings_afterwards() -> None:
    leads = [make.lead(phone="+13035559999") for _ in range(4)]
    call, dialer = make.call(leads[0]), FakeDialer()
    plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=ENDED))

    def act(number: int) -> None:
        match number % 3:
            case 0:
                dispatch(now=NOW)
            case 1:
                place(call.pk, plane=plane, dialer=dialer, owner=f"worker-{number}", clock=lambda: NOW)
            case _:
                suppress("+13035559999", source="admin", said="letter", now=NOW)

    at_once(12, act)
    call.refresh_from_db()
    assert call.status in ("canceled", "done")
    assert len(dialer.dialed) == (call.status == "done")
    assert Suppression.objects.count() == 1
    assert not Lead.objects.filter(status="open").exists()
    before = len(dialer.dialed)
    for waiting in Call.objects.unfinished():
        place(waiting.pk, plane=plane, dialer=dialer, owner="worker-1", clock=lambda: NOW)
    assert len(dialer.dialed) == before
    assert not Call.objects.unfinished().exists()
    assert audit() == []


def test_two_sweeps_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    make.call(rung_at=None)
    inside, go_on = threading.Event(), threading.Event()

    def ring(_call_id: UUID, _queue: str) -> bool:
        inside.set()
        return go_on.wait(10)

    monkeypatch.setattr(doorbell, "ring", ring)

    def run(number: int) -> bool:
        if number:
            assert inside.wait(10)
        try:
            return sweep(dialer=FakeDialer(), now=NOW)
        finally:
            if number:
                go_on.set()

    assert at_once(2, run) == [True, False]
    assert sweep(dialer=FakeDialer(), now=NOW)


def test_two_beats_do_no_more_than_one(rung: list[UUID]) -> None:
    """Two schedulers tick together: every dispatch and every sweep comes twice at once, round after round."""
    campaign = make.campaign(max_concurrency=50)
    leads = [make.lead(campaign) for _ in range(6)]
    lost = make.call(make.lead(campaign), CallStatus.CLAIMED, lease_until=NOW - timedelta(days=1))

    def tick(number: int) -> None:
        if number % 2:
            dispatch(now=NOW)
        else:
            sweep(dialer=FakeDialer(), now=NOW)

    for _ in range(3):
        at_once(4, tick)
    calls = Call.objects.exclude(pk=lost.pk)
    assert sorted(calls.values_list("lead_id", "attempt", "status")) == [(lead.pk, 1, "queued") for lead in leads]
    assert LedgerEntry.objects.filter(kind="hold").count() == 7
    lost.refresh_from_db()
    assert (lost.status, lost.fence) == ("queued", 1)
    assert CallEvent.objects.filter(call=lost, kind="call.lease_expired").count() == 1
    assert Counter(rung) == dict.fromkeys((call.pk for call in Call.objects.all()), 1)
    assert audit() == []


def test_a_worker_waits_without_a_connection() -> None:
    open_while: dict[str, bool] = {}
    call = make.call()

    def look(where: str) -> None:
        open_while[where] = connection.connection is not None

    dialer = FakeDialer(before=lambda: look("ringing"))
    plane = FakePlane(TALK[0], lambda: look("listening"), turn(1), lambda: look("talking"), TALK[2])
    at_once(1, lambda _: place(call.pk, plane=plane, dialer=dialer, owner="worker-1", clock=lambda: NOW))
    assert open_while == {"ringing": False, "listening": False, "talking": False}


def test_a_database_that_is_away_in_mid_call_loses_nothing() -> None:
    call, reachable = make.call(), connection.settings_dict["HOST"]

    def go_away() -> None:
        connection.settings_dict["HOST"] = "/nowhere"
        threading.Timer(0.4, come_back).start()

    def come_back() -> None:
        connection.settings_dict["HOST"] = reachable

    plane = FakePlane(TALK[0], go_away, turn(1), turn(2), go_away, TALK[2])
    try:
        with capture_logs() as logs:
            at_once(1, lambda _: place(call.pk, plane=plane, dialer=FakeDialer(), owner="w", clock=lambda: NOW))
    finally:
        come_back()
    assert {line["event"] for line in logs} == {"database.away"}
    call.refresh_from_db()
    assert (call.status, call.disposition, call.turns.count()) == ("done", "qualified", 2)


def test_a_worker_that_froze_before_the_intent_does_not_ring_when_it_wakes() -> None:
    """Its lease ran out, the sweep queued the call again, and another worker has made it meanwhile."""
    call, dialer = make.call(), FakeDialer()
    quick = FakePlane(*TALK)

    def freeze() -> None:
        Call.objects.update(lease_until=NOW - timedelta(days=1))  # by the database's clock, long ago
        assert sweep(dialer=dialer, now=NOW)
        made = at_once(1, lambda _: place(call.pk, plane=quick, dialer=dialer, owner="quick", clock=lambda: NOW))
        assert made == [True]

    frozen = FakePlane(*TALK, on_open=freeze)
    assert not place(call.pk, plane=frozen, dialer=dialer, owner="frozen", clock=lambda: NOW)
    call.refresh_from_db()
    assert (len(dialer.dialed), call.owner, call.fence, call.status) == (1, "quick", 2, "done")
    assert renew("frozen") == 0
