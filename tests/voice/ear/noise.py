"""What is on a telephone line when nobody speaks to us: 8 kHz PCM as mu-law brings it, by name."""

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from voice.speech.ports import RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Samples = npt.NDArray[np.float64]


def without_words() -> Iterator[tuple[str, bytes]]:
    """Silence, noise, hum, a ringing line, a busy one, keys, music, beeps, fax, clicks, breath."""
    chance = np.random.default_rng(1)
    for name, samples in _sounds(chance):
        pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        yield name, audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2)


def _sounds(chance: np.random.Generator) -> Iterator[tuple[str, Samples]]:
    for seconds in (0.8, 2.0, 5.0):
        yield f"silence {seconds}", np.zeros(int(seconds * RATE))
        for level in (0.003, 0.05, 0.2):
            yield f"noise {level} {seconds}", chance.normal(0, level, int(seconds * RATE))
    yield "hum", _tones(3, 60, 180, level=0.05)
    yield "ringback", _tones(4, 440, 480) * (np.arange(4 * RATE) % (6 * RATE) < 2 * RATE)
    yield "busy", _tones(3, 480, 620) * (np.arange(3 * RATE) % RATE < RATE // 2)
    for key, pair in {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "#": (941, 1477)}.items():
        yield f"key {key}", np.pad(_tones(0.2, *pair), 2000)
    for piece in range(4):
        yield f"music {piece}", _music(chance)
    yield "beep", np.pad(_tones(0.4, 1400), 4000)
    yield "fax calls", _tones(0.5, 1100)
    yield "fax answers", _tones(3, 2100)
    clicks = np.zeros(2 * RATE)
    for at in (3000, 9000):
        clicks[at : at + 600] += chance.normal(0, 0.4, 600) * np.exp(-np.arange(600) / 120)
    yield "clicks", clicks
    yield "breath", np.pad(chance.normal(0, 0.3, 4000) * np.hanning(4000), 6000)


def _tones(seconds: float, *hertz: float, level: float = 0.2) -> Samples:
    at = np.arange(int(seconds * RATE)) / RATE
    return level * np.asarray(np.sum([np.sin(2 * np.pi * one * at) for one in hertz], axis=0))


def _music(chance: np.random.Generator) -> Samples:
    chords = []
    for _ in range(chance.integers(4, 9)):
        root = 220 * 2 ** (chance.integers(0, 12) / 12)
        voices = [root * step * overtone for step in (1, 1.26, 1.5) for overtone in (1, 2)]
        chord = _tones(chance.uniform(0.25, 0.8), *voices, level=0.06)
        chords.append(chord * np.exp(-np.arange(len(chord)) / RATE))
    return np.concatenate(chords)
