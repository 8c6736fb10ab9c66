"""A lead's call against the carrier's repeats, against our own call to it, and against workers and impatience."""

from datetime import timedelta
from typing import Any

import pytest

from agents.domain.types import Disposition
from billing.services.auditing import audit
from calls.domain.status import UNFINISHED, CallStatus
from calls.models import Call, Decision, Lead
from calls.services import doorbell, inbound
from calls.services.dispatching import dispatch
from calls.services.inbound import OptOutLine, Talk, Wait, receive
from calls.services.opting_out import suppress
from calls.services.placing import place
from tests.calls.fakes import FakeDialer, FakePlane, ended
from tests.calls.inbound.world import NOW, OURS, PHONE, SID, called_lead
from tests.calls.race.threads import at_once
from voice.domain.types import InboundCall, Live

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lines")]
CALLER = InboundCall(SID, PHONE, OURS)
ANSWERED = ended(Disposition.QUALIFIED, answered_at=NOW, ended_at=NOW + timedelta(seconds=60))
LATE = NOW + inbound.PATIENCE


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    ids: list[Any] = []
    monkeypatch.setattr(doorbell, "ring", lambda call_id, _queue: ids.append(call_id))
    monkeypatch.setattr(doorbell, "hang_up", lambda _id: True)
    return ids


def make_call(call_id: Any, plane: FakePlane, dialer: FakeDialer, owner: str) -> bool:
    return place(call_id, plane=plane, dialer=dialer, owner=owner, clock=lambda: NOW)


def test_a_request_repeated_at_the_same_moment_is_one_call(rung: list[Any]) -> None:
    lead = called_lead()
    assert at_once(8, lambda _: receive(CALLER, now=NOW)) == [Wait()] * 8
    call = Call.objects.get(direction="inbound")
    assert (rung, Decision.objects.filter(lead=lead).count()) == ([call.pk], 1)
    assert audit() == []


@pytest.mark.parametrize("round", range(4))
def test_the_lead_calls_while_we_dispatch_and_dial_it(round: int) -> None:
    """One call with the number at a time, whoever is first; the other side gets a clear answer."""
    lead = called_lead(next_attempt_at=NOW - timedelta(minutes=1), consent="written")
    Call.objects.all().update(dialed_at=NOW - timedelta(days=2), queued_at=NOW - timedelta(days=2))
    most: list[int] = []

    def one_at_a_time() -> None:
        most.append(Call.objects.filter(to_number=PHONE, status__in=sorted(UNFINISHED)).count())

    dialer = FakeDialer(answer="CA" + "7" * 32, before=one_at_a_time)
    plane = FakePlane(Live(NOW), one_at_a_time, ANSWERED)
    reached: list[object] = []

    def act(number: int) -> None:
        match (number + round) % 3:
            case 0:
                dispatch(now=NOW)
            case 1:
                reached.append(receive(CALLER, now=NOW))
            case 2:
                for call_id in list(Call.objects.filter(status="queued").values_list("pk", flat=True)):
                    make_call(call_id, plane, dialer, f"worker-{number}")

    at_once(6, act)
    for call_id in Call.objects.filter(status="queued").values_list("pk", flat=True):
        make_call(call_id, plane, dialer, "worker-last")
    assert not Call.objects.unfinished().exists()
    assert set(most) <= {1}
    assert len(reached) == 2
    for one in reached:
        assert isinstance(one, Wait | OptOutLine | Talk | inbound.Over)
    assert Call.objects.filter(direction="inbound").count() <= 1
    lead.refresh_from_db()
    rings = Call.objects.filter(direction="outbound", dialed_at__gte=NOW).count()
    assert (lead.attempts, len(dialer.dialed)) == (1 + rings, rings)
    assert audit() == []


def test_impatience_against_a_worker_that_offers_its_line() -> None:
    """The caller reaches the agent or the opt-out line, never both and never none."""
    lead = called_lead()
    for number in range(6):
        sid = f"CA{number + 16:032x}"
        assert receive(InboundCall(sid, PHONE, OURS), now=NOW) == Wait()
        call = Call.objects.get(carrier_call_id=sid)
        talked: list[str] = []
        plane = FakePlane(Live(NOW), lambda: talked.append("agent"), ANSWERED)  # noqa: B023 - used up in this round
        dialer = FakeDialer(answer=AssertionError())
        given = at_once(
            2,
            lambda which: (
                make_call(call.pk, plane, dialer, "w") if which else inbound.wait(sid, now=LATE)  # noqa: B023
            ),
        )
        call.refresh_from_db()
        if call.status == CallStatus.CANCELED:
            assert (given[0], given[1], talked) == (OptOutLine("Summit Realty", promised=True), False, [])
        else:
            assert (call.status, given[1], talked) == ("done", True, ["agent"])
            assert isinstance(given[0], Talk | inbound.Over)
        Lead.objects.filter(pk=lead.pk).update(status="open", disposition="no_answer")
    assert audit() == []


@pytest.mark.parametrize("round", range(4))
def test_an_opt_out_at_the_moment_of_the_call(round: int) -> None:
    called_lead()

    def act(number: int) -> object:
        if (number + round) % 2:
            return suppress(PHONE, source="sms", said="STOP", now=NOW)
        return receive(CALLER, now=NOW)

    at_once(4, act)
    assert isinstance(inbound.wait(SID, now=NOW), OptOutLine)
    assert not Call.objects.unfinished().exists()
    assert audit() == []
