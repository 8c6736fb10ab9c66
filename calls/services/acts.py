"""What was agreed on a call, kept as it is agreed on, so that the loss of its worker loses none of it.

An act is a ``CallEvent``. A report that knows the acts carries them out itself; one without, of a call whose worker
or session was lost, is completed from here.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.domain.types import (
    Act,
    BookAppointment,
    Disposition,
    EndCall,
    MarkWrongNumber,
    OptOut,
    Outcome,
    ScheduleCallback,
    StopRecording,
    Transfer,
)
from calls.models import Call, CallEvent
from calls.services.moving import note

KIND = "conversation.act"
_SAID = 300
_NAMES: dict[type[Act], str] = {
    OptOut: "opt_out",
    MarkWrongNumber: "wrong_number",
    BookAppointment: "book",
    ScheduleCallback: "callback",
    StopRecording: "stop_recording",
    Transfer: "transfer",
    EndCall: "end",
}
# The order in which agents/analytics.py judges: acts bind, and the graver first.
_BY_ACT: tuple[tuple[type[Act], Disposition], ...] = (
    (OptOut, Disposition.DO_NOT_CALL),
    (MarkWrongNumber, Disposition.WRONG_NUMBER),
    (BookAppointment, Disposition.APPOINTMENT),
    (ScheduleCallback, Disposition.CALLBACK_REQUESTED),
)


def keep(call: Call, act: Act, *, now: datetime) -> None:
    """Write the act down. Doubled, it still counts once."""
    fields = {key: _written(value) for key, value in asdict(act).items()}
    note(call.pk, KIND, at=now, fields={"act": _NAMES[type(act)], **fields})


def kept(call_id: UUID) -> tuple[Act, ...]:
    """The acts of the call in their order, each once."""
    rows = CallEvent.objects.filter(call_id=call_id, kind=KIND).order_by("pk").values_list("fields", flat=True)
    return tuple(dict.fromkeys(_act(fields) for fields in rows))


def forget_words(call_id: UUID) -> None:
    """Keep of the acts what was agreed on, and not in which words; those of an opt-out are evidence, and stay."""
    said = CallEvent.objects.filter(call_id=call_id, kind=KIND, fields__has_key="said")
    for event in said.exclude(fields__act__in=[_NAMES[OptOut], _NAMES[MarkWrongNumber]]):
        event.fields["said"] = ""
        event.save(update_fields=["fields"])


def completed(outcome: Outcome, acts: Sequence[Act]) -> Outcome:
    """``outcome`` with ``acts`` and the disposition that follows from them."""
    disposition = _disposition(acts)
    if disposition is None:
        return replace(outcome, acts=tuple(acts))
    words = disposition.value.replace("_", " ")
    summary = f"{outcome.summary} What was agreed on before counts: {words}."
    return replace(outcome, disposition=disposition, summary=summary, acts=tuple(acts))


def _written(value: datetime | bool | str) -> str | bool:
    match value:
        case datetime():
            return value.isoformat()
        case bool():
            return value
    return value.replace("\0", "")[:_SAID]


def _act(fields: dict[str, Any]) -> Act:
    match fields["act"]:
        case "opt_out":
            return OptOut(fields["said"])
        case "wrong_number":
            return MarkWrongNumber(fields["said"])
        case "book":
            start_at = datetime.fromisoformat(fields["start_at"])
            return BookAppointment(start_at, confirmed=fields.get("confirmed", True))
        case "callback":
            return ScheduleCallback(datetime.fromisoformat(fields["at"]), fields["said"])
        case "stop_recording":
            return StopRecording(fields["said"])
        case "transfer":
            return Transfer(fields["said"])
        case _:
            return EndCall(fields["reason"])


def _disposition(acts: Sequence[Act]) -> Disposition | None:
    """None where the acts settle nothing. A conversation that came to its end says by its last act to which."""
    for kind, disposition in _BY_ACT:
        if any(isinstance(act, kind) for act in acts):
            return disposition
    settled = [act.disposition for act in acts if isinstance(act, EndCall) and act.disposition]
    return settled[-1] if settled else None
