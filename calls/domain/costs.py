"""What a call counts as, and what the sums of many calls say. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.domain.types import Disposition

_SPOKE = frozenset(
    {
        Disposition.APPOINTMENT,
        Disposition.QUALIFIED,
        Disposition.CALLBACK_REQUESTED,
        Disposition.NOT_INTERESTED,
        Disposition.DO_NOT_CALL,
        Disposition.WRONG_NUMBER,
        Disposition.HAS_AGENT,
    }
)
"""Dispositions that come of something a person said, or of a key that was pressed."""
_SILENT = frozenset({Disposition.VOICEMAIL, Disposition.NO_ANSWER, Disposition.BUSY, Disposition.BAD_NUMBER})
_QUALIFIED = frozenset({Disposition.QUALIFIED, Disposition.APPOINTMENT})


class Dimension(StrEnum):
    """By what costs are told apart. Every call has one value of each, "" where it is not known."""

    CAMPAIGN = "campaign"
    LIST = "list"
    HOUR = "hour"
    CALLER_ID = "caller_id"
    SCRIPT = "script"
    VOICE = "voice"
    TIER = "tier"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of calls, seconds from answer to end, and cost in one currency.

    A dial is a call that the carrier took. A conversation is one in which a person answered and said something or
    pressed a key: no voicemail, no silence. A qualified lead is a call that ended with the lead qualified or with an
    appointment; an appointment is one that stands in the calendar. ``cost`` is that of every call, dialed or not.
    """

    dials: int = 0
    conversations: int = 0
    qualified: int = 0
    appointments: int = 0
    seconds: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Figures)))

    @property
    def per_dial(self) -> Decimal | None:
        return self._per(self.dials)

    @property
    def per_conversation(self) -> Decimal | None:
        return self._per(self.conversations)

    @property
    def per_qualified(self) -> Decimal | None:
        return self._per(self.qualified)

    @property
    def per_appointment(self) -> Decimal | None:
        return self._per(self.appointments)

    def _per(self, count: int) -> Decimal | None:
        """The whole cost over ``count``, so the dials that came to nothing are paid for by those that did."""
        return self.cost / count if count else None


def is_conversation(disposition: str, *, lead_spoke: bool) -> bool:
    """Whether a person answered and said something. ``lead_spoke``: the transcript has a turn of theirs."""
    return disposition in _SPOKE or (lead_spoke and disposition not in _SILENT)


def is_qualified(disposition: str) -> bool:
    return disposition in _QUALIFIED


def hour_in(zones: tuple[str, ...], at: datetime) -> int | None:
    """The hour, 0 to 23, of ``at`` on the clock of the first of ``zones``; None where there is none that is known."""
    try:
        return at.astimezone(ZoneInfo(zones[0])).hour if zones else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
