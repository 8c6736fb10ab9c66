"""A carrier, lines and a plane that do as they are told, and remember what they were asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock

from agents.domain.types import Act, Brief, Disposition, EndedBy, Outcome
from voice.domain.types import (
    PLAIN_TALK,
    CarrierStatus,
    CarrierUpdate,
    DialRequest,
    Ended,
    LineEvent,
    Report,
    Signal,
    Speaker,
    StreamTarget,
    TalkPlan,
    TurnRecord,
    TurnTaken,
    Usage,
    Worked,
)
from voice.ports import NoLine, Spending

Scripted = LineEvent | Callable[[], None] | Exception
"""An event, something to do before the next one, or what breaks the line."""


@dataclass
class FakeDialer:
    """Rings nothing. ``answer`` is the carrier's id of a call, or what it raises; ``knows`` is what it says later."""

    answer: str | Exception = "CA" + "1" * 32
    knows: CarrierUpdate | Exception | None = None
    before: Callable[[], None] = lambda: None
    owned: bool | None = True
    dialed: list[DialRequest] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    redirected: list[tuple[str, str]] = field(default_factory=list)
    redirects: Callable[[], None] = lambda: None

    def place(self, request: DialRequest) -> str:
        self.dialed.append(request)
        self.before()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
        return self._tell("fetch", carrier_call_id)

    def find(self, call_id: str, *, to: str) -> CarrierUpdate | None:
        return self._tell("find", f"{call_id} {to}")

    def hang_up(self, carrier_call_id: str) -> None:
        self.hung_up.append(carrier_call_id)

    def redirect(self, carrier_call_id: str, url: str) -> None:
        self.redirected.append((carrier_call_id, url))
        self.redirects()

    def owns(self, number: str) -> bool | None:
        self.asked.append(("owns", number))
        return self.owned

    def _tell(self, how: str, what: str) -> CarrierUpdate | None:
        self.asked.append((how, what))
        if isinstance(self.knows, Exception):
            raise self.knows
        return self.knows


STREAM = StreamTarget("ws://127.0.0.1:1/media", "token-1")


@dataclass
class FakeLine:
    script: tuple[Scripted, ...]
    closed: int = 0
    stream: StreamTarget = STREAM

    def events(self) -> Iterator[LineEvent]:
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
            else:
                yield step

    def signal(self, signal: Signal) -> None:
        raise AssertionError(f"Nobody signals here: {signal}")

    def close(self) -> None:
        self.closed += 1


class FakePlane:
    """Gives out one line for each call, all with the same script; ``lines`` 0 is a process that has none free."""

    def __init__(self, *script: Scripted, lines: int = 1000, on_open: Callable[[], None] = lambda: None) -> None:
        self._script, self._free, self._on_open, self._lock = script, lines, on_open, Lock()
        self.opened: list[tuple[Brief, int, int]] = []
        self.spending: list[Spending] = []
        self.plans: list[TalkPlan] = []
        self.lines: list[FakeLine] = []

    def healthy(self) -> bool:
        return True

    def open_line(
        self,
        brief: Brief,
        *,
        ring_timeout_s: int,
        max_length_s: int,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
    ) -> FakeLine:
        with self._lock:
            if len(self.lines) >= self._free:
                raise NoLine("All lines are taken.")
            line = FakeLine(self._script)
            self.lines.append(line)
            self.opened.append((brief, ring_timeout_s, max_length_s))
            self.spending.append(spending)
            self.plans.append(plan)
        self._on_open()
        return line


def report(
    disposition: Disposition = Disposition.QUALIFIED,
    *acts: Act,
    answered_at: datetime | None = None,
    ended_at: datetime,
    ended_by: EndedBy = EndedBy.AGENT,
) -> Report:
    """A conversation that came to ``disposition``; one without ``answered_at`` never took place."""
    usage = (Usage("tts.local", "char", Decimal(120)),) if answered_at else ()
    outcome = Outcome(disposition, f"It came to {disposition}.", acts, {"timeline": "spring"}, 40)
    return Report(outcome, ended_by, ended_at=ended_at, answered_at=answered_at, usage=usage)


def ended(disposition: Disposition, *acts: Act, answered_at: datetime | None = None, ended_at: datetime) -> Ended:
    return Ended(report(disposition, *acts, answered_at=answered_at, ended_at=ended_at))


def turn(seq: int = 1, text: str = "Hello, this is Ava.", worked: Worked | None = None) -> TurnTaken:
    said = TurnRecord(seq, Speaker.AGENT, text, 100 * seq, 100 * seq + 90, agent="Conversation", worked=worked)
    return TurnTaken(said, {"turns": seq})


def update(
    status: CarrierStatus | None, *, carrier_call_id: str = "CA" + "1" * 32, duration_s: int | None = None
) -> CarrierUpdate:
    at = datetime(2026, 11, 10, 19, 5, tzinfo=UTC)
    return CarrierUpdate(carrier_call_id, status, at, duration_s=duration_s)
