"""What is to be done next about a lead, from what a call came to."""

from collections.abc import Mapping
from datetime import datetime

from agents.after.types import NextStep, StepKind
from agents.domain.times import zone_of
from agents.domain.types import BookAppointment, Brief, Disposition, Outcome, ScheduleCallback

_OVER: Mapping[Disposition, str] = {
    Disposition.DO_NOT_CALL: "Nothing: the person is never called again.",
    Disposition.WRONG_NUMBER: "Nothing: the number is somebody else's.",
    Disposition.BAD_NUMBER: "Nothing: no person can be reached at this number.",
    Disposition.HAS_AGENT: "Nothing: another agent has a signed agreement.",
    Disposition.NOT_INTERESTED: "Nothing: the person is not interested.",
    Disposition.TRANSFERRED: "Nothing of ours: a colleague took the call over.",
}
_UNREACHED = "The campaign calls again by its own plan."
_APPOINTMENT: Mapping[str, str] = {
    "cancel": "A colleague confirms that the appointment is called off.",
    "late": "A colleague calls them now: they come late to the appointment.",
}


def next_steps(outcome: Outcome, brief: Brief) -> tuple[NextStep, ...]:
    """The steps in the order of their weight; the sending of information comes beside another one."""
    first = _first(outcome, brief)
    over = (Disposition.DO_NOT_CALL, Disposition.WRONG_NUMBER, Disposition.BAD_NUMBER)
    if outcome.facts.get("wants_information") != "yes" or outcome.disposition in over:
        return (first,)
    send = NextStep(StepKind.SEND_INFORMATION, "colleague", "A colleague sends the information that was asked for.")
    return (send,) if first.kind is StepKind.NOTHING else (first, send)


def _first(outcome: Outcome, brief: Brief) -> NextStep:
    disposition, facts = outcome.disposition, outcome.facts
    if why := _APPOINTMENT.get(facts.get("appointment", "")):
        return NextStep(StepKind.PERSON_CALLS, "colleague", why)
    if disposition is Disposition.APPOINTMENT:
        booked = [act for act in outcome.acts if isinstance(act, BookAppointment)]
        at = booked[-1].start_at if booked else brief.history.appointment_at
        if not (booked[-1].confirmed if booked else brief.history.appointment_sure):
            why = f"A colleague confirms the appointment{_when(at, brief)}."
            return NextStep(StepKind.PERSON_CALLS, "colleague", why, at)
        return NextStep(StepKind.VISIT, "colleague", f"A colleague meets them{_when(at, brief)}.", at)
    if disposition is Disposition.CALLBACK_REQUESTED:
        promised = [act.at for act in outcome.acts if isinstance(act, ScheduleCallback)]
        at = promised[-1] if promised else None
        if facts.get("wants_person") == "yes":
            return NextStep(StepKind.PERSON_CALLS, "colleague", f"A colleague calls them{_when(at, brief)}.", at)
        return NextStep(StepKind.CALL, "assistant", f"The assistant calls them back{_when(at, brief)}.", at)
    if disposition is Disposition.QUALIFIED:
        return NextStep(StepKind.PERSON_CALLS, "colleague", "A colleague calls them to arrange a meeting.")
    if disposition in _OVER:
        return NextStep(StepKind.NOTHING, "nobody", _OVER[disposition])
    return NextStep(StepKind.CALL_AGAIN, "assistant", _UNREACHED)


def _when(at: datetime | None, brief: Brief) -> str:
    if at is None:
        return ""
    zone = zone_of(brief.lead_zone)
    return f" on {at.astimezone(zone):%A %d %B %Y at %H:%M} ({zone.key})"
