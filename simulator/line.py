"""The 20-ms clock of one call, and what the person's phone is connected to."""

import asyncio
from collections import deque
from typing import Protocol

from simulator import audio
from simulator.domain.call import Call
from simulator.party import Ear, Party
from simulator.tape import Tape


class Far(Protocol):
    """The other end of the line, driven by the clock."""

    def pull(self) -> bytes | None:
        """20 ms for the person's ear, None for silence."""

    def push(self, frame: bytes) -> None:
        """20 ms of the person's voice."""

    def press(self, digit: str) -> None: ...


class Quiet:
    """Nobody: between two verbs."""

    def pull(self) -> bytes | None:
        return None

    def push(self, frame: bytes) -> None:
        del frame

    def press(self, digit: str) -> None:
        del digit


class Playback(Quiet):
    """A sound played once; keys pressed meanwhile are kept in ``keys``."""

    def __init__(self, mulaw: bytes = b"") -> None:
        self._audio = mulaw
        self._at = 0
        self.over = asyncio.Event()
        self.keys: asyncio.Queue[str] = asyncio.Queue()

    def play(self, mulaw: bytes) -> None:
        """Play this from its beginning now."""
        self._audio, self._at = mulaw, 0
        self.over.clear()

    def pull(self) -> bytes | None:
        frame = self._audio[self._at : self._at + audio.FRAME]
        self._at += audio.FRAME
        if not frame:
            self.over.set()
            return None
        return frame + audio.SILENCE[len(frame) :]

    def press(self, digit: str) -> None:
        self.keys.put_nowait(digit)


class Listener(Playback):
    """A sound that ends where somebody speaks into it; what they say is kept in ``heard``, as mu-law."""

    def __init__(self) -> None:
        super().__init__()
        self._ear, self._tick = Ear(), 0
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.began = asyncio.Event()

    def push(self, frame: bytes) -> None:
        self._tick += 1
        ended = self._ear.tick(self._tick, frame)
        if self._ear.started is not None:
            self.began.set()
            self._audio = b""
        if ended:
            self.heard.put_nowait(ended[2])


class Bridge(Quiet):
    """One side of two calls put together; what is pushed here is pulled from ``other``."""

    _MOST_WAITING = 10  # 200 ms: the two clocks may start apart, but never drift

    def __init__(self) -> None:
        self._arrived: deque[bytes] = deque(maxlen=self._MOST_WAITING)
        self.other = self

    @classmethod
    def pair(cls) -> tuple["Bridge", "Bridge"]:
        one, two = cls(), cls()
        one.other, two.other = two, one
        return one, two

    def pull(self) -> bytes | None:
        return self._arrived.popleft() if self._arrived else None

    def push(self, frame: bytes) -> None:
        self.other._arrived.append(frame)


class Line:
    """Carries 20 ms at a time between the person and whatever ``far`` is at that moment."""

    def __init__(self, party: Party, call: Call, tape: Tape | None = None) -> None:
        self.far: Far = Quiet()
        self._party, self._call, self._tape = party, call, tape
        party.press = self._press

    def _press(self, digit: str) -> None:
        self.far.press(digit)

    async def run(self) -> None:
        """Tick until the person hangs up. Every tick has its own instant, so lateness never adds up."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        tick = 0
        while not self._party.gone:
            tick += 1
            due = started + tick * audio.FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))
            late_ms = (loop.time() - due) * 1000
            self._call.media.clock_late_max_ms = max(self._call.media.clock_late_max_ms, round(late_ms, 1))
            far = self.far
            heard = far.pull()
            said = self._party.tick(heard)
            far.push(said)
            if self._tape is not None:
                self._tape.add(heard, said)

    def close(self) -> None:
        if self._tape is not None:
            self._tape.close()
