"""What a conversation asks of the way to its person, be it a phone or a browser.

Audio is PCM: 8 kHz, 16-bit little-endian, mono. Moments are seconds on the call's clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MediaEvents:
    """Whom a ``Media`` tells, on the loop.

    ``on_audio`` gets the person's audio and the moment of its first sample, ``on_key`` a key they pressed,
    ``on_sent`` the PCM of each packet of ours that went out, ``on_mark_sent`` and ``on_mark`` the name of a mark that
    went out or came back. ``on_closed`` comes once, and says whether the other side ended the call (True) or the
    connection broke. ``on_fault`` gets what one of the others raised.
    """

    on_audio: Callable[[bytes, float], None]
    on_key: Callable[[str], None]
    on_sent: Callable[[bytes], None]
    on_mark_sent: Callable[[str], None]
    on_mark: Callable[[str], None]
    on_closed: Callable[[bool], None]
    on_fault: Callable[[BaseException], None]


class Media(Protocol):
    """One call's way to the person and back."""

    async def run(self) -> None:
        """Until ``stop``; the connection is closed then."""

    async def ready(self) -> None:
        """Wait until something can be said."""

    async def say(self, pcm: bytes) -> int:
        """Queue ``pcm`` to be spoken after what is queued already; the samples that it takes."""

    async def say_mulaw(self, mulaw: bytes) -> int:
        """The same for speech that is mu-law already."""

    async def mark(self, name: str) -> None:
        """Have ``on_mark`` called with ``name`` once all that was said until here has been played."""

    async def hush(self) -> None:
        """Stop speaking at once, also what is under way; nothing that was said before follows."""

    async def stop(self) -> None:
        """End ``run``. Safe to call twice."""


MediaMaker = Callable[[MediaEvents, Callable[[], float]], Media]
"""Makes a call's media of whom it tells, and of the call's clock."""


@dataclass(frozen=True, slots=True)
class MediaStats:
    """How the media path of this process does, over the last ten seconds.

    ``lateness_p99_ms`` is how long after its time a packet of ours went out; packets are timed 125 ms ahead of what
    the person hears, so up to that much is inaudible. ``underruns`` are packets that went out after the person had
    heard all that came before them: an audible gap. ``lag_p99_ms`` is how late the loop woke up. Both are 0 where
    nothing was sent. ``calls`` are live at this moment.
    """

    calls: int = 0
    lateness_p50_ms: float = 0.0
    lateness_p99_ms: float = 0.0
    lag_p99_ms: float = 0.0
    packets_in: int = 0
    packets_out: int = 0
    underruns: int = 0
