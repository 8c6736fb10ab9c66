"""What a call's disposition means for the lead. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.domain.types import Disposition

_CLOSES = {
    Disposition.APPOINTMENT: "An appointment is booked.",
    Disposition.QUALIFIED: "The lead is qualified.",
    Disposition.NOT_INTERESTED: "The person is not interested.",
    Disposition.DO_NOT_CALL: "The person asked not to be called again.",
    Disposition.WRONG_NUMBER: "The number belongs to somebody else.",
    Disposition.HAS_AGENT: "The person has signed with another agent.",
    Disposition.BAD_NUMBER: "The number cannot be reached.",
}
_PROMISE_UNLESS_GIVEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Close:
    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Call again at ``at``; ``promised`` says that the person asked for that time."""

    at: datetime
    promised: bool = False


def after(
    disposition: Disposition,
    *,
    attempts: int,
    max_attempts: int,
    retry_after: timedelta,
    ended_at: datetime,
    callback_at: datetime | None = None,
) -> Close | Again:
    """Close the lead, or when to call again. A promise is kept even when all attempts are used."""
    if reason := _CLOSES.get(disposition):
        return Close(reason)
    if disposition is Disposition.CALLBACK_REQUESTED:
        return Again(callback_at or ended_at + _PROMISE_UNLESS_GIVEN, promised=callback_at is not None)
    if attempts >= max_attempts:
        return Close(
            f"All {max_attempts} attempts are used; the last one ended with: {disposition.replace('_', ' ')}."
        )
    return Again(ended_at + retry_after)
