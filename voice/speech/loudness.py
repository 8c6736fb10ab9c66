"""One loudness for every voice: the level of speech while it is speech, brought to one target.

The active level after ITU-T P.56: the mean power of what is no pause, where a pause is what lies more than a margin
below that mean. P.56 finds pauses by a smoothed envelope with a hangover; here they are frames of 20 ms. Levels are
dBov: 0 is a square wave as loud as 16 bits hold.
"""

import math

import numpy as np
from numpy.typing import NDArray

from voice.speech.ports import RATE

TARGET_DBOV = -20.0
"""6 dB above the nominal level of tests of speech, -26 dBov (ITU-T P.830)."""

_MARGIN_DB = 15.9  # ITU-T P.56, 6.1
_FLOOR_DBOV = -60.0  # below it there is nothing to bring up
_FRAME = RATE // 50
_MOST_GAIN_DB = 30.0
_KNEE = 0.8  # of full scale; peaks above it are pressed together
_REMEMBERED = 3000  # frames, a minute of speech: how far back a voice's level is known


def active_level(pcm: bytes) -> float | None:
    """The level of the speech in ``pcm``, 16 bits at 8 kHz, in dBov; None where there is none."""
    power, frames = _activity(_samples(pcm))
    return 10 * math.log10(power) if frames else None


def levelled(pcm: bytes, *, target_dbov: float = TARGET_DBOV) -> bytes:
    """A whole text's audio at the target; silence stays as it is."""
    level = active_level(pcm)
    return pcm if level is None else amplified(pcm, target_dbov - level)


def amplified(pcm: bytes, gain_db: float) -> bytes:
    """``pcm`` louder by ``gain_db``, its peaks pressed below full scale rather than cut off."""
    gain_db = max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, gain_db))
    samples = _samples(pcm) * 10 ** (gain_db / 20)
    loud = np.abs(samples)
    if loud.max(initial=0.0) > _KNEE:
        pressed = _KNEE + (1 - _KNEE) * np.tanh((loud - _KNEE) / (1 - _KNEE))
        samples = np.where(loud > _KNEE, np.sign(samples) * pressed, samples)
    return bytes((samples * 32767).astype("<i2").tobytes())


class Leveller:
    """Brings one voice to the target while its audio comes in pieces.

    A clause has one gain from its first piece on: that of what the voice has said before, since a gain that follows
    the sound would pump.
    """

    def __init__(self, *, target_dbov: float = TARGET_DBOV) -> None:
        self._target_dbov = target_dbov
        self._power, self._frames = 0.0, 0.0

    @property
    def gain_db(self) -> float | None:
        """What the voice is made louder by; None before it has said something."""
        return self._target_dbov - 10 * math.log10(self._power) if self._frames else None

    def learn(self, pcm: bytes) -> None:
        """Another clause of the voice, as it came."""
        power, frames = _activity(_samples(pcm))
        if frames:
            known = min(self._frames, _REMEMBERED - min(frames, _REMEMBERED / 2))
            self._power = (self._power * known + power * frames) / (known + frames)
            self._frames = known + frames


def _samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2") / 32768


def _activity(samples: NDArray[np.float64]) -> tuple[float, int]:
    """The mean power of the frames that are no pause, and how many these are."""
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].reshape(count, _FRAME) if count else samples.reshape(1, -1)[:, :_FRAME]
    powers = (frames**2).mean(axis=1) if frames.size else np.zeros(0)
    active = powers[powers > 10 ** (_FLOOR_DBOV / 10)]
    while active.size:
        louder = active[active > active.mean() * 10 ** (-_MARGIN_DB / 10)]
        if louder.size == active.size:
            return float(active.mean()), int(active.size)
        active = louder
    return 0.0, 0
