"""A worker process is killed at every commit boundary, frozen in every state, and comes back: one ring at most."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings

from agents.domain.types import BookAppointment, Disposition, EndCall
from billing.models import LedgerEntry
from billing.services.auditing import audit
from calls.domain.status import TERMINAL, CallStatus
from calls.models import Appointment, Call
from calls.services import doorbell, gates, placing
from calls.services.leases import renew
from calls.services.placing import claim
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.fakes import Scripted, turn
from tests.calls.fakes import ended as bye
from tests.faults.children import (
    NOW,
    Boundaries,
    Carrier,
    ended,
    forked,
    freeze_self,
    frozen,
    kill_self,
    make_call,
)
from voice.domain.types import Acted, Live, Usage, Used

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
SLOT = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
BOOKED = (BookAppointment(SLOT), EndCall("appointment"))
TALK: tuple[Scripted, ...] = (
    Live(ANSWERED),
    turn(1),
    *(Acted(act) for act in BOOKED),
    bye(Disposition.APPOINTMENT, *BOOKED, answered_at=ANSWERED, ended_at=ENDED),
)


@pytest.fixture(autouse=True)
def silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda call_id, queue: True)


@pytest.fixture
def carrier(tmp_path: Path) -> Carrier:
    return Carrier(tmp_path / "rings")


def run_out_leases() -> None:
    """By the database's clock, as time would; nobody waits for it here."""
    Call.objects.owned().update(lease_until=LONG_AGO)


def until_quiet(call: Call, carrier: Carrier) -> None:
    """What the sweep and a second worker make of what the first one left, minute by minute."""
    for minute in range(8):
        run_out_leases()
        sweep(dialer=carrier, now=NOW + timedelta(minutes=minute))
        call.refresh_from_db()
        if call.status == CallStatus.QUEUED:
            make_call(call.pk, carrier, *TALK, owner="second")
            call.refresh_from_db()
        if CallStatus(call.status) in TERMINAL:
            return


def settled(call: Call) -> bool:
    kinds = sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True))
    call.campaign.budget.refresh_from_db()
    return kinds in (["charge", "hold", "release"], ["hold", "release"]) and not call.campaign.budget.total.held


def boundaries_of_a_whole_call(carrier: Carrier) -> int:
    points, call = Boundaries(), make.call()
    carrier._around = points.pass_one
    with points.watched():
        assert make_call(call.pk, carrier, *TALK)
    carrier._around = lambda _: None
    return points.passed


@pytest.mark.slow
def test_a_kill_at_any_commit_boundary_rings_at_most_once_and_leaves_nothing(carrier: Carrier) -> None:
    """Before and after every commit of a call from the claim to its end, and around the ring itself."""
    count = boundaries_of_a_whole_call(carrier)
    assert count > 20
    statuses = set()
    for number in range(1, count + 1):
        call = make.call(make.lead(make.campaign()))
        points = Boundaries(number, kill_self)

        def struck(call_id: UUID = call.pk, points: Boundaries = points) -> None:
            own = Carrier(carrier._log, around=points.pass_one)
            with points.watched():
                make_call(call_id, own, *TALK)

        assert ended(forked(struck)) == -signal.SIGKILL, number
        call.refresh_from_db()
        statuses.add(call.status)
        until_quiet(call, carrier)
        assert (carrier.rings(call.pk) <= 1, CallStatus(call.status) in TERMINAL, settled(call)) == (True,) * 3, (
            number
        )
        Appointment.objects.all().delete()
    assert statuses >= {"queued", "claimed", "dialing", "live", "done"}
    assert audit() == []


def test_what_was_agreed_survives_the_kill_of_its_worker(carrier: Carrier) -> None:
    call = make.call()
    used = Used((Usage("tts.local", "char", Decimal(40)),))
    script = (*TALK[:2], used, *TALK[2:4], kill_self)
    assert ended(forked(lambda: make_call(call.pk, carrier, *script))) == -signal.SIGKILL
    call.refresh_from_db()
    assert (call.status, Appointment.objects.count()) == ("live", 0)
    until_quiet(call, carrier)
    assert (call.status, call.disposition, carrier.rings(call.pk)) == ("done", "appointment", 1)
    assert Appointment.objects.get().start_at == SLOT
    call.lead.refresh_from_db()
    assert (call.lead.status, settled(call)) == ("closed", True)


def test_a_kill_between_the_intent_and_the_ring_is_no_ring_by_the_carriers_word(carrier: Carrier) -> None:
    call = make.call()
    dying = Carrier(carrier._log, around=lambda _: kill_self())
    assert ended(forked(lambda: make_call(call.pk, dying, *TALK))) == -signal.SIGKILL
    call.refresh_from_db()
    assert (call.status, carrier.rings(call.pk)) == ("dialing", 0)
    until_quiet(call, carrier)
    assert (call.status, carrier.rings(call.pk)) == ("failed", 0)
    assert call.summary == "The carrier knows of no such call: the phone never rang."
    assert settled(call)


def test_a_poison_lead_that_ends_the_process_is_given_up_after_three(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = make.call()
    monkeypatch.setattr(gates, "ask", lambda *_, **__: os._exit(9))
    for _ in range(3):
        assert ended(forked(lambda: make_call(call.pk, carrier, *TALK))) == 9
        run_out_leases()
        sweep(dialer=carrier, now=NOW)
    call.refresh_from_db()
    assert (call.status, call.fence, carrier.rings(call.pk)) == ("failed", 3, 0)
    assert call.summary == "This call was claimed 3 times and never dialed."
    assert settled(call)


# A worker that is frozen for longer than its lease, and wakes: what it finds, and that it rings nobody.


def freeze_and_wake(child: Callable[[], object], meanwhile: Callable[[], None]) -> int:
    pid = forked(child)
    assert frozen(pid)
    try:
        run_out_leases()
        meanwhile()
    finally:
        os.kill(pid, signal.SIGCONT)
    return ended(pid)


def test_frozen_while_claimed(carrier: Carrier) -> None:
    """Another worker makes the call meanwhile."""
    call = make.call()
    code = freeze_and_wake(
        lambda: make_call(call.pk, carrier, *TALK, owner="frozen", on_open=freeze_self),
        lambda: until_quiet(call, carrier),
    )
    call.refresh_from_db()
    assert (code, carrier.rings(call.pk), call.owner, call.status) == (0, 1, "second", "done")
    assert renew("frozen") == 0


def test_frozen_between_intent_and_ring(
    carrier: Carrier, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was given up meanwhile on the carrier's word; when it wakes it looks at the clock and does not ring.

    A lease of 1 s stands for one of 20 s.
    """
    settings.CALL_LEASE_S = 1
    call, write_intent, began = make.call(), placing._write_intent, time.monotonic()

    def freeze_afterwards(*args: Any, **named: Any) -> bool:
        written = write_intent(*args, **named)
        freeze_self()
        return written

    def meanwhile() -> None:
        until_quiet(call, carrier)
        assert (call.status, carrier.rings(call.pk)) == ("failed", 0)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))

    monkeypatch.setattr(placing, "_write_intent", freeze_afterwards)
    assert freeze_and_wake(lambda: make_call(call.pk, carrier, *TALK), meanwhile) == 0
    assert carrier.rings(call.pk) == 0
    call.refresh_from_db()
    assert (call.status, settled(call)) == ("failed", True)


def freezing(carrier: Carrier, where: str) -> Carrier:
    return Carrier(carrier._log, around=lambda point: freeze_self() if point == where else None)


def test_frozen_in_the_middle_of_asking_the_carrier(carrier: Carrier) -> None:
    """The request leaves when it wakes: the call is over by then, and is hung up at once."""
    call, own = make.call(), freezing(carrier, "before the ring")
    code = freeze_and_wake(lambda: make_call(call.pk, own, *TALK), lambda: until_quiet(call, carrier))
    assert (code, carrier.rings(call.pk), call.status) == (0, 1, "failed")
    assert carrier.hung_up() == [f"CA{call.pk.hex}"]
    call.refresh_from_db()
    assert (call.status, settled(call)) == ("failed", True)


def test_frozen_while_the_carrier_answers(carrier: Carrier) -> None:
    call, own = make.call(), freezing(carrier, "after the ring")
    code = freeze_and_wake(lambda: make_call(call.pk, own, *TALK), lambda: until_quiet(call, carrier))
    assert (code, carrier.rings(call.pk), call.status, call.billed_s) == (0, 1, "done", 61)
    assert settled(call)
    assert not Appointment.objects.exists()


def test_frozen_while_it_talks(carrier: Carrier) -> None:
    """The sweep gives the call up; the next turn takes it back, and the end is the worker's own."""
    call = make.call()

    def given_up() -> None:
        sweep(dialer=carrier, now=NOW)
        call.refresh_from_db()
        assert call.status == "unknown"

    script = (TALK[0], freeze_self, *TALK[1:])
    assert freeze_and_wake(lambda: make_call(call.pk, carrier, *script), given_up) == 0
    call.refresh_from_db()
    assert (call.status, call.disposition, call.summary) == ("done", "appointment", "It came to appointment.")
    kinds = [event.kind for event in call.events.order_by("pk")]
    assert [kind for kind in kinds if kind.startswith("call.")] == [
        "call.claimed",
        "call.dialing",
        "call.live",
        "call.lease_expired",
        "call.held_again",
        "call.finished",
    ]
    assert (carrier.rings(call.pk), Appointment.objects.count(), settled(call)) == (1, 1, True)


# Clocks.


@pytest.mark.parametrize("off", [timedelta(hours=2), timedelta(hours=-2)])
def test_a_worker_whose_clock_is_two_hours_off_holds_and_loses_its_lease_like_any_other(
    off: timedelta, carrier: Carrier
) -> None:
    """Its own clock is in nothing that another process compares with."""
    call = make.call()
    claimed = claim(call.pk, owner="skewed", now=NOW + off)
    assert claimed is not None
    assert renew("skewed") == 1
    sweep(dialer=carrier, now=NOW)
    call.refresh_from_db()
    assert (call.status, call.owner) == ("claimed", "skewed")
    assert call.lease_until is not None
    assert timedelta(0) < call.lease_until - datetime.now(UTC) <= timedelta(seconds=21)
    run_out_leases()
    assert renew("skewed") == 0
    sweep(dialer=carrier, now=NOW)
    call.refresh_from_db()
    assert (call.status, call.fence, carrier.rings(call.pk)) == ("queued", 1, 0)
