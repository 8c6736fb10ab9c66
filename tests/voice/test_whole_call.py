"""Whole calls with the real models: what is said is understood, and what we say can be understood."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import streamdouble.api
from streamdouble.session import SessionConfig

from agents.domain.types import Brief, EndCall, EndedBy, Heard, HeardKind, OptOut, Reply
from tests.voice.conftest import Watch, open_line
from tests.voice.dialogues import ScriptedDialogue, brief
from tests.voice.money import ScriptedSpending
from tests.voice.phone import answered, mulaw
from tests.voice.speech import silence, spoken
from voice.domain.types import Acted, Speaker, VoiceConfig
from voice.plane import VoicePlane
from voice.speech.pool import ModelPool
from voice.speech.process import ModelProcess
from voice.speech.recognition import WhisperRecogniser

pytestmark = [pytest.mark.slow, pytest.mark.whole_call]

OPENING = Reply(
    "Hi Sam, this is Kate, an AI assistant with Acme Realty. This call is recorded. Do you have a minute?",
    agent="conversation",
    fixed=True,
)
OFFER = Reply("Great. I have Thursday at two in the afternoon. Would that work for you?", agent="scheduler")


class Scripts:
    """A factory that gives each call the dialogue laid out for it."""

    def __init__(self) -> None:
        self.by_call: dict[str, ScriptedDialogue] = {}

    def __call__(self, brief: Brief, *, snapshot: Mapping[str, Any] | None = None) -> ScriptedDialogue:
        return self.by_call[brief.call_id]


@pytest.fixture
async def scripts() -> Scripts:
    return Scripts()


@pytest.fixture
async def plane(config: VoiceConfig, scripts: Scripts) -> AsyncIterator[VoicePlane]:
    plane = VoicePlane(replace(config, lines=4), scripts)
    await asyncio.to_thread(plane.start)
    yield plane
    await asyncio.to_thread(plane.stop)


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


async def heard_in(pcm: bytes) -> str:
    """What a recogniser of its own understands of what we sent."""
    process = ModelProcess("voice.speech.whisper:Ear", {})
    await process.start()
    try:
        return (await WhisperRecogniser(ModelPool([process])).hear(pcm, voiced_ms=1000)).text
    finally:
        await process.stop()


async def test_a_conversation(plane: VoicePlane, scripts: Scripts) -> None:
    goodbye = Reply("See you on Thursday. Goodbye.", acts=(EndCall("booked"),))
    dialogue = scripts.by_call["call-1"] = ScriptedDialogue(OFFER, goodbye, opening=OPENING)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        assert await phone.spoken_to() < 2.0
        await phone.quiet()
        await phone.say(spoken("What time would be good?"))
        await phone.answer()
        await phone.say(spoken("That works for me."))
        assert await phone.gone() == 1000
    report = await watch.report()
    assert [kind for kind, _ in dialogue.heard] == [HeardKind.SPEECH, HeardKind.SPEECH]
    assert words(dialogue.heard[0][1])[:4] == ["what", "time", "would", "be"]
    assert words(dialogue.heard[1][1])[:2] == ["that", "works"]
    assert [turn.text for turn in watch.turns if turn.speaker is Speaker.AGENT] == [
        OPENING.text,
        OFFER.text,
        goodbye.text,
    ]
    assert report.ended_by is EndedBy.AGENT
    assert report.disclosed_at is not None
    for turn in watch.turns:
        if turn.timings is not None:
            assert turn.timings.first_audio_ms is not None
            assert turn.timings.first_audio_ms < 2500
    assert words(await heard_in(phone.pcm[-40_000:]))[-1] == "goodbye"  # to the last sound of the last word


async def test_an_opt_out_in_the_middle_of_our_sentence(plane: VoicePlane, scripts: Scripts) -> None:
    def answer(heard: Heard) -> Reply:
        assert "stop" in words(heard.text)
        return Reply("You will not be called again. Goodbye.", (OptOut(heard.text), EndCall("opt out")))

    scripts.by_call["call-1"] = ScriptedDialogue(answer, opening=OPENING)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await asyncio.sleep(2.0)
        speaking = asyncio.create_task(phone.say(spoken("Stop calling me.")))
        await phone.silenced()
        await speaking
        await phone.gone()
    await watch.report()
    assert watch.turns[0].interrupted
    assert OPENING.text.startswith(watch.turns[0].text)
    assert 3 <= len(watch.turns[0].text.split()) <= 14
    assert [type(event.act) for event in watch.events if isinstance(event, Acted)] == [OptOut, EndCall]


async def test_who_barges_in_silences_us_at_the_carrier_within_300_ms(plane: VoicePlane, scripts: Scripts) -> None:
    """From the onset of their voice to our word to drop what is buffered; nothing of ours is played after it."""
    long = Reply(" ".join([OFFER.text] * 3))
    scripts.by_call["call-1"] = ScriptedDialogue(long, long, long, opening=Reply("Hello there."))
    watch = open_line(plane)
    said, took = spoken("What time would be good?"), list[float]()
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(said)
        for _ in range(3):
            await phone.resumed()
            await asyncio.sleep(1.2)
            onset = phone.now
            speaking = asyncio.create_task(phone.say(said))
            await phone.silenced()
            took.append(phone.cleared[-1] - onset)
            after = len(phone.heard)
            await speaking
            assert len(phone.heard) == after
        await phone.hang_up()
    await watch.report()
    assert sorted(took)[1] < 0.3
    assert [turn.interrupted for turn in watch.turns if turn.speaker is Speaker.AGENT][1:] == [True] * 3


async def test_noise_on_the_line_is_silence(plane: VoicePlane, scripts: Scripts) -> None:
    dialogue = scripts.by_call["call-1"] = ScriptedDialogue(opening=OPENING)
    watch = open_line(plane)
    noise = (np.random.default_rng(3).normal(size=8 * 8000) * 900).astype("<i2").tobytes()
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.say(noise)
        await phone.hang_up()
    await watch.report()
    assert [heard for heard in dialogue.heard if heard[0] is HeardKind.SPEECH] == []
    assert phone.cleared == []


async def test_a_lost_model_process_is_replaced_within_the_call(plane: VoicePlane, scripts: Scripts) -> None:
    goodbye = Reply("Goodbye then.", acts=(EndCall("done"),))
    dialogue = scripts.by_call["call-1"] = ScriptedDialogue(goodbye, opening=OPENING)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        for process in plane._engine_room.processes:
            assert process.pid is not None
            psutil.Process(process.pid).kill()
        await phone.say(spoken("What time would be good?"))
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.AGENT
    assert words(dialogue.heard[0][1])[:2] == ["what", "time"]


async def test_four_calls_at_once_are_each_answered(plane: VoicePlane, scripts: Scripts) -> None:
    async def call(number: int) -> Watch:
        scripts.by_call[f"call-{number}"] = ScriptedDialogue(OFFER, opening=Reply("Hello.", fixed=True))
        watch = open_line(plane, call_id=f"call-{number}")
        async with answered(watch.line.stream) as phone:
            await phone.spoken_to()
            await phone.quiet(0.4 + 0.3 * number)
            await phone.say(spoken("What time would be good?"))
            await phone.answer()
            await phone.say(spoken("That works for me."))
            await phone.gone()
        await watch.report()
        return watch

    for watch in await asyncio.gather(*(call(number) for number in range(4))):
        lead = [words(turn.text)[:2] for turn in watch.turns if turn.speaker is Speaker.LEAD]
        assert lead == [["what", "time"], ["that", "works"]]
        assert watch.turns[-1].text == "Goodbye."


async def test_another_implementation_of_the_protocol_agrees(
    plane: VoicePlane, scripts: Scripts, tmp_path: Path
) -> None:
    """``streamdouble`` checks our messages against its own reading of Twilio's protocol."""
    goodbye = Reply("Goodbye then.", acts=(EndCall("done"),))
    dialogue = scripts.by_call["call-1"] = ScriptedDialogue(goodbye, opening=Reply("Hello, this is Kate."))
    line = plane.open_line(brief(), ring_timeout_s=5, max_length_s=30, spending=ScriptedSpending())
    watch = Watch(line)
    speech = silence(4000) + spoken("What time would be good?") + silence(1000)
    encoded = mulaw(speech)
    frames = [encoded[at : at + 160].ljust(160, b"\xff") for at in range(0, len(encoded), 160)]
    report = await streamdouble.api.call(
        line.stream.url,
        frames=frames,
        config=SessionConfig(custom_parameters={"token": line.stream.token}, quiet_period_s=10.0),
    )
    assert report.violations == []
    assert report.time_to_first_audio_ms is not None
    assert report.time_to_first_audio_ms < 2000
    ended = await watch.report()
    assert ended.ended_by is EndedBy.AGENT
    assert words(dialogue.heard[0][1])[:2] == ["what", "time"]


async def test_another_implementation_with_a_wrong_token_is_refused(plane: VoicePlane) -> None:
    report = await streamdouble.api.call(
        plane.media_url,
        frames=[b"\xff" * 160] * 50,
        config=SessionConfig(custom_parameters={"token": "wrong"}, response_timeout_s=1.0),
    )
    assert not report.spoke
    assert plane.health().free == 4
