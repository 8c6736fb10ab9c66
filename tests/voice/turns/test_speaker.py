"""Our voice over a media that plays at once what it gets: what was heard of it, and what goes on."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from tests.voice.speech import tone
from voice.domain.types import Tier
from voice.speaker import Speaker, Spoken, word_begin
from voice.speech.ports import RATE

FIRST, SECOND = "One two three four five.", "Six seven?"
MS = {FIRST: 500, SECOND: 200}


class Voice:
    """Speaks ``MS`` of each text; fails at "broken"."""

    tier = Tier.LOCAL

    def __init__(self) -> None:
        self.asked: list[str] = []

    def holds(self, text: str) -> bool:
        return text == SECOND

    async def speech(self, text: str, *, keep: bool, ahead_s: float) -> bytes:
        self.asked.append(text)
        if text == "broken":
            raise RuntimeError("no voice")
        return tone(MS[text])

    async def stream(self, text: str, *, keep: bool, ahead_s: float) -> AsyncIterator[bytes]:
        yield await self.speech(text, keep=keep, ahead_s=ahead_s)


class Recording:
    def __init__(self) -> None:
        self.samples, self.cuts = 0, list[float]()

    def agent(self, pcm: bytes, at: float) -> None:
        self.samples += len(pcm) // 2

    def cut(self, at: float) -> None:
        self.cuts.append(at)


class PlaysAll:
    """A media whose other side gets everything at once, and plays it in time."""

    def __init__(self) -> None:
        self.speaker: Speaker
        self.hushed = 0
        self.said: list[bytes] = []

    async def say(self, pcm: bytes) -> int:
        self.said.append(pcm)
        self.speaker.sent(pcm)
        return len(pcm) // 2

    async def mark(self, name: str) -> None:
        self.speaker.mark_sent(name)
        self.speaker.mark_echoed(name)
        self.speaker.mark_echoed("of somebody else")

    async def hush(self) -> None:
        self.hushed += 1


class Stage:
    def __init__(self) -> None:
        self.voice, self.recording, self.media = Voice(), Recording(), PlaysAll()
        self.speaker = self.media.speaker = Speaker(
            self.voice,  # type: ignore[arg-type]
            self.recording,  # type: ignore[arg-type]
            time.monotonic,
        )
        self.begun: list[float] = []

    async def speak(self, *parts: str, **how: Any) -> Spoken:
        return await self.speaker.speak(
            self.media,  # type: ignore[arg-type]
            parts,
            keep=False,
            stop=how.get("stop"),
            goes_on=how.get("goes_on"),
            begun=self.begun.append,
        )


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_all_is_heard(stage: Stage) -> None:
    before = time.monotonic()
    spoken = await stage.speak(FIRST, SECOND)
    assert (spoken.whole, spoken.text, spoken.interrupted) == (2, f"{FIRST} {SECOND}", False)
    assert spoken.start is not None
    assert stage.begun == [spoken.start]  # told once, and then
    assert before <= spoken.start < before + 0.1
    assert spoken.moments == pytest.approx((spoken.start + 0.5, spoken.start + 0.7), abs=1e-6)
    assert spoken.end == pytest.approx(spoken.start + 0.7, abs=1e-6)
    assert time.monotonic() >= spoken.end
    assert stage.recording.samples == 700 * RATE // 1000
    assert (stage.recording.cuts, stage.media.hushed) == ([], 0)
    assert stage.speaker.quiet_since == spoken.end


async def test_who_is_stopped_is_accounted_for_what_was_heard(stage: Stage) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.25, stop.set)
    spoken = await stage.speak(FIRST, SECOND, stop=stop)
    assert (spoken.whole, spoken.text, spoken.interrupted) == (0, "One two", True)
    assert spoken.start is not None
    assert 0.25 <= spoken.end - spoken.start < 0.34
    assert stage.media.hushed == 1
    assert stage.recording.cuts == pytest.approx([spoken.end], abs=0.01)


async def test_nothing_stops_what_cannot_be_stopped(stage: Stage) -> None:
    asked: list[bool] = []

    async def goes_on() -> bool:
        asked.append(stage.speaker.paused)
        return True

    spoken = await stage.speak(SECOND, stop=None, goes_on=goes_on)
    assert (spoken.text, spoken.interrupted, asked, stage.media.hushed) == (SECOND, False, [], 0)


async def test_a_stop_that_was_none_costs_no_word(stage: Stage) -> None:
    stop, asked = asyncio.Event(), list[bool]()

    async def goes_on() -> bool:
        asked.append(stage.speaker.paused)
        return True

    asyncio.get_running_loop().call_later(0.2, stop.set)
    spoken = await stage.speak(FIRST, SECOND, stop=stop, goes_on=goes_on)
    assert (spoken.whole, spoken.text, spoken.interrupted) == (2, f"{FIRST} {SECOND}", False)
    assert (asked, stage.media.hushed, stop.is_set(), stage.speaker.paused) == ([True], 1, False, False)
    assert stage.voice.asked == [FIRST, SECOND]  # nothing is rendered twice
    whole, rest = stage.media.said[0], stage.media.said[2]
    assert whole.endswith(rest)
    assert 0.3 <= len(rest) / 2 / RATE <= 0.5  # from a moment of the 400 ms before the cut


async def test_a_stop_that_is_meant_is_the_end(stage: Stage) -> None:
    stop = asyncio.Event()
    stop.set()

    async def goes_on() -> bool:
        return False

    spoken = await stage.speak(FIRST, stop=stop, goes_on=goes_on)
    assert (spoken.whole, spoken.interrupted) == (0, True)
    assert not stage.speaker.paused


async def test_what_was_prepared_is_not_rendered_again(stage: Stage) -> None:
    stage.speaker.prepare(SECOND, keep=False)
    stage.speaker.prepare(SECOND, keep=False)
    await asyncio.sleep(0)
    spoken = await stage.speak(SECOND)
    assert (spoken.text, stage.voice.asked) == (SECOND, [SECOND])
    assert (await stage.speak(SECOND)).text == SECOND
    assert stage.voice.asked == [SECOND, SECOND]  # once said it is used up


async def test_what_was_prepared_for_another_reply_is_dropped(stage: Stage) -> None:
    stage.speaker.prepare(SECOND, keep=False)
    spoken = await stage.speak(FIRST)
    assert (spoken.text, sorted(stage.voice.asked)) == (FIRST, sorted([FIRST, SECOND]))


async def test_a_dear_voice_makes_nothing_ahead_that_it_does_not_hold(stage: Stage) -> None:
    stage.voice.tier = Tier.PREMIUM
    stage.speaker.prepare(FIRST, keep=False)
    await asyncio.sleep(0)
    assert stage.voice.asked == []
    stage.speaker.prepare(SECOND, keep=False)
    await asyncio.sleep(0)
    assert stage.voice.asked == [SECOND]


@pytest.mark.parametrize("ahead", [False, True])
async def test_a_voice_that_breaks_is_told(stage: Stage, ahead: bool) -> None:
    if ahead:
        stage.speaker.prepare("broken", keep=False)
        await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="no voice"):
        await stage.speak("broken")
    assert stage.speaker.broken_off().text == ""


async def test_keys_are_tones(stage: Stage) -> None:
    spoken = await stage.speaker.press(stage.media, "1")  # type: ignore[arg-type]
    assert (spoken.whole, spoken.text, spoken.interrupted) == (1, "[key 1]", False)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(stage.media.said[0], "<i2").astype(float)))
    hz = np.fft.rfftfreq(len(stage.media.said[0]) // 2, 1 / RATE)
    low, high = (float(hz[band][np.argmax(spectrum[band])]) for band in (hz < 1000, hz > 1000))
    assert (low, high) == pytest.approx((697, 1209), abs=10)


async def test_what_is_around_us(stage: Stage) -> None:
    assert stage.speaker.said_around(0.0, 1.0, within_s=1.0) == ""
    assert not stage.speaker.over(time.monotonic())
    spoken = await stage.speak(FIRST, SECOND)
    start = spoken.start
    assert start is not None
    both = f"{FIRST} {SECOND}"
    assert stage.speaker.said_around(start + 0.1, spoken.end + 0.5, within_s=0.7) == both
    assert stage.speaker.said_around(start - 0.1, spoken.end, within_s=0.7) == ""
    assert stage.speaker.said_around(start + 0.1, spoken.end + 0.8, within_s=0.7) == ""
    # Half of the question at the end is enough to answer it.
    over = [stage.speaker.over(start + s) for s in (-0.1, 0.2, 0.55, 0.65, 0.8)]
    assert over == [False, True, True, False, False]


def test_speech_goes_on_from_the_quietest_moment_before_the_cut() -> None:
    pcm = tone(300) + bytes(40 * 16) + tone(300)
    assert word_begin(pcm, 480 * 8) == pytest.approx(300 * 8, abs=20 * 8)
    assert word_begin(pcm, 0) == 0
    assert word_begin(pcm, 100) == 0
