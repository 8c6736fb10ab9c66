"""The end of a call: everything that follows from it, in one transaction, by whoever comes first."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from agents.domain.types import (
    BookAppointment,
    Disposition,
    MarkWrongNumber,
    OptOut,
    ScheduleCallback,
)
from billing.services import meter, settling
from calls.domain.outcomes import Again, Close, after
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, Lead
from calls.models.lead import LeadStatus
from calls.services import costs
from calls.services.moving import move, note
from calls.services.opting_out import record_opt_out, suppress
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
    _decide_on_lead(call, report, now=now, again_at=again_at)
    event = costs.event_of(call)
    # Late, since every other call of the company waits for its budgets' rows until the commit.
    _settle(call, report, now=now)
    costs.record(event, call.cost)
    call_finished.send(Call, call=call, now=now)
    return True


def _columns(report: Report) -> dict[str, object]:
    outcome, recording = report.outcome, report.recording
    talked_s = (report.ended_at - report.answered_at).total_seconds() if report.answered_at else None
    columns: dict[str, object] = {
        "ended_at": report.ended_at,
        "billed_s": None if talked_s is None else max(0, math.ceil(talked_s)),
        "disposition": outcome.disposition.value,
        "ended_by": report.ended_by.value,
        "summary": outcome.summary,
        "facts": dict(outcome.facts),
        "score": outcome.score,
        "disclosed_at": report.disclosed_at,
        "lease_until": None,
    }
    if report.answered_at:
        columns["answered_at"] = report.answered_at
    if recording:
        columns["recording"] = str(recording.path.resolve().relative_to(settings.RECORDINGS_DIR.resolve()))
        columns["recording_started_at"] = recording.started_at
        columns["recording_ms"] = recording.duration_ms
    return columns


def _settle(call: Call, report: Report, *, now: datetime) -> None:
    """What the line has not told yet is metered first; of a lost worker's call, all that it told in time is there."""
    meter_usage(call, report.usage, now=now)
    # Every call asks for machine detection, and the asking is billed.
    call.cost = settling.settle(call.pk, settling.Ending(call.billed_s), at=now)
    Call.objects.filter(pk=call.pk).update(cost=call.cost)


def meter_usage(call: Call, usage: Iterable[Usage], *, now: datetime) -> None:
    """Keep what the line of the call's present claim used."""
    reports = [meter.Measured(one.component, one.unit, one.quantity, one.seq) for one in usage]
    if reports:
        meter.record(call.pk, reports, reporter=f"claim {call.fence}", at=now)


def _carry_out(call: Call, report: Report, *, now: datetime) -> None:
    """What was agreed on. A person who changed their mind has one appointment, the last."""
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
    bookings = [act.start_at for act in outcome.acts if isinstance(act, BookAppointment)]
    if bookings:
        _book(call, bookings[-1], now=now)


def _book(call: Call, start_at: datetime, *, now: datetime) -> None:
    """A slot that somebody took meanwhile is a matter for a person: the event says so, the call stays as it is."""
    try:
        with transaction.atomic():
            Appointment.objects.create(call=call, campaign=call.campaign, start_at=start_at)
    except IntegrityError:
        note(call.pk, "appointment.conflict", at=now, fields={"start_at": start_at.isoformat()})
    else:
        note(call.pk, "appointment.booked", at=now, fields={"start_at": start_at.isoformat()})


def _decide_on_lead(call: Call, report: Report, *, now: datetime, again_at: datetime | None) -> None:
    lead = call.lead = Lead.objects.select_for_update(no_key=True).get(pk=call.lead_id)
    lead.disposition = report.outcome.disposition.value
    if again_at:
        lead.attempts, lead.next_attempt_at = lead.attempts - 1, again_at
    else:
        _decide_by_disposition(lead, call, report, now=now)
    lead.save(
        update_fields=["disposition", "status", "closed_reason", "attempts", "next_attempt_at", "commitment_at"]
    )


def _decide_by_disposition(lead: Lead, call: Call, report: Report, *, now: datetime) -> None:
    callbacks = [act.at for act in report.outcome.acts if isinstance(act, ScheduleCallback)]
    match after(
        report.outcome.disposition,
        attempts=lead.attempts,
        max_attempts=call.campaign.max_attempts,
        retry_after=timedelta(minutes=45),
        ended_at=now,
        callback_at=callbacks[-1] if callbacks else None,
    ):
        case Close(reason=reason):
            lead.status, lead.closed_reason, lead.commitment_at = LeadStatus.CLOSED, reason, None
        case Again(at=at, promised=promised):
            lead.next_attempt_at, lead.commitment_at = at, at if promised else None
