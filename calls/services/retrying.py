"""What becomes of a lead when a call to it has ended."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from agents.domain.types import Disposition, EndedBy, ScheduleCallback
from calls.domain.cadence import DEFAULTS, Opening, RetryTerms
from calls.domain.compliance import hours_verdict, is_known
from calls.domain.outcomes import Again, Close, Terms, Tried, after
from calls.models import Call, CallEvent, Campaign, Lead
from calls.models.call import Direction
from calls.models.lead import LeadStatus
from calls.services import gates
from calls.services.facts import clock_of
from calls.services.moving import note
from calls.services.rules import book_at
from voice.domain.types import Report

NEXT_ATTEMPT, CLOSED = "lead.next_attempt", "lead.closed"
_UNREACHED = (Disposition.NO_ANSWER, Disposition.BUSY, Disposition.VOICEMAIL)


def retry_terms(campaign: Campaign) -> Mapping[Disposition, RetryTerms]:
    """The campaign's own terms by outcome, the defaults where it has none."""
    own = {
        Disposition(rule.outcome): RetryTerms(
            rule.attempts, tuple(timedelta(minutes=one) for one in rule.spacing_min), rule.rotate
        )
        for rule in campaign.retry_rules.all()
    }
    return {**DEFAULTS, **own}


def decide_on_lead(lead: Lead, call: Call, report: Report, *, now: datetime, again_at: datetime | None) -> None:
    """Close the lead, or say when it is due again, and write down why. The caller has locked the lead's row.

    ``again_at`` says that nothing rang: the attempt does not count and the lead is due at that time. Nor does a call
    that broke on our side before anybody answered, but it is spaced like any that failed. A call of the lead to us is
    no attempt: only what was agreed on counts.
    """
    lead.disposition = report.outcome.disposition.value
    if again_at:
        lead.attempts, lead.next_attempt_at = max(0, lead.attempts - 1), again_at
        fields = {"at": again_at.isoformat(), "why": "nothing rang, so the attempt does not count", "counted": False}
        note(call.pk, NEXT_ATTEMPT, at=now, fields=fields)
    elif call.direction == Direction.OUTBOUND or report.outcome.disposition not in DEFAULTS:
        _carry_out(lead, call, _decided(lead, call, report, now=now), now=now)
    lead.save(
        update_fields=["disposition", "status", "closed_reason", "attempts", "next_attempt_at", "commitment_at"]
    )


def _carry_out(lead: Lead, call: Call, decided: Close | Again, *, now: datetime) -> None:
    match decided:
        case Close(reason=reason):
            lead.status, lead.closed_reason, lead.commitment_at = LeadStatus.CLOSED, reason, None
        case Again(at=at, promised_at=promised_at):
            lead.next_attempt_at, lead.commitment_at = at, promised_at
    if lead.status == LeadStatus.CLOSED:  # by this call, or by an opt-out that came before its end
        note(call.pk, CLOSED, at=now, fields={"reason": lead.closed_reason})
    elif isinstance(decided, Again):
        note(call.pk, NEXT_ATTEMPT, at=now, fields={"at": decided.at.isoformat(), "why": decided.why})


def _decided(lead: Lead, call: Call, report: Report, *, now: datetime) -> Close | Again:
    disposition, campaign = report.outcome.disposition, call.campaign
    ours = disposition is Disposition.FAILED and report.ended_by is EndedBy.FAULT and report.answered_at is None
    if ours and call.dialed_at is not None:
        lead.attempts = max(0, lead.attempts - 1)
    callbacks = [act.at for act in report.outcome.acts if isinstance(act, ScheduleCallback)]
    return after(
        disposition,
        _tried(lead) if disposition in DEFAULTS else Tried({}, lead.attempts),
        Terms(retry_terms(campaign), campaign.max_attempts, _opening(lead, campaign, now=now)),
        ended_at=now,
        callback_at=callbacks[-1] if callbacks else None,
    )


def _tried(lead: Lead) -> Tried:
    """The lead's calls since its cadence began, but for those that never rang."""
    never_rang = CallEvent.objects.filter(call=OuterRef("pk"), kind=NEXT_ATTEMPT, fields__counted=False)
    since = Q(dialed_at__gte=lead.cadence_from) if lead.cadence_from else Q(dialed_at__isnull=False)
    rang = lead.calls.filter(since, ~Exists(never_rang), direction=Direction.OUTBOUND).exclude(disposition="")
    calls = [(Disposition(how), at) for how, at in rang.values_list("disposition", "dialed_at") if at]
    promised_at = lead.commitment_at
    return Tried(
        ends=Counter(how for how, _ in calls),
        attempts=lead.attempts,
        called_at=tuple(at for _, at in calls),
        zone=clock_of(lead),
        promised_at=promised_at,
        missed=sum(how in _UNREACHED and at >= promised_at for how, at in calls) if promised_at else 0,
    )


def _opening(lead: Lead, campaign: Campaign, *, now: datetime) -> Opening:
    """When the law and the campaign next allow a call; of a place that is not known, any time: the gates hold it."""
    book, place, rules = book_at(now), gates.place_of(lead), gates.rules_of(campaign)

    def opening(at: datetime) -> datetime | None:
        if not is_known(place, book):
            return at
        verdict = hours_verdict(place, now=at, rules=rules, book=book)
        return at if verdict.passed else verdict.until

    return opening
