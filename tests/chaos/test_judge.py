"""The judge finds each violation in doctored evidence, and nothing in evidence of a good run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.chaos.evidence import Evidence, LeadNow, Placed, Ring, Struck
from tests.chaos.judge import judge
from tests.chaos.world import Fate

NOON = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""In Denver; in Honolulu it is 09:00."""
DENVER, OTHER = "+13035551000", "+13035551001"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


RING = Ring("call-1", DENVER, taken_at=at(10), rang_at=at(10.1), over_at=at(14))
CALL = Placed(
    "call-1",
    lead_id=1,
    attempt=1,
    number=DENVER,
    status="done",
    ended_by="lead",
    queued_at=at(9),
    intent_committed_at=at(9.9),
    hold_committed_at=at(9),
    freed_committed_at=at(14.2),
    over_committed_at=at(14.2),
)
LEAD = LeadNow(1, DENVER, Fate.CALLED, "open", next_attempt_at=at(3000))
GOOD = Evidence(
    rings=(RING,),
    calls=(CALL,),
    leads=(LEAD,),
    opted_out={},
    zones={DENVER: ("America/Denver",), OTHER: ("America/Denver",)},
    faults=(Struck("kill voice worker", at(11), at(20)),),
    answers_lost=frozenset(),
    ended_at=at(60),
    lines={"voice1": (12, 12)},
)


def found(**doctored: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.invariant, one.call_ids) for one in judge(replace(GOOD, **doctored))]


def test_a_call_that_was_left_though_another_worker_lived() -> None:
    killed = Struck("kill the worker of a live call", at(10), at(30), talking=("call-1",))
    stayed = replace(RING, over_at=at(15.1))
    violation = [("taken over where another worker lives", ("call-1",))]
    assert found(rings=(stayed,), calls=(replace(CALL, freed_committed_at=at(16)),), faults=(killed,)) == violation
    taken = replace(CALL, takeovers=1, freed_committed_at=at(16))
    assert found(rings=(stayed,), calls=(taken,), faults=(killed,)) == []
    gone = replace(RING, over_at=at(15))
    left = replace(CALL, freed_committed_at=at(16))
    assert found(rings=(gone,), calls=(left,), faults=(killed,)) == []
    redis = Struck("kill redis without persistence", at(15), at(30), orphans=False)
    assert found(rings=(stayed,), calls=(left,), faults=(killed, redis)) == []
    beat = Struck("kill beat", at(12), at(30), orphans=False)
    assert found(rings=(stayed,), calls=(left,), faults=(killed, beat)) == violation


def test_a_good_run_has_no_violation() -> None:
    assert judge(GOOD) == []


def test_a_call_that_rang_twice() -> None:
    again = replace(RING, taken_at=at(20), rang_at=at(20), over_at=at(21))
    call = replace(CALL, freed_committed_at=at(22))
    assert found(rings=(RING, again), calls=(call,)) == [("at most one ring", ("call-1", "call-1"))]


def test_two_calls_that_rang_for_one_attempt() -> None:
    again = replace(RING, call_id="call-2", taken_at=at(20), over_at=at(21))
    calls = (CALL, replace(CALL, call_id="call-2", freed_committed_at=at(22)))
    assert found(rings=(RING, again), calls=calls) == [("at most one ring", ("call-1", "call-2"))]
    other_attempt = (CALL, replace(CALL, call_id="call-2", attempt=2, freed_committed_at=at(22)))
    assert found(rings=(RING, again), calls=other_attempt) == []


def test_a_ring_for_a_call_that_the_database_does_not_know() -> None:
    assert found(rings=(RING, replace(RING, call_id="call-9", taken_at=at(20)))) == [
        ("at most one ring", ("call-9",)),
        ("none without a hold", ("call-9",)),
    ]


@pytest.mark.parametrize("over_at", [at(12.001), None])
def test_a_number_that_rang_while_it_was_rung(over_at: datetime | None) -> None:
    lasting = replace(RING, over_at=over_at)
    second = replace(RING, call_id="call-2", taken_at=at(12), over_at=at(13))
    calls = (CALL, replace(CALL, call_id="call-2", lead_id=2))
    leads = (LEAD, replace(LEAD, lead_id=2))
    still_up = [("nothing left taken", ("call-1",))] if over_at is None else []
    overlap = ("no two rings at once", ("call-1", "call-2"))
    assert found(rings=(second, lasting), calls=calls, leads=leads) == [overlap, *still_up]
    touching = (replace(RING, over_at=at(12)), second)
    assert found(rings=touching, calls=calls, leads=leads) == []


def test_a_ring_whose_intent_came_after_the_opt_out() -> None:
    assert found(opted_out={DENVER: at(9.899)}) == [("none after an opt-out", ("call-1",))]
    assert found(opted_out={DENVER: at(9.9)}) == []


def test_a_ring_that_was_under_way_when_the_opt_out_came_may_take_as_long_as_a_request() -> None:
    call = replace(CALL, freed_committed_at=at(30), over_committed_at=at(30))
    out = {DENVER: at(9.95)}
    late = replace(RING, taken_at=at(14.951), over_at=at(16))
    assert found(rings=(late,), calls=(call,), opted_out=out) == [("none after an opt-out", ("call-1",))]
    in_time = replace(late, taken_at=at(14.949))
    assert found(rings=(in_time,), calls=(call,), opted_out=out) == []


def test_a_ring_outside_the_hours_of_one_zone() -> None:
    zones = {DENVER: ("America/Denver", "Asia/Tokyo")}
    assert found(zones=zones) == [("none outside hours", ("call-1",))]
    assert found(zones={DENVER: ()}) == [("none outside hours", ("call-1",))]
    evening = {DENVER: ("Europe/London",)}
    assert found(zones=evening) == []  # 19:00
    assert found(zones={DENVER: ("Europe/Helsinki",)}) == [("none outside hours", ("call-1",))]  # 21:00


def test_a_ring_of_somebody_who_was_to_sleep() -> None:
    lead = replace(LEAD, fate=Fate.ASLEEP)
    assert found(leads=(lead,)) == [("none outside hours", ("call-1",)), ("nothing lost", ("call-1",))]


@pytest.mark.parametrize(
    "call",
    [
        replace(CALL, hold_committed_at=None),
        replace(CALL, hold_committed_at=at(10.001)),
        replace(CALL, freed_committed_at=at(9.999)),
    ],
)
def test_a_ring_without_money(call: Placed) -> None:
    assert found(calls=(call,)) == [("none without a hold", ("call-1",))]


def test_a_call_that_was_over_too_late() -> None:
    late = replace(CALL, over_committed_at=at(80.001), freed_committed_at=at(80.001))
    assert found(calls=(late,), ended_at=at(90)) == [("reconciled within 60 s", ("call-1",))]
    assert found(calls=(replace(late, over_committed_at=at(80)),), ended_at=at(90)) == []
    queued_later = replace(late, queued_at=at(21), hold_committed_at=at(9))
    assert found(calls=(queued_later,), ended_at=at(90)) == []


def test_a_call_that_is_not_over() -> None:
    open_call = replace(CALL, status="live", over_committed_at=None, freed_committed_at=None)
    left = [("nothing left taken", ("call-1",)), ("nothing left taken", ("call-1",))]
    assert found(calls=(open_call,), ended_at=at(80)) == left
    assert found(calls=(open_call,), ended_at=at(80.001)) == [("reconciled within 60 s", ("call-1",)), *left]


def test_what_is_left_taken() -> None:
    left = [("nothing left taken", ())]
    assert found(lines={"voice1": (12, 11)}) == left
    assert found(held={"Chaos 1": "0.129690"}) == left
    assert found(audit="Budget 'Chaos 1', total: held is 1, its entries say 0.") == left
    assert found(rings=(replace(RING, over_at=None),)) == [("nothing left taken", ("call-1",))]


def test_a_call_that_became_unknown_without_a_fault() -> None:
    unknown = replace(CALL, unknown_committed_at=at(13))
    violation = [("no more unknown than live at a fault", ("call-1",))]
    assert found(calls=(unknown,)) == []
    assert found(calls=(unknown,), faults=()) == violation
    assert found(calls=(unknown,), faults=(), answers_lost=frozenset({"call-1"})) == []
    assert found(calls=(replace(unknown, unknown_committed_at=at(36)),)) == violation
    began_later = replace(unknown, intent_committed_at=at(20.5), unknown_committed_at=at(21))
    assert (
        found(
            rings=(replace(RING, taken_at=at(21), over_at=at(22)),),
            calls=(replace(began_later, freed_committed_at=at(23)),),
        )
        == violation
    )


def test_a_call_that_became_unknown_while_another_worker_was_killed() -> None:
    unknown = replace(CALL, unknown_committed_at=at(13), owner_pids=frozenset({5, 7}))
    violation = [("no more unknown than live at a fault", ("call-1",))]
    killed = replace(GOOD.faults[0], pid=8)
    assert found(calls=(unknown,), faults=(killed,)) == violation
    assert found(calls=(unknown,), faults=(replace(killed, pid=7),)) == []
    assert found(calls=(unknown,), faults=(Struck("flush redis", at(11), at(20), orphans=False),)) == violation


def test_a_lead_that_was_lost() -> None:
    lost = [("nothing lost", ())]
    assert found(rings=(), calls=()) == lost
    assert found(rings=(), calls=(), leads=(replace(LEAD, status="closed"),)) == lost
    assert found(rings=(), calls=(), opted_out={DENVER: at(1)}) == []
    assert found(leads=(replace(LEAD, next_attempt_at=at(60)),)) == [("nothing lost", ("call-1",))]
    assert found(leads=(replace(LEAD, next_attempt_at=at(60), status="closed"),)) == []


def test_a_call_that_never_rang_is_excused_by_a_fault_alone() -> None:
    by_fault = replace(CALL, ended_by="fault", unknown_committed_at=at(13))
    assert found(rings=(), calls=(by_fault,)) == []
    assert found(rings=(), calls=(replace(by_fault, ended_by="carrier"),)) == [("nothing lost", ("call-1",))]


@pytest.mark.parametrize("fate", [Fate.SUPPRESSED, Fate.UNPAID])
def test_a_lead_that_was_not_to_be_called(fate: Fate) -> None:
    assert found(leads=(replace(LEAD, fate=fate),)) == [("nothing lost", ("call-1",))]
    assert found(leads=(replace(LEAD, fate=fate),), rings=(), calls=()) == []
