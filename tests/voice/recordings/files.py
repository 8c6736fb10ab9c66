"""Reading sealed files in tests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.recordings.keys import Keyring
from voice.recordings.store import DiskStore, Reader, reader_of


def reader(path: Path, keys: Keyring) -> Reader:
    found = reader_of(DiskStore(path.parent), path.name, keys)
    assert found is not None
    return found


def tracks(path: Path, keys: Keyring) -> NDArray[np.int16]:
    """The samples, lead and agent."""
    opened = reader(path, keys)
    return np.frombuffer(opened.sound(0, opened.sound_bytes), "<i2").reshape(-1, 2)
