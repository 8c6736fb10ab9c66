"""Recordings of people with what they say, as a telephone brings them: clean, mu-law, and with others talking."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from faster_whisper import decode_audio

from voice.speech.ports import RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

CONDITIONS = ("clean", "mu-law", "babble 20 dB", "babble 10 dB")
_LONGEST_S = 25.0  # no turn is handed on longer
_PEAK = 0.5
_BABBLE = "babble.wav"

Samples = npt.NDArray[np.float32]


class NoSpeech(Exception):
    """The folder holds no recordings; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """``samples`` are 8 kHz, -1 to 1; ``group`` is the set it comes from."""

    group: str
    text: str
    samples: Samples


def recordings(folder: Path, limit: int | None = None) -> list[Utterance]:
    """Those that the manifest in ``folder`` names, up to 25 s long; ``limit`` of each set. Raises NoSpeech."""
    manifest = folder / "manifest.json"
    if not (manifest.is_file() and (folder / _BABBLE).is_file()):
        raise NoSpeech(
            f"No recordings of people in {folder}: name a folder with manifest.json and babble.wav by --speech."
        )
    found: list[Utterance] = []
    for entry in json.loads(manifest.read_text()):
        group = "LibriSpeech other" if "librispeech" in entry["set"] else "prompts"
        if limit is not None and sum(one.group == group for one in found) >= limit:
            continue
        samples = levelled(np.asarray(decode_audio(str(folder / entry["path"]), sampling_rate=RATE)))
        if len(samples) <= _LONGEST_S * RATE:
            found.append(Utterance(group, entry["text"], samples))
    return found


def levelled(samples: Samples) -> Samples:
    return samples * np.float32(_PEAK / max(1e-4, float(np.abs(samples).max())))


class Line:
    """What a telephone line makes of speech. ``babble`` is people talking, 8 kHz."""

    def __init__(self, babble: Samples) -> None:
        self._babble = babble

    @classmethod
    def of(cls, folder: Path) -> "Line":
        return cls(np.asarray(decode_audio(str(folder / _BABBLE), sampling_rate=RATE)))

    def pcm(self, samples: Samples, condition: str, seed: int) -> bytes:
        """``samples`` as 16-bit PCM under ``condition``; the same for the same ``seed``."""
        if condition == "clean":
            return _pcm(samples)
        if condition != "mu-law":
            samples = samples + self._noise(samples, float(condition.split()[1]), seed)
        return audioop.ulaw2lin(audioop.lin2ulaw(_pcm(samples), 2), 2)

    def _noise(self, samples: Samples, snr_db: float, seed: int) -> Samples:
        start = int(np.random.default_rng(seed).integers(len(self._babble)))
        noise = np.take(self._babble, np.arange(start, start + len(samples)), mode="wrap")
        power = float(np.mean(samples**2) / np.mean(noise**2))
        return np.asarray(noise * np.sqrt(power / 10 ** (snr_db / 10)), dtype=np.float32)


def under(line: Line, utterances: list[Utterance], condition: str) -> Iterator[tuple[Utterance, bytes]]:
    for seed, one in enumerate(utterances):
        yield one, line.pcm(one.samples, condition, seed)


def _pcm(samples: Samples) -> bytes:
    return (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
