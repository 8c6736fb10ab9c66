"""Telephone audio: 8 kHz, mono, G.711 mu-law, in frames of 20 ms (160 bytes)."""

import audioop
import io
import wave

import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 8000
FRAME = 160
FRAME_S = 0.02
SILENCE = b"\xff" * FRAME
_SPEECH_RMS = 180  # about -45 dBFS: above comfort noise and codec noise, below any voice
_NOISE_RMS = 33  # about -60 dBFS


def to_mulaw(samples: NDArray[np.float32], rate: int) -> bytes:
    """Samples in [-1, 1] at ``rate`` Hz as mu-law at 8 kHz."""
    at_8k = soxr.resample(samples, rate, RATE, quality="HQ") if rate != RATE else samples
    pcm = (np.clip(at_8k, -1.0, 1.0) * 32767).astype("<i2")
    return audioop.lin2ulaw(pcm.tobytes(), 2)


def to_samples(mulaw: bytes, rate: int) -> NDArray[np.float32]:
    """Mu-law at 8 kHz as samples in [-1, 1] at ``rate`` Hz."""
    pcm = np.frombuffer(audioop.ulaw2lin(mulaw, 2), dtype="<i2").astype(np.float32) / 32768
    samples: NDArray[np.float32] = soxr.resample(pcm, RATE, rate, quality="HQ")
    return samples


def audible(frame: bytes) -> bool:
    """Whether a frame holds more than noise."""
    return audioop.rms(audioop.ulaw2lin(frame, 2), 2) > _SPEECH_RMS


def trimmed(mulaw: bytes) -> bytes:
    """Without the inaudible frames at both ends, in whole frames, so that the end of the speech is exact."""
    padded = mulaw + b"\xff" * (-len(mulaw) % FRAME)
    frames = [padded[at : at + FRAME] for at in range(0, len(padded), FRAME)]
    loud = [index for index, frame in enumerate(frames) if audible(frame)]
    return b"".join(frames[loud[0] : loud[-1] + 1]) if loud else b""


def comfort_noise(seconds: float = 5.0, seed: int = 0) -> tuple[bytes, ...]:
    """Frames of white noise at about -60 dBFS."""
    noise = np.random.default_rng(seed).normal(0, _NOISE_RMS / 32768, int(seconds * RATE)).astype(np.float32)
    mulaw = to_mulaw(noise, RATE)
    return tuple(mulaw[at : at + FRAME] for at in range(0, len(mulaw), FRAME))


def beep(seconds: float = 0.4, hz: int = 1000) -> bytes:
    """The tone of an answering machine or a fax."""
    at = np.arange(int(seconds * RATE)) / RATE
    return to_mulaw((0.4 * np.sin(2 * np.pi * hz * at)).astype(np.float32), RATE)


def from_file(content: bytes, content_type: str) -> bytes:
    """A sound file for ``<Play>``, WAV or bare mu-law, as mu-law. Raises ValueError for anything else."""
    if content_type.split(";", maxsplit=1)[0].strip() in {"audio/basic", "audio/x-mulaw", "audio/ulaw"}:
        return content
    try:
        with wave.open(io.BytesIO(content)) as file:
            if file.getsampwidth() != 2:
                raise ValueError("the WAV file does not hold 16-bit samples")
            pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768
            return to_mulaw(pcm.reshape(-1, file.getnchannels()).mean(axis=1).astype(np.float32), file.getframerate())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"neither WAV nor mu-law: {error}") from error
