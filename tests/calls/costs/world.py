"""Finished calls with all that the figures tell apart."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from agents.domain.types import BookAppointment, Disposition
from calls.domain.status import CallStatus
from calls.models import Call, Campaign, CostEvent, Lead, LeadImport, LeadRow, Turn
from calls.services.finishing import finish
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import report

TALKED = frozenset(Disposition) - {
    Disposition.NO_ANSWER,
    Disposition.BUSY,
    Disposition.FAILED,
    Disposition.BAD_NUMBER,
}
_slots = iter(range(10_000))


def finished(
    campaign: Campaign,
    disposition: Disposition = Disposition.NO_ANSWER,
    *,
    at: datetime = NOON_IN_DENVER,
    talked_s: int = 60,
    spoke: bool = False,
    lead: Lead | None = None,
    **fields: Any,
) -> Call:
    """A call that was dialed at ``at`` and ended through ``finish``, by the ledger and all."""
    made = make.call(lead or make.lead(campaign, attempts=1), CallStatus.LIVE, at=at, **fields)
    if spoke:
        Turn.objects.create(call=made, seq=1, speaker="lead", text="Hello?", start_ms=0, end_ms=400)
    answered = at + timedelta(seconds=8) if disposition in TALKED else None
    ended = at + timedelta(seconds=8 + talked_s)
    acts = (BookAppointment(at + timedelta(days=2, hours=next(_slots))),) if disposition == "appointment" else ()
    assert finish(made.pk, report(disposition, *acts, answered_at=answered, ended_at=ended), now=ended)
    made.refresh_from_db()
    return made


def list_of(campaign: Campaign, *leads: Lead, name: str = "leads.csv") -> LeadImport:
    source = LeadImport.objects.create(campaign=campaign, file_name=name, sha256=name, imported=len(leads))
    for line, lead in enumerate(leads, start=2):
        LeadRow.objects.create(source=source, line=line, fate=LeadRow.Fate.IMPORTED, lead=lead)
    return source


def event(number: int = 1, **fields: Any) -> CostEvent:
    """An event of no call in particular."""
    at = fields.pop("at", NOON_IN_DENVER)
    defaults: dict[str, Any] = {
        "reference": UUID(int=number),
        "at": at,
        "day": at.date(),
        "campaign": 1,
        "hour": 12,
        "caller_id": "+12125550199",
        "script": "v1",
        "voice": "piper",
        "tier": "local",
        "currency": "USD",
        "dials": 1,
        "cost": Decimal("0.01"),
    }
    return CostEvent.objects.create(**{**defaults, **fields})
