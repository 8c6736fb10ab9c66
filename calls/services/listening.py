"""What a line tells, written down as it happens."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime

import structlog
from django.db import transaction

from agents.domain.types import Act, EndCall, EndedBy, OptOut, Transfer
from calls.domain.status import CallStatus
from calls.models import Call, Turn
from calls.models.call import Direction
from calls.services import acts, analysing, broken, recordings, tracing, transferring
from calls.services.database import released, surviving_outage
from calls.services.finishing import finish, meter_usage
from calls.services.leases import lease_end
from calls.services.moving import move, note
from calls.services.opting_out import record_opt_out
from voice.domain.types import (
    Acted,
    Closing,
    Controlled,
    Disclosed,
    Ended,
    HandedOver,
    LineEvent,
    Live,
    RecordingChanged,
    Report,
    TierChanged,
    TurnRecord,
    TurnTaken,
    Usage,
    Used,
    WrappingUp,
)
from voice.ports import CarrierError, Dialer, Line

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]


def listen(call: Call, line: Line, dialer: Dialer, *, clock: Clock) -> None:
    """Write down what happens, as it happens. The thread waits without a database connection.

    An event that cannot be written loses none of those after it, an opt-out among them; what was used goes with the
    next report of use. The error's text is not logged: a database's may hold what was said.
    """
    unwritten: tuple[Usage, ...] = ()
    for told in line.events():
        event, unwritten = _with_usage(told, unwritten)
        try:
            if isinstance(event, Ended) and event.report.answered_at is None and call.answered_at is None:
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
            _go_live(call, at=at)
        case TurnTaken(turn=turn, snapshot=snapshot):
            _hold_live(call, at=now, why="call.held_again")
            _keep_turn(call, turn, snapshot)
        case Disclosed(at=at):
            Call.objects.filter(pk=call.pk, fence=call.fence, disclosed_at__isnull=True).update(disclosed_at=at)
        case Acted(act=act, snapshot=snapshot):
            _keep_act(call, act, snapshot, now=now)
        case Used(usage=usage):
            _hold_live(call, at=now, why="call.held_again")
            meter_usage(call, usage, now=now)
        case TierChanged(tier=tier, reason=reason, cause=cause):
            fields = {"tier": tier.value, "reason": reason, "cause": cause.value}
            note(call.pk, "tier.changed", at=now, fields=fields)
        case RecordingChanged():
            recordings.changed(call, event)
        case WrappingUp(reason=reason):
            note(call.pk, "call.wrapping_up", at=now, fields={"reason": reason})
        case Closing(written=written):
            Call.objects.filter(pk=call.pk, fence=call.fence).update(closing_at=now)
            written()
        case HandedOver(written=written):
            transferring.hand_over(call, now=now)
            written()
        case Controlled(what=what, by=by, at=at):
            note(call.pk, f"control.{what}", at=at, fields={"by": by} if by else {})
        case Ended(report=report):
            _end(call, report, now=now)


def _go_live(call: Call, *, at: datetime) -> None:
    """The media has come. Of a call that was taken over, somebody has answered long ago."""
    if call.answered_at is None:
        _hold_live(call, at=at, why="call.live", answered_at=at)
    else:
        note(call.pk, "call.resumed", at=at, fields={"claim": call.fence})


def _keep_act(call: Call, act: Act, snapshot: Mapping[str, object] | None, *, now: datetime) -> None:
    """An act is carried out with the report; an opt-out counts at once, whoever holds the call by now.

    The call is locked first: an opt-out locks others, and all who do both lock them in this order.
    """
    with transaction.atomic():
        fence = Call.objects.select_for_update().values_list("fence", flat=True).get(pk=call.pk)
        if isinstance(act, EndCall) and fence != call.fence:
            log.warning("call.end_too_late", call_id=str(call.pk))  # another line talks on, and ends it
            return
        if isinstance(act, OptOut):
            record_opt_out(call, act.said, now=now)
        acts.keep(call, act, now=now)
        if isinstance(act, Transfer):
            transferring.asked(call, now=now)
        elif isinstance(act, OptOut | EndCall):
            transferring.dropped(call)
        if snapshot is not None:
            Call.objects.filter(pk=call.pk, fence=call.fence).update(snapshot=dict(snapshot))


def _end(call: Call, report: Report, *, now: datetime) -> None:
    """The end of the call, or of this line alone: another one takes over what was cut off, or has done so.

    A line that took the call over tells of its own part only, and one whose media never came of none.
    """
    if report.cut_off or report.ended_by is EndedBy.TRANSFER:
        _leave(call, report, now=now)
        return
    if call.answered_at is not None:
        if report.answered_at is None:
            outcome = broken.outcome(call, report.outcome, ended_by=report.ended_by, now=now)
            report = replace(report, outcome=outcome)
        report = replace(report, answered_at=call.answered_at, disclosed_at=None)
    if not finish(call.pk, report, now=now, fence=call.fence):
        _leave(call, report, now=now)


def _leave(call: Call, report: Report, *, now: datetime) -> None:
    """What this line used and recorded counts; what becomes of the call is told by whoever takes it over."""
    with transaction.atomic():
        tracing.keep(call, report.worked)
        unfinished = Call.objects.unfinished().filter(pk=call.pk).select_for_update(no_key=True)
        if not unfinished.exists():  # the carrier has told first that it is over
            tracing.conclude(Call.objects.get(pk=call.pk))
            analysing.due(call.pk, now=now)  # its last turns may have come after that
            return
        meter_usage(call, report.usage, now=now)
        if report.recording:
            recordings.keep(call.pk, report.recording)
        if report.cut_off:
            note(call.pk, "call.line_lost", at=now, fields={"claim": call.fence})


def _hold_live(call: Call, *, at: datetime, why: str, **changes: datetime) -> None:
    """Somebody talks on this line, so the call is live and this worker's, also when the sweep had given it up."""
    held = {**changes, "lease_until": lease_end()}
    move(call.pk, CallStatus.LIVE, at=at, why=why, fence=call.fence, changes=held)


def _keep_turn(call: Call, turn: TurnRecord, snapshot: Mapping[str, object] | None) -> None:
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
    state = {} if snapshot is None else {"snapshot": dict(snapshot)}
    with transaction.atomic():
        if Call.objects.filter(pk=call.pk, fence=call.fence).update(fence=call.fence, **state):
            Turn.objects.bulk_create([record], ignore_conflicts=True)
            tracing.keep(call, turn.worked)
        else:  # the line that has taken the call over counts on from the turns that were kept
            log.warning("call.turn_too_late", call_id=str(call.pk), seq=turn.seq)
