"""A call whose worker, line, carrier or database fails at some step: never rung twice, never lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from agents.domain.types import Disposition, OptOut
from billing.models import UsageReport
from calls.domain.status import CallStatus
from calls.models import Call, Suppression, Turn
from calls.services import database, doorbell, finishing, gates, listening, placing, sweeping
from calls.services.moving import move
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from tests.calls.fakes import FakeDialer, FakePlane, ended, turn, update
from voice.domain.types import Acted, CarrierStatus, LineEvent, Live, Usage, Used
from voice.ports import DialUnknown, Refused

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
TALK: tuple[LineEvent, ...] = (
    Live(ANSWERED),
    turn(1),
    turn(2, "Are you thinking of selling?"),
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


def run(call: Call, plane: FakePlane, dialer: FakeDialer | None = None) -> bool:
    try:
        return place(call.pk, plane=plane, dialer=dialer or FakeDialer(), owner="worker-1", clock=lambda: NOW)
    finally:
        call.refresh_from_db()


def kinds(call: Call) -> list[str]:
    """What happened to the call itself."""
    own = call.events.exclude(kind__startswith="lead.")
    return list(own.order_by("pk").values_list("kind", flat=True))


def status_after_a_sweep(call: Call) -> CallStatus:
    sweeping.sweep(dialer=FakeDialer(), now=NOW)
    call.refresh_from_db()
    return CallStatus(call.status)


def test_no_free_line_gives_the_call_to_another_worker_at_once(rung: list[UUID]) -> None:
    call, dialer = make.call(), FakeDialer()
    assert not run(call, FakePlane(lines=0), dialer)
    assert (call.status, call.owner, call.lease_until, call.rung_at) == ("queued", "", None, NOW)
    assert (dialer.dialed, call.dialed_at, rung) == ([], None, [call.pk])
    assert kinds(call) == ["call.claimed", "call.no_line"]
    assert call.events.get(kind="call.no_line").fields == {"reason": "All lines are taken."}
    call.campaign.budget.refresh_from_db()
    assert call.campaign.budget.total.held == WORST_CASE
    assert run(call, FakePlane(*TALK), dialer)
    assert (call.status, call.fence, len(dialer.dialed)) == ("done", 2, 1)
    assert rung == [call.pk]


def test_with_no_line_anywhere_a_call_does_not_go_round_and_round(rung: list[UUID]) -> None:
    """Rung again at once, then by each round of the sweep; and however long it waits, it is not given up."""
    call = make.call()
    for number in range(6):
        now = NOW + timedelta(seconds=10 * number)
        for _ in range(2):
            place(
                call.pk,
                plane=FakePlane(lines=0),
                dialer=FakeDialer(),
                owner="w",
                clock=partial(datetime.fromtimestamp, now.timestamp(), UTC),
            )
        call.refresh_from_db()
        assert (call.status, call.rung_at) == ("queued", None)
        sweeping.sweep(dialer=FakeDialer(), now=now)
        assert rung == [call.pk] * (2 * number + 2)
    assert call.fence == 12
    Call.objects.filter(pk=call.pk).update(status="claimed", lease_until=LONG_AGO, fence=14)
    assert status_after_a_sweep(call) is CallStatus.QUEUED
    Call.objects.filter(pk=call.pk).update(status="claimed", lease_until=LONG_AGO, fence=15)
    assert status_after_a_sweep(call) is CallStatus.FAILED
    assert call.summary == "This call was claimed 3 times and never dialed."


def test_whatever_breaks_before_the_ring_is_tried_three_times_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poison lead: its facts raise."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a number that nobody may read")

    monkeypatch.setattr(gates, "ask", broken)
    call, dialer = make.call(), FakeDialer()
    for claims in (1, 2, 3):
        with pytest.raises(ZeroDivisionError):
            run(call, FakePlane(*TALK), dialer)
        assert (call.status, call.fence) == ("claimed", claims)
        assert status_after_a_sweep(call) is (CallStatus.FAILED if claims == 3 else CallStatus.QUEUED)
    assert call.summary == "This call was claimed 3 times and never dialed. The last error: ZeroDivisionError."
    assert (dialer.dialed, call.dialed_at, call.disposition) == ([], None, "failed")
    assert [event.fields for event in call.events.filter(kind="call.place_failed")] == [
        {"error": "ZeroDivisionError"}
    ] * 3
    call.campaign.budget.refresh_from_db()
    assert (call.campaign.budget.total.held, call.cost) == (Decimal(0), Decimal(0))


def test_a_worker_that_stood_still_after_the_intent_does_not_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter((100.0, 110.0, 110.0))
    monkeypatch.setattr(placing, "monotonic", lambda: next(ticks))
    call, dialer, plane = make.call(), FakeDialer(), FakePlane(*TALK)
    with capture_logs() as logs:
        assert run(call, plane, dialer)
    assert (dialer.dialed, [line.closed for line in plane.lines]) == ([], [1])
    assert (call.status, call.disposition) == ("failed", "failed")
    assert call.summary == "The worker stood still between the intent and the ring."
    assert [(line["event"], line["for_s"]) for line in logs] == [("call.stood_still", 10.0)]
    call.lead.refresh_from_db()
    assert (call.lead.attempts, call.lead.next_attempt_at) == (0, NOW + timedelta(seconds=30))


def test_a_call_that_was_given_up_while_the_carrier_was_asked_is_hung_up() -> None:
    """The worker froze in mid-request, and the carrier took the call after the sweep had ended it."""

    def give_up() -> None:
        move(call.pk, CallStatus.UNKNOWN, at=NOW, why="call.lease_expired")
        sweeping.sweep(dialer=FakeDialer(knows=None), now=NOW + timedelta(minutes=3))
        call.refresh_from_db()
        assert call.summary == "The carrier knows of no such call: the phone never rang."

    call, dialer, plane = make.call(), FakeDialer(before=give_up), FakePlane(*TALK)
    assert run(call, plane, dialer)
    assert (len(dialer.dialed), dialer.hung_up) == (1, [dialer.answer])
    assert (call.status, call.disposition, call.carrier_call_id) == ("failed", "failed", dialer.answer)
    assert [line.closed for line in plane.lines] == [1]


def lose_the_lease() -> None:
    Call.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))


def lose_the_claim() -> None:
    Call.objects.update(fence=7)


def be_canceled() -> None:
    Call.objects.update(status=CallStatus.CANCELED.value)


@pytest.mark.parametrize("meanwhile", [lose_the_lease, lose_the_claim, be_canceled])
def test_whoever_lost_the_claim_before_the_intent_does_not_dial(meanwhile: Callable[[], None]) -> None:
    call, dialer, plane = make.call(), FakeDialer(), FakePlane(*TALK, on_open=meanwhile)
    assert not run(call, plane, dialer)
    assert (dialer.dialed, call.dialed_at, [line.closed for line in plane.lines]) == ([], None, [1])
    assert kinds(call) == ["call.claimed"]
    call.lead.refresh_from_db()
    assert call.lead.attempts == 0


def test_a_line_that_breaks_leaves_the_call_to_the_sweep() -> None:
    call, plane = make.call(), FakePlane(TALK[0], turn(1), RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        run(call, plane)
    assert [line.closed for line in plane.lines] == [1]
    assert call.status == "live"
    assert status_after_a_sweep(call) is CallStatus.UNKNOWN
    assert Turn.objects.count() == 1
    knows = FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=61))
    sweeping.sweep(dialer=knows, now=NOW + timedelta(seconds=16))
    call.refresh_from_db()
    assert (call.status, call.disposition, call.ended_by, call.billed_s) == ("done", "failed", "fault", 61)


def test_a_fault_of_ours_while_dialing_is_never_dialed_again() -> None:
    call, dialer = make.call(), FakeDialer(RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        run(call, FakePlane(*TALK), dialer)
    assert status_after_a_sweep(call) is CallStatus.UNKNOWN
    assert len(dialer.dialed) == 1


def test_a_fault_of_ours_before_the_ring_leaves_the_call_in_the_queue() -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    call = make.call()
    with pytest.raises(RuntimeError, match="broken"):
        run(call, FakePlane(on_open=fail))
    assert status_after_a_sweep(call) is CallStatus.QUEUED


def test_a_call_that_comes_alive_late_is_not_given_up() -> None:
    """The first lease ran out while the call's fate was unknown; the talk has one of its own."""

    def let_the_lease_run_out() -> None:
        Call.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))

    def sweep() -> None:
        sweeping.sweep(dialer=FakeDialer(), now=NOW)

    call = make.call()
    plane = FakePlane(let_the_lease_run_out, Live(ANSWERED), sweep, *TALK[1:])
    run(call, plane, FakeDialer(DialUnknown("timed out")))
    assert kinds(call) == ["call.claimed", "call.dialing", "call.dial_unknown", "call.live", "call.finished"]


def test_a_talk_that_the_sweep_gave_up_is_taken_back_by_its_next_turn() -> None:
    def give_up() -> None:
        Call.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
        sweeping.sweep(dialer=FakeDialer(), now=NOW)
        assert Call.objects.get().status == "unknown"

    def is_live_again() -> None:
        sweeping.sweep(dialer=FakeDialer(), now=NOW)
        assert Call.objects.get().status == "live"

    call = make.call()
    run(call, FakePlane(TALK[0], turn(1), give_up, turn(2), is_live_again, TALK[3]))
    assert kinds(call)[2:] == ["call.live", "call.lease_expired", "call.held_again", "call.finished"]
    assert (call.status, call.answered_at) == ("done", ANSWERED)


def test_a_finish_that_comes_after_the_sweep_still_lands() -> None:
    def give_up() -> None:
        assert move(call.pk, CallStatus.UNKNOWN, at=NOW, why="call.lease_expired")

    call = make.call()
    run(call, FakePlane(TALK[0], give_up, TALK[3]))
    assert kinds(call)[2:] == ["call.live", "call.lease_expired", "call.finished"]
    assert (call.status, call.disposition, call.cost) == ("done", "qualified", Decimal("0.04873"))


class Outage:
    """The database is away for the next ``times`` uses of ``method``."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: Any, method: str, times: int) -> None:
        self._left, self._real = times, getattr(owner, method)
        patch.setattr(owner, method, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._left:
            self._left -= 1
            raise OperationalError("the server is away")
        return self._real(*args, **kwargs)


@pytest.fixture
def open_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's own transaction lives on the connection that an outage would close."""
    with monkeypatch.context() as patch:
        patch.setattr(connection, "close", lambda: None)
        yield


@pytest.mark.usefixtures("open_connection")
@pytest.mark.parametrize("part", ["_hold_live", "_keep_turn", "finish", "record_opt_out", "let_go"])
def test_a_database_that_is_away_for_a_moment_loses_nothing(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = make.call()
    Outage(monkeypatch, placing if part == "let_go" else listening, part, times=2)
    stop = OptOut("stop")
    bye = ended(Disposition.DO_NOT_CALL, stop, answered_at=ANSWERED, ended_at=ENDED)
    assert run(call, FakePlane(*TALK[:3], Acted(stop), bye))
    assert (call.status, call.disposition, call.answered_at) == ("done", "do_not_call", ANSWERED)
    assert (call.turns.count(), Suppression.objects.count()) == (2, 1)


@pytest.mark.usefixtures("open_connection")
def test_a_database_that_stays_away_is_told() -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        raise OperationalError("the server is away")

    with capture_logs() as logs, pytest.raises(OperationalError, match="away"):
        database.surviving_outage(write, patience_s=0.25)
    assert [(line["event"], line["attempt"]) for line in logs] == [
        ("database.away", attempt) for attempt in range(1, len(tries))
    ]
    assert len(tries) >= 2


def test_other_errors_are_not_repeated() -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        raise Call.DoesNotExist

    with pytest.raises(Call.DoesNotExist):
        database.surviving_outage(write)
    assert tries == [1]


def test_an_event_that_cannot_be_written_loses_none_of_those_after_it() -> None:
    call = make.call()
    script = (Live(ANSWERED), turn(1, "no database takes a \x00"), Acted(OptOut("Stop.")), *TALK[2:])
    with capture_logs() as logs:
        assert run(call, FakePlane(*script))
    assert [turn.seq for turn in call.turns.all()] == [2]
    assert Suppression.objects.get().said == "Stop."
    assert (call.status, call.disposition) == (CallStatus.DONE, Disposition.DO_NOT_CALL)  # as was kept
    lost = [entry for entry in logs if entry["event"] == "call.event_lost"]
    assert [(entry["event_type"], entry["error"]) for entry in lost] == [("TurnTaken", "DataError")]
    assert "no database" not in str(logs)


@pytest.mark.parametrize("lost", [1, 2])
def test_use_that_cannot_be_written_goes_with_the_next_report(lost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was paid for is not lost with a database that is away for longer than anybody waits."""
    call, tries = make.call(), list[int]()

    def meter_usage(*args: Any, **kwargs: Any) -> None:
        tries.append(1)
        if len(tries) <= lost:
            raise RuntimeError("away")
        finishing.meter_usage(*args, **kwargs)

    monkeypatch.setattr(listening, "meter_usage", meter_usage)
    told = [Used((Usage("tts.local", "char", Decimal(chars), seq),)) for seq, chars in enumerate((30, 12), start=1)]
    with capture_logs() as logs:
        assert run(call, FakePlane(TALK[0], *told, *TALK[1:]))
    reports = UsageReport.objects.filter(reference=call.pk, component="tts.local").order_by("seq")
    assert list(reports.values_list("seq", "quantity"))[:2] == [(1, Decimal(30)), (2, Decimal(12))]
    assert [entry["event_type"] for entry in logs if entry["event"] == "call.event_lost"] == ["Used"] * lost


@pytest.mark.parametrize("code", ["20003", "20005"])
def test_an_account_that_the_carrier_refuses_costs_no_lead_an_attempt(code: str) -> None:
    call = make.call()
    assert run(call, FakePlane(*TALK), FakeDialer(Refused("Twilio refused the call: no.", code=code)))
    call.lead.refresh_from_db()
    assert (call.lead.status, call.lead.attempts) == ("open", 0)
    assert call.lead.next_attempt_at == NOW + timedelta(seconds=30)
    assert call.status == CallStatus.FAILED
