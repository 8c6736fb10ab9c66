"""Whose voice is on a recording: the premium one of these tests is a woman's, the local one a man's."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.recordings.keys import Keyring
from voice.recordings.store import DiskStore, reader_of

BETWEEN_THE_VOICES_HZ = 150
_WINDOW_S = 0.04
_LOW_HZ, _HIGH_HZ = 70, 350


def agent_side(recordings: Path, name: str) -> tuple[NDArray[np.float64], int]:
    """The agent's channel of the recording ``name`` of an installation, and its samples a second.

    Its keys lie beside the folder; until it was stored, the recording is where its worker has left it.
    """
    keys = Keyring.parse((recordings.parent / "recording_keys").read_text())
    store, live = DiskStore(recordings), DiskStore(recordings / "live")
    reader = reader_of(live, Path(name).name, keys) or reader_of(store, name, keys)
    assert reader is not None
    samples = np.frombuffer(reader.sound(0, reader.sound_bytes), "<i2").reshape(-1, 2)
    return samples[:, 1].astype(np.float64), reader.about.rate


def pitch_hz(samples: NDArray[np.float64], rate: int) -> float:
    """The median pitch of the voiced parts, by autocorrelation."""
    window, shortest, longest = int(_WINDOW_S * rate), rate // _HIGH_HZ, rate // _LOW_HZ
    found = []
    for at in range(0, len(samples) - window, window):
        part = samples[at : at + window] - samples[at : at + window].mean()
        alike = np.correlate(part, part, "full")[window - 1 :]
        lag = shortest + int(np.argmax(alike[shortest:longest]))
        if alike[0] > 1e8 and alike[lag] > 0.5 * alike[0]:
            found.append(rate / lag)
    return float(np.median(found))
