"""Audio between a browser and the conversation: Opus at 48 kHz there, 8 kHz here, as a telephone carries it.

The resamplers are libav's, by streams: they withhold a millisecond or two, where soxr's best withholds up to 111 ms.
"""

import asyncio
import time
from collections.abc import Iterator
from fractions import Fraction

from aiortc import MediaStreamTrack
from av import AudioFrame, AudioResampler

from voice.media.arrival import InboundClock
from voice.speech.ports import RATE

_FRAME = RATE // 50  # samples: 20 ms, which is one packet of Opus
_FRAME_S = 0.02
_STANDSTILL_S = 0.5  # what is later than that is not caught up with


class Microphone:
    """The person's frames as PCM at 8 kHz, each with the moment of its first sample."""

    def __init__(self) -> None:
        self._resampler = AudioResampler("s16", "mono", RATE)
        self._clock = InboundClock()

    def hear(self, frame: AudioFrame, now: float) -> Iterator[tuple[bytes, float]]:
        """``frame`` came at ``now``, in seconds on the call's clock."""
        stamp_ms = None
        if frame.pts is not None and frame.time_base is not None:
            stamp_ms = round(frame.pts * frame.time_base * 1000)
        for narrow in self._resampler.resample(frame):
            pcm = bytes(narrow.planes[0])[: narrow.samples * 2]
            yield pcm, self._clock.place(stamp_ms, narrow.samples, now)


class VoiceTrack(MediaStreamTrack):
    """Our voice on its way to the browser: what is played, in order and at once, and silence between.

    What was not sent can be taken back, which Pipecat's own track cannot.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pcm = bytearray()
        self._begun: float | None = None
        self._sent = 0  # samples, of which the frames' timestamps are made
        self._due = 0  # samples since ``_begun``

    @property
    def waiting_s(self) -> float:
        """How long it takes until all that is queued will have been sent."""
        return len(self._pcm) / 2 / RATE

    def play(self, pcm: bytes) -> None:
        """Queue ``pcm`` at 8 kHz."""
        self._pcm += pcm

    def clear(self) -> None:
        """Forget what was not sent."""
        self._pcm.clear()

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when it is their time."""
        now = time.monotonic()
        if self._begun is None or now - self._begun - self._due / RATE > _STANDSTILL_S:
            self._begun, self._due = now, 0
        await asyncio.sleep(max(0.0, self._begun + self._due / RATE - now))
        pcm = bytes(self._pcm[: _FRAME * 2])
        del self._pcm[: _FRAME * 2]
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME)
        frame.planes[0].update(pcm.ljust(_FRAME * 2, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += _FRAME
        self._due += _FRAME
        return frame
