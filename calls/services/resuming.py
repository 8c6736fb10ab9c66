"""A conversation that lost its line: the carrier asks who talks on, and another line takes it over.

The media of a call has closed, and the carrier has come to what stands behind it in our document: it asks, every
second, who talks on. Either nobody, since the line closed the media by its own will (``Call.closing_at``), or the
line was lost. Then the call is released from its owner, whose later words count no more (its fence is too old), and a
worker with a free line takes it: one conditional update, so one wins. docs/survival.md has it as a picture.

A call that waits to be taken over is ``unknown``, as any whose worker was lost, with ``resume_asked_at`` set. So
whoever takes nothing over leaves it to the sweep, which asks the carrier after a while what became of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from time import sleep
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents.domain.types import Brief, Disposition, EndedBy, Outcome, Prospect
from agents.resumed import to_go_on
from billing.services import meter
from calls.domain.status import CallStatus
from calls.models import Call
from calls.models.call import Direction
from calls.models.lead import LeadStatus
from calls.services import broken, doorbell, listening, recordings, transferring
from calls.services.answering import MEDIA_WITHIN_S
from calls.services.briefing import brief_of, offered_slots, plan_of
from calls.services.database import surviving_outage
from calls.services.finishing import finish
from calls.services.leases import lease_end, let_go
from calls.services.listening import Clock
from calls.services.moving import move, note
from calls.services.promising import promise
from calls.services.spending import spending_of
from calls.services.transferring import Ring
from voice.domain.types import Advice, Report, StreamTarget, TalkPlan, Usage
from voice.ports import Dialer, Line, NoLine, Plane, Spending

log = structlog.get_logger(__name__)
PATIENCE = timedelta(seconds=8)
"""So long somebody who was cut off waits for another line."""
MOST_CUTS = 3
"""Lines that a conversation may lose: one that breaks whatever holds it is not to break every worker."""
CUT_OFF, TAKEN_OVER, OFFERED = "call.cut_off", "call.taken_over", "call.line_offered"
BACK = "call.back_from_transfer"
_SAID = timedelta(seconds=20)
"""So long the person may be on the phone still, to hear that nobody takes the call: it is not rung before."""
_LEAST_S = 15
"""A call at its longest is still taken over for so long: to say goodbye. The carrier's own limit lies behind that."""
_LOOKS_S = (0.04, 0.06, *[0.1] * 19)
_ON_THE_PHONE = frozenset({CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Wait:
    """A worker is being asked; ask again in a second."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The line ``part`` of the call, counted from 1, waits for its media."""

    stream: StreamTarget
    part: int


@dataclass(frozen=True, slots=True)
class Over:
    """The conversation has come to its end: hang up."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody takes it over. ``promised``: we call back."""

    promised: bool = False


Resumed = Wait | Talk | Over | Lost | Ring


def ask(call_id: UUID, *, part: int, now: datetime, carrier_call_id: str = "", why: str = CUT_OFF) -> Resumed:
    """Who talks on with the person, after line ``part`` of the call? A request that comes twice is answered alike.

    Whoever has taken the person away from a line on purpose, and brings them back, says so by another ``why``: it
    counts as no loss. Raises Call.DoesNotExist.
    """
    with transaction.atomic():
        call = Call.objects.select_for_update(of=("self",)).select_related("lead", "campaign").get(pk=call_id)
        if carrier_call_id and not call.carrier_call_id:
            Call.objects.filter(pk=call_id, carrier_call_id="").update(carrier_call_id=carrier_call_id)
        reached = _look(call, part, now=now, why=why)
    return _give_up(call, now=now) if reached is None else reached


def ask_and_wait(call_id: UUID, *, part: int, now: datetime, carrier_call_id: str = "") -> Resumed:
    """The same, with two seconds' patience: a worker takes less to open a line, and the person hears nothing.

    Asked again by the carrier they would wait in steps of a second.
    """
    reached = ask(call_id, part=part, now=now, carrier_call_id=carrier_call_id)
    for pause_s in _LOOKS_S:
        if not isinstance(reached, Wait):
            break
        sleep(pause_s)
        reached = (
            _offered(Call.objects.only("takeovers", "resume_asked_at", "stream").get(pk=call_id), part) or reached
        )
    return reached


def _look(call: Call, part: int, *, now: datetime, why: str) -> Resumed | None:
    """Where the call, whose row is locked, is; None where nobody comes for it any more."""
    status = CallStatus(call.status)
    if status not in _ON_THE_PHONE or call.closing_at is not None or call.hang_up_at is not None:
        return Over()
    if ring := transferring.dial(call, part, now=now):
        return ring
    if offered := _offered(call, part):
        return offered
    if transferring.has_failed(call, part):
        why = BACK
    if call.resume_asked_at is None:
        if why == CUT_OFF and call.events.filter(kind=CUT_OFF).count() >= MOST_CUTS:
            return None
        _release(call, part, now=now, why=why)
    elif now >= call.resume_asked_at + PATIENCE:
        return None
    elif status is CallStatus.UNKNOWN:  # the doorbell may have been lost, or whom it called had no line
        transaction.on_commit(partial(doorbell.resume, call.pk, call.queue), robust=True)
    return Wait()


def _offered(call: Call, part: int) -> Talk | None:
    """A line behind ``part``, if there is one."""
    if call.takeovers < part or call.resume_asked_at is not None or not call.stream:
        return None
    return Talk(StreamTarget(**call.stream), call.takeovers + 1)


def _release(call: Call, part: int, *, now: datetime, why: str) -> None:
    """Whoever holds the call holds it no more, and a worker is asked to take it."""
    changes = {
        "owner": "",
        "fence": F("fence") + 1,
        "lease_until": None,
        "stream": None,
        "resume_asked_at": now,
    }
    fields = {"part": part, "owner": call.owner}
    if call.status == CallStatus.UNKNOWN:  # its lease had run out
        Call.objects.filter(pk=call.pk).update(status_at=now, **changes)
        note(call.pk, why, at=now, fields=fields)
    else:
        move(call.pk, CallStatus.UNKNOWN, at=now, why=why, changes=changes, fields=fields)
    log.warning(why, call_id=str(call.pk), **fields)
    transaction.on_commit(partial(doorbell.resume, call.pk, call.queue), robust=True)


def _give_up(call: Call, *, now: datetime) -> Resumed:
    """Nobody has taken the call. What was agreed on counts, and who was not through is called back."""
    summary = "The line was lost, and no other could take the conversation over."
    told = broken.outcome(call, Outcome(Disposition.FAILED, summary), now=now)
    # A worker that took it without having anybody hear it has made it live.
    answered_at = call.answered_at or (now if call.status == CallStatus.LIVE else None)
    report = Report(told, EndedBy.FAULT, ended_at=now, answered_at=answered_at)
    if not finish(call.pk, report, now=now):
        return Over()
    log.error("call.not_taken_over", call_id=str(call.pk))
    if call.direction == Direction.INBOUND:
        return Lost()  # its caller is promised that on the way out, as any whom the agent could not take
    call.lead.refresh_from_db(fields=["status"])
    promised = call.lead.status == LeadStatus.OPEN and promise(call.lead, now=now, after=_SAID)
    if promised:
        note(call.pk, "call.call_back_promised", at=now)
    return Lost(promised)


# On a worker.


def resume(call_id: UUID, *, plane: Plane, dialer: Dialer, owner: str, clock: Clock) -> bool:
    """Take the conversation over and return when it is over; False where it was not this worker's to take."""
    call = claim_resumption(call_id, owner=owner, now=clock())
    if call is None:
        return False
    try:
        return _talk_on(call, plane, dialer, clock=clock)
    except Exception as error:
        fields = {"error": type(error).__name__}
        surviving_outage(lambda: note(call.pk, "call.resume_failed", at=clock(), fields=fields))
        raise
    finally:
        surviving_outage(lambda: let_go(call))


def claim_resumption(call_id: UUID, *, owner: str, now: datetime) -> Call | None:
    """Take a call that waits for another line; None when another worker has it, or nobody is to."""
    waiting = Call.objects.filter(pk=call_id, status=CallStatus.UNKNOWN.value, resume_asked_at__isnull=False)
    fence = waiting.values_list("fence", flat=True).first()
    if fence is None:
        return None
    claimed = {"owner": owner, "fence": F("fence") + 1, "lease_until": lease_end()}
    only = CallStatus.UNKNOWN
    fields = {"owner": owner}
    if not move(
        call_id, CallStatus.LIVE, at=now, why=TAKEN_OVER, fence=fence, only_from=only, changes=claimed, fields=fields
    ):
        return None
    return Call.objects.select_related("lead", "campaign").get(pk=call_id)


def _talk_on(call: Call, plane: Plane, dialer: Dialer, *, clock: Clock) -> bool:
    try:
        line = _open(call, plane, now=clock())
    except NoLine as none:
        _put_back(call, str(none), now=clock())
        return False
    try:
        if not _offer(call, line, now=clock()):
            return False
        listening.listen(call, line, dialer, clock=clock)
    finally:
        line.close()
    return True


def _open(call: Call, plane: Plane, *, now: datetime) -> Line:
    """A line that goes on where the last one ended. Raises NoLine."""
    talked_s = max(0.0, (now - call.answered_at).total_seconds()) if call.answered_at else 0.0
    brief = brief_of(call, offered_slots(call), now=now)
    return plane.open_line(
        brief,
        ring_timeout_s=MEDIA_WITHIN_S,
        max_length_s=max(_LEAST_S, round(call.max_length_s - talked_s)),
        spending=Continued(spending_of(call), talked_s=talked_s, used=_used(call)),
        plan=_plan(call, brief, now=now),
    )


def _plan(call: Call, brief: Brief, *, now: datetime) -> TalkPlan:
    disclosed = call.disclosed_at is not None
    nobody_free = transferring.has_failed(call, call.takeovers + 1)
    heard = call.snapshot is not None or call.events.filter(kind="call.live").exists()
    past = partial(broken.past_of, call)
    state = to_go_on(brief, call.snapshot, past=past, disclosed=disclosed, nobody_free=nobody_free) if heard else None
    return replace(
        plan_of(call, now=now),
        snapshot=state,
        turns=call.turns.values_list("seq", flat=True).order_by("-seq").first() or 0,
        part=call.takeovers + 2,
        answered_at=call.answered_at,
        disclosed=disclosed,
        recording_paused=recordings.is_paused(call),
    )


def _offer(call: Call, line: Line, *, now: datetime) -> bool:
    """Commit where the call's media is to go, while the lease holds; False where the call is not ours any more."""
    stream = {"url": line.stream.url, "token": line.stream.token}
    held = Call.objects.owned().filter(pk=call.pk, fence=call.fence, lease_until__gt=Now())
    with transaction.atomic():
        if not held.update(stream=stream, takeovers=F("takeovers") + 1, resume_asked_at=None):
            return False
        note(call.pk, OFFERED, at=now, fields={"part": call.takeovers + 2})
        return True


def _put_back(call: Call, reason: str, *, now: datetime) -> None:
    """For another worker: it is asked when the carrier asks next."""
    log.warning("call.no_line", call_id=str(call.pk), reason=reason)
    unowned = {"owner": "", "lease_until": None}
    fields = {"reason": reason}
    move(call.pk, CallStatus.UNKNOWN, at=now, why="call.no_line", fence=call.fence, changes=unowned, fields=fields)


class Continued:
    """``voice.ports.Spending`` of a call that earlier lines have talked and used on: theirs counts too."""

    def __init__(self, spending: Spending, *, talked_s: float, used: Sequence[Usage]) -> None:
        self._spending, self._talked_s, self._used = spending, talked_s, tuple(used)

    def look(self, *, talked_s: float, usage: Sequence[Usage], prospect: Prospect) -> Advice:
        """``talked_s`` and ``usage`` are of this line."""
        return self._spending.look(talked_s=self._talked_s + talked_s, usage=(*self._used, *usage), prospect=prospect)


def _used(call: Call) -> tuple[Usage, ...]:
    used = meter.used_by(call.pk).items()
    return tuple(Usage(component, unit, quantity) for (component, unit), quantity in used)
