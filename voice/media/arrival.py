"""The person's packets, put in order and in their place on the call's clock. Pure: time comes in, in seconds."""

from collections.abc import Iterator

from voice.speech.ports import BYTES_PER_MS, RATE

_STRAY_S = 2.0  # a packet whose own time differs more than this from its arrival is placed by its arrival
_STRAY_MS = 2000
_HELD = 3  # packets that may wait for an earlier one: 60 ms


class InboundClock:
    """Where inbound packets belong: by their own timestamps, which know of losses and bursts.

    The packet that was least delayed so far ties the timestamps to our clock.
    """

    def __init__(self) -> None:
        self._zero: float | None = None
        self._next: float | None = None

    def place(self, timestamp_ms: int | None, samples: int, now: float) -> float:
        """When the packet's first sample was on the wire."""
        length = samples / RATE
        arrived = now - length
        at = self._next if self._next is not None else arrived
        if timestamp_ms is not None:
            zero = arrived - timestamp_ms / 1000
            if self._zero is None or zero < self._zero:
                self._zero = max(zero, (self._zero or zero) - _STRAY_S)
            at = self._zero + timestamp_ms / 1000
        if abs(at - arrived) > _STRAY_S:
            at = arrived
        self._next = at + length
        return at


class Arrivals:
    """Hands on each packet once, in order. One that comes early waits for those before it, a few packets long.

    What comes twice, or when later ones were handed on already, is left out: ears hear in order. Packets without a
    timestamp, or with one that cannot be, pass as they come.
    """

    def __init__(self) -> None:
        self._clock = InboundClock()
        self._next_ms: float | None = None
        self._stray_ms: float | None = None  # what would follow the last packet with a time that cannot be
        self._early: dict[int, tuple[bytes, float]] = {}

    def push(self, timestamp_ms: int | None, pcm: bytes, now: float) -> Iterator[tuple[bytes, float]]:
        """What is heard next, with the moment of its first sample, after ``pcm`` came at ``now``."""
        length_ms = len(pcm) / BYTES_PER_MS
        expected = self._next_ms
        if timestamp_ms is None:
            yield pcm, self._clock.place(None, len(pcm) // 2, now)
            return
        if expected is not None and abs(timestamp_ms - expected) > _STRAY_MS:
            if timestamp_ms == self._stray_ms:  # they count anew
                yield from self.rest()
                yield self._hand_on(timestamp_ms, pcm, now)
            else:
                yield pcm, self._clock.place(timestamp_ms, len(pcm) // 2, now)
            self._stray_ms = timestamp_ms + length_ms
            return
        if expected is None or abs(timestamp_ms - expected) < length_ms / 2:
            yield self._hand_on(timestamp_ms, pcm, now)
        elif timestamp_ms > expected and timestamp_ms not in self._early:
            self._early[timestamp_ms] = (pcm, now)
        if self._early:
            yield from self._follow(give_up=len(self._early) >= _HELD)

    def rest(self) -> Iterator[tuple[bytes, float]]:
        """What still waited, since nothing more will come."""
        yield from self._follow(give_up=True)

    def _follow(self, *, give_up: bool) -> Iterator[tuple[bytes, float]]:
        for timestamp_ms in sorted(self._early):
            pcm, came = self._early[timestamp_ms]
            gap = timestamp_ms - (self._next_ms or 0.0) >= len(pcm) / BYTES_PER_MS / 2
            if gap and not give_up:
                return
            del self._early[timestamp_ms]
            yield self._hand_on(timestamp_ms, pcm, came)

    def _hand_on(self, timestamp_ms: int, pcm: bytes, now: float) -> tuple[bytes, float]:
        self._next_ms = timestamp_ms + len(pcm) / BYTES_PER_MS
        return pcm, self._clock.place(timestamp_ms, len(pcm) // 2, now)
