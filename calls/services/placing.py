"""One call on one phone line: claim, ask the gates again, write the intent, ring, listen, finish."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from time import monotonic
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from agents.domain.types import Disposition, EndedBy, OptOut, Outcome
from billing.domain.costing import HANG_UP_GRACE_S
from billing.services.budgets import stopped_budget
from calls.domain.compliance import Dial
from calls.domain.status import TERMINAL, CallStatus
from calls.models import Call, CallEvent, Lead, Turn
from calls.models.call import Direction
from calls.models.campaign import CampaignStatus
from calls.services import acts, answering, caller_ids, carrier_pace, doorbell, gates
from calls.services.briefing import brief_of, plan_of, reserve_slots
from calls.services.database import released, surviving_outage
from calls.services.ending import is_unwanted
from calls.services.finishing import finish, meter_usage
from calls.services.intent import may_go_ahead
from calls.services.leases import lease_end, let_go
from calls.services.moving import move, note
from calls.services.opting_out import cancel, is_suppressed, record_opt_out
from calls.services.spending import spending_of
from voice.domain.types import (
    BAD_NUMBER_CODES,
    Acted,
    DialRequest,
    Ended,
    LineEvent,
    Live,
    Report,
    TierChanged,
    TurnRecord,
    TurnTaken,
    Usage,
    Used,
    WrappingUp,
)
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
            plan=plan_of(call),
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
            _listen(call, line, dialer, clock=clock)
    finally:
        line.close()
    return True


def _answer(call: Call, plane: Plane, dialer: Dialer, *, clock: Clock) -> bool:
    def listen(line: Line) -> None:
        _listen(call, line, dialer, clock=clock)

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


def _listen(call: Call, line: Line, dialer: Dialer, *, clock: Clock) -> None:
    """Write down what happens, as it happens. The thread waits without a database connection.

    An event that cannot be written loses none of those after it, an opt-out among them; what was used goes with the
    next report of use. The error's text is not logged: a database's may hold what was said.
    """
    unwritten: tuple[Usage, ...] = ()
    for told in line.events():
        event, unwritten = _with_usage(told, unwritten)
        try:
            if isinstance(event, Ended) and event.report.answered_at is None:
                _end_unanswered(call, event.report, dialer, clock=clock)
            else:
                surviving_outage(lambda event=event: _write_down(call, event, now=clock()))  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - see above
            unwritten = event.usage if isinstance(event, Used) else unwritten
            log.error(
                "call.event_lost", call_id=str(call.pk), event_type=type(event).__name__, error=type(error).__name__
            )
        released()


def _with_usage(event: LineEvent, unwritten: tuple[Usage, ...]) -> tuple[LineEvent, tuple[Usage, ...]]:
    """The event with the use that could not be written before, and what still waits for one that can carry it."""
    match event:
        case Used(usage=usage):
            return Used(unwritten + usage), ()
        case Ended(report=report):
            return Ended(replace(report, usage=unwritten + report.usage)), ()
    return event, unwritten


def _end_unanswered(call: Call, report: Report, dialer: Dialer, *, clock: Clock) -> None:
    """No media came. Where the carrier has not told why, the phone may ring still, and nobody would be on this side.

    Without the carrier's id the call is unknown, and the sweep, which looks it up, ends it.
    """
    ours = Call.objects.filter(pk=call.pk)
    carrier_call_id = surviving_outage(lambda: ours.values_list("carrier_call_id", flat=True).get())
    if not carrier_call_id:
        log.warning("call.left_to_sweep", call_id=str(call.pk))
        return
    now = clock()
    if not surviving_outage(lambda: finish(call.pk, report, now=now, fence=call.fence)):
        return
    if call.direction == Direction.INBOUND:
        return  # the caller's own next question leads to the opt-out line
    released()
    try:
        dialer.hang_up(carrier_call_id)
    except CarrierError as error:
        log.warning("call.not_hung_up", call_id=str(call.pk), reason=str(error))


def _write_down(call: Call, event: LineEvent, *, now: datetime) -> None:
    match event:
        case Live(at=at):
            _hold_live(call, at=at, why="call.live", answered_at=at)
        case TurnTaken(turn=turn, snapshot=snapshot):
            _hold_live(call, at=now, why="call.held_again")
            _keep_turn(call, turn, snapshot)
        case Acted(act=act):
            if isinstance(act, OptOut):
                record_opt_out(call, act.said, now=now)
            acts.keep(call, act, now=now)  # carried out with the report
        case Used(usage=usage):
            meter_usage(call, usage, now=now)
        case TierChanged(tier=tier, reason=reason, cause=cause):
            fields = {"tier": tier.value, "reason": reason, "cause": cause.value}
            note(call.pk, "tier.changed", at=now, fields=fields)
        case WrappingUp(reason=reason):
            note(call.pk, "call.wrapping_up", at=now, fields={"reason": reason})
        case Ended(report=report):
            finish(call.pk, report, now=now, fence=call.fence)


def _hold_live(call: Call, *, at: datetime, why: str, **changes: datetime) -> None:
    """Somebody talks on this line, so the call is live and this worker's, also when the sweep had given it up."""
    held = {**changes, "lease_until": lease_end()}
    move(call.pk, CallStatus.LIVE, at=at, why=why, fence=call.fence, changes=held)


def _keep_turn(call: Call, turn: TurnRecord, snapshot: Mapping[str, object]) -> None:
    record = Turn(
        call=call,
        seq=turn.seq,
        speaker=turn.speaker.value,
        text=turn.text,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        interrupted=turn.interrupted,
        agent=turn.agent,
        confidence=turn.confidence,
        timings=asdict(turn.timings) if turn.timings else {},
    )
    with transaction.atomic():
        Turn.objects.bulk_create([record], ignore_conflicts=True)
        Call.objects.filter(pk=call.pk, fence=call.fence).update(snapshot=dict(snapshot))
