"""One loudness for every voice."""

import numpy as np
import pytest

from tests.voice.speech import silence, spoken, tone
from voice.speech.loudness import TARGET_DBOV, Leveller, active_level, amplified, levelled


def quieter(pcm: bytes, gain_db: float) -> bytes:
    return bytes((np.frombuffer(pcm, "<i2") * 10 ** (gain_db / 20)).astype("<i2").tobytes())


def test_the_level_of_a_tone_is_that_of_its_power() -> None:
    assert active_level(tone(1000, level=0.5)) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)


def test_pauses_do_not_count() -> None:
    loud = tone(1000, level=0.5)
    with_pauses = silence(500) + loud + quieter(tone(500), -40) + silence(1500)
    assert active_level(with_pauses) == pytest.approx(active_level(loud), abs=0.1)


@pytest.mark.parametrize("pcm", [b"", bytes(2), silence(1000), quieter(tone(1000), -60)])
def test_silence_has_no_level_and_stays_as_it_is(pcm: bytes) -> None:
    assert active_level(pcm) is None
    assert levelled(pcm) == pcm


@pytest.mark.parametrize("gain_db", [-25, -10, 0, 3])
def test_speech_comes_to_the_target_however_it_came(gain_db: float) -> None:
    pcm = quieter(spoken("Are you still thinking about selling the place?"), gain_db)
    level = active_level(levelled(pcm))
    assert level == pytest.approx(TARGET_DBOV, abs=0.5)


def test_peaks_stay_below_full_scale_without_being_cut() -> None:
    loud = np.frombuffer(amplified(tone(200, level=0.5), 12.0), "<i2")
    assert 0.9 * 32767 < np.abs(loud).max() < 32767
    assert len(np.unique(loud[np.abs(loud) > 0.9 * 32767])) > 10  # rounded, where a cut would be flat


def test_nothing_is_amplified_out_of_the_noise() -> None:
    noise = quieter(tone(500), -45)
    assert active_level(amplified(noise, 60.0)) == pytest.approx((active_level(noise) or 0) + 30.0, abs=0.2)


def test_a_voice_has_one_gain_learnt_from_what_it_said() -> None:
    leveller = Leveller()
    assert leveller.gain_db is None
    leveller.learn(silence(500))
    assert leveller.gain_db is None
    leveller.learn(tone(1000, level=0.1))
    first = leveller.gain_db
    assert first == pytest.approx(TARGET_DBOV - 20 * np.log10(0.1 / np.sqrt(2)), abs=0.05)
    for _ in range(200):
        leveller.learn(tone(1000, level=0.2))
    assert leveller.gain_db == pytest.approx((first or 0) - 6.02, abs=0.3)
