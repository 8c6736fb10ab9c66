"""What a microphone picks up beside the person: babble, a street or pink noise, made from a seed, or a recording."""

import audioop
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator import audio

Samples = NDArray[np.float32]
"""8 kHz, from -1 to 1."""
KINDS = ("babble", "street", "pink")
SPEECH_RMS = 0.1
"""Of all that people say, over the frames in which they say it: -20 dBFS, as telephones are set to."""
SECONDS = 20.0
_CARS_EVERY_S, _CAR_S = 4.0, 1.6


def levelled(samples: Samples, rms: float = SPEECH_RMS) -> Samples:
    """Louder or quieter, so that its audible frames have ``rms``; silence stays silence."""
    padded = np.pad(samples, (0, -len(samples) % audio.FRAME)).reshape(-1, audio.FRAME)
    powers = (padded.astype(np.float64) ** 2).mean(axis=1)
    loudest = float(powers.max(initial=0.0))
    if not loudest:
        return samples
    # A frame 25 dB under the loudest is a pause between words.
    active = float(powers[powers > loudest * 10**-2.5].mean())
    return np.asarray(samples * (rms / active**0.5), dtype=np.float32)


def made(kind: str, seed: int, *, talkers: Sequence[Samples] = ()) -> Samples:
    """``SECONDS`` of a kind, the same for the same seed. ``talkers`` are what babble is mixed of, one at a time.

    Raises ValueError for a kind that there is not.
    """
    noise = np.random.default_rng(seed)
    if kind == "pink":
        return _pink(noise)
    if kind == "street":
        return _street(noise)
    if kind == "babble":
        return _babble(talkers, random.Random(seed))  # noqa: S311 - people, not keys
    raise ValueError(f"There is no noise called {kind!r}; there are {', '.join(KINDS)}.")


def recorded(path: Path) -> Samples:
    """A recording of noise, in any format that FFmpeg reads. Raises ValueError."""
    from av.error import FFmpegError
    from faster_whisper import decode_audio

    try:
        samples = np.asarray(decode_audio(str(path), sampling_rate=audio.RATE), dtype=np.float32)
    except (OSError, FFmpegError) as error:
        raise ValueError(f"{path} cannot be read as sound: {error}") from error
    if len(samples) < audio.RATE:
        raise ValueError(f"{path} is shorter than a second: name a longer recording.")
    return samples


def frames(noise: Samples, snr_db: float) -> list[bytes]:
    """20-ms frames of 16-bit PCM, ``snr_db`` under what people say, over all of a telephone's 4 kHz."""
    samples = noise.astype(np.float64)
    samples *= SPEECH_RMS / 10 ** (snr_db / 20) / float(np.sqrt((samples**2).mean()))
    pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    size = 2 * audio.FRAME
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def mixed(frame: bytes, noise: bytes) -> bytes:
    """A frame of mu-law with a frame of noise in it."""
    return audioop.lin2ulaw(audioop.add(audioop.ulaw2lin(frame, 2), noise, 2), 2)


def _shaped(samples: Samples, gain: Callable[[NDArray[Any]], NDArray[Any]]) -> Samples:
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / audio.RATE)
    return np.fft.irfft(spectrum * gain(hz), len(samples)).astype(np.float32)


def _pink(noise: np.random.Generator) -> Samples:
    white = noise.normal(0.0, 1.0, round(SECONDS * audio.RATE)).astype(np.float32)
    return _shaped(white, lambda hz: 1 / np.sqrt(np.maximum(hz, 20.0)))


def _street(noise: np.random.Generator) -> Samples:
    """A steady rumble, and cars that come and go over it."""
    samples = _pink(noise).astype(np.float64)
    at = np.arange(len(samples)) / audio.RATE
    swell = np.full(len(samples), 0.6)
    for _ in range(round(SECONDS / _CARS_EVERY_S)):
        passes_s, loud = noise.uniform(0, SECONDS), noise.uniform(0.5, 1.5)
        swell += loud * np.exp(-(((at - passes_s) / _CAR_S) ** 2))
    return np.asarray(samples * swell, dtype=np.float32)


def _babble(talkers: Sequence[Samples], rng: random.Random) -> Samples:
    """Everybody at once, each saying their sentences over and over from a place of their own."""
    mixed_ = np.zeros(round(SECONDS * audio.RATE), dtype=np.float32)
    for talker in talkers:
        start = rng.randrange(len(talker))
        mixed_ += np.take(levelled(talker), np.arange(start, start + len(mixed_)), mode="wrap")
    return mixed_
