"""Noise: as loud as it is said to be, the same for the same seed, from a recording where one is named."""

import audioop
import wave
from pathlib import Path

import numpy as np
import pytest

from evals.voice.background import KINDS, SPEECH_RMS, frames, levelled, made, mixed, recorded
from simulator import audio

TALKER = np.sin(np.arange(3 * audio.RATE) / 5).astype(np.float32)


def rms(pcm: bytes) -> float:
    return float(np.sqrt((np.frombuffer(pcm, "<i2").astype(np.float64) ** 2).mean()) / 32768)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_is_so_far_below_speech(kind: str, snr_db: float) -> None:
    noise = frames(made(kind, 3, talkers=[TALKER]), snr_db)
    assert {len(frame) for frame in noise} == {2 * audio.FRAME}
    assert 20 * np.log10(SPEECH_RMS / rms(b"".join(noise))) == pytest.approx(snr_db, abs=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_one_noise(kind: str) -> None:
    one, same, other = (made(kind, seed, talkers=[TALKER, TALKER[::-1]]) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_noise_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="no noise called 'thunder'; there are babble, street, pink"):
        made("thunder", 1)


def test_speech_is_set_to_one_level_by_what_is_speech_of_it() -> None:
    speech = np.concatenate([TALKER * 0.01, np.zeros(audio.RATE, np.float32)])
    assert levelled(speech)[: len(TALKER)].std() == pytest.approx(SPEECH_RMS, rel=0.01)
    assert not levelled(np.zeros(100, np.float32)).any()


def test_a_frame_with_noise_in_it() -> None:
    noise = np.full(audio.FRAME, 1000, "<i2").tobytes()
    assert mixed(audio.SILENCE, noise) == audioop.lin2ulaw(noise, 2)


def test_a_recording_of_noise(tmp_path: Path) -> None:
    path = tmp_path / "rain.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, audio.RATE, 0, "NONE", ""))
        file.writeframes((TALKER * 32767).astype("<i2").tobytes())
    assert np.allclose(recorded(path), TALKER, atol=0.01)
    path.write_bytes(b"no sound")
    with pytest.raises(ValueError, match="cannot be read as sound"):
        recorded(path)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, audio.RATE, 0, "NONE", ""))
        file.writeframes(bytes(2000))
    with pytest.raises(ValueError, match="shorter than a second: name a longer recording"):
        recorded(path)
