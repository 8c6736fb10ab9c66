"""The installation that a run happens in: a campaign, its money, somebody else's lead, and the person's own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from billing.models import Budget
from calls.models import Appointment, Call, CallerId, CallingWindow, Campaign, Consent, Lead, VoiceWorker
from calls.models.lead import LeadStatus
from calls.services import dispatching, inbound
from evals.person import Person, place
from voice.domain.types import InboundCall

COMPANY, AGENT, CALLER_ID = "Summit Realty", "Ava", "+17205550100"
NUMBER = 142
"""The last four digits of the person's number."""
_WIDE = Decimal(10**6)
_FAR = timedelta(days=365)


class NotCalled(RuntimeError):
    """The house would not call the person: nothing can be graded. The text says what the gates said."""


@dataclass(frozen=True, slots=True)
class House:
    """``stranger`` is another lead of the campaign, with an appointment, whom no run may touch."""

    campaign: Campaign
    stranger: Lead


def build(name: str = "Evals") -> House:
    """Everything that stands before the first call."""
    budget = Budget.objects.create(name=f"{name} budget", limit=_WIDE, day_limit=_WIDE)
    campaign = Campaign.objects.create(
        name=name, status="running", budget=budget, company_name=COMPANY, agent_name=AGENT, max_concurrency=500
    )
    CallingWindow.objects.create(campaign=campaign)
    CallerId.objects.get_or_create(number=CALLER_ID, defaults={"daily_cap": 10**6})
    seen_at = timezone.now() + _FAR
    VoiceWorker.objects.get_or_create(
        owner="evals", defaults={"queues": ["calls.local"], "lines": 500, "started_at": seen_at, "seen_at": seen_at}
    )
    return House(campaign, _stranger(campaign))


def _stranger(campaign: Campaign) -> Lead:
    at = datetime(2026, 11, 9, 19, 0, tzinfo=UTC)
    lead = Lead.objects.create(
        campaign=campaign,
        phone=f"+1303556{campaign.pk % 10000:04}",
        name="Somebody Else",
        next_attempt_at=at + 3 * _FAR,
    )
    call = _past_call(lead, at, "appointment", {"timeline": "3"})
    Appointment.objects.create(call=call, campaign=campaign, start_at=at + 2 * _FAR)
    return lead


def lead_of(house: House, person: Person, *, now: datetime, number: int = NUMBER) -> Lead:
    """The person's lead, due now, with consent and with what earlier calls came to."""
    home = place(person.lead.place)
    lead = Lead.objects.create(
        campaign=house.campaign,
        phone=f"{home.prefix}{number:04}",
        name=person.lead.name,
        interest=person.lead.interest,
        address=person.lead.address,
        next_attempt_at=now,
    )
    given_at = now - timedelta(days=9)
    Consent.objects.create(lead=lead, kind="written", source="web_form", given_at=given_at)
    _remember(lead, person, now=now, zone=ZoneInfo(home.zone))
    return lead


def call_for(house: House, person: Person, *, now: datetime, number: int = NUMBER) -> Call:
    """The person's call as a worker finds it. Raises NotCalled."""
    lead = lead_of(house, person, now=now, number=number)
    if person.inbound:
        received = InboundCall(f"CA{uuid4().hex}", lead.phone, CALLER_ID)
        why = str(inbound.receive(received, now=now))
    else:
        why = dispatching.dispatch_batch(house.campaign.pk, now=now).why
    call = lead.calls.unfinished().first()
    if call is None:
        raise NotCalled(f"{person.id} was not called: {why or lead.decisions.first() or 'no decision was kept'}")
    return call


def _remember(lead: Lead, person: Person, *, now: datetime, zone: ZoneInfo) -> None:
    """What an earlier call with the person came to."""
    before = person.before
    if before is None:
        return
    call = _past_call(lead, now - timedelta(days=before.days_ago), before.disposition, dict(before.facts))
    lead.attempts, lead.disposition = 1, before.disposition
    if before.appointment:
        start_at = before.appointment.replace(tzinfo=zone)
        Appointment.objects.create(call=call, campaign=lead.campaign, start_at=start_at)
        lead.status, lead.closed_reason = LeadStatus.CLOSED, "An appointment is booked."
    if before.callback:
        lead.commitment_at = before.callback.replace(tzinfo=zone)
    lead.save()


def _past_call(lead: Lead, at: datetime, disposition: str, facts: dict[str, Any]) -> Call:
    return Call.objects.create(
        lead=lead,
        campaign=lead.campaign,
        attempt=1,
        to_number=lead.phone,
        from_number=CALLER_ID,
        status="done",
        status_at=at,
        queued_at=at,
        dialed_at=at,
        answered_at=at,
        ended_at=at + timedelta(minutes=2),
        disposition=disposition,
        ended_by="agent",
        facts=facts,
        summary=disposition,
    )


def writes() -> dict[str, int]:
    """Rows inserted, updated and deleted by this transaction until now, by table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables")
        return {str(name): int(count) for name, count in cursor.fetchall() if count}


def all_writes() -> dict[str, int]:
    """Rows inserted, updated and deleted by all transactions of this database until now, by table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")  # else what this connection wrote is told later
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables")
        return {str(name): int(count) for name, count in cursor.fetchall() if count}
