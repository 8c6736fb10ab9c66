"""Tones in audio as a telephone has it, and what is none."""

import warnings

import numpy as np
import pytest

from tests.voice.speech import silence, spoken, tone
from voice.machines.keys import PAUSE_S, TONE_S, tones
from voice.machines.sounds import BLOCK, Tone, ToneKind, Tones
from voice.speech.ports import RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RNG = np.random.default_rng(7)


def on_the_phone(pcm: bytes, *, noise: float = 0.001) -> bytes:
    """Through mu-law, with noise at about -60 dBFS."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) + RNG.normal(0, noise * 32767, len(pcm) // 2)
    clipped = np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    return audioop.ulaw2lin(audioop.lin2ulaw(clipped, 2), 2)


def heard_in(pcm: bytes, *, noise: float = 0.001) -> list[Tone]:
    pcm = on_the_phone(pcm, noise=noise)
    pcm += bytes(-len(pcm) % BLOCK)
    tracker, found = Tones(), list[Tone]()
    for at in range(0, len(pcm), BLOCK):
        found += tracker.feed(pcm[at : at + BLOCK], at / 2 / RATE)
    return found


@pytest.mark.parametrize("hz", [440, 620, 1000, 1400, 2000, 2500])
@pytest.mark.parametrize("ms", [200, 400, 1000, 1450])
@pytest.mark.parametrize("before_ms", [300, 333, 371])
def test_a_beep(hz: int, ms: int, before_ms: int) -> None:
    (beep,) = heard_in(silence(before_ms) + tone(ms, hz) + silence(300))

    assert beep.kind is ToneKind.BEEP
    assert beep.hz == pytest.approx(hz, abs=12)
    assert beep.start == pytest.approx(before_ms / 1000, abs=0.06)
    assert beep.end == pytest.approx((before_ms + ms) / 1000, abs=0.06)


@pytest.mark.parametrize("level", [0.03, 0.9])
def test_a_beep_loud_or_faint(level: float) -> None:
    (beep,) = heard_in(silence(300) + tone(400, 1000, level=level) + silence(300))

    assert beep.kind is ToneKind.BEEP


@pytest.mark.parametrize(
    "pcm",
    [
        tone(80, 1000),
        tone(3000, 1000),
        tone(400, 300),
        tone(400, 3000),
        tone(400, 1000, level=0.003),
        bytes(np.asarray(RNG.normal(0, 3000, 8000)).astype("<i2").tobytes()),
        silence(1000),
    ],
    ids=["click", "long", "low", "high", "faint", "noise", "silence"],
)
def test_no_beep(pcm: bytes) -> None:
    assert heard_in(silence(300) + pcm + silence(300)) == []


def test_ringing_and_keys_are_no_beeps() -> None:
    at = np.arange(2 * RATE) / RATE
    ring = (np.sin(2 * np.pi * 440 * at) + np.sin(2 * np.pi * 480 * at)) * 0.2 * 32767

    assert heard_in(ring.astype("<i2").tobytes()) == []
    assert heard_in(silence(200) + tones("159D#") + silence(200)) == []


@pytest.mark.parametrize("text", ["Hello? Who is this?", "Oh no, who knew you would move so soon to Oahu?"])
def test_speech_has_no_tones(text: str) -> None:
    assert heard_in(spoken(text)) == []


def test_a_beep_right_behind_speech() -> None:
    speech = spoken("Please leave a message after the beep.")
    (beep,) = heard_in(speech + tone(400, 1000) + silence(200))

    assert beep.kind is ToneKind.BEEP
    assert beep.end == pytest.approx(len(speech) / 2 / RATE + 0.4, abs=0.06)


def test_the_answer_tone_of_a_fax_is_known_before_its_end() -> None:
    (fax,) = heard_in(silence(500) + tone(3000, 2100) + silence(200))

    assert (fax.kind, round(fax.end - 0.5, 1)) == (ToneKind.FAX, 1.8)


def test_the_call_tone_of_a_fax_comes_twice() -> None:
    once = silence(300) + tone(500, 1100) + silence(3000)

    assert [found.kind for found in heard_in(once)] == [ToneKind.BEEP]
    assert [found.kind for found in heard_in(once + once)] == [ToneKind.BEEP, ToneKind.FAX]
    assert [found.kind for found in heard_in(once + silence(4000) + once)] == [ToneKind.BEEP, ToneKind.BEEP]


def test_a_van_that_backs_up_is_no_fax() -> None:
    assert {found.kind for found in heard_in((tone(500, 1100) + silence(500)) * 6)} == {ToneKind.BEEP}


def test_special_information_tones() -> None:
    rising = tone(330, 950) + tone(330, 1400) + tone(330, 1800) + silence(300)
    falling = tone(330, 1800) + tone(330, 1400) + tone(330, 950) + silence(300)

    assert heard_in(silence(200) + rising)[-1].kind is ToneKind.SPECIAL_INFORMATION
    assert {found.kind for found in heard_in(silence(200) + falling)} == {ToneKind.BEEP}


def test_keys_are_two_tones_and_a_pause() -> None:
    pcm = tones("5")

    assert len(pcm) == round((TONE_S + PAUSE_S) * RATE) * 2
    loud = np.frombuffer(pcm, dtype="<i2")[: round(TONE_S * RATE)].astype(float)
    power = np.abs(np.fft.rfft(loud, 8000)) ** 2
    assert sorted(int(peak) for peak in (power[:1000].argmax(), 1000 + power[1000:].argmax())) == pytest.approx(
        [770, 1336], abs=3
    )
    assert len(tones("10#")) == 3 * len(pcm)
    with pytest.raises(ValueError, match="substring"):
        tones("x")
