"""One phone line: a thread waits on it while the conversation runs on the plane's loop."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from agents.domain.types import Disposition, EndedBy, Outcome
from voice.domain.types import (
    BAD_NUMBER_CODES,
    CarrierStatus,
    Ended,
    LineEvent,
    Report,
    Signal,
    StreamTarget,
)

_WITHOUT_MEDIA: dict[CarrierStatus, tuple[Disposition, str]] = {
    CarrierStatus.BUSY: (Disposition.BUSY, "The line was busy."),
    CarrierStatus.NO_ANSWER: (Disposition.NO_ANSWER, "Nobody answered."),
    CarrierStatus.FAILED: (Disposition.FAILED, "The carrier could not complete the call."),
    CarrierStatus.CANCELED: (Disposition.FAILED, "The call was canceled before anybody answered."),
    CarrierStatus.COMPLETED: (Disposition.HUNG_UP, "The call ended before its audio began."),
}


def carrier_value(status: CarrierStatus, error_code: str | None = None) -> str:
    """A carrier signal's value: the status, with the carrier's error code after a colon where it gave one."""
    return f"{status.value}:{error_code}" if error_code else status.value


def report_without_media(value: str) -> Report | None:
    """The report of a call that ended before its audio began; None where ``value`` ends nothing."""
    word, _, code = value.partition(":")
    if word not in set(CarrierStatus) or (status := CarrierStatus(word)) not in _WITHOUT_MEDIA:
        return None
    disposition, summary = _WITHOUT_MEDIA[status]
    if status is CarrierStatus.FAILED and code in BAD_NUMBER_CODES:
        disposition, summary = Disposition.BAD_NUMBER, "The carrier does not know this number."
    return silent_report(disposition, summary, EndedBy.CARRIER)


def silent_report(disposition: Disposition, summary: str, ended_by: EndedBy) -> Report:
    """The report of a call in which nobody was heard."""
    return Report(Outcome(disposition, summary), ended_by, ended_at=datetime.now(UTC))


class PhoneLine:
    """``voice.ports.Line``. ``deliver`` and ``hang_up`` reach the loop; ``put`` comes from it.

    ``deadline_s`` bounds the whole call from now: past it the line reports a fault itself.
    """

    def __init__(
        self,
        call_id: str,
        stream: StreamTarget,
        *,
        deadline_s: float,
        deliver: Callable[[Signal], None],
        hang_up: Callable[[], None],
    ) -> None:
        self.call_id, self.stream = call_id, stream
        self._deadline = time.monotonic() + deadline_s
        self._deliver, self._hang_up = deliver, hang_up
        self._events: queue.SimpleQueue[LineEvent] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._reported = self._read_out = False

    def events(self) -> Iterator[LineEvent]:
        while not self._read_out:
            try:
                event = self._events.get(timeout=max(0.0, self._deadline - time.monotonic()))
            except queue.Empty:
                self.put(Ended(silent_report(Disposition.FAILED, "The voice plane did not answer.", EndedBy.FAULT)))
                self._hang_up()
                continue
            self._read_out = isinstance(event, Ended)
            yield event

    def signal(self, signal: Signal) -> None:
        self._deliver(signal)

    def close(self) -> None:
        self._hang_up()

    def put(self, event: LineEvent) -> None:
        """The next event. Nothing follows ``Ended``, and of two the first counts. Safe from any thread."""
        with self._lock:
            if self._reported:
                return
            self._reported = isinstance(event, Ended)
            self._events.put(event)
