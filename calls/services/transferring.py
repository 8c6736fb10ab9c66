"""A call that is put through to a person, step by step. docs/call-control.md has it as a picture.

The wish is committed with the agent's announcement, before anything is asked of the carrier. From then on whatever
ends the media, the line's own will or its loss, leads the carrier to us with the question who talks on, and the
answer is to ring the colleague (``dial``). The carrier's next question comes when that is over (``ended``). Each
answer is read from the call's row, under its lock: a question that comes twice is answered alike, and a late one
changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from agents.domain.types import Disposition, EndedBy, Outcome
from agents.handing_on import whispered
from billing.domain.costing import HANG_UP_GRACE_S
from calls.domain.status import TERMINAL, CallStatus
from calls.domain.transfers import State, Target, Transfer, Tried, why_not_allowed
from calls.models import Call
from calls.models.campaign import TransferMode
from calls.services import broken, legs
from calls.services.briefing import brief_of, offered_slots
from calls.services.finishing import finish
from calls.services.moving import move, note
from voice.domain.types import Report

log = structlog.get_logger(__name__)
HANDED_OVER = "call.handed_over"
SOMEBODY = "a colleague"
"""To whom a number without a name belongs."""


class NotPossible(Exception):
    """The call cannot be put through; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Have the carrier ring ``number``, and put the person through. ``limit_s`` bounds the talk, so that the call and
    the way to its colleagues cost no more than is held.
    """

    attempt: int
    number: str
    caller_id: str
    ring_s: int
    limit_s: int


@dataclass(frozen=True, slots=True)
class Back:
    """Nobody took the call: the agent goes on, after line ``part``."""

    part: int


@dataclass(frozen=True, slots=True)
class Over:
    """There is nothing more to do: hang up."""


@dataclass(frozen=True, slots=True)
class Whisper:
    """What a colleague hears who has answered; "" where the person is put through at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Leg:
    """What the carrier tells of the way to a colleague. ``caller_gone``: the person has hung up."""

    status: str
    duration_s: int = 0
    caller_gone: bool = False


# Who wants it.


@transaction.atomic
def order(
    call_id: UUID, *, by: str, now: datetime, target: str = "", number: str = "", warm: bool | None = None
) -> Target:
    """An operator wants the call put through to the colleague named ``target``, to ``number``, or to whoever of the
    campaign's is free; to whom first. Its line has to be told. Raises NotPossible, Call.DoesNotExist.
    """
    call = _locked(call_id)
    if call.status != CallStatus.LIVE or call.closing_at is not None or call.hang_up_at is not None:
        raise NotPossible("The call is not live: there is nobody to put through.")
    transfer = Transfer.of(call.transfer)
    if transfer is not None and transfer.under_way:
        raise NotPossible("The call is being put through already.")
    targets = _chosen(call, target=target, number=number)
    if why := legs.room_of(call, at=now).why:
        raise NotPossible(why)
    mode = _warm(call) if warm is None else warm
    _keep(call, Transfer(State.ORDERED, mode, targets, by, now))
    return targets[0]


@transaction.atomic
def withdraw(call_id: UUID) -> None:
    """No line has taken the order."""
    call = _locked(call_id)
    transfer = Transfer.of(call.transfer)
    if transfer is not None and transfer.state is State.ORDERED:
        _keep(call, replace(transfer, state=State.CANCELED))


def asked(call: Call, *, now: datetime) -> None:
    """The agent announces it. In the transaction that keeps its act, for the holder of the call's claim alone."""
    row = Call.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=call.pk)
    if row.fence != call.fence:
        return
    ordered = Transfer.of(row.transfer)
    if ordered is not None and ordered.state is State.ORDERED:
        transfer = replace(ordered, state=State.ASKED)
    else:
        transfer = Transfer(State.ASKED, _warm(row), _allowed(_colleagues(row)), "conversation", now)
    _keep(row, replace(transfer, part=row.takeovers + 1))
    note(row.pk, "call.transfer_asked", at=now, fields={"by": transfer.by, "warm": transfer.warm})


def dropped(call: Call) -> None:
    """The conversation came to an end before anybody was rung. In its act's transaction, as ``asked``."""
    row = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    transfer = Transfer.of(row.transfer)
    if row.fence == call.fence and transfer is not None and transfer.state in (State.ORDERED, State.ASKED):
        _keep(row, replace(transfer, state=State.CANCELED))


def hand_over(call: Call, *, now: datetime) -> None:
    """Its line has said its last word and closes the media: from now on the call is nobody's."""
    transfer = Transfer.of(Call.objects.values_list("transfer", flat=True).get(pk=call.pk))
    if transfer is not None and transfer.under_way:
        _let_go(call, now=now, fence=call.fence)


# What the carrier asks.


def dial(call: Call, part: int, *, now: datetime) -> Ring | None:
    """Whom to ring after line ``part`` of the call, whose row is locked; None where nobody is to be."""
    transfer = Transfer.of(call.transfer)
    if transfer is None or not transfer.under_way or transfer.part != part:
        return None
    if transfer.state is State.ASKED:
        if CallStatus(call.status) is CallStatus.LIVE:  # its line was lost while it announced it
            _let_go(call, now=now)
        transfer = _rung(call, transfer.next(now=now), now=now)
    return _ring(call, transfer, now=now) if transfer.under_way else None


@transaction.atomic
def whisper(call_id: UUID, attempt: int, *, now: datetime) -> Whisper | None:
    """A colleague has answered: what they hear; None where nobody waits for them any more."""
    call = _locked(call_id)
    transfer = _of_attempt(call, attempt)
    if transfer is None:
        return None
    if transfer.answered_at is None:
        transfer = replace(transfer, answered_at=now)
        _keep(call, transfer)
    if transfer.warm:
        return Whisper(whispered(brief_of(call, offered_slots(call), now=now), call.snapshot))
    _connect(call, transfer, now=now)
    return Whisper("")


@transaction.atomic
def accept(call_id: UUID, attempt: int, *, now: datetime) -> bool:
    """The colleague takes the call; False where nobody waits for them any more."""
    call = _locked(call_id)
    transfer = _of_attempt(call, attempt)
    if transfer is None:
        return False
    _connect(call, transfer, now=now)
    return True


@transaction.atomic
def ended(call_id: UUID, attempt: int, leg: Leg, *, now: datetime) -> Ring | Back | Over:
    """The way to a colleague is over: the next one, the agent again, or nothing more.

    Raises Call.DoesNotExist.
    """
    call = _locked(call_id)
    transfer = Transfer.of(call.transfer)
    if transfer is None or _is_over(call):
        return Over()
    if transfer.attempt == attempt and transfer.state in (State.RINGING, State.CONNECTED):
        if transfer.state is State.CONNECTED or leg.caller_gone:
            finish(call.pk, report(call, transfer, ended_at=now, now=now, leg_s=leg.duration_s), now=now)
            return Over()
        legs.record(call, transfer, legs.lasted_s(transfer, leg.duration_s, ended_at=now), now=now)
        fields = {"to": transfer.target.name, "status": leg.status}
        note(call.pk, "call.transfer_not_taken", at=now, fields=fields)
        transfer = _rung(call, transfer.not_taken(leg.status, leg.duration_s, now=now), now=now)
    if transfer.state is State.RINGING:
        return _ring(call, transfer, now=now)
    return Back(transfer.part) if transfer.state is State.FAILED else Over()


# The end.


@transaction.atomic
def finish_over(call_id: UUID, *, ended_at: datetime, now: datetime) -> bool:
    """The carrier says that the whole call is over; whether that ends it here, since no line does."""
    call = _locked(call_id)  # a colleague may have taken it since whoever asks read it
    transfer = with_nobody(call)
    if transfer is None:
        return False
    return finish(call.pk, report(call, transfer, ended_at=ended_at, now=now), now=now)


def with_nobody(call: Call) -> Transfer | None:
    """The transfer of a call that no line holds while somebody else is rung or talks; None for any other."""
    transfer = Transfer.of(call.transfer)
    if transfer is None or not transfer.under_way or call.status != CallStatus.UNKNOWN or call.owner:
        return None
    return transfer


def longest_until(call: Call) -> datetime:
    """When even the longest talk with a colleague is over, by what the carrier was told."""
    return (call.answered_at or call.status_at) + timedelta(seconds=call.max_length_s + HANG_UP_GRACE_S + 60)


def has_failed(call: Call, part: int) -> bool:
    """Whether line ``part`` of the call put the person through, and nobody took them."""
    transfer = Transfer.of(call.transfer)
    return transfer is not None and transfer.state is State.FAILED and transfer.part == part


def report(call: Call, transfer: Transfer, *, ended_at: datetime, now: datetime, leg_s: int = 0) -> Report:
    """How a call ended that was put through, with what its conversation had come to.

    The way to a colleague who answered is metered: ``leg_s``, or by our own clock where that is 0.
    """
    leg_s = legs.lasted_s(transfer, leg_s, ended_at=ended_at)
    legs.record(call, transfer, leg_s, now=now)
    if transfer.state is State.CONNECTED:
        talked = Tried(transfer.target.name, "completed", leg_s)
        _keep(call, replace(transfer, tried=(*transfer.tried, talked)))
        told = Outcome(Disposition.TRANSFERRED, f"{transfer.target.name} took the call over.")
        ended_by = EndedBy.TRANSFER
    else:
        told = Outcome(Disposition.HUNG_UP, "The person hung up while they were being put through.")
        ended_by = EndedBy.LEAD
        _keep(call, replace(transfer, state=State.CANCELED))
    outcome = broken.outcome(call, told, ended_by=ended_by, now=now)
    return Report(outcome, ended_by, ended_at=ended_at, answered_at=call.answered_at or transfer.asked_at)


# The steps.


def _locked(call_id: UUID) -> Call:
    return Call.objects.select_for_update(of=("self",)).select_related("lead", "campaign").get(pk=call_id)


def _keep(call: Call, transfer: Transfer) -> None:
    call.transfer = transfer.kept()
    Call.objects.filter(pk=call.pk).update(transfer=call.transfer)


def _is_over(call: Call) -> bool:
    return CallStatus(call.status) in TERMINAL or call.hang_up_at is not None or call.closing_at is not None


def _of_attempt(call: Call, attempt: int) -> Transfer | None:
    transfer = Transfer.of(call.transfer)
    if transfer is None or _is_over(call) or transfer.attempt != attempt:
        return None
    return transfer if transfer.state in (State.RINGING, State.CONNECTED) else None


def _let_go(call: Call, *, now: datetime, fence: int | None = None) -> None:
    """Nobody of ours holds the call any more, and whoever did writes nothing."""
    unowned = {"owner": "", "fence": F("fence") + 1, "lease_until": None, "stream": None}
    live = CallStatus.LIVE
    if not move(call.pk, CallStatus.UNKNOWN, at=now, why=HANDED_OVER, fence=fence, only_from=live, changes=unowned):
        log.info("call.handed_over_before", call_id=str(call.pk))


def _connect(call: Call, transfer: Transfer, *, now: datetime) -> None:
    if transfer.state is State.RINGING:
        since = transfer.answered_at or now
        _keep(call, replace(transfer, state=State.CONNECTED, connected_at=now, answered_at=since))
        note(call.pk, "call.transfer_connected", at=now, fields={"to": transfer.target.name})


def _rung(call: Call, transfer: Transfer, *, now: datetime) -> Transfer:
    """Keep to whom it goes next, or that nobody is left to be rung, or no money for it.

    Whose lease had run out holds the call no more.
    """
    why = legs.room_of(call, at=now).why if transfer.state is State.RINGING else ""
    if why:
        transfer = replace(transfer, state=State.FAILED, attempt=transfer.attempt - 1)
    _keep(call, transfer)
    held = Call.objects.filter(pk=call.pk, status=CallStatus.UNKNOWN.value).exclude(owner="")
    held.update(owner="", fence=F("fence") + 1, lease_until=None, status_at=now)
    if transfer.state is State.RINGING:
        note(call.pk, "call.transfer_ringing", at=now, fields={"to": transfer.target.name})
    else:
        fields = {"tried": len(transfer.tried), **({"reason": why} if why else {})}
        log.info("call.transfer_failed", call_id=str(call.pk), **fields)
        note(call.pk, "call.transfer_failed", at=now, fields=fields)
    return transfer


def _ring(call: Call, transfer: Transfer, *, now: datetime) -> Ring:
    rung_at = transfer.rung_at or now
    late_s = ceil((now - rung_at).total_seconds())  # of a question that came again: it is not refused any more
    return Ring(
        attempt=transfer.attempt,
        number=transfer.target.number,
        caller_id=call.from_number,
        ring_s=settings.TRANSFER_RING_TIMEOUT_S,
        limit_s=max(1, legs.room_of(call, at=rung_at).talk_s - late_s),
    )


def _warm(call: Call) -> bool:
    return call.campaign.transfer_mode == TransferMode.WARM


def _colleagues(call: Call) -> tuple[Target, ...]:
    return tuple(Target(one.name, one.number) for one in call.campaign.transfer_targets.all())


def _allowed(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Those that may be rung by the settings as they are now, whatever the admin took before."""
    return tuple(one for one in targets if not why_not_allowed(one.number, settings.TRANSFER_COUNTRIES))


def _chosen(call: Call, *, target: str, number: str) -> tuple[Target, ...]:
    colleagues = _colleagues(call)
    if number:
        if reason := why_not_allowed(number, settings.TRANSFER_COUNTRIES):
            raise NotPossible(reason)
        known = [one for one in colleagues if one.number == number]
        return tuple(known) or (Target(SOMEBODY, number),)
    if target:
        colleagues = tuple(one for one in colleagues if one.name.casefold() == target.casefold())
        if not colleagues:
            raise NotPossible(f"The campaign has nobody called {target!r} to put calls through to.")
    if not (allowed := _allowed(colleagues)):
        raise NotPossible("The campaign has nobody to put calls through to: name some on its page.")
    return allowed
