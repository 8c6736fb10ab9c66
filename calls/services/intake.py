"""A person who has just asked to be called, told of by another program: a lead that is due at once.

Two programs, or one that repeats itself, may tell of the same person at the same moment: the database's constraints
decide who makes the lead, and the lead's row lock who comes next.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from django.db import IntegrityError, transaction

from agents.domain.types import Disposition
from calls.domain.compliance import Never
from calls.domain.lead_fields import LeadFields, from_the_future
from calls.models import Campaign, Consent, Inquiry, Lead, LeadList, Suppression
from calls.models.campaign import CampaignStatus
from calls.models.lead import LeadStatus
from calls.services import doorbell, following, gates
from calls.services.barring import why_barred
from calls.services.gates import rules_of
from calls.services.rules import book_at

log = structlog.get_logger(__name__)
SUPPRESSED = "The number is on the do-not-call list."
_SAME_INQUIRY = timedelta(minutes=10)
"""Without an id of its own an inquiry that comes again so soon is the same one."""
_CLOCKS = timedelta(minutes=5)
"""Another program's clock may be ahead by so much."""
_STAYS_CLOSED = {
    Disposition.APPOINTMENT: "An appointment is booked: a person of yours goes on from there.",
    Disposition.QUALIFIED: "The lead is qualified: a person of yours goes on from there.",
    Disposition.DO_NOT_CALL: "The person asked not to be called again.",
    Disposition.WRONG_NUMBER: "The number belongs to somebody else.",
    Disposition.HAS_AGENT: "The person has signed with another agent: ask them before you reopen the lead.",
    Disposition.BAD_NUMBER: "The number cannot be reached.",
    Disposition.TRANSFERRED: "A person of yours took the call over and goes on from there.",
}


class Fate(StrEnum):
    """What became of an inquiry."""

    CREATED = "created"
    UPDATED = "updated"
    KNOWN = "known"
    """Told before: nothing was changed."""


class Refused(Exception):
    """The inquiry cannot be taken; the text is a sentence that says what to change, ``field`` where."""

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An inquiry: who, in which campaign, by which program (``by``). ``priority`` None: 1."""

    lead: LeadFields
    campaign: Campaign
    by: str
    external_id: str = ""
    list_name: str = ""
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """``note`` is a sentence about what keeps the lead from being called, as far as it is known; empty: nothing."""

    lead: Lead
    fate: Fate
    note: str = ""


def campaign_named(named: str | int) -> Campaign:
    """By its number, or its name in whatever case. Raises Refused."""
    if isinstance(named, int):
        found = Campaign.objects.filter(pk=named).first() if 0 < named < 2**63 else None
    else:
        wanted = " ".join(named.split())
        same = sorted(Campaign.objects.filter(name__iexact=wanted), key=lambda one: one.name != wanted)
        found = same[0] if same else None
    if found is None:
        said = f"There is no campaign {named!r}: write its name or its number as the admin shows it."
        raise Refused(said, "campaign")
    if found.status == CampaignStatus.FINISHED:
        raise Refused(f"The campaign {found.name!r} is finished: name one that is not.", "campaign")
    return found


def take(asked: Asked, *, now: datetime) -> Taken:
    """Make the lead, or bring it up to date, and have it called at once after the commit. Raises Refused.

    The same ``external_id`` in the same campaign again, or without one the same number within ten minutes, changes
    nothing.
    """
    if late := from_the_future(asked.lead, now + _CLOCKS):
        raise Refused(late, "last_inquiry_at" if "inquiry" in late else "consent_at")
    taken = _take(asked, now=now)
    if taken.fate is Fate.CREATED and taken.lead.email and following.follow_lead(taken.lead.pk, now=now):
        taken.lead.refresh_from_db()
        taken = Taken(taken.lead, taken.fate, taken.lead.closed_reason)
    log.info("lead.taken", lead_id=taken.lead.pk, campaign_id=asked.campaign.pk, fate=taken.fate)
    return taken


@transaction.atomic
def _take(asked: Asked, *, now: datetime) -> Taken:
    if known := _known(asked):
        return known
    lead, created = _lead(asked, now=now)
    if not created:
        lead = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
        if known := _known(asked):
            return known
        if not asked.external_id and lead.inquiries.filter(at__gt=now - _SAME_INQUIRY).exists():
            return Taken(lead, Fate.KNOWN, lead.closed_reason)
    try:
        with transaction.atomic():
            Inquiry.objects.create(
                campaign=asked.campaign, lead=lead, external_id=asked.external_id, by=asked.by[:80], at=now
            )
    except IntegrityError:  # the same inquiry with another number, at the same moment
        raise _used_before(asked) from None
    note = _bring_up_to_date(lead, asked, created=created, now=now)
    _keep_consent(lead, asked)
    if not note and asked.lead.consent is None:
        note = _never(lead, asked.campaign, now=now)
    if lead.status == LeadStatus.OPEN and asked.campaign.status == CampaignStatus.RUNNING:
        transaction.on_commit(partial(doorbell.dispatch, asked.campaign.pk), robust=True)
    return Taken(lead, Fate.CREATED if created else Fate.UPDATED, note)


def _known(asked: Asked) -> Taken | None:
    if not asked.external_id:
        return None
    told = Inquiry.objects.filter(campaign=asked.campaign, external_id=asked.external_id).select_related("lead")
    before = told.first()
    if before is None:
        return None
    if before.lead.phone != asked.lead.phone:
        raise _used_before(asked)
    return Taken(before.lead, Fate.KNOWN, before.lead.closed_reason)


def _used_before(asked: Asked) -> Refused:
    said = f"The external_id {asked.external_id!r} was used for another number: give every inquiry one of its own."
    return Refused(said, "external_id")


def _lead(asked: Asked, *, now: datetime) -> tuple[Lead, bool]:
    """The lead of the number in the campaign, and whether it was made just now."""
    known = Lead.objects.filter(campaign=asked.campaign, phone=asked.lead.phone).first()
    if known is not None:
        return known, False
    one = asked.lead
    made = Lead(
        campaign=asked.campaign,
        list=_list(asked),
        phone=one.phone,
        name=one.name,
        email=one.email,
        interest=one.interest,
        address=one.address,
        state=one.state,
        zone=one.zone,
        source=one.source,
        priority=asked.priority or 1,
        next_attempt_at=now,
        last_inquiry_at=one.last_inquiry_at or now,
        last_transaction_at=one.last_transaction_at,
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return Lead.objects.get(campaign=asked.campaign, phone=one.phone), False
    return made, True


def _list(asked: Asked) -> LeadList | None:
    if not asked.list_name:
        return None
    return LeadList.objects.get_or_create(campaign=asked.campaign, name=asked.list_name)[0]


def _bring_up_to_date(lead: Lead, asked: Asked, *, created: bool, now: datetime) -> str:
    """Due now, its cadence from the start, unless it is closed for good; what keeps it from being called."""
    one = asked.lead
    if not created:
        for name in ("name", "email", "interest", "address", "state", "zone", "source"):
            if text := getattr(one, name):
                setattr(lead, name, text)
        lead.priority = asked.priority or 1
        lead.last_inquiry_at = max(filter(None, (lead.last_inquiry_at, one.last_inquiry_at or now)))
        lead.last_transaction_at = max(
            filter(None, (lead.last_transaction_at, one.last_transaction_at)), default=None
        )
        if asked.list_name:
            lead.list = _list(asked)
    if closed := _why_closed(lead):
        lead.status = LeadStatus.CLOSED
        lead.closed_reason = lead.closed_reason or closed
    else:
        lead.status, lead.closed_reason = LeadStatus.OPEN, ""
        lead.attempts, lead.cadence_from, lead.next_attempt_at = 0, now, now
    lead.save()
    if closed:
        return closed
    if lead.list is not None and not lead.list.active:
        return f"The list {lead.list.name!r} is switched off: the lead waits."
    if asked.campaign.status != CampaignStatus.RUNNING:
        return f"The campaign {asked.campaign.name!r} is {asked.campaign.status}: the lead waits until it is started."
    return why_barred(lead.phone, now=now, rules=rules_of(asked.campaign), book=book_at(now))


def _why_closed(lead: Lead) -> str:
    if Suppression.objects.filter(phone=lead.phone).exists():
        return SUPPRESSED
    if lead.email and following.opted_out_before(lead.email, lead.phone):
        return SUPPRESSED
    if lead.status == LeadStatus.CLOSED and lead.disposition:
        return _STAYS_CLOSED.get(Disposition(lead.disposition), "")
    return ""


def _never(lead: Lead, campaign: Campaign, *, now: datetime) -> str:
    """Why the gates would close the lead, as they would without a consent; '' where they would not."""
    decision = gates.ask_all([lead], campaign, now=now)[0]
    return decision.reason if isinstance(decision, Never) else ""


def _keep_consent(lead: Lead, asked: Asked) -> None:
    given = asked.lead.consent
    if given is not None:
        Consent.objects.bulk_create(
            [
                Consent(
                    lead=lead,
                    kind=given.kind,
                    source=given.source,
                    given_at=given.given_at,
                    scope=given.scope,
                    seller=given.seller,
                    expires_at=given.expires_at,
                )
            ],
            ignore_conflicts=True,
        )
