"""What a reply asks for beside its words, on a real socket: a late opening, keys, a message; and noise that lasts."""

import asyncio
from typing import Any

import pytest

from agents.domain.types import Heard, HeardKind, Reply
from agents.machines import MESSAGE_PLAYED
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue
from tests.voice.phone import answered
from tests.voice.speech import ScriptedRecogniser, spoken
from voice.domain.types import Disclosed, Speaker
from voice.speech.ports import Hearing

SPEECH = "Hold on."
LATE = Reply("This is Acme. This call is recorded. Do you have a minute?", interruptible=False, discloses=True)


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    """Rendered ahead: rendering blocks the phone's loop."""
    spoken(SPEECH)


async def spoke_once(make_plane: PlaneMaker, reply: Reply, *, opening: Reply) -> tuple[ScriptedDialogue, Watch, Any]:
    """A call whose person speaks once, and is answered by ``reply`` and then a goodbye, or hangs up before it."""
    dialogue = ScriptedDialogue(reply, opening=opening)
    plane = await make_plane(dialogue, ScriptedRecogniser("Who is this?"), silence_prompt_s=1.0)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.say(spoken(SPEECH))
        await phone.gone()
    return dialogue, watch, await watch.report()


async def test_an_opening_that_comes_after_a_screening_discloses(make_plane: PlaneMaker) -> None:
    _, watch, report = await spoke_once(make_plane, LATE, opening=Reply(""))
    (told,) = [event for event in watch.events if isinstance(event, Disclosed)]
    assert report.disclosed_at == told.at
    opening = next(turn for turn in watch.turns if turn.text == LATE.text)
    assert report.answered_at is not None
    since_ms = (told.at - report.answered_at).total_seconds() * 1000
    assert opening.start_ms + 500 < since_ms < opening.end_ms - 300  # all but the question at its end


async def test_any_other_reply_discloses_nothing(make_plane: PlaneMaker) -> None:
    plain = Reply(LATE.text, interruptible=False)
    _, watch, report = await spoke_once(make_plane, plain, opening=Reply(""))
    assert report.disclosed_at is None
    assert not any(isinstance(event, Disclosed) for event in watch.events)


async def test_keys_are_pressed_before_the_words(make_plane: PlaneMaker) -> None:
    reply = Reply("Hello there.", agent="conversation", keys="1")
    _, watch, _ = await spoke_once(make_plane, reply, opening=Reply(""))
    texts = [turn.text for turn in watch.turns if turn.speaker is Speaker.AGENT]
    assert texts == ["[key 1]", "Hello there.", "Goodbye."]


async def test_a_message_that_was_played_is_told(make_plane: PlaneMaker) -> None:
    message = Reply("Please call us back at your leisure.", is_message=True)
    dialogue, _, _ = await spoke_once(make_plane, message, opening=Reply(""))
    assert dialogue.heard == [(HeardKind.SPEECH, "Who is this?"), (HeardKind.MACHINE, MESSAGE_PLAYED)]


async def test_a_message_that_was_cut_is_not(make_plane: PlaneMaker) -> None:
    message = Reply("Please call us back at your leisure, we are there until six every day.", is_message=True)
    dialogue = ScriptedDialogue(message, BYE, opening=Reply(""))
    plane = await make_plane(dialogue, ScriptedRecogniser("Who is this?", "Hello?"))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(0.8)
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert dialogue.heard == [(HeardKind.SPEECH, "Who is this?"), (HeardKind.SPEECH, "Hello?")]


@pytest.mark.slow
async def test_sound_without_a_word_counts_as_silence_in_the_end(
    make_plane: PlaneMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A television that never pauses, for as long as a voice may go on without a word."""
    monkeypatch.setattr("voice.turns._NOISE_S", 2.0)

    class Wordless(ScriptedRecogniser):
        async def hear(self, pcm: bytes, **_: Any) -> Hearing:
            return Hearing("", 0.1, 0.0)

    heard: list[Heard] = []

    def answer(one: Heard) -> Reply:
        heard.append(one)
        return BYE

    dialogue = ScriptedDialogue(answer)
    plane = await make_plane(dialogue, Wordless(), silence_prompt_s=60.0)
    watch = open_line(plane)
    babble = spoken(SPEECH)[2400:8000] * 20
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        began = phone.now
        speaking = asyncio.create_task(phone.say(babble))
        await phone.resumed()
        took = phone.now - began
        speaking.cancel()
        await phone.gone()
    await watch.report()
    assert [one.kind for one in heard] == [HeardKind.SILENCE]
    assert 1.9 < took < 4.5
