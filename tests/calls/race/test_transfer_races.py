"""A call that is put through, and the carrier's words about it at one moment: one end, one settlement, one answer."""

from datetime import timedelta

import pytest

from billing.models import LedgerEntry
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.domain.transfers import State, Target, Transfer
from calls.models import Call
from calls.services import carrier, doorbell, resuming, transferring
from calls.services.sweeping import sweep
from calls.services.transferring import Back, Leg, Over, Ring
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, update
from tests.calls.race.threads import at_once
from voice.domain.types import CarrierStatus

pytestmark = pytest.mark.django_db(transaction=True)
NOW = NOON_IN_DENVER
LATER = NOW + timedelta(seconds=130)
SID = "CA" + "1" * 32


@pytest.fixture(autouse=True)
def silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "resume", lambda *_call: True)
    monkeypatch.setattr(doorbell, "store_recordings", lambda: True)


def put_through(*, colleagues: int = 1) -> Call:
    targets = tuple(Target(f"Colleague {n}", f"+1303555012{n}") for n in range(1, colleagues + 1))
    transfer = Transfer(State.ASKED, True, targets, "conversation", NOW, part=1)
    answered_at = NOW - timedelta(seconds=60)
    return make.call(
        status=CallStatus.UNKNOWN,
        answered_at=answered_at,
        carrier_call_id=SID,
        transfer=transfer.kept(),
        held=make.WORST_CASE_PUT_THROUGH,
    )


def settled_once(call: Call) -> bool:
    booked = sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True))
    return booked == ["charge", "hold", "release"] and audit() == []


def count(call: Call, kind: str) -> int:
    return call.events.filter(kind=kind).count()


def test_a_question_repeated_at_the_same_moment_rings_one_phone() -> None:
    call = put_through(colleagues=2)
    answers = at_once(8, lambda _: resuming.ask(call.pk, part=1, now=NOW))
    assert answers == [Ring(1, "+13035550121", "+12125550199", 20, 240)] * 8
    assert count(call, "call.transfer_ringing") == 1


def test_an_end_told_eight_times_asks_the_next_once() -> None:
    call = put_through(colleagues=2)
    resuming.ask(call.pk, part=1, now=NOW)
    answers = at_once(8, lambda _: transferring.ended(call.pk, 1, Leg("busy"), now=NOW))
    assert [answer.attempt for answer in answers if isinstance(answer, Ring)] == [2] * 8
    assert (count(call, "call.transfer_not_taken"), count(call, "call.transfer_ringing")) == (1, 2)


@pytest.mark.parametrize("pressed", [False, True])
@pytest.mark.parametrize("_round", range(3))
def test_the_person_hangs_up_while_everybody_tells(pressed: bool, _round: int) -> None:
    """The carrier's last callback, the dial's end, the colleague's key and the sweep."""
    call = put_through()
    resuming.ask(call.pk, part=1, now=NOW)
    if pressed:
        transferring.accept(call.pk, 1, now=NOW)
    over = update(CarrierStatus.COMPLETED, duration_s=180)

    def tell(number: int) -> object:
        match number % 4:
            case 0:
                return carrier.apply(call.pk, over, now=LATER)
            case 1:
                return transferring.ended(call.pk, 1, Leg("completed", 30, caller_gone=True), now=LATER)
            case 2:
                return transferring.accept(call.pk, 1, now=LATER)
            case _:
                return sweep(dialer=FakeDialer(knows=over), now=LATER)

    at_once(8, tell)
    call.refresh_from_db()
    assert call.status == "done"
    assert call.disposition in ({"transferred"} if pressed else {"transferred", "hung_up"})
    assert call.disposition == ("transferred" if call.ended_by == "transfer" else "hung_up")
    assert (count(call, "call.finished"), settled_once(call)) == (1, True)


def test_back_to_the_agent_and_hung_up_at_the_same_moment() -> None:
    call = put_through()
    resuming.ask(call.pk, part=1, now=NOW)

    def tell(number: int) -> object:
        if number % 2:
            return carrier.apply(call.pk, update(CarrierStatus.COMPLETED, duration_s=180), now=LATER)
        return transferring.ended(call.pk, 1, Leg("no-answer"), now=LATER)

    answers = at_once(6, tell)
    call.refresh_from_db()
    if call.status == "done":
        assert (call.disposition, settled_once(call)) == ("hung_up", True)
    else:  # the agent was to go on, and the sweep finds that nobody is there
        assert (call.status, (call.transfer or {})["state"]) == ("unknown", "failed")
        sweep(dialer=FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=180)), now=LATER)
        assert settled_once(call)
    assert all(isinstance(answer, Back | Over | bool) for answer in answers)
