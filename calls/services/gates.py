"""Gathers what the gates look at, and keeps what they said."""

from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from calls.domain import phone
from calls.domain.compliance import Dial, DialRules, LeadFacts, Never, Wait, decide
from calls.domain.status import MAY_HAVE_RUNG
from calls.models import Call, Campaign, Decision, Lead, Suppression


def facts_of(lead: Lead, *, now: datetime) -> LeadFacts:
    """The lead as the gates see it, read from the records."""
    country = phone.country_of(lead.phone)
    consents = set(lead.consents.values_list("kind", flat=True))
    states = {state for state in (phone.state_of(lead.phone), lead.state) if state}
    called_at = Call.objects.filter(
        to_number=lead.phone, dialed_at__gt=now - timedelta(days=1), status__in=sorted(MAY_HAVE_RUNG)
    ).values_list("dialed_at", flat=True)
    return LeadFacts(
        country="US" if country in phone.TERRITORIES.values() else country,
        states=tuple(sorted(states)),
        zones=(lead.zone,) if lead.zone else phone.zones_of(lead.phone),
        suppressed=Suppression.objects.filter(phone=lead.phone).exists(),
        consent_kind="written" if "written" in consents else next(iter(consents), ""),
        called_at=tuple(at for at in called_at if at),
        attempts=lead.attempts,
    )


def rules_of(campaign: Campaign) -> DialRules:
    """The campaign's own rules."""
    return DialRules(
        opens=campaign.opens_at,
        closes=campaign.closes_at,
        weekdays=tuple(campaign.weekdays),
        max_attempts=campaign.max_attempts,
    )


def ask(lead: Lead, *, now: datetime) -> Dial | Wait | Never:
    return decide(facts_of(lead, now=now), now=now, rules=rules_of(lead.campaign))


def keep(decision: Dial | Wait | Never, lead: Lead, *, now: datetime, call_id: UUID | None = None) -> Decision:
    """Write down the decision with every verdict."""
    return Decision.objects.create(
        lead=lead,
        call_id=call_id,
        at=now,
        result=type(decision).__name__.lower(),
        reason="" if isinstance(decision, Dial) else decision.reason,
        verdicts=[
            {key: value for key, value in asdict(verdict).items() if key != "until"} for verdict in decision.verdicts
        ],
        rules_version=rules_of(lead.campaign).version,
    )
