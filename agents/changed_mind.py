"""A time that is corrected while we say goodbye: "sorry, I meant Thursday"."""

from datetime import UTC, datetime

from agents.domain.corrections import said
from agents.domain.slots import ahead
from agents.domain.times import instant, zone_of
from agents.domain.types import Act, BookAppointment, Brief, Heard, HeardKind, ScheduleCallback
from agents.state import CallState, last_act_at


def changed_time(state: CallState, brief: Brief, heard: Heard, *, now: datetime) -> Act | None:
    """The act that puts another time in the place of the one that was agreed on; the last act counts. None where
    nothing of the kind was said, and where an appointment is wished for that is not among the free ones.

    A day that is corrected keeps its hour, an hour its day.
    """
    if heard.kind is not HeardKind.SPEECH or not said(heard.text).corrects:
        return None
    callback_at, booked_at = last_act_at(state, "callback"), last_act_at(state, "book")
    agreed_at = callback_at or booked_at
    if agreed_at is None:
        return None
    at = instant(heard.text, now=now, zone=zone_of(brief.lead_zone), bare_hour=True, corrects=agreed_at)
    if at is None or at == agreed_at:
        return None
    if callback_at is not None:
        return ScheduleCallback(at.astimezone(UTC), heard.text)
    # What a colleague was to confirm stays so: the other time is not surer than the first.
    sure = brief.calendar_asked and all(record.confirmed for record in state.acts if record.kind == "book")
    return BookAppointment(at, confirmed=sure) if at in ahead(brief.slots, now=now) else None
