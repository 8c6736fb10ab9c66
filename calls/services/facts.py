"""What the records say of leads: read for many at once, one query for each kind of fact."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from calls.domain import phone
from calls.domain.compliance import (
    CampaignFacts,
    ConsentFacts,
    ConsentScope,
    LeadFacts,
    OwnerCheck,
    iana_zones,
)
from calls.domain.hours import Place
from calls.domain.places import MAX_ZONES, STATE_ZONES
from calls.domain.rules import DoNotCallList, Kind, RuleBook
from calls.domain.status import MAY_HAVE_RUNG, CallStatus
from calls.models import Call, Campaign, CompanySuppression, Consent, Lead, NumberCheck, Suppression
from calls.models.call import Direction
from calls.services import scrubbing

Called = dict[object, list[datetime]]


class Records:
    """What is on record of some leads of one campaign. ``call_id`` is the call that asks, if there is."""

    def __init__(
        self,
        leads: Sequence[Lead],
        campaign: Campaign,
        *,
        now: datetime,
        book: RuleBook,
        call_id: UUID | None = None,
    ) -> None:
        self._seller = seller_of(campaign)
        numbers = [lead.phone for lead in leads]
        self._places = {lead.pk: place_of(lead) for lead in leads}
        self._lists = {lead.pk: _lists_for(self._places[lead.pk], book) for lead in leads}
        asked = [(name, lead.phone) for lead in leads for name in self._lists[lead.pk]]
        self._scrubs = scrubbing.newest_of(asked)
        self._suppressed = set(Suppression.objects.filter(phone__in=numbers).values_list("phone", flat=True))
        self._listed = self._listed_by_seller(numbers)
        self._consents = _consents(numbers)
        self._owner_checks = _owner_checks(numbers)
        rang = _rang(now - book.longest_cap())
        self._by_number, self._by_lead = _called_at(rang, numbers)
        households = {lead.household for lead in leads} - {""}
        self._by_household = _households_called_at(rang, _waiting(call_id), households, now=now)

    def of(self, lead: Lead, campaign: CampaignFacts) -> LeadFacts:
        """One of the leads as the gates see it."""
        place = self._places[lead.pk]
        return LeadFacts(
            country=place.country,
            states=place.states,
            zones=place.zones,
            number=lead.phone,
            suppressed=self._whose_list(lead.phone),
            consents=self._consents_of(lead),
            scrubs={name: self._scrubs[name, lead.phone] for name in self._lists[lead.pk]},
            transaction_at=lead.last_transaction_at,
            inquiry_at=lead.last_inquiry_at,
            owner_check=self._owner_checks.get(lead.phone),
            called_at=tuple(self._by_number.get(lead.phone, ())),
            lead_called_at=tuple(self._by_lead.get(lead.pk, ())),
            household_called_at=tuple(self._by_household.get(lead.household, ())),
            attempts=lead.attempts,
            promised=lead.commitment_at is not None,
            campaign=campaign,
        )

    def count(self, lead: Lead, *, now: datetime) -> None:
        """The lead is about to be called: that counts for others of its household."""
        if lead.household:
            self._by_household[lead.household].append(now)

    def _listed_by_seller(self, numbers: list[str]) -> set[str]:
        if not self._seller:
            return set()
        listed = CompanySuppression.objects.filter(phone__in=numbers, company__iexact=self._seller)
        return set(listed.values_list("phone", flat=True))

    def _whose_list(self, number: str) -> str:
        """Whose list the number is on: * for everybody's."""
        if number in self._suppressed:
            return "*"
        return self._seller if number in self._listed else ""

    def _consents_of(self, lead: Lead) -> tuple[ConsentFacts, ...]:
        """Those that this person gave in any campaign, since one for a seller or for all is valid here too."""
        return tuple(
            ConsentFacts(
                one.kind,
                ConsentScope(one.scope),
                one.given_at,
                self._covers(one, lead),
                one.expires_at,
                one.revoked_at,
                one.source,
            )
            for one in self._consents.get(lead.phone, ())
            if one.scope != ConsentScope.CAMPAIGN or one.lead_id == lead.pk
        )

    def _covers(self, one: Consent, lead: Lead) -> bool:
        match ConsentScope(one.scope):
            case ConsentScope.CAMPAIGN:
                return one.lead_id == lead.pk
            case ConsentScope.SELLER:
                return bool(self._seller) and one.seller.casefold() == self._seller.casefold()
            case ConsentScope.COMPANY:
                return True


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


def clock_of(lead: Lead) -> str:
    """The IANA zone in which times are spoken and counted: the lead's first that exists; '' where none does."""
    return next((zone for zone in zones_of(lead) if zone in iana_zones()), "")


def seller_of(campaign: Campaign) -> str:
    """The company that the campaign calls for."""
    return campaign.company_name or settings.COMPANY_NAME


def _lists_for(place: Place, book: RuleBook) -> list[str]:
    """The public do-not-call lists that the rules of the place name."""
    rules = book.for_place(Kind.LIST, place.country, place.states)
    return [rule.terms.name for rule in rules if isinstance(rule.terms, DoNotCallList)]


def _consents(numbers: list[str]) -> dict[str, list[Consent]]:
    """By the number of the lead that gave them, the newest first."""
    found: defaultdict[str, list[Consent]] = defaultdict(list)
    for one in Consent.objects.filter(lead__phone__in=numbers).select_related("lead").order_by("-given_at"):
        found[one.lead.phone].append(one)
    return found


def _owner_checks(numbers: list[str]) -> dict[str, OwnerCheck]:
    """The newest of each number."""
    newest = NumberCheck.objects.filter(phone__in=numbers).order_by("phone", "-checked_at", "-pk").distinct("phone")
    return {check.phone: OwnerCheck(check.answer, check.checked_at) for check in newest}


def _rang(since: datetime) -> QuerySet[Call]:
    """Calls that rang after ``since``. A failed call rang if the carrier had taken it."""
    rang = Q(status__in=sorted(MAY_HAVE_RUNG)) | (Q(status=CallStatus.FAILED.value) & ~Q(carrier_call_id=""))
    return Call.objects.filter(rang, dialed_at__gt=since).order_by()


def _called_at(rang: QuerySet[Call], numbers: list[str]) -> tuple[Called, Called]:
    """When each number rang, in whatever campaign, and when each lead did."""
    by_number: Called = defaultdict(list)
    by_lead: Called = defaultdict(list)
    calls = rang.filter(to_number__in=numbers).values_list("to_number", "lead_id", "dialed_at")
    for number, lead_id, at in calls:
        if at is not None:
            by_number[number].append(at)
            by_lead[lead_id].append(at)
    return by_number, by_lead


def _waiting(call_id: UUID | None) -> QuerySet[Call]:
    """Calls that are about to ring. Of those that ask just before it, one goes before another by their ids."""
    waiting = Call.objects.filter(
        status__in=[CallStatus.QUEUED.value, CallStatus.CLAIMED.value], direction=Direction.OUTBOUND
    )
    return waiting.order_by() if call_id is None else waiting.filter(pk__lt=call_id).order_by()


def _households_called_at(
    rang: QuerySet[Call], waiting: QuerySet[Call], households: Iterable[str], *, now: datetime
) -> Called:
    """When leads of each household rang; those that wait ring now. A household's numbers may ring at one moment."""
    found: Called = defaultdict(list)
    wanted = sorted(households)
    if not wanted:
        return found
    # Ids first, so that PostgreSQL takes its index of households, which leaves the empty ones out.
    of_lead = dict(
        Lead.objects.filter(household__in=wanted).exclude(household="").order_by().values_list("pk", "household")
    )
    for lead_id, at in rang.filter(lead__in=list(of_lead)).values_list("lead_id", "dialed_at"):
        if at is not None:
            found[of_lead[lead_id]].append(at)
    for lead_id in waiting.filter(lead__in=list(of_lead)).values_list("lead_id", flat=True):
        found[of_lead[lead_id]].append(now)
    return found
