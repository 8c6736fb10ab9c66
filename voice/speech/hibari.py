"""The engine of the speech-out process for the second local voice: hibari, far quicker than Piper.

Apache-2.0, so it could live anywhere; like Piper it has a process of its own, away from the media loop.
"""

from pathlib import Path

import numpy as np
import soxr
from hibari import Hibari
from hibari.voices import voice_path

from voice.speech.identity import identity_of
from voice.speech.loudness import levelled

_SEED = 1  # the same text always sounds the same, so that a kept phrase is no other person's


class Mouth:
    """``voice`` is a name of hibari's, empty for the one that comes with it; others have to be on this machine."""

    def __init__(self, voice: str = "") -> None:
        name = voice or "heart"
        self.identity = identity_of("hibari", Path(voice_path(name, download_missing=False)))
        self._voice = Hibari(voice=name)
        self.speech("Ready.")

    def speech(self, text: str) -> bytes:
        """``text`` as PCM: 8 kHz, 16-bit, mono, at one loudness; empty for a text without sounds."""
        samples = np.asarray(self._voice(text, seed=_SEED), dtype=np.float32)
        narrow = soxr.resample(samples, self._voice.sample_rate, 8000, quality="HQ")
        return levelled(bytes((np.clip(narrow, -1.0, 1.0) * 32767).astype("<i2").tobytes()))

    def who(self) -> str:
        """What tells this voice from every other: its phrases are kept under it."""
        return self.identity
