"""What the calls before came to, and what a lead has told on them: of the same person, for the same seller.

Leads that share an e-mail address or were linked are one person (``persons``). A call on which somebody else
answered, or that reached a wrong number, tells nothing of the lead.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.confirming import STALE_AFTER
from agents.domain.types import Disposition, History, PastCall
from calls.domain.status import TERMINAL
from calls.models import Appointment, Call, Lead
from calls.models.call import Direction
from calls.services import persons
from calls.services.facts import seller_of

_REMEMBERED = 10
"""Calls of before that a conversation hears of."""
_TALKED = frozenset(
    {
        Disposition.APPOINTMENT,
        Disposition.QUALIFIED,
        Disposition.CALLBACK_REQUESTED,
        Disposition.NOT_INTERESTED,
        Disposition.HAS_AGENT,
    }
)
"""Ends of a conversation; who hung up has talked only where they told something."""


@dataclass(frozen=True, slots=True)
class Known:
    """A fact as it was last told, when and on which call."""

    name: str
    value: str
    at: datetime
    call: Call


def known_of(lead: Lead) -> list[Known]:
    """What the person has told over all calls, by name."""
    return [fact for _, fact in sorted(_known(_calls_of(lead)).items())]


def history_of(call: Call, *, now: datetime) -> History:
    """What the calls before this one came to, the last ten of them."""
    before = _calls_of(call.lead, before=call)[:_REMEMBERED]
    known = _known(before).values()
    lately = [past for past in before if _of_lead(past) and _at(past) >= now - STALE_AFTER]
    objections = sum((Counter(past.objections) for past in lately), Counter[str]())
    standing = Appointment.objects.standing().filter(call__lead=call.lead_id, start_at__gt=now)
    appointment = standing.exclude(call=call).order_by("start_at").first()
    return History(
        tuple(
            PastCall(
                at=_at(past),
                disposition=Disposition(past.disposition),
                summary=past.summary,
                talked=_talked(past),
                inbound=past.direction == Direction.INBOUND,
            )
            for past in before
        ),
        {fact.name: fact.value for fact in known if fact.at >= now - STALE_AFTER},
        appointment_at=appointment.start_at if appointment else None,
        appointment_sure=appointment is None or appointment.is_sure,
        callback_at=call.lead.commitment_at,
        stale={fact.name: fact.value for fact in known if fact.at < now - STALE_AFTER},
        objections=dict(objections),
    )


def _calls_of(lead: Lead, *, before: Call | None = None) -> list[Call]:
    """The person's calls that are over and came to something, the newest first."""
    calls = Call.objects.filter(lead__in=persons.same_person(lead).order_by().values("pk"))
    calls = calls.filter(status__in=sorted(TERMINAL)).exclude(disposition="").select_related("campaign")
    if before is not None:
        calls = calls.exclude(pk=before.pk).filter(queued_at__lte=before.queued_at)
    seller = seller_of(lead.campaign)
    return [
        past for past in calls.defer("snapshot").order_by("-queued_at", "-pk") if seller_of(past.campaign) == seller
    ]


def _known(calls: Sequence[Call]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for past in reversed(calls):
        if _of_lead(past):
            names = past.facts if past.told is None else past.told
            known |= {name: Known(name, past.facts[name], _at(past), past) for name in names if name in past.facts}
    return known


def _of_lead(past: Call) -> bool:
    return not past.stood_in and past.disposition != Disposition.WRONG_NUMBER


def _talked(past: Call) -> bool:
    return _of_lead(past) and (past.disposition in _TALKED or bool(past.told))


def _at(past: Call) -> datetime:
    return past.answered_at or past.queued_at
