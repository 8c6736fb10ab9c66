"""What the people on the phone say: recordings of human speech, as mu-law packets whose last one is voice."""

import json
import warnings
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
from faster_whisper import decode_audio

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE = 8000
PACKET = 160
_SHORTEST_S, _LONGEST_S = 1.2, 6.0
_QUIET = 0.02  # of full scale; below it nobody speaks
_EDGE = 80  # samples kept around the voice


class NoSpeech(Exception):
    """The folder holds no speech; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """20-ms ``packets`` of mu-law; the voice ends ``tail_s`` before the end of the last. ``of`` names its set."""

    of: str
    text: str
    packets: tuple[bytes, ...]
    tail_s: float


def utterances(folder: Path, most: int = 40) -> list[Utterance]:
    """Those of ``folder``'s manifest that last 1.2 to 6 s, of each set in turn. Raises NoSpeech."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise NoSpeech(f"No recordings of people in {folder}: name a folder with a manifest.json by --speech.")
    found: list[Utterance] = []
    for entry in _in_turn(json.loads(manifest.read_text())):
        samples = _voice(np.asarray(decode_audio(str(folder / entry["path"]), sampling_rate=RATE)))
        if _SHORTEST_S <= len(samples) / RATE <= _LONGEST_S:
            found.append(_utterance(entry, samples))
        if len(found) == most:
            break
    if not found:
        raise NoSpeech(f"{manifest} names no recording of {_SHORTEST_S} to {_LONGEST_S} s.")
    return found


def line_noise(packets: int = 50) -> list[bytes]:
    """The hiss of a telephone line at rest, at about -60 dBFS."""
    noise = np.random.default_rng(1).standard_normal((packets, PACKET)) * 20
    return [audioop.lin2ulaw(one.astype("<i2").tobytes(), 2) for one in noise]


def _in_turn(entries: list[dict[str, str]]) -> list[dict[str, str]]:
    sets: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        sets.setdefault(entry["set"], []).append(entry)
    return [entry for several in zip_longest(*sets.values()) for entry in several if entry is not None]


def _voice(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Levelled, and cut to the voice in it."""
    samples = samples * (0.5 / max(1e-4, float(np.abs(samples).max())))
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    return samples[max(0, loud[0] - _EDGE) : loud[-1] + _EDGE] if len(loud) else samples[:0]


def _utterance(entry: dict[str, str], samples: npt.NDArray[np.float32]) -> Utterance:
    fill = -len(samples) % PACKET
    pcm = (np.pad(samples, (0, fill)) * 32767).astype("<i2").tobytes()
    mulaw = audioop.lin2ulaw(pcm, 2)
    packets = tuple(mulaw[at : at + PACKET] for at in range(0, len(mulaw), PACKET))
    return Utterance(entry["set"], entry["text"], packets, (fill + _EDGE) / RATE)
