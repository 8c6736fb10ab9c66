"""A call to one of our numbers: whose it is, whether the agent takes it, and what the caller reaches until then.

A call of a lead whom we called lately becomes a ``Call`` like any other and waits in its queue, while the carrier
asks every second what became of it. Nobody is left without an answer: whoever the agent cannot take reaches the
opt-out line, with a promise to be called back where the lead may be called.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction

from agents.domain.types import Disposition, EndedBy
from billing.domain.card import RateError
from billing.domain.money import MixedCurrencies
from billing.services import ledger
from calls.domain import phone
from calls.domain.queues import queue_for
from calls.domain.status import TERMINAL, CallStatus
from calls.models import Call, CallEvent, CompanySuppression, Lead
from calls.models.call import Direction
from calls.models.campaign import CampaignStatus
from calls.models.lead import LeadStatus
from calls.services import doorbell, halting, opt_out_line, opting_out, resuming, transferring, workers
from calls.services.facts import seller_of
from calls.services.inbound_records import decided
from calls.services.moving import note
from calls.services.promising import promise
from calls.services.terms import Terms, terms_for
from voice.domain.types import InboundCall, StreamTarget

log = structlog.get_logger(__name__)
LATELY = timedelta(days=90)
"""Who was called by us within this time is calling back."""
PATIENCE = timedelta(seconds=8)
"""So long a caller waits for a worker to open its line."""
_TRIES = 3
_FORGOTTEN_AFTER = timedelta(seconds=30)
_BATCH = 100
PROMISED = "inbound.promised"


@dataclass(frozen=True, slots=True)
class Wait:
    """A worker is being asked; ask again in a second."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The call's line ``part``, counted from 1, waits for its media."""

    stream: StreamTarget
    part: int = 1


@dataclass(frozen=True, slots=True)
class Over:
    """The conversation has come to its end."""


@dataclass(frozen=True, slots=True)
class OptOutLine:
    """Who we are and how to opt out. ``listed``: the number is on the list already; ``promised``: we call back;
    ``cut_off``: the conversation broke off.
    """

    company: str
    listed: bool = False
    promised: bool = False
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class PutThrough:
    """To a colleague."""

    call_id: UUID
    ring: transferring.Ring


Reached = Wait | Talk | Over | OptOutLine | PutThrough


class _NotNow(Exception):
    """The agent cannot take the call; the text says why."""


def receive(received: InboundCall, *, now: datetime) -> Reached:
    """Somebody calls. A request that comes twice is one call."""
    call = _known(received.carrier_call_id)
    if call is not None:
        return _look(call, now=now)
    caller = number_of(received.from_)
    company = opt_out_line.company_for(caller)
    if not caller:
        return OptOutLine(company)
    lead = lead_of(caller, dialed=number_of(received.to), now=now)
    if lead is None:
        return OptOutLine(company, listed=opting_out.is_suppressed(caller))
    company = seller_of(lead.campaign)
    if _is_listed(lead):
        decided(lead, now=now, taken=False, why="The number is on the do-not-call list.")
        return OptOutLine(company, listed=True)
    try:
        call = _take(lead, received, now=now)
    except _NotNow as reason:
        if (call := _known(received.carrier_call_id)) is not None:
            return _look(call, now=now)
        log.info("inbound_call.not_taken", carrier_call_id=received.carrier_call_id, reason=str(reason))
        decided(lead, now=now, taken=False, why=str(reason))
        return OptOutLine(company, promised=promise(lead, now=now))
    log.info("inbound_call.queued", call_id=str(call.pk), carrier_call_id=received.carrier_call_id)
    return Wait()


def wait(carrier_call_id: str, *, now: datetime) -> Reached:
    """The caller still waits."""
    call = _known(carrier_call_id)
    return OptOutLine(opt_out_line.company_for("")) if call is None else _look(call, now=now)


def after_talk(carrier_call_id: str, *, part: int, now: datetime) -> Reached:
    """The media of the call's line ``part`` has ended, or never began, and the caller is still there."""
    call = _known(carrier_call_id)
    if call is None:
        return OptOutLine(opt_out_line.company_for(""))
    if CallStatus(call.status) not in TERMINAL:
        match resuming.ask_and_wait(call.pk, part=part, now=now):
            case resuming.Wait():
                return Wait()
            case resuming.Talk(stream=stream, part=part):
                return Talk(stream, part)
            case transferring.Ring() as ring:
                return PutThrough(call.pk, ring)
        call.refresh_from_db()
        if CallStatus(call.status) not in TERMINAL:
            return Over()
    if call.ended_by == EndedBy.FAULT or call.answered_at is None:
        return _missed(call, "The line of the agent broke.", now=now)
    return Over()


def hung_up(call_id: UUID, *, now: datetime) -> bool:
    """The caller has gone; a call that nobody took yet is over."""
    return opting_out.cancel(call_id, at=now, why="call.canceled_caller_gone")


def forget(*, now: datetime) -> None:
    """End the calls that wait although their caller asks no more. For the sweep."""
    waiting = (CallStatus.QUEUED.value, CallStatus.CLAIMED.value)
    left = Call.objects.filter(direction=Direction.INBOUND, status__in=waiting, queued_at__lt=now - _FORGOTTEN_AFTER)
    for call_id in left.values_list("pk", flat=True)[:_BATCH]:
        hung_up(call_id, now=now)


def lead_of(caller: str, *, dialed: str, now: datetime) -> Lead | None:
    """The lead that was called lately with this number, from the number that was dialed now where there is such."""
    ours = Call.objects.filter(to_number=caller, dialed_at__gt=now - LATELY).exclude(
        campaign__status=CampaignStatus.DRAFT
    )
    latest = ours.order_by("-dialed_at").select_related("lead__campaign")
    call = latest.filter(from_number=dialed).first() or latest.first()
    return None if call is None else call.lead


def number_of(text: str) -> str:
    """E.164; '' for a short code, and for a withheld one: words, or a number that does not exist."""
    try:
        return phone.parse(text)
    except phone.BadNumber:
        return ""


def on_finished(sender: type, *, call: Call, now: datetime, **_newer: Any) -> None:
    """What a lead was promised on its own call goes before what its outcome means for a cadence."""
    del sender
    if call.direction != Direction.INBOUND:
        return
    if CallEvent.objects.filter(call=call, kind=PROMISED).exists():
        promise(call.lead, now=now)
    elif call.disposition == Disposition.CALLBACK_REQUESTED and call.lead.commitment_at is not None:
        Lead.objects.filter(pk=call.lead_id, status=LeadStatus.CLOSED).update(
            status=LeadStatus.OPEN, closed_reason=""
        )


def known_id(carrier_call_id: str) -> UUID | None:
    """Our id of the call; None for one that went to the opt-out line at once."""
    calls = Call.objects.filter(direction=Direction.INBOUND, carrier_call_id=carrier_call_id)
    return calls.values_list("pk", flat=True).first()


def _known(carrier_call_id: str) -> Call | None:
    calls = Call.objects.filter(direction=Direction.INBOUND, carrier_call_id=carrier_call_id)
    return calls.select_related("lead", "campaign").first()


def _is_listed(lead: Lead) -> bool:
    company = CompanySuppression.objects.filter(phone=lead.phone, company__iexact=seller_of(lead.campaign))
    return opting_out.is_suppressed(lead.phone) or company.exists()


def _take(lead: Lead, received: InboundCall, *, now: datetime) -> Call:
    """Queue the call. One of ours to the same number that has not rung gives way; one that has does not."""
    for _ in range(_TRIES):
        if reason := halting.reason():
            raise _NotNow(f"All dialing is stopped: {reason}")
        try:
            terms = terms_for(lead, lead.campaign, now=now)
            queue = queue_for(lead.campaign.needs, terms.tier)
            if workers.free_lines(queue) <= 0:
                raise _NotNow(f"No voice worker has a free line for {queue}.")
            _give_way(lead, now=now)
            return _queue(lead, received, terms, queue, now=now)
        except (ledger.BudgetExhausted, ledger.ForeignBudget, RateError, MixedCurrencies) as unpaid:
            raise _NotNow(f"It cannot be paid for: {unpaid}") from unpaid
        except IntegrityError:
            log.info("inbound_call.lost_race", carrier_call_id=received.carrier_call_id)
    raise _NotNow("Another call with this number is under way.")


def _give_way(lead: Lead, *, now: datetime) -> None:
    """In a transaction of its own, since it settles with budgets of its own."""
    for call in Call.objects.unfinished().filter(to_number=lead.phone):
        ours = call.direction == Direction.OUTBOUND
        if not (ours and opting_out.cancel(call.pk, at=now, why="call.canceled_lead_called")):
            raise _NotNow("Another call with this number is under way.")


@transaction.atomic
def _queue(lead: Lead, received: InboundCall, terms: Terms, queue: str, *, now: datetime) -> Call:
    """Raises IntegrityError where another call with the number is unfinished, and what holding money raises."""
    if opting_out.may_not_ring(lead.phone):
        raise _NotNow("The number is on the do-not-call list.")
    call = Call.objects.create(
        lead=lead,
        campaign=lead.campaign,
        direction=Direction.INBOUND,
        attempt=0,
        queue=queue,
        to_number=lead.phone,
        from_number=number_of(received.to),
        carrier_call_id=received.carrier_call_id,
        status_at=now,
        queued_at=now,
        rung_at=now,
        **terms.columns,
    )
    note(call.pk, "call.queued", at=now, fields={"held": str(terms.hold), "currency": terms.currency})
    decided(lead, now=now, taken=True, why=f"The lead called {call.from_number}.", call_id=call.pk)
    transaction.on_commit(partial(doorbell.ring, call.pk, call.queue), robust=True)
    # Last, since every other call of the company waits for these rows until the commit.
    ledger.hold(call.pk, terms.budget_ids, terms.hold, currency=terms.currency, at=now)
    return call


def _look(call: Call, *, now: datetime) -> Reached:
    """Where the call is. One that nobody took in time is given up here, so that no worker takes it later."""
    if call.status in (CallStatus.QUEUED, CallStatus.CLAIMED):
        if now < call.queued_at + PATIENCE:
            return Wait()
        if opting_out.cancel(call.pk, at=now, why="call.canceled_no_worker"):
            return _missed(call, f"No voice worker took the call within {PATIENCE.seconds} s.", now=now)
        call.refresh_from_db()  # a worker, or an opt-out, was quicker
    if call.status in (CallStatus.DIALING, CallStatus.LIVE) and call.stream:
        return Talk(StreamTarget(**call.stream))
    if call.status == CallStatus.DONE and call.answered_at is not None:
        return Over()
    return _missed(call, "No line could be opened.", now=now)


def _missed(call: Call, why: str, *, now: datetime) -> OptOutLine:
    """The opt-out line for a caller whom the agent should have taken; told and promised once, however often asked."""
    company = seller_of(call.campaign)
    talked = call.answered_at is not None
    if _is_listed(call.lead):
        return OptOutLine(company, listed=True)
    told = CallEvent.objects.filter(call=call, kind__in=(PROMISED, "inbound.missed")).first()
    if told is None:
        promised = promise(call.lead, now=now)
        note(call.pk, PROMISED if promised else "inbound.missed", at=now, fields={"why": why})
        decided(call.lead, now=now, taken=False, why=why, call_id=call.pk)
    else:
        promised = told.kind == PROMISED
    return OptOutLine(company, promised=promised, cut_off=talked)
