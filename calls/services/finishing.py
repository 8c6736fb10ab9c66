"""The end of a call: everything that follows from it, in one transaction, by whoever comes first."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.domain.types import (
    BookAppointment,
    Disposition,
    MarkWrongNumber,
    OptOut,
)
from billing.services import meter, settling
from calls.domain.status import CallStatus
from calls.models import Call, Lead
from calls.models.call import Direction
from calls.services import acts, booking, costs, recordings, reserving, tracing
from calls.services.moving import move
from calls.services.opting_out import record_opt_out, suppress
from calls.services.retrying import decide_on_lead
from calls.signals import call_finished
from voice.domain.types import Report, Usage

_NEVER_TALKED = frozenset({Disposition.FAILED, Disposition.BAD_NUMBER})


@transaction.atomic
def finish(
    call_id: UUID, report: Report, *, now: datetime, fence: int | None = None, again_at: datetime | None = None
) -> bool:
    """Write the outcome, settle the hold, decide what becomes of the lead; False when the call is finished already.

    ``fence`` is the claim of the worker that reports; a callback or the sweep has none. ``again_at`` says that
    nothing rang: the attempt does not count and the lead is due at that time.
    """
    report = _with_kept_acts(call_id, report)
    disposition = report.outcome.disposition
    failed = disposition in _NEVER_TALKED and report.answered_at is None
    to = CallStatus.FAILED if failed else CallStatus.DONE
    changes = _columns(report)
    if not move(
        call_id, to, at=now, why="call.finished", fence=fence, changes=changes, fields={"disposition": disposition}
    ):
        return False
    call = Call.objects.select_related("lead", "campaign").get(pk=call_id)
    _carry_out(call, report, now=now)
    if report.recording:
        recordings.keep(call.pk, report.recording)
    tracing.keep(call, report.worked)
    tracing.conclude(call)
    call.lead = Lead.objects.select_for_update(no_key=True).get(pk=call.lead_id)
    decide_on_lead(call.lead, call, report, now=now, again_at=again_at)
    event = costs.event_of(call)
    # Late, since every other call of the company waits for its budgets' rows until the commit.
    _settle(call, report, now=now)
    costs.record(event, call.cost)
    call_finished.send(Call, call=call, now=now)
    return True


def _with_kept_acts(call_id: UUID, report: Report) -> Report:
    """The report of a call whose worker or session was lost knows of no act; what was kept of them counts."""
    if report.answered_at is None or report.outcome.acts:
        return report
    kept = acts.kept(call_id)
    return replace(report, outcome=acts.completed(report.outcome, kept)) if kept else report


def _columns(report: Report) -> dict[str, object]:
    outcome = report.outcome
    talked_s = (report.ended_at - report.answered_at).total_seconds() if report.answered_at else None
    columns: dict[str, object] = {
        "ended_at": report.ended_at,
        "billed_s": None if talked_s is None else max(0, math.ceil(talked_s)),
        "disposition": outcome.disposition.value,
        "ended_by": report.ended_by.value,
        "summary": outcome.summary,
        "facts": dict(outcome.facts),
        "score": outcome.score,
        "told": None if outcome.told is None else list(outcome.told),
        "objections": dict(outcome.objections),
        "stood_in": outcome.stood_in,
        "lease_until": None,
    }
    if report.answered_at:
        columns["answered_at"] = report.answered_at
    if report.disclosed_at:  # else it stays what a line told before it was lost
        columns["disclosed_at"] = report.disclosed_at
    return columns


def _settle(call: Call, report: Report, *, now: datetime) -> None:
    """What the line has not told yet is metered first; of a lost worker's call, all that it told in time is there."""
    meter_usage(call, report.usage, now=now)
    # Every call of ours asks for machine detection, and the asking is billed.
    ending = settling.Ending(call.billed_s, detected_machine=call.direction == Direction.OUTBOUND)
    call.cost = settling.settle(call.pk, ending, at=now)
    Call.objects.filter(pk=call.pk).update(cost=call.cost)


def meter_usage(call: Call, usage: Iterable[Usage], *, now: datetime) -> None:
    """Keep what the line of the call's present claim used."""
    reports = [meter.Measured(one.component, one.unit, one.quantity, one.seq) for one in usage]
    if reports:
        meter.record(call.pk, reports, reporter=f"claim {call.fence}", at=now)


def _carry_out(call: Call, report: Report, *, now: datetime) -> None:
    """What was agreed on. A person who changed their mind, on this call or since, has one appointment, the last."""
    outcome = report.outcome
    for act in outcome.acts:
        match act:
            case OptOut(said=said):
                record_opt_out(call, said, now=now)
            case MarkWrongNumber(said=said):
                suppress(call.to_number, source="wrong_number", said=said, now=now, call_id=call.pk)
            case _:
                continue
    if outcome.disposition is Disposition.DO_NOT_CALL:
        record_opt_out(call, outcome.summary, now=now)  # changes nothing where an act has done it
    bookings = [act for act in outcome.acts if isinstance(act, BookAppointment)]
    if bookings:
        booking.book(call, bookings[-1].start_at, confirmed=bookings[-1].confirmed, now=now)
    reserving.release(call)
