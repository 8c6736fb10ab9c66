"""Whether a run kept what is promised. Pure: evidence in, violations out.

Instants are compared as they are: the database tells when a transaction was committed, the carrier when it took a
call, both by the clock of one machine. Two promises leave a gap by their nature, and only so much is tolerated.
``ASKED_WITHIN``: an opt-out that is committed after a call's intent to ring finds the carrier being asked; the phone
may ring for as long as that request takes, and is hung up then. ``RECONCILED_WITHIN``: the issue's 60 s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from calls.domain.status import TERMINAL
from tests.chaos.evidence import Evidence, Placed, Ring
from tests.chaos.world import CLOSES_H, OPENS_H, Fate

ASKED_WITHIN = timedelta(seconds=5)
RECONCILED_WITHIN = timedelta(seconds=60)
FELT_BEFORE = timedelta(seconds=1)
"""A fault counts from so long before it was done, for what was seen of it at that moment."""
TAKEN_OVER_WITHIN = timedelta(seconds=4)
AWAY_AT_MOST = timedelta(seconds=5)
"""So long a fault before keeps away, and one after can disturb, what a take-over needs."""
_ELSEWHERE = frozenset({"kill worker", "term worker", "kill beat", "two beats"})
"""Nothing that a take-over needs."""
SEEN_WITHIN = timedelta(seconds=15)
"""From a fault's end until the sweep has noticed every lease that ran out by it."""


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: str
    text: str
    call_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}" + (f" Calls: {', '.join(self.call_ids)}." if self.call_ids else "")


def judge(seen: Evidence) -> list[Violation]:
    """Every violation of every invariant, none where all was kept."""
    return [found for invariant in INVARIANTS for found in invariant(seen)]


def one_ring_an_attempt(seen: Evidence) -> Iterator[Violation]:
    calls = {call.call_id: call for call in seen.calls}
    rings: dict[tuple[int, int], list[str]] = defaultdict(list)
    for ring in seen.rings:
        if (call := calls.get(ring.call_id)) is None:
            yield Violation("at most one ring", f"{ring.number} rang for a call that is not ours.", (ring.call_id,))
        else:
            rings[call.lead_id, call.attempt].append(ring.call_id)
    for (lead_id, attempt), ids in rings.items():
        if len(ids) > 1:
            text = f"Lead {lead_id} rang {len(ids)} times for its attempt {attempt}."
            yield Violation("at most one ring", text, tuple(ids))


def no_two_at_once(seen: Evidence) -> Iterator[Violation]:
    by_number: dict[str, list[Ring]] = defaultdict(list)
    for ring in sorted(seen.rings, key=lambda ring: ring.taken_at):
        by_number[ring.number].append(ring)
    for number, rings in by_number.items():
        for before, after in pairwise(rings):
            if before.over_at is None or before.over_at > after.taken_at:
                text = f"{number} was rung at {after.taken_at:%H:%M:%S.%f} while another call to it was up."
                yield Violation("no two rings at once", text, (before.call_id, after.call_id))


def none_after_opt_out(seen: Evidence) -> Iterator[Violation]:
    calls = {call.call_id: call for call in seen.calls}
    for ring in seen.rings:
        out_at = seen.opted_out.get(ring.number)
        if out_at is None or ring.taken_at <= out_at:
            continue
        call = calls.get(ring.call_id)
        intent_at = call.intent_committed_at if call else None
        late_s = (ring.taken_at - out_at).total_seconds()
        if intent_at is None or intent_at > out_at:
            text = f"{ring.number} rang {late_s:.3f} s after its opt-out, which came before the intent to ring."
            yield Violation("none after an opt-out", text, (ring.call_id,))
        elif ring.taken_at - out_at > ASKED_WITHIN:
            text = f"{ring.number} rang {late_s:.1f} s after its opt-out, longer than a request may take."
            yield Violation("none after an opt-out", text, (ring.call_id,))


def none_outside_hours(seen: Evidence) -> Iterator[Violation]:
    fates = {lead.number: lead.fate for lead in seen.leads}
    for ring in seen.rings:
        local = [ring.taken_at.astimezone(ZoneInfo(zone)) for zone in seen.zones[ring.number]]
        outside = [at for at in local if not OPENS_H <= at.hour < CLOSES_H]
        if outside or not local or fates.get(ring.number) == Fate.ASLEEP:
            text = f"{ring.number} rang at {', '.join(f'{at:%a %H:%M}' for at in local)} there."
            yield Violation("none outside hours", text, (ring.call_id,))


def none_without_hold(seen: Evidence) -> Iterator[Violation]:
    calls = {call.call_id: call for call in seen.calls}
    for ring in seen.rings:
        call = calls.get(ring.call_id)
        held_at, freed_at = (call.hold_committed_at, call.freed_committed_at) if call else (None, None)
        if held_at is None or held_at > ring.taken_at or (freed_at is not None and freed_at < ring.taken_at):
            text = f"{ring.number} rang without money held for it."
            yield Violation("none without a hold", text, (ring.call_id,))


def reconciled_in_time(seen: Evidence) -> Iterator[Violation]:
    """A call is over within 60 s of the last fault, one that was queued later within 60 s of that."""
    last_at = max(
        (fault.until_at for fault in seen.faults), default=datetime.min.replace(tzinfo=seen.ended_at.tzinfo)
    )
    for call in seen.calls:
        due_at = max(last_at, call.queued_at) + RECONCILED_WITHIN
        over_at = call.over_committed_at or seen.ended_at
        if over_at > due_at:
            waited_s = (over_at - max(last_at, call.queued_at)).total_seconds()
            text = f"A call to {call.number} was {call.status} {waited_s:.0f} s after the last fault."
            yield Violation("reconciled within 60 s", text, (call.call_id,))


def nothing_left_taken(seen: Evidence) -> Iterator[Violation]:
    name = "nothing left taken"
    for call in seen.calls:
        if call.status not in TERMINAL:
            yield Violation(name, f"A call to {call.number} is {call.status}.", (call.call_id,))
        if call.hold_committed_at is not None and call.freed_committed_at is None:
            yield Violation(name, f"The money for a call to {call.number} is still held.", (call.call_id,))
    for worker, (lines, free) in seen.lines.items():
        if free != lines:
            yield Violation(name, f"{worker} has {free} of {lines} lines free.")
    for budget, amount in seen.held.items():
        yield Violation(name, f"{amount} is held on {budget}.")
    if seen.audit:
        yield Violation(name, seen.audit)
    for ring in seen.rings:
        if ring.over_at is None:
            yield Violation(name, f"The carrier's call to {ring.number} is still up.", (ring.call_id,))


def unknown_by_faults_alone(seen: Evidence) -> Iterator[Violation]:
    """A call that became unknown was dialing or live when its own worker was hit or the database away, or its answer
    was lost by the carrier. Redis, beat, and a worker that is asked to end, make no call unknown. One that waits to
    be taken over is unknown too.
    """
    for call in seen.calls:
        if call.unknown_committed_at is None or call.call_id in seen.answers_lost:
            continue
        if not _under_way_at_fault(call, seen):
            text = f"A call to {call.number} became unknown, and no fault was near."
            yield Violation("no more unknown than live at a fault", text, (call.call_id,))


def taken_over_where_another_lives(seen: Evidence) -> Iterator[Violation]:
    """Whom a killed worker talked with, and who stayed on the phone, another one talks on with.

    But where another fault came between: the second worker, Redis or PostgreSQL may have been away then.
    """
    calls, rings = {call.call_id: call for call in seen.calls}, {ring.call_id: ring for ring in seen.rings}
    for fault in seen.faults:
        killed_at = fault.from_at + FELT_BEFORE
        near = (one for one in seen.faults if abs(one.from_at + FELT_BEFORE - killed_at) <= AWAY_AT_MOST)
        if any(one is not fault and one.kind not in _ELSEWHERE for one in near):
            continue
        for call_id in fault.talking:
            ring = rings.get(call_id)
            stayed = ring is not None and (ring.over_at is None or ring.over_at > killed_at + TAKEN_OVER_WITHIN)
            if stayed and not calls[call_id].takeovers:
                text = f"{calls[call_id].number} stayed on the phone, and no other line took the call over."
                yield Violation("taken over where another worker lives", text, (call_id,))


def nothing_lost(seen: Evidence) -> Iterator[Violation]:
    """Who was due was called, but for those of whom a fault or an opt-out decided otherwise; nobody else was."""
    of_lead: dict[int, list[Placed]] = defaultdict(list)
    for call in seen.calls:
        of_lead[call.lead_id].append(call)
    rung, numbers = {ring.call_id for ring in seen.rings}, {ring.number for ring in seen.rings}
    for lead in seen.leads:
        calls = of_lead[lead.lead_id]
        ids = tuple(call.call_id for call in calls)
        if lead.fate != Fate.CALLED:
            if calls or lead.number in numbers:
                yield Violation("nothing lost", f"A lead was called that is {lead.fate}.", ids)
            continue
        if lead.number in seen.opted_out:
            continue
        if lead.status == "open" and lead.next_attempt_at <= seen.ended_at:
            yield Violation("nothing lost", f"Lead {lead.lead_id} ({lead.number}) is still due.", ids)
        elif not any(call.call_id in rung or _excused(call, seen) for call in calls):
            yield Violation("nothing lost", f"Lead {lead.lead_id} ({lead.number}) never rang.", ids)


INVARIANTS: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    one_ring_an_attempt,
    no_two_at_once,
    none_after_opt_out,
    none_outside_hours,
    none_without_hold,
    reconciled_in_time,
    nothing_left_taken,
    unknown_by_faults_alone,
    taken_over_where_another_lives,
    nothing_lost,
)


def _under_way_at_fault(call: Placed, seen: Evidence) -> bool:
    unknown_at, intent_at = call.unknown_committed_at, call.intent_committed_at
    return unknown_at is not None and any(
        fault.orphans
        and (fault.pid == 0 or fault.pid in call.owner_pids)
        and (intent_at is None or intent_at <= fault.until_at)
        and fault.from_at <= unknown_at <= fault.until_at + SEEN_WITHIN
        for fault in seen.faults
    )


def _excused(call: Placed, seen: Evidence) -> bool:
    """A call that never rang since a fault came between."""
    return call.ended_by == "fault" and (call.unknown_committed_at is None or _under_way_at_fault(call, seen))
