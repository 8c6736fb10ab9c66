"""What becomes of a lead when a call to it has ended."""

from datetime import datetime, timedelta

from agents.domain.types import ScheduleCallback
from calls.domain.outcomes import Again, Close, after
from calls.models import Call, Lead
from calls.models.lead import LeadStatus
from voice.domain.types import Report


def decide_on_lead(lead: Lead, call: Call, report: Report, *, now: datetime, again_at: datetime | None) -> None:
    """Close the lead, or say when it is due again. The caller has locked the lead's row.

    ``again_at`` says that nothing rang: the attempt does not count and the lead is due at that time.
    """
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
