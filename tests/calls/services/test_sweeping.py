"""Every way in which a call can hang, and how the sweep brings it on. The clock stands still."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from agents.domain.types import BookAppointment
from billing.models import LedgerEntry
from billing.services import meter
from calls.domain.status import CallStatus
from calls.models import Call, CallEvent
from calls.services import acts, doorbell, sweeping
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from tests.calls.fakes import FakeDialer, update
from voice.domain.types import CarrierStatus, CarrierUpdate
from voice.ports import DialUnknown

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SID = "CA" + "1" * 32
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []

    def ring(call_id: UUID, _queue: str) -> bool:
        ids.append(call_id)
        return True

    monkeypatch.setattr(doorbell, "ring", ring)
    return ids


def swept(call: Call, dialer: FakeDialer | None = None, *, now: datetime = NOW) -> Call:
    assert sweep(dialer=dialer or FakeDialer(), now=now)
    call.refresh_from_db()
    return call


def unknown(
    *,
    for_s: int,
    carrier_call_id: str = SID,
    answered_at: datetime | None = None,
    held: Decimal | None = make.WORST_CASE,
) -> Call:
    return make.call(
        make.lead(attempts=1),
        CallStatus.UNKNOWN,
        at=NOW - for_s * SECOND,
        carrier_call_id=carrier_call_id,
        answered_at=answered_at,
        held=held,
    )


def test_an_id_that_a_callback_brings_meanwhile_is_the_calls_own() -> None:
    class Chatty(FakeDialer):
        def find(self, call_id: str, *, to: str) -> CarrierUpdate | None:
            Call.objects.filter(pk=call_id).update(carrier_call_id=SID)
            return super().find(call_id, to=to)

    call = unknown(for_s=600, carrier_call_id="")
    swept(call, Chatty(knows=update(CarrierStatus.COMPLETED, duration_s=30)))
    assert (call.status, call.disposition, call.billed_s) == ("done", "hung_up", 30)


def test_nothing_hangs(rung: list[UUID]) -> None:
    for status in CallStatus:
        make.call(status=status)
    dialer, was = FakeDialer(), list(Call.objects.order_by("pk").values())
    assert sweep(dialer=dialer, now=NOW)
    assert list(Call.objects.order_by("pk").values()) == was
    assert (dialer.asked, dialer.hung_up, dialer.dialed, rung) == ([], [], [], [])
    assert not CallEvent.objects.exists()


def test_a_claim_whose_worker_is_lost_waits_again_and_is_rung_at_once(rung: list[UUID]) -> None:
    call = swept(make.call(status=CallStatus.CLAIMED, lease_until=LONG_AGO))
    assert (call.status, call.owner, call.lease_until, call.fence, call.rung_at) == ("queued", "", None, 1, NOW)
    assert [(event.kind, event.status) for event in call.events.all()] == [("call.lease_expired", "queued")]
    assert rung == [call.pk]


def test_a_call_that_cannot_be_prepared_is_given_up_after_three_claims(rung: list[UUID]) -> None:
    call = make.call(status=CallStatus.CLAIMED, lease_until=LONG_AGO, fence=2)
    assert swept(call).status == "queued"
    Call.objects.filter(pk=call.pk).update(status="claimed", lease_until=LONG_AGO, fence=3)
    rung.clear()
    call = swept(call)
    assert (call.status, call.disposition, call.ended_by) == ("failed", "failed", "fault")
    assert call.summary == "This call was claimed 3 times and never dialed."
    assert [entry.amount for entry in LedgerEntry.objects.order_by("pk")] == [WORST_CASE, WORST_CASE, Decimal(0)]
    call.lead.refresh_from_db()
    assert (call.lead.status, call.lead.attempts) == ("open", 0)
    assert call.lead.next_attempt_at > NOW
    assert rung == []


@pytest.mark.parametrize("status", [CallStatus.DIALING, CallStatus.LIVE])
@pytest.mark.parametrize("fence", [1, 9])
def test_a_call_that_may_have_rung_is_unknown_and_never_queued(
    status: CallStatus, fence: int, rung: list[UUID]
) -> None:
    call = swept(make.call(status=status, lease_until=LONG_AGO, fence=fence))
    assert (call.status, call.status_at, call.owner) == ("unknown", NOW, "worker-1")
    assert [(event.kind, event.status) for event in call.events.all()] == [("call.lease_expired", "unknown")]
    assert rung == []
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("status", [CallStatus.CLAIMED, CallStatus.DIALING, CallStatus.LIVE])
def test_leases_run_by_the_databases_clock(status: CallStatus) -> None:
    call = make.call(status=status)
    a_clock_that_is_years_ahead = datetime.now(UTC) + timedelta(days=2000)
    assert swept(call, now=a_clock_that_is_years_ahead).status == status.value


@pytest.mark.parametrize(("age_s", "rings"), [(30, False), (31, True), (None, True)])
def test_a_queued_call_is_rung_again(age_s: int | None, rings: bool, rung: list[UUID]) -> None:
    rung_at = None if age_s is None else NOW - age_s * SECOND
    call = swept(make.call(rung_at=rung_at))
    assert (call.status, call.rung_at) == ("queued", NOW if rings else rung_at)
    assert rung == ([call.pk] if rings else [])
    rung.clear()
    swept(call)
    assert rung == []


def test_the_oldest_are_rung_first_and_not_all_at_once(rung: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    calls = [make.call(rung_at=None, queued_at=NOW - age * SECOND) for age in (5, 9, 7)]
    swept(calls[0])
    assert rung == [calls[1].pk, calls[2].pk]
    swept(calls[0])
    assert rung[2:] == [calls[0].pk]


@pytest.mark.parametrize(("for_s", "asked"), [(15, []), (16, [("fetch", SID)])])
def test_the_carrier_is_asked_after_a_while(for_s: int, asked: list[tuple[str, str]]) -> None:
    dialer = FakeDialer(knows=update(CarrierStatus.RINGING))
    assert swept(unknown(for_s=for_s), dialer).status == "unknown"
    assert dialer.asked == asked


def test_without_the_carriers_id_the_call_is_looked_up_by_ours_and_adopted() -> None:
    call, dialer = unknown(for_s=16, carrier_call_id=""), FakeDialer(knows=update(CarrierStatus.IN_PROGRESS))
    call = swept(call, dialer)
    assert dialer.asked == [("find", f"{call.pk} {call.to_number}")]
    assert (call.status, call.carrier_call_id, dialer.hung_up) == ("unknown", SID, [])


def test_what_the_carrier_finds_may_be_an_earlier_call_of_ours() -> None:
    earlier = make.call(status=CallStatus.DONE, carrier_call_id=SID)
    found = FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=61))
    call = swept(unknown(for_s=16, carrier_call_id=""), found)
    assert (call.status, call.carrier_call_id) == ("unknown", "")
    earlier.refresh_from_db()
    assert earlier.carrier_call_id == SID


def test_an_answered_call_that_is_over() -> None:
    answered_at = NOW - 100 * SECOND
    call = unknown(for_s=16, answered_at=answered_at)
    call = swept(call, FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=61)))
    assert (call.status, call.disposition, call.ended_by) == ("done", "hung_up", "fault")
    assert (call.answered_at, call.ended_at, call.billed_s) == (answered_at, answered_at + 61 * SECOND, 61)
    assert call.cost == Decimal("0.04873")
    call.lead.refresh_from_db()
    assert call.lead.status == "open"
    assert call.lead.next_attempt_at > NOW


def test_an_answered_call_that_is_over_and_was_never_live_here() -> None:
    call = swept(unknown(for_s=16), FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=61)))
    assert (call.answered_at, call.ended_at, call.billed_s) == (NOW - 61 * SECOND, NOW, 61)


@pytest.mark.parametrize(
    ("status", "disposition", "ended"),
    [
        (CarrierStatus.BUSY, "busy", "done"),
        (CarrierStatus.NO_ANSWER, "no_answer", "done"),
        (CarrierStatus.FAILED, "failed", "failed"),
        (CarrierStatus.CANCELED, "failed", "failed"),
    ],
)
def test_a_call_that_nobody_answered(status: CarrierStatus, disposition: str, ended: str) -> None:
    call = swept(unknown(for_s=16), FakeDialer(knows=update(status)))
    assert (call.status, call.disposition, call.ended_by, call.cost) == (ended, disposition, "carrier", Decimal(0))


@pytest.mark.parametrize("carrier_call_id", ["", SID])
def test_a_call_that_the_carrier_does_not_know(carrier_call_id: str) -> None:
    nothing = FakeDialer(knows=None)
    assert swept(unknown(for_s=120, carrier_call_id=carrier_call_id), nothing).status == "unknown"
    call = swept(unknown(for_s=121, carrier_call_id=carrier_call_id), nothing)
    assert (call.status, call.disposition, call.ended_by) == ("failed", "failed", "fault")
    assert call.summary == "The carrier knows of no such call: the phone never rang."
    assert call.cost == 0


@pytest.mark.parametrize(("for_s", "hung_up"), [(120, []), (121, [SID])])
@pytest.mark.parametrize("status", [CarrierStatus.QUEUED, CarrierStatus.RINGING, CarrierStatus.IN_PROGRESS, None])
def test_a_call_with_which_nobody_talks_is_hung_up(
    status: CarrierStatus | None, for_s: int, hung_up: list[str]
) -> None:
    dialer = FakeDialer(knows=update(status))
    assert swept(unknown(for_s=for_s), dialer).status == "unknown"
    assert dialer.hung_up == hung_up


def test_a_silent_carrier_holds_up_nothing() -> None:
    calls = [unknown(for_s=500), make.call(status=CallStatus.CLAIMED, lease_until=LONG_AGO)]
    with capture_logs() as logs:
        swept(calls[0], FakeDialer(knows=DialUnknown("timed out")))
    assert [(line["event"], line["error"]) for line in logs] == [("sweep.carrier_silent", "timed out")]
    assert [Call.objects.get(pk=call.pk).status for call in calls] == ["unknown", "queued"]


def test_a_carrier_that_stays_silent_is_not_asked_a_hundred_times() -> None:
    for _ in range(5):
        unknown(for_s=500)
    dialer = FakeDialer(knows=DialUnknown("timed out"))
    sweep(dialer=dialer, now=NOW)
    assert len(dialer.asked) == 3


def test_one_calls_trouble_holds_up_no_other(rung: list[UUID]) -> None:
    """Nothing is held for two of them, so they cannot be settled."""
    given_up = make.call(status=CallStatus.CLAIMED, lease_until=LONG_AGO, fence=3, held=None)
    lost = unknown(for_s=300, held=None)
    lost_too, claimed = unknown(for_s=20), make.call(status=CallStatus.CLAIMED, lease_until=LONG_AGO)
    with capture_logs() as logs:
        assert sweep(dialer=FakeDialer(knows=update(CarrierStatus.BUSY)), now=NOW)
    assert [(line["event"], line["call_id"]) for line in logs] == [
        ("sweep.failed", str(given_up.pk)),
        ("sweep.failed", str(lost.pk)),
    ]
    statuses = [Call.objects.get(pk=call.pk).status for call in (given_up, lost, lost_too, claimed)]
    assert statuses == ["claimed", "unknown", "done", "queued"]
    assert rung == [claimed.pk]


def test_without_a_database_the_round_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("the server is away")

    make.call(status=CallStatus.CLAIMED, lease_until=LONG_AGO)
    monkeypatch.setattr(sweeping, "move", away)
    with pytest.raises(OperationalError):
        sweep(dialer=FakeDialer(), now=NOW)


def test_the_sweep_never_dials() -> None:
    dialer = FakeDialer()
    for status in CallStatus:
        for lease_until in (None, LONG_AGO):
            make.call(status=status, lease_until=lease_until, at=NOW - timedelta(hours=1))
    for minutes in range(5):
        sweep(dialer=dialer, now=NOW + timedelta(minutes=minutes))
    assert dialer.dialed == []


def test_a_failing_round_lets_the_next_one_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(sweeping, "_ring_again", fail)
        with pytest.raises(RuntimeError, match="broken"):
            sweep(dialer=FakeDialer(), now=NOW)
    assert sweep(dialer=FakeDialer(), now=NOW)


SECONDS_IN_72_H = 72 * 3600


REFUSED = DialUnknown("The account is closed.", code="20003")


@pytest.mark.parametrize("knows", [REFUSED, update(CarrierStatus.RINGING)])
@pytest.mark.parametrize("for_s", [SECONDS_IN_72_H, SECONDS_IN_72_H + 1])
def test_a_call_of_which_the_carrier_never_tells_the_end_is_given_up(
    knows: CarrierUpdate | Exception, for_s: int
) -> None:
    call, dialer = unknown(for_s=for_s), FakeDialer(knows=knows)
    with capture_logs() as logs:
        call = swept(call, dialer)
    if for_s == SECONDS_IN_72_H:
        assert (call.status, call.summary) == ("unknown", "")
        return
    reason = str(knows) if isinstance(knows, Exception) else "The carrier says: ringing."
    assert (call.status, call.disposition, call.ended_by, call.cost) == ("failed", "failed", "fault", Decimal(0))
    assert call.summary == f"The carrier did not tell within 72 hours what became of this call. {reason}"
    assert call.events.filter(kind="call.finished").get().fields == {"disposition": "failed"}
    assert call.events.filter(kind="call.given_up").get().fields == {"after_h": 72, "reason": reason}
    told = [line for line in logs if line["event"] == "call.given_up"]
    assert [(line["call_id"], line["reason"]) for line in told] == [(str(call.pk), reason)]
    assert sorted(LedgerEntry.objects.values_list("kind", "amount")) == [
        ("charge", Decimal(0)),
        ("hold", WORST_CASE),
        ("release", WORST_CASE),
    ]
    call.lead.refresh_from_db()
    assert call.lead.status == "open"
    assert call.lead.next_attempt_at > NOW
    assert dialer.dialed == []
    assert swept(call, dialer).events.filter(kind="call.given_up").count() == 1


@pytest.mark.parametrize("knows", [REFUSED, None])
def test_of_a_talk_of_which_the_carrier_tells_nothing_what_was_measured_is_charged(
    knows: CarrierUpdate | Exception | None,
) -> None:
    """By hand: 61 s are two minutes of voice and of media stream, and one machine detection; a tenth in taxes."""
    answered_at = NOW - (SECONDS_IN_72_H + 100) * SECOND
    call = unknown(for_s=SECONDS_IN_72_H + 1, answered_at=answered_at)
    meter.record(call.pk, [meter.Measured("call", "s", Decimal(61), 1)], reporter="claim 1", at=NOW)
    acts.keep(call, BookAppointment(NOW), now=NOW)
    call = swept(call, FakeDialer(knows=knows))
    assert (call.status, call.disposition, call.billed_s) == ("done", "appointment", 61)
    assert (call.answered_at, call.ended_at) == (answered_at, answered_at + 61 * SECOND)
    assert call.cost == Decimal("0.04873")
    assert call.appointment.start_at == NOW


def test_an_answered_call_that_the_carrier_says_it_canceled_was_answered() -> None:
    answered_at = NOW - 100 * SECOND
    call = swept(unknown(for_s=16, answered_at=answered_at), FakeDialer(knows=update(CarrierStatus.CANCELED)))
    assert (call.status, call.disposition, call.answered_at) == ("done", "hung_up", answered_at)


def test_a_carrier_that_answers_no_is_asked_about_every_call() -> None:
    """Its answers cost no time, and those calls of which it tells nothing hold up no other."""
    for _ in range(5):
        unknown(for_s=500)
    dialer = FakeDialer(knows=DialUnknown("not yours", code="20404"))
    sweep(dialer=dialer, now=NOW)
    assert len(dialer.asked) == 5
