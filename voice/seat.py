"""A reserved line, from the moment it is given out to the report."""

import asyncio
from typing import Protocol

from agents.domain.types import Disposition, EndedBy
from agents.ports import Dialogue
from voice.domain.types import LineEvent, Report, Signal, SignalKind, StreamTarget, TalkPlan
from voice.line import report_without_media, silent_report
from voice.media.ports import MediaMaker
from voice.ports import Spending
from voice.session import CallSession


class SeatLine(Protocol):
    """Whom a call's events are told. ``put`` is safe from any thread."""

    call_id: str
    stream: StreamTarget

    def put(self, event: LineEvent) -> None:
        """The next event; ``Ended`` is the last."""


class Seat:
    """A reserved line on the loop's side: rings until its media comes, then holds the session."""

    def __init__(
        self,
        line: SeatLine,
        dialogue: Dialogue,
        spending: Spending,
        plan: TalkPlan,
        *,
        ring_s: float,
        max_length_s: float,
    ) -> None:
        self.line, self.dialogue, self.spending, self.plan = line, dialogue, spending, plan
        self.ring_s, self.max_length_s = ring_s, max_length_s
        self.media: MediaMaker | None = None
        self.unanswered: Report | None = None
        self.decided = asyncio.Event()
        self.session: CallSession | None = None
        self.early: list[Signal] = []
        self.over = asyncio.Event()

    def arrive(self, media: MediaMaker) -> bool:
        """The media came; whether it is still wanted."""
        if self.decided.is_set():
            return False
        self.media = media
        self.decided.set()
        return True

    def stop_ringing(self, report: Report) -> None:
        """The call ended before its media came."""
        if not self.decided.is_set():
            self.unanswered = report
            self.decided.set()

    def signal(self, signal: Signal) -> None:
        if self.session is not None:
            self.session.signal(signal)
        elif self.media is not None:  # the session begins in a moment
            self.early.append(signal)
        elif signal.kind is SignalKind.HANG_UP:
            summary = "The call was hung up before anybody answered."
            self.stop_ringing(silent_report(Disposition.FAILED, summary, EndedBy.AGENT))
        elif signal.kind is SignalKind.CARRIER and (report := report_without_media(signal.value)) is not None:
            self.stop_ringing(report)

    def abandon(self) -> None:
        """The process stops."""
        self.stop_ringing(silent_report(Disposition.FAILED, "The voice plane stopped.", EndedBy.FAULT))
        if self.session is not None:
            self.session.end(EndedBy.FAULT)
