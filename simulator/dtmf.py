"""Keys heard as the tones that they are: Goertzel's filters at the eight frequencies of ITU-T Q.23."""

import numpy as np
from numpy.typing import NDArray

from simulator import audio

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
_SAMPLES = 2 * audio.FRAME
_BOTH = 0.7  # of the power in the two tones of a key
_LEAST = 0.2  # of it in the weaker one
_TURNS = np.exp(-2j * np.pi * np.outer([*_ROWS, *_COLUMNS], np.arange(_SAMPLES)) / audio.RATE)


def key_in(samples: NDArray[np.float32]) -> str | None:
    """The key whose tones fill ``samples``, 40 ms at 8 kHz; None where they hold anything else."""
    total = float(np.sum(samples**2)) * _SAMPLES / 2
    if total <= 0:
        return None
    shares = np.abs(_TURNS @ samples) ** 2 / total
    row, column = int(shares[:4].argmax()), int(shares[4:].argmax())
    low, high = float(shares[row]), float(shares[4 + column])
    return _KEYS[row * 4 + column] if low + high >= _BOTH and min(low, high) >= _LEAST else None


class Keypad:
    """Follows what is heard; a key counts once however long it is held."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._held: str | None = None

    def tick(self, heard: bytes | None) -> str | None:
        """The key that begins, in 20 ms of what is heard (None: nothing)."""
        if heard is None or not audio.audible(heard):
            self._frames.clear()
            self._held = None
            return None
        self._frames.append(heard)
        if len(self._frames) < 2:
            return None
        key = key_in(audio.to_samples(b"".join(self._frames), audio.RATE))
        self._frames.clear()
        began = key if key != self._held else None
        self._held = key
        return began
