"""A call that is put through to a person: whom it asks, in what order, and where it has come to. Pure.

Kept on the call as JSON. No status of a call stands for it: while somebody else rings or talks, no worker owns the
call, and the carrier tells what becomes of it (docs/call-control.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import AwareDatetime, TypeAdapter

from calls.domain import phone


class State(StrEnum):
    """``ORDERED``: an operator wants it, and the line has not said yes yet. ``ASKED``: the agent announces it.

    ``CANCELED``: the conversation came to an end instead.
    """

    ORDERED = "ordered"
    ASKED = "asked"
    RINGING = "ringing"
    CONNECTED = "connected"
    FAILED = "failed"
    CANCELED = "canceled"


UNDER_WAY = frozenset({State.ASKED, State.RINGING, State.CONNECTED})
"""From the agent's announcement until it is known that somebody took the call, or nobody does."""


@dataclass(frozen=True, slots=True)
class Target:
    """``name`` is spoken to the person, ``number`` is E.164."""

    name: str
    number: str


@dataclass(frozen=True, slots=True)
class Tried:
    """One colleague who was rung: what the carrier said of it, and how long that call lasted."""

    name: str
    status: str
    duration_s: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """``attempt`` counts the targets that were rung from 1; ``part`` is the line that handed the person over.

    ``by`` says who wants it: ``conversation``, or an operator. ``warm``: a colleague hears who it is and presses 1.
    ``answered_at`` is when the phone that was rung last was picked up, be it by a voicemail.
    """

    state: State
    warm: bool
    targets: tuple[Target, ...]
    by: str
    asked_at: AwareDatetime
    part: int = 0
    attempt: int = 0
    rung_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    connected_at: AwareDatetime | None = None
    tried: tuple[Tried, ...] = ()

    @staticmethod
    def of(kept: Mapping[str, Any] | None) -> "Transfer | None":
        """As it is kept with a call; None where nobody was ever to be put through."""
        return None if kept is None else _KEPT.validate_python(kept)

    def kept(self) -> dict[str, Any]:
        data: dict[str, Any] = _KEPT.dump_python(self, mode="json")
        return data

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def target(self) -> Target:
        """Who is rung, or talks."""
        return self.targets[self.attempt - 1]

    def next(self, *, now: datetime) -> Self:
        """Ring the next colleague, or have nobody left."""
        if self.attempt >= len(self.targets):
            return replace(self, state=State.FAILED)
        return replace(self, state=State.RINGING, attempt=self.attempt + 1, rung_at=now, answered_at=None)

    def not_taken(self, status: str, duration_s: int, *, now: datetime) -> Self:
        """The colleague who was rung did not take it."""
        return replace(self, tried=(*self.tried, Tried(self.target.name, status, duration_s))).next(now=now)


_KEPT = TypeAdapter(Transfer)


def why_not_allowed(number: str, countries: frozenset[str]) -> str:
    """Why no call may be put through to the E.164 ``number``, as a sentence; "" where it may.

    Numbers that cost whoever calls them are what thieves have calls put through to: premium numbers, which
    ``phone.parse`` refuses, and countries where nobody of ours answers.
    """
    try:
        parsed = phone.parse(number)
    except phone.BadNumber as bad:
        return str(bad)
    country = phone.country_of(parsed)
    if country in countries:
        return ""
    allowed = ", ".join(sorted(countries))
    where = f"is in {country}" if country else "is in no country that is known"
    return f"{phone.shown(parsed)} {where}, and calls are put through to {allowed} only: see TRANSFER_COUNTRIES."
