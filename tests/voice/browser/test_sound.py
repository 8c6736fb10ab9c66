"""Audio on its way between a browser and the conversation."""

import asyncio
import time
from fractions import Fraction

import numpy as np
import pytest
from av import AudioFrame

from tests.voice.speech import pitches, tone
from voice.browser.sound import Microphone, VoiceTrack
from voice.speech.ports import RATE


def stereo(pcm_48k: np.ndarray, pts: int | None) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.repeat(pcm_48k, 2).reshape(1, -1).astype("<i2"), format="s16", layout="stereo")
    frame.sample_rate, frame.pts = 48_000, pts
    if pts is not None:
        frame.time_base = Fraction(1, 48_000)
    return frame


def test_what_a_browser_sends_becomes_telephone_audio() -> None:
    microphone, came, moments = Microphone(), bytearray(), list[float]()
    wide = 8000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    for number in range(50):
        for pcm, at in microphone.hear(
            stereo(wide[number * 960 : (number + 1) * 960], number * 960), 5 + number * 0.02
        ):
            came += pcm
            moments.append(at)
    assert RATE - 40 <= len(came) // 2 <= RATE  # the resampler keeps less than 5 ms
    assert pitches(bytes(came)) == [440.0]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] == pytest.approx(49 * 0.02, abs=0.01)


def test_a_frame_without_a_time_has_the_moment_at_which_it_came() -> None:
    ((pcm, at),) = Microphone().hear(stereo(np.zeros(960), None), 7.0)
    assert at == pytest.approx(7.0 - len(pcm) / 2 / RATE, abs=0.001)


async def test_the_voice_goes_out_in_frames_with_silence_between() -> None:
    track = VoiceTrack()
    track.play(tone(30))
    assert track.waiting_s == pytest.approx(0.03)
    frames = [await track.recv() for _ in range(3)]
    assert [(frame.pts, frame.samples, frame.sample_rate) for frame in frames] == [
        (0, 160, RATE),
        (160, 160, RATE),
        (320, 160, RATE),
    ]
    sent = b"".join(bytes(frame.planes[0])[:320] for frame in frames)
    assert sent == tone(30) + bytes(len(sent) - len(tone(30)))
    assert track.waiting_s == 0


async def test_frames_come_at_their_time() -> None:
    track = VoiceTrack()
    began = time.monotonic()
    for _ in range(6):
        await track.recv()
    assert 0.09 <= time.monotonic() - began < 0.5


async def test_what_is_cleared_is_not_sent() -> None:
    track = VoiceTrack()
    track.play(tone(100))
    await track.recv()
    track.clear()
    assert bytes((await track.recv()).planes[0])[:320] == bytes(320)
    assert track.waiting_s == 0


async def test_a_standstill_is_not_caught_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    track = VoiceTrack()
    await track.recv()
    monkeypatch.setattr("voice.browser.sound._STANDSTILL_S", 0.05)
    await asyncio.sleep(0.15)
    began = time.monotonic()
    pts = [(await track.recv()).pts for _ in range(4)]
    assert pts == [160, 320, 480, 640]
    assert time.monotonic() - began >= 0.05
