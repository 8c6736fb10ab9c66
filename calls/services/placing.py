"""One call on one phone line: claim, ask the gates again, write the intent, ring, listen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from time import monotonic
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from agents.domain.types import Disposition, EndedBy, Outcome
from billing.domain.costing import HANG_UP_GRACE_S
from billing.services.budgets import stopped_budget
from calls.domain.compliance import Dial
from calls.domain.status import TERMINAL, CallStatus
from calls.models import Call, CallEvent, Lead
from calls.models.call import Direction
from calls.models.campaign import CampaignStatus
from calls.services import answering, caller_ids, carrier_pace, doorbell, gates, listening
from calls.services.briefing import brief_of, plan_of, reserve_slots
from calls.services.database import released, surviving_outage
from calls.services.ending import is_unwanted
from calls.services.finishing import finish
from calls.services.intent import may_go_ahead
from calls.services.leases import lease_end, let_go
from calls.services.moving import move, note
from calls.services.opting_out import cancel, is_suppressed
from calls.services.spending import spending_of
from voice.domain.types import BAD_NUMBER_CODES, DialRequest, Report
from voice.ports import Busy, CarrierError, Dialer, DialUnknown, Line, NoLine, Plane, Refused

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]
_CARRIER_BUSY_WAIT = timedelta(seconds=30)
_NO_LINE_WAIT = timedelta(seconds=10)
NO_LINE, FAULT = "call.no_line", "call.place_failed"
# Twilio: 20003 wrong credentials, 20005 account not active. No lead is to blame, so no attempt is used.
_ACCOUNT_CODES = frozenset({"20003", "20005"})
# Twilio: 21210 "From" is neither bought nor verified by the account, 21212 "From" is no number that can be shown.
_CALLER_ID_CODES = frozenset({"21210", "21212"})


def place(
    call_id: UUID, *, plane: Plane, dialer: Dialer, owner: str, clock: Clock, stop: Event | None = None
) -> bool:
    """Make the call, and return when it is over; False when it was not this worker's to make.

    A duplicate delivery finds no queued call and does nothing. A call that waits for its turn at the carrier goes
    back into the queue when ``stop`` is set.
    """
    call = claim(call_id, owner=owner, now=clock())
    if call is None:
        return False
    try:
        if call.direction == Direction.INBOUND:
            return _answer(call, plane, dialer, clock=clock)
        return _still_allowed(call, now=clock()) and _make(call, plane, dialer, clock=clock, stop=stop or Event())
    except Exception as error:
        _tell_fault(call, error, now=clock())
        raise
    finally:
        surviving_outage(lambda: let_go(call))


def _tell_fault(call: Call, error: Exception, *, now: datetime) -> None:
    """The error's kind alone: its text may hold what was said, or a number."""
    fields = {"error": type(error).__name__}
    surviving_outage(lambda: note(call.pk, FAULT, at=now, fields=fields))


def _make(call: Call, plane: Plane, dialer: Dialer, *, clock: Clock, stop: Event) -> bool:
    brief = brief_of(call, reserve_slots(call, now=clock()), now=clock())
    try:
        line = plane.open_line(
            brief,
            ring_timeout_s=settings.VOICE_RING_TIMEOUT_S,
            max_length_s=call.max_length_s,
            spending=spending_of(call),
            plan=plan_of(call, now=clock()),
        )
    except NoLine as none:
        _give_back(call, str(none), now=clock())
        return False
    try:
        turn = carrier_pace.wait_for_turn(stop)
        if turn is None:
            _give_back(call, "Its turn at the carrier does not come soon, or not here.", now=clock())
            return False
        begun = monotonic()
        if not _write_intent(call, now=clock()):
            return False
        if _stood_still(call, begun, clock=clock):
            return True
        if _ring(call, line, dialer, turn, clock=clock):
            listening.listen(call, line, dialer, clock=clock)
    finally:
        line.close()
    return True


def _answer(call: Call, plane: Plane, dialer: Dialer, *, clock: Clock) -> bool:
    def listen(line: Line) -> None:
        listening.listen(call, line, dialer, clock=clock)

    try:
        return answering.answer(call, plane, clock=clock, listen=listen)
    except NoLine as none:
        _give_back(call, str(none), now=clock())
        return False


def _give_back(call: Call, reason: str, *, now: datetime) -> None:
    """Back into the queue, and rung again for another worker at once; the second time in a row by the sweep's next
    round, since with no line free anywhere the call would go round and round.
    """
    log.warning("call.no_line", call_id=str(call.pk), reason=reason)
    again = CallEvent.objects.filter(call=call, kind=NO_LINE, at__gt=now - _NO_LINE_WAIT).exists()
    unowned = {"owner": "", "lease_until": None, "rung_at": None if again else now}
    fields = {"reason": reason}
    if (
        move(call.pk, CallStatus.QUEUED, at=now, why=NO_LINE, fence=call.fence, changes=unowned, fields=fields)
        and not again
    ):
        doorbell.ring(call.pk, call.queue)


def _stood_still(call: Call, begun: float, *, clock: Clock) -> bool:
    """Whether so long has passed since the intent that the sweep may have judged the call already.

    A process that was frozen between the intent and the ring must not ring when it wakes: by then the carrier may
    have been asked, have known of no such call, and the lead be due for its next attempt.
    """
    if monotonic() - begun < settings.CALL_LEASE_S / 2:
        return False
    log.error("call.stood_still", call_id=str(call.pk), for_s=round(monotonic() - begun, 1))
    _try_later(call, "The worker stood still between the intent and the ring.", clock=clock)
    return True


@transaction.atomic
def claim(call_id: UUID, *, owner: str, now: datetime) -> Call | None:
    """Take a queued call for this worker; None when another has it. The lease runs on the database's clock."""
    claimed = {"owner": owner, "fence": F("fence") + 1, "lease_until": lease_end()}
    if not move(call_id, CallStatus.CLAIMED, at=now, why="call.claimed", changes=claimed, fields={"owner": owner}):
        return None
    return Call.objects.select_related("lead", "campaign").get(pk=call_id)


def _still_allowed(call: Call, *, now: datetime) -> bool:
    """The gates again, just before the ring. A call that may not be made any more is canceled; its lead stays due."""
    if call.campaign.status != CampaignStatus.RUNNING:
        cancel(call.pk, at=now, why="call.canceled_campaign_not_running", fence=call.fence)
        return False
    if stopped_budget(call.pk, at=now):
        cancel(call.pk, at=now, why="call.canceled_budget_stopped", fence=call.fence)
        return False
    if not caller_ids.may_show(call.from_number, now=now):
        cancel(call.pk, at=now, why="call.canceled_caller_id_stopped", fence=call.fence)
        return False
    return _gates_open(call, now=now)


def _gates_open(call: Call, *, now: datetime) -> bool:
    decision = gates.ask(call.lead, now=now, call_id=call.pk)
    gates.keep(decision, call.lead, now=now, call_id=call.pk)
    if isinstance(decision, Dial):
        return True
    cancel(call.pk, at=now, why="call.canceled_by_gate", fence=call.fence)
    return False


@transaction.atomic
def _write_intent(call: Call, *, now: datetime) -> bool:
    """Commit that the phone is about to ring, while the lease holds. After this the call is never queued again.

    An opt-out is committed before the intent, and seen here, or after it, and has the ringing call hung up.
    """
    if not may_go_ahead(call, now=now):
        return False
    # The wait for a line and for its turn may have lasted past the hour.
    if not gates.is_open(call.lead, now=now) and not _gates_open(call, now=now):
        return False
    changes = {"dialed_at": now}
    if not move(call.pk, CallStatus.DIALING, at=now, why="call.dialing", fence=call.fence, changes=changes):
        return False
    Lead.objects.filter(pk=call.lead_id).update(attempts=F("attempts") + 1)
    return True


def _ring(call: Call, line: Line, dialer: Dialer, turn: carrier_pace.Turn, *, clock: Clock) -> bool:
    """Ask the carrier to ring; whether there is, or may be, something to listen to."""
    request = DialRequest(
        call_id=str(call.pk),
        to=call.to_number,
        from_=call.from_number,
        stream=line.stream,
        ring_timeout_s=settings.VOICE_RING_TIMEOUT_S,
        max_length_s=call.max_length_s + HANG_UP_GRACE_S,
    )
    released()
    try:
        carrier_call_id = dialer.place(request)
    except Refused as refused:
        if refused.code in _ACCOUNT_CODES:
            log.error("carrier.account_refused", code=refused.code, reason=str(refused))
            _try_later(call, str(refused), clock=clock)
            return False
        if refused.code in _CALLER_ID_CODES:
            surviving_outage(partial(caller_ids.refused, call.from_number, str(refused)))
            _try_later(call, str(refused), clock=clock)
            return False
        bad_number = refused.code in BAD_NUMBER_CODES
        _finish_unrung(call, Disposition.BAD_NUMBER if bad_number else Disposition.FAILED, str(refused), clock=clock)
        return False
    except Busy as busy:
        surviving_outage(partial(carrier_pace.too_much, str(busy)))
        _try_later(call, str(busy), clock=clock)
        return False
    except DialUnknown as unknown:
        # The phone may be ringing: keep the line open for the media socket, and let the sweep ask the carrier.
        log.warning("call.dial_unknown", call_id=str(call.pk), reason=str(unknown))
        now = clock()
        surviving_outage(lambda: move(call.pk, CallStatus.UNKNOWN, at=now, why="call.dial_unknown", fence=call.fence))
        return True
    ours = Call.objects.filter(pk=call.pk)
    surviving_outage(lambda: ours.update(carrier_call_id=carrier_call_id))
    if turn.slowed:
        surviving_outage(carrier_pace.went_well)
    if surviving_outage(lambda: ours.filter(status__in=sorted(TERMINAL)).exists()):
        # A callback was quicker, or this process froze in mid-request and was given up meanwhile.
        log.warning("call.over_before_it_rang", call_id=str(call.pk))
        _stop_ringing(call, carrier_call_id, dialer)
        return False
    if surviving_outage(lambda: is_suppressed(call.to_number) or is_unwanted(call)):
        _stop_ringing(call, carrier_call_id, dialer)
    return True


def _stop_ringing(call: Call, carrier_call_id: str, dialer: Dialer) -> None:
    """Nobody is to talk on this call; the line is told of the end like of any other."""
    released()
    try:
        dialer.hang_up(carrier_call_id)
    except CarrierError as error:
        log.warning("call.not_hung_up", call_id=str(call.pk), reason=str(error))


def _finish_unrung(call: Call, disposition: Disposition, reason: str, *, clock: Clock) -> None:
    now = clock()
    report = Report(Outcome(disposition, reason), EndedBy.CARRIER, ended_at=now)
    surviving_outage(lambda: finish(call.pk, report, now=now, fence=call.fence))


def _try_later(call: Call, reason: str, *, clock: Clock) -> None:
    """The carrier took no call at all, so nothing rang: the attempt does not count and the lead is due again soon."""
    now = clock()
    report = Report(Outcome(Disposition.FAILED, reason), EndedBy.CARRIER, ended_at=now)
    again_at = now + _CARRIER_BUSY_WAIT
    surviving_outage(lambda: finish(call.pk, report, now=now, fence=call.fence, again_at=again_at))
