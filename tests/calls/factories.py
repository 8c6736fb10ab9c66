"""Records for tests, made as an operator would leave them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from billing.models import Budget
from billing.services import ledger
from calls.domain.status import OWNED, CallStatus
from calls.models import (
    Appointment,
    Calendar,
    CalendarHours,
    Call,
    CallerId,
    CallingWindow,
    Campaign,
    Consent,
    Lead,
)
from calls.models.campaign import CampaignStatus
from calls.services import booking

NOON_IN_DENVER = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""A Tuesday, in no legal holiday; noon in Colorado, 14:00 in New York."""
WORST_CASE = Decimal("0.129690")
"""USD that a call of 300 s and its grace may cost: 6 minutes of voice and of media stream, one machine detection,
and a tenth of it in taxes."""
WORST_CASE_PUT_THROUGH = Decimal("0.222090")
"""USD of the same call in a campaign with colleagues: 6 minutes of the way to one, and a tenth of it, on top."""

_numbers = count(1)


def budget(*, limit: str = "50", name: str = "") -> Budget:
    return Budget.objects.create(name=name or f"Budget {next(_numbers)}", limit=Decimal(limit))


def campaign(**fields: Any) -> Campaign:
    """One that runs, from 8 to 21 every day but for what the fields say: ``opens_at``, ``closes_at`` and ``weekdays``
    are those of its one window, ``from_number`` is its one caller ID.
    """
    number = next(_numbers)
    window = {name: fields.pop(name) for name in ("opens_at", "closes_at", "weekdays") if name in fields}
    from_number = fields.pop("from_number", "")
    defaults = {"name": f"Campaign {number}", "status": CampaignStatus.RUNNING, "company_name": "Summit Realty"}
    fields.setdefault("budget", None)
    chosen = fields.pop("budget") or budget()
    made = Campaign.objects.create(budget=chosen, **{**defaults, **fields})
    CallingWindow.objects.create(campaign=made, **window)
    if from_number:
        made.caller_ids.add(CallerId.objects.get_or_create(number=from_number)[0])
    return made


def phone_in_colorado() -> str:
    return f"+1303555{next(_numbers) % 10000:04d}"


def lead(of: Campaign | None = None, *, consent: str = "written", **fields: Any) -> Lead:
    """A lead in Colorado that is due, with ``consent`` ('' for none)."""
    defaults = {"phone": phone_in_colorado(), "name": "Dana Reed", "next_attempt_at": NOON_IN_DENVER}
    made = Lead.objects.create(campaign=of or campaign(), **{**defaults, **fields})
    if consent:
        given_at = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
        Consent.objects.create(lead=made, kind=consent, source="web form 7", given_at=given_at)
    return made


def call(
    of: Lead | None = None,
    status: CallStatus = CallStatus.QUEUED,
    *,
    held: Decimal | None = WORST_CASE,
    **fields: Any,
) -> Call:
    """A call in ``status`` with its money held; an owned one has a lease on the clock of this machine."""
    to = of or lead()
    at = fields.pop("at", NOON_IN_DENVER)
    defaults: dict[str, Any] = {
        "attempt": to.calls.count() + 1,
        "to_number": to.phone,
        "from_number": "+12125550199",
        "status": status.value,
        "status_at": at,
        "queued_at": at,
        "rung_at": at,
        "max_length_s": to.campaign.max_call_s,
    }
    if status in OWNED:
        defaults |= {"owner": "worker-1", "fence": 1, "lease_until": datetime.now(UTC) + timedelta(minutes=5)}
    if status in (CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN):
        defaults |= {"dialed_at": at, "fence": 1}
    made = Call.objects.create(lead=to, campaign=to.campaign, **{**defaults, **fields})
    if held is not None:
        ledger.hold(made.pk, [to.campaign.budget_id], held, currency="USD", at=at)
    return made


def calendar(**fields: Any) -> Calendar:
    """One of an office in Denver, 9 to 17 on working days but for what the fields say."""
    hours = fields.pop("hours", [{}])
    made = Calendar.objects.create(**{"name": f"Calendar {next(_numbers)}", "zone": "America/Denver", **fields})
    for row in hours:
        CalendarHours.objects.create(calendar=made, **row)
    return made


def appointment(of: Call, start_at: datetime, *, confirmed: bool = True) -> Appointment:
    """Booked on the call, as the end of a conversation books it."""
    booking.book(of, start_at, confirmed=confirmed, now=NOON_IN_DENVER)
    return Appointment.objects.get(call=of)
