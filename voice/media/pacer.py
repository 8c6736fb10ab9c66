"""When our packets go out: by an absolute clock, a little ahead of what the person hears.

One timer serves all calls of a loop. A late wake-up is caught up with, not passed on.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from voice.media import mulaw
from voice.media.stats import MediaMeter
from voice.speech.ports import RATE

PACKET = 320  # samples: 40 ms; fewer, larger packets cost less
LEAD_S = 0.125  # three packets, and a moment so that the fourth is not a round late
_PACKET_S = PACKET / RATE
_ROUND_S = 0.02
_GAP_S = 0.5  # of a pause: what is later than that was a standstill, and is not caught up with
_LOOK_S = 1.0  # between two looks at whether the carriers are still there


class _Clause:
    """Speech of whole packets, both ways that it is needed, and how much of it went out."""

    __slots__ = ("at", "coded", "pcm")

    def __init__(self, coded: bytes, pcm: bytes) -> None:
        self.coded, self.pcm, self.at = coded, pcm, 0


class Outgoing:
    """Our speech on one call, on its way out.

    ``send`` puts mu-law on the wire and is told the PCM of it; ``mark`` sends a mark, in its place; ``look`` is
    called every second.
    """

    def __init__(
        self,
        pacer: "Pacer",
        *,
        send: Callable[[bytes, bytes], None],
        mark: Callable[[str], None],
        look: Callable[[], None],
    ) -> None:
        self._pacer, self._send, self._mark, self.look = pacer, send, mark, look
        self._queue: deque[_Clause | str] = deque()
        self._due = 0.0  # when the next packet is to be heard
        self._asked = 0.0  # when its clause was queued
        self._fresh = True  # it is the first of an utterance

    @property
    def idle(self) -> bool:
        return not self._queue

    @property
    def next_at(self) -> float:
        """When the next packet has to go out."""
        return self._due - LEAD_S

    def say(self, pcm: bytes) -> int:
        """Queue ``pcm``, filled up to whole packets; its samples."""
        pcm += bytes(-len(pcm) % (PACKET * 2))
        return self._add(_Clause(mulaw.encoded(pcm), pcm))

    def say_mulaw(self, coded: bytes) -> int:
        """The same for mu-law."""
        coded += mulaw.SILENCE * (-len(coded) % PACKET)
        return self._add(_Clause(coded, mulaw.decoded(coded)))

    def mark(self, name: str) -> None:
        self._queue.append(name)
        self._pacer.serve(self)

    def hush(self) -> None:
        """Forget all that did not go out."""
        self._queue.clear()
        self._due, self._fresh = 0.0, True

    def _add(self, clause: _Clause) -> int:
        if not clause.coded:
            return 0
        if self.idle:
            self._asked = now = self._pacer.clock()
            if self._due < now:
                self._due, self._fresh = now, True
        self._queue.append(clause)
        self._pacer.serve(self)
        return len(clause.coded)

    def flow(self, now: float, until: float, meter: MediaMeter) -> None:
        """Send what is due before ``until``, and the marks behind it."""
        while self._queue:
            head = self._queue[0]
            if isinstance(head, str):
                self._queue.popleft()
                self._mark(head)
                continue
            if self.next_at > until:
                return
            late = not self._fresh and now > self._due
            if late and now - self._due > _GAP_S:
                self._due = now
            meter.sent(now, max(0.0, now - max(self.next_at, self._asked)), underrun=late)
            self._packet(head)

    def _packet(self, clause: _Clause) -> None:
        at, end = clause.at, clause.at + PACKET
        clause.at = end
        if end >= len(clause.coded):
            self._queue.popleft()
        self._due, self._fresh = self._due + _PACKET_S, False
        self._send(clause.coded[at:end], clause.pcm[at * 2 : end * 2])


class Pacer:
    """The timer of all calls of one loop."""

    def __init__(self, meter: MediaMeter, clock: Callable[[], float] = time.monotonic) -> None:
        self.meter, self.clock = meter, clock
        self._calls: set[Outgoing] = set()
        self._speaking: set[Outgoing] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._round_at = self._look_at = 0.0

    def join(self, outgoing: Outgoing) -> None:
        """``outgoing`` has a call to speak on."""
        self._calls.add(outgoing)
        self.meter.calls = len(self._calls)
        if len(self._calls) == 1:
            self._look_at = self.clock() + _LOOK_S
            self._arm(self._look_at)

    def part(self, outgoing: Outgoing) -> None:
        self._calls.discard(outgoing)
        self._speaking.discard(outgoing)
        self.meter.calls = len(self._calls)
        if not self._calls and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def serve(self, outgoing: Outgoing) -> None:
        """``outgoing`` has something to say: its first packets go out at once."""
        now = self.clock()
        outgoing.flow(now, now, self.meter)
        if not outgoing.idle and outgoing in self._calls and outgoing not in self._speaking:
            self._speaking.add(outgoing)
            if len(self._speaking) == 1:
                self._arm(now + _ROUND_S)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._round_at = at
        self._timer = asyncio.get_running_loop().call_later(max(0.0, at - self.clock()), self._round)

    def _round(self) -> None:
        now = self.clock()
        self.meter.woke(now, max(0.0, now - self._round_at))
        # What falls due until the next round goes out now: a round is early then, not late.
        for outgoing in list(self._speaking):
            outgoing.flow(now, now + _ROUND_S, self.meter)
            if outgoing.idle:
                self._speaking.discard(outgoing)
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            for outgoing in list(self._calls):
                outgoing.look()
        self._timer = None
        if self._speaking:
            # Rounds stand on a grid; those that were missed are left out, since this one did their work.
            missed = (now - self._round_at) // _ROUND_S + 1
            self._arm(min(self._round_at + missed * _ROUND_S, now + _ROUND_S))
        elif self._calls:
            self._arm(self._look_at)
