"""What ``calls`` asks of the voice side."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from agents.domain.types import Brief, Prospect
from voice.domain.types import (
    PLAIN_TALK,
    Advice,
    CarrierUpdate,
    DialRequest,
    LineEvent,
    Signal,
    StreamTarget,
    TalkPlan,
    Usage,
)


class CarrierError(Exception):
    """The carrier did not ring. The subclass says what the caller may do next."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Refused(CarrierError):
    """The carrier will never ring this request: do not retry it unchanged."""


class Busy(CarrierError):
    """The carrier has no room now (429, CPS limit): nothing rang; retry later."""


class DialUnknown(CarrierError):
    """No answer from the carrier; the phone may be ringing, so never redial."""


class Dialer(Protocol):
    """A phone company. Calls block; each raises ``CarrierError`` subclasses only."""

    def place(self, request: DialRequest) -> str:
        """Ask the carrier to ring; its id of the call. Raises Refused, Busy or DialUnknown."""

    def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
        """The carrier's word on a call, None if it does not know it. Raises DialUnknown without an answer."""

    def find(self, call_id: str, *, to: str) -> CarrierUpdate | None:
        """Look a call up by our own id, for a dial whose answer was lost. Raises DialUnknown without an answer."""

    def hang_up(self, carrier_call_id: str) -> None:
        """End the call at the carrier; a call that is over already is fine."""

    def redirect(self, carrier_call_id: str, url: str) -> None:
        """Have the carrier ask ``url`` what to do with a call that talks, and leave what it does now. Raises Refused
        where it does not, a call that is over among them, and DialUnknown without an answer.
        """

    def owns(self, number: str) -> bool | None:
        """Whether the account may show the E.164 ``number`` as its own; None without an answer."""


class Line(Protocol):
    """One phone line, used for one call, by one thread."""

    stream: StreamTarget

    def events(self) -> Iterator[LineEvent]:
        """What happens, as it happens; blocks between events; ``Ended`` comes exactly once, last, in bounded time."""

    def signal(self, signal: Signal) -> None:
        """News from the carrier or an operator. Safe from any thread."""

    def close(self) -> None:
        """Give the line back; ends the session if there is one. Safe to call twice."""


class Spending(Protocol):
    """What one call may cost while it talks. Pure and quick: asked every second, on the event loop."""

    def look(self, *, talked_s: float, usage: Sequence[Usage], prospect: Prospect) -> Advice:
        """Judge the call ``talked_s`` seconds after its answer; ``usage`` is all that it used until now."""


class Plane(Protocol):
    """The lines of this process."""

    def open_line(
        self,
        brief: Brief,
        *,
        ring_timeout_s: int,
        max_length_s: int,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
    ) -> Line:
        """Reserve a line. Raises NoLine when all are taken, another call would harm those that are there, the process
        is draining or its lines do not answer.
        """

    def healthy(self) -> bool:
        """Whether calls are served here. While they are not, their leases are not to be renewed. Any thread."""


class NoLine(Exception):
    """No line is free here; the call stays queued for another worker."""
