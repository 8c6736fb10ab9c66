"""Gathers what the gates look at, and keeps what they said."""

from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from calls.domain import phone
from calls.domain.compliance import MAX_ZONES, Dial, DialRules, LeadFacts, Never, Wait, decide
from calls.domain.rules import STATE_ZONES, VERSION
from calls.domain.status import MAY_HAVE_RUNG, CallStatus
from calls.models import Call, Campaign, Decision, Lead, Suppression


def facts_of(lead: Lead, *, now: datetime) -> LeadFacts:
    """The lead as the gates see it, read from the records."""
    consents = set(lead.consents.values_list("kind", flat=True))
    states = {state for state in (phone.state_of(lead.phone), lead.state) if state}
    return LeadFacts(
        country=phone.country_of(lead.phone) or ("US" if lead.state in STATE_ZONES else ""),
        states=tuple(sorted(states)),
        zones=zones_of(lead),
        suppressed=Suppression.objects.filter(phone=lead.phone).exists(),
        consent_kind="written" if "written" in consents else next(iter(consents), ""),
        called_at=_called_at(lead.phone, now=now),
        attempts=lead.attempts,
        promised=lead.commitment_at is not None,
    )


def zones_of(lead: Lead) -> tuple[str, ...]:
    """The lead's own zone; else the number's and the address's, since a mobile number moves with its owner."""
    if lead.zone:
        return (lead.zone,)
    by_number, by_address = phone.zones_of(lead.phone), STATE_ZONES.get(lead.state, ())
    if len(by_number) > MAX_ZONES and by_address:
        return by_address
    return tuple(dict.fromkeys((*by_address, *by_number)))


def _called_at(number: str, *, now: datetime) -> tuple[datetime, ...]:
    """When the number was rung in the last 24 hours. A failed call rang if the carrier had taken it."""
    rang = Q(status__in=sorted(MAY_HAVE_RUNG)) | (Q(status=CallStatus.FAILED.value) & ~Q(carrier_call_id=""))
    calls = Call.objects.filter(rang, to_number=number, dialed_at__gt=now - timedelta(days=1))
    return tuple(at for at in calls.values_list("dialed_at", flat=True) if at)


def rules_of(campaign: Campaign) -> DialRules:
    """The campaign's own rules."""
    return DialRules(
        opens=campaign.opens_at,
        closes=campaign.closes_at,
        weekdays=tuple(campaign.weekdays),
        max_attempts=campaign.max_attempts,
    )


def ask(lead: Lead, *, now: datetime) -> Dial | Wait | Never:
    """May the lead be called now, by the law and by its campaign?"""
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
        rules_version=VERSION,
    )
