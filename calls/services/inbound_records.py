"""Why a lead's call went to the agent or to the opt-out line: kept beside the decisions about calls to the lead."""

from datetime import datetime
from uuid import UUID

from calls.models import Decision, Lead
from calls.services.rules import book_at

ANSWER, LINE = "answer", "line"


def decided(lead: Lead, *, now: datetime, taken: bool, why: str, call_id: UUID | None = None) -> None:
    """Write it down. No gate is asked: the person calls, so hours and consent are no question."""
    Decision.objects.create(
        lead=lead,
        call_id=call_id,
        at=now,
        result=ANSWER if taken else LINE,
        reason=why[:300],
        verdicts=[],
        rules_version=book_at(now).version,
    )
