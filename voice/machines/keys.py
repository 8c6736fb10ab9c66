"""Keys as sound: a carrier's media stream takes audio only, so a key that we press is its two tones (ITU-T Q.23)."""

from functools import lru_cache

import numpy as np

from voice.speech.ports import RATE

KEYS = "123A456B789C*0#D"
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
TONE_S, PAUSE_S = 0.12, 0.1
"""ITU-T Q.24: recognised from 40 ms on, with pauses of 40 ms; longer ones survive a mobile codec."""
_AMPLITUDE = 0.28  # each; -11 dBFS, so that the sum is far from clipping
_RAMP_S = 0.005


@lru_cache(maxsize=32)
def tones(keys: str) -> bytes:
    """``keys`` one after the other as PCM, 8 kHz s16le mono. Raises ValueError for what is no key."""
    return b"".join(_key(key) + bytes(round(PAUSE_S * RATE) * 2) for key in keys)


def _key(key: str) -> bytes:
    row, column = divmod(KEYS.index(key), 4)
    at = np.arange(round(TONE_S * RATE)) / RATE
    wave = np.sin(2 * np.pi * _ROWS[row] * at) + np.sin(2 * np.pi * _COLUMNS[column] * at)
    ramp = np.minimum(1.0, np.minimum(at, at[::-1]) / _RAMP_S)
    return bytes((_AMPLITUDE * wave * ramp * 32767).astype("<i2").tobytes())
