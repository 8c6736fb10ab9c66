"""What becomes of due leads: the gates' word on each, the terms of its call, and what is written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction

from billing.domain.card import RateError
from billing.domain.money import MixedCurrencies
from billing.services.ledger import BudgetExhausted
from calls.domain.compliance import Dial, Never, Verdict, Wait
from calls.models import Campaign, Lead
from calls.models.lead import LeadStatus
from calls.services import gates
from calls.services.gates import Decided
from calls.services.terms import CampaignTerms, Terms

log = structlog.get_logger(__name__)
Unpaid = BudgetExhausted | RateError | MixedCurrencies
"""Why a call cannot be paid for."""
_LOOK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A lead and the word on it. One that may be called has the terms of its call, or why it has none."""

    lead: Lead
    decision: Decided
    terms: Terms | Unpaid | None = None

    @property
    def for_hours_alone(self) -> bool:
        return isinstance(self.decision, Wait) and self.decision.for_hours_alone


def judge(leads: Sequence[Lead], campaign: Campaign, *, now: datetime) -> list[Judged]:
    """The word on each of the campaign's leads, in their order; nothing is written.

    What goes wrong with one lead is told and puts off that lead alone. A database that is away is not its fault.
    """
    try:
        with transaction.atomic():
            return _judged(leads, campaign, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(leads) > 1:
            return [judged for lead in leads for judged in judge([lead], campaign, now=now)]
        log.exception("dispatch.not_judged", campaign_id=campaign.pk, lead_id=leads[0].pk)
        return [Judged(leads[0], _not_judged(error, now=now))]


def write_down(judged: Sequence[Judged], *, now: datetime) -> None:
    """Keep why these leads are not called now: those that wait are due later, the others are closed."""
    waiting, closed = [], []
    for one in judged:
        match one.decision:
            case Wait() as wait:
                one.lead.next_attempt_at = one.lead.put_off_until = wait.until
                waiting.append(one.lead)
            case Never() as never:
                one.lead.status, one.lead.closed_reason = LeadStatus.CLOSED, never.reason
                closed.append(one.lead)
    Lead.objects.bulk_update(waiting, ["next_attempt_at", "put_off_until"])
    Lead.objects.bulk_update(closed, ["status", "closed_reason"])
    gates.keep_all(((one.decision, one.lead, None) for one in judged), now=now)


def _judged(leads: Sequence[Lead], campaign: Campaign, *, now: datetime) -> list[Judged]:
    offered, judged = CampaignTerms(campaign, now=now), []
    for lead, decision in zip(leads, gates.ask_all(leads, campaign, now=now), strict=True):
        terms = _terms(offered, lead) if isinstance(decision, Dial) else None
        judged.append(Judged(lead, decision, terms))
    return judged


def _terms(offered: CampaignTerms, lead: Lead) -> Terms | Unpaid:
    try:
        terms = offered.of(lead)
    except (BudgetExhausted, RateError, MixedCurrencies) as unpaid:
        return unpaid
    offered.count(terms)
    return terms


def _not_judged(error: Exception, *, now: datetime) -> Wait:
    reason = f"This lead could not be judged: {type(error).__name__}: {error}"
    verdict = Verdict("judgement", False, reason, until=now + _LOOK_AGAIN)
    return Wait(now + _LOOK_AGAIN, reason, (verdict,))
