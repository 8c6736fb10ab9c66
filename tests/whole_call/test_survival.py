"""The worker that talks is killed in mid-call: another one apologises and goes on, and the person books."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pytest_django import DjangoDbBlocker

from agents.domain.standing import CUT_OFF
from billing.models import CallCost, LedgerEntry
from billing.services.auditing import audit
from calls.models import Appointment, Call
from tests.whole_call.survival import House, call_the_seller, house

pytestmark = [pytest.mark.whole_call, pytest.mark.timeout(400)]
MOST_SILENCE_S = 4.0


@pytest.fixture
def installed(django_db_blocker: DjangoDbBlocker) -> Iterator[House]:
    with (
        TemporaryDirectory(prefix="survival-") as folder,
        django_db_blocker.unblock(),
        house(Path(folder), VOICE_RING_TIMEOUT_S="15") as built,
    ):
        yield built


def answered(call: Call, questions: int) -> bool:
    """Whether so many questions after the opening were answered."""
    opening = call.turns.filter(speaker="agent").order_by("seq").values_list("seq", flat=True).first()
    return opening is not None and call.turns.filter(speaker="lead", seq__gt=opening).count() >= questions


def killed(installed: House, call: Call) -> float:
    """Kill the process that talks; when, in seconds of the carrier's recording."""
    victim = installed.worker_of(call)
    answered_at = datetime.fromisoformat(installed.seen()["answered_at"])
    victim.kill()
    return time.time() - answered_at.timestamp()


def test_a_killed_worker_is_heard_as_an_apology_and_the_booking_completes(installed: House) -> None:
    call_the_seller()
    installed.until("it is live", Call.objects.filter(status="live").exists, within_s=60)
    call = Call.objects.get()
    installed.until("two questions were answered", lambda: answered(call, 2), within_s=90)
    at_s = killed(installed, call)
    installed.until("the person has talked", lambda: installed.seen()["status"] == "completed", within_s=150)
    installed.until("it is written down", Call.objects.filter(disposition="appointment").exists, within_s=20)

    tape = installed.tape()
    silence_s, longest_s = tape.silence_after(at_s), tape.longest_silence()
    print(f"silence after the kill {silence_s:.2f} s, longest of the call {longest_s:.2f} s")
    assert max(silence_s, longest_s) <= MOST_SILENCE_S
    heard = " ".join(one["text"] for one in installed.seen()["heard"]).lower()
    assert "cut off" in heard

    call.refresh_from_db()
    assert (call.status, call.takeovers, call.ended_by) == ("done", 1, "agent")
    turns = list(call.turns.values_list("seq", "speaker", "text"))
    assert [seq for seq, _, _ in turns] == list(range(1, len(turns) + 1))
    assert sum(text.startswith(CUT_OFF) for _, _, text in turns) == 1
    steps = list(call.trace.executions.values_list("part", "sequence", "agent", "turn"))
    for part in (1, 2):  # each line counts its own, whoever was killed
        own = [(sequence, agent) for line, sequence, agent, _ in steps if line == part]
        assert [sequence for sequence, _ in own] == list(range(1, len(own) + 1))
        assert own[0] == (1, "opening")
    assert {turn for *_, turn in steps} <= {seq for seq, speaker, _ in turns if speaker == "agent"}
    assert (call.trace.steps, call.trace.outcome) == (len(steps), "appointment")
    assert Appointment.objects.get().call == call
    assert call.disclosed_at is not None
    assert call.billed_s is not None
    assert call.billed_s > 20
    assert sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True)) == [
        "charge",
        "hold",
        "release",
    ]
    assert CallCost.objects.count() == 1
    assert audit() == []
    assert len(installed.carrier.calls()) == 1


def test_a_frozen_worker_is_left_by_the_carrier_and_the_booking_completes(installed: House) -> None:
    """Its sockets stay open: the sweep has the carrier ask who talks on."""
    call_the_seller()
    installed.until("it is live", Call.objects.filter(status="live").exists, within_s=60)
    call = Call.objects.get()
    installed.until("a question was answered", lambda: answered(call, 1), within_s=90)
    victim = installed.worker_of(call)
    victim.suspend()
    began = time.monotonic()
    installed.until("it is taken over", lambda: Call.objects.get().takeovers == 1, within_s=60)
    print(f"taken over {time.monotonic() - began:.0f} s after the freeze")
    assert installed.worker_of(call).pid != victim.pid
    victim.resume()
    installed.until("the person has talked", lambda: installed.seen()["status"] == "completed", within_s=150)
    installed.until("it is written down", Call.objects.filter(disposition="appointment").exists, within_s=20)
    call.refresh_from_db()
    assert (call.status, call.takeovers, call.ended_by) == ("done", 1, "agent")
    kinds = list(call.events.filter(kind__in=("call.fetched_back", "call.cut_off")).values_list("kind", flat=True))
    assert kinds == ["call.fetched_back", "call.cut_off"]
    turns = list(call.turns.values_list("seq", "text"))
    assert [seq for seq, _ in turns] == list(range(1, len(turns) + 1))
    assert sum(text.startswith(CUT_OFF) for _, text in turns) == 1
    assert (CallCost.objects.count(), audit(), len(installed.carrier.calls())) == (1, [], 1)
