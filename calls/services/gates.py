"""Gathers what the gates look at, and keeps what they said."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from calls.domain import gates as domain
from calls.domain import phone
from calls.domain.compliance import (
    CampaignFacts,
    ConsentFacts,
    ConsentScope,
    Dial,
    DialRules,
    LeadFacts,
    ListUse,
    Never,
    OwnerCheck,
    Verdict,
    Wait,
)
from calls.domain.hours import Place
from calls.domain.places import MAX_ZONES, STATE_ZONES
from calls.domain.rules import DoNotCallList, Kind, RuleBook, Window
from calls.domain.status import MAY_HAVE_RUNG, CallStatus
from calls.models import Call, Campaign, CompanySuppression, Consent, Decision, Lead, NumberCheck, Suppression
from calls.services import abandoning, halting, scrubbing
from calls.services.rules import book_at


def ask(lead: Lead, *, now: datetime, call_id: UUID | None = None) -> Dial | Wait | Never:
    """May the lead be called now, by the law and by its campaign? ``call_id`` is the call that asks, if there is."""
    book = book_at(now)
    facts = facts_of(lead, now=now, book=book, call_id=call_id)
    return domain.decide(facts, now=now, rules=rules_of(lead.campaign), book=book)


def ask_campaign(campaign: Campaign, *, now: datetime) -> tuple[Verdict, ...]:
    """What keeps every lead of the campaign waiting; empty where nothing does."""
    book = book_at(now)
    facts = LeadFacts("", (), (), campaign=_campaign_facts(campaign, now=now, book=book, call_id=None))
    return domain.ask_campaign(facts, now=now, rules=rules_of(campaign), book=book)


def facts_of(lead: Lead, *, now: datetime, book: RuleBook, call_id: UUID | None = None) -> LeadFacts:
    """The lead as the gates see it, read from the records."""
    place = place_of(lead)
    by_number, by_lead = _called_at(lead, now - book.longest_cap())
    lists = [
        rule.terms.name
        for rule in book.for_place(Kind.LIST, place.country, place.states)
        if isinstance(rule.terms, DoNotCallList)
    ]
    return LeadFacts(
        country=place.country,
        states=place.states,
        zones=place.zones,
        number=lead.phone,
        suppressed=_suppressed(lead),
        consents=_consents(lead),
        scrubs={name: scrubbing.newest(name, lead.phone) for name in lists},
        transaction_at=lead.last_transaction_at,
        inquiry_at=lead.last_inquiry_at,
        owner_check=_owner_check(lead.phone),
        called_at=by_number,
        lead_called_at=by_lead,
        household_called_at=_household_called_at(lead, now - book.longest_cap()),
        attempts=lead.attempts,
        promised=lead.commitment_at is not None,
        campaign=_campaign_facts(lead.campaign, now=now, book=book, call_id=call_id),
    )


def place_of(lead: Lead) -> Place:
    """Country, states and zones of the number and of the address."""
    states = {state for state in (phone.state_of(lead.phone), lead.state) if state}
    country = phone.country_of(lead.phone) or ("US" if lead.state in STATE_ZONES else "")
    return Place(country, tuple(sorted(states)), zones_of(lead))


def zones_of(lead: Lead) -> tuple[str, ...]:
    """The lead's own zone; else the number's and the address's, since a mobile number moves with its owner."""
    if lead.zone:
        return (lead.zone,)
    by_number, by_address = phone.zones_of(lead.phone), STATE_ZONES.get(lead.state, ())
    if len(by_number) > MAX_ZONES and by_address:
        return by_address
    return tuple(dict.fromkeys((*by_address, *by_number)))


def seller_of(campaign: Campaign) -> str:
    """The company that the campaign calls for."""
    return campaign.company_name or settings.COMPANY_NAME


def _suppressed(lead: Lead) -> str:
    """Whose list the number is on: * for everybody's."""
    if Suppression.objects.filter(phone=lead.phone).exists():
        return "*"
    seller = seller_of(lead.campaign)
    listed = CompanySuppression.objects.filter(phone=lead.phone, company__iexact=seller)
    return seller if seller and listed.exists() else ""


def _consents(lead: Lead) -> tuple[ConsentFacts, ...]:
    """Those that this person gave in any campaign, since one for a seller or for all of them is valid here too."""
    seller = seller_of(lead.campaign).casefold()
    found = Consent.objects.filter(lead__phone=lead.phone).select_related("lead").order_by("-given_at")
    return tuple(
        ConsentFacts(
            one.kind,
            ConsentScope(one.scope),
            one.given_at,
            _covers(one, lead, seller),
            one.expires_at,
            one.revoked_at,
            one.source,
        )
        for one in found
        if one.scope != ConsentScope.CAMPAIGN or one.lead_id == lead.pk
    )


def _covers(one: Consent, lead: Lead, seller: str) -> bool:
    match ConsentScope(one.scope):
        case ConsentScope.CAMPAIGN:
            return one.lead_id == lead.pk
        case ConsentScope.SELLER:
            return bool(seller) and one.seller.casefold() == seller
        case ConsentScope.COMPANY:
            return True


def _owner_check(number: str) -> OwnerCheck | None:
    check = NumberCheck.objects.filter(phone=number).order_by("-checked_at", "-pk").first()
    return None if check is None else OwnerCheck(check.answer, check.checked_at)


def _rang(since: datetime) -> QuerySet[Call]:
    """Calls that rang after ``since``. A failed call rang if the carrier had taken it."""
    rang = Q(status__in=sorted(MAY_HAVE_RUNG)) | (Q(status=CallStatus.FAILED.value) & ~Q(carrier_call_id=""))
    return Call.objects.filter(rang, dialed_at__gt=since)


def _called_at(lead: Lead, since: datetime) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
    """When the number rang, in whatever campaign, and when this lead of it did."""
    calls = list(_rang(since).filter(to_number=lead.phone).values_list("dialed_at", "lead_id"))
    return tuple(at for at, _ in calls if at), tuple(at for at, lead_id in calls if at and lead_id == lead.pk)


def _household_called_at(lead: Lead, since: datetime) -> tuple[datetime, ...]:
    if not lead.household:
        return ()
    calls = _rang(since).filter(lead__in=Lead.objects.filter(household=lead.household).exclude(household=""))
    return tuple(at for at in calls.values_list("dialed_at", flat=True) if at)


def _campaign_facts(campaign: Campaign, *, now: datetime, book: RuleBook, call_id: UUID | None) -> CampaignFacts:
    answered, abandoned = abandoning.counts(campaign.pk, now=now, book=book)
    others = campaign.calls.unfinished()
    if call_id is not None:
        others = others.exclude(pk=call_id)
    return CampaignFacts(
        halting.reason(), answered, abandoned, others.count() if abandoned else 0, campaign.max_concurrency
    )


def rules_of(campaign: Campaign) -> DialRules:
    """The campaign's own rules."""
    return DialRules(
        windows=tuple(Window(tuple(one.weekdays), one.opens_at, one.closes_at) for one in campaign.windows.all()),
        max_attempts=campaign.max_attempts,
        lists=ListUse(campaign.public_lists),
        starts_on=campaign.starts_on,
        ends_on=campaign.ends_on,
        closed_on=frozenset(campaign.closed_on),
        skips_holidays=campaign.skips_holidays,
    )


def keep(decision: Dial | Wait | Never, lead: Lead, *, now: datetime, call_id: UUID | None = None) -> Decision:
    """Write down the decision with every verdict."""
    return Decision.objects.create(
        lead=lead,
        call_id=call_id,
        at=now,
        result=type(decision).__name__.lower(),
        reason="" if isinstance(decision, Dial) else decision.reason[:300],
        verdicts=[as_kept(verdict) for verdict in decision.verdicts],
        rules_version=book_at(now).version,
    )


def as_kept(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the record has it: what is empty is left out, but for what every one has."""
    kept = {key: value for key, value in asdict(verdict).items() if key != "until"}
    rules = kept.pop("rules")
    if rules:
        kept["rules"] = list(rules)
    if verdict.until is not None:
        kept["until"] = verdict.until.astimezone(UTC).isoformat()
    return kept
