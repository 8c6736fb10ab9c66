"""Replies prepared in a pause, over a real socket: what is computed, spoken and emitted, and when."""

import asyncio
from datetime import datetime

import pytest

from agents.domain.types import Heard, HeardKind, OptOut, Reply
from tests.voice.conftest import PlaneMaker, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue, opt_out
from tests.voice.money import ScriptedSpending
from tests.voice.phone import answered
from tests.voice.speech import PremiumTone, ScriptedRecogniser, ToneSynthesiser, silence, spoken
from voice.domain.types import Acted, Advice, Speaker, Tier

SPEECH = "Hold on."


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    """Rendered ahead: rendering blocks the phone's loop."""
    spoken(SPEECH)


class Slow(ScriptedDialogue):
    """Takes ``s`` to answer, prepared or not."""

    def __init__(self, *answers: Reply, s: float) -> None:
        super().__init__(*answers)
        self._s = s

    async def reply(self, heard: Heard, *, now: datetime) -> Reply:
        await asyncio.sleep(self._s)
        return await super().reply(heard, now=now)


async def test_the_reply_and_its_sound_are_ready_when_the_turn_is_decided(make_plane: PlaneMaker) -> None:
    synthesiser = ToneSynthesiser()
    dialogue = ScriptedDialogue(Reply("Good to hear. How about Thursday?"), BYE)
    recogniser = ScriptedRecogniser("Tell me more.", turn_ended=0.55)  # sure enough after 350 ms
    plane = await make_plane(dialogue, recogniser, synthesiser)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        synthesiser.said.clear()
        await phone.say(spoken(SPEECH))
        await asyncio.sleep(0.25)
        assert dialogue.prepared == ["Tell me more."]
        assert synthesiser.said == ["Good to hear."]
        assert dialogue.heard == []
        await phone.answer()
        await phone.hang_up()
    await watch.report()
    assert dialogue.heard == [(HeardKind.SPEECH, "Tell me more.")]
    assert synthesiser.said == ["Good to hear.", "How about Thursday?"]
    timings = watch.turns[2].timings
    assert timings is not None
    assert timings.turn_decided_ms is not None
    assert timings.first_audio_ms is not None
    assert 340 <= timings.turn_decided_ms < 600
    assert timings.first_audio_ms - timings.turn_decided_ms < 60


async def test_who_goes_on_is_not_answered_to_the_first_half(make_plane: PlaneMaker) -> None:
    """An opt-out that was none: prepared in the pause, and neither said nor told."""
    dialogue = ScriptedDialogue(opt_out)
    recogniser = ScriptedRecogniser("Do not call", "Do not call my wife, call me.", turn_ended=0.1)
    plane = await make_plane(dialogue, recogniser)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH) + silence(400) + spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert dialogue.prepared == ["Do not call", "Do not call my wife, call me."]
    assert dialogue.heard == [(HeardKind.SPEECH, "Do not call my wife, call me.")]
    acts = [event.act for event in watch.events if isinstance(event, Acted)]
    assert acts[0] == OptOut("Do not call my wife, call me.")
    assert len(acts) == 2


async def test_a_premium_voice_is_not_paid_for_a_guess(make_plane: PlaneMaker) -> None:
    premium = PremiumTone()
    dialogue = ScriptedDialogue(Reply("Good to hear."), BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me", turn_ended=0.1), premium=premium)
    spending = ScriptedSpending(*[Advice(0, tier=Tier.PREMIUM)] * 60)  # type: ignore[arg-type]
    watch = open_line(plane, spending=spending)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await asyncio.sleep(0.3)
        assert dialogue.prepared == ["Tell me"]
        assert "Good to hear." not in premium.asked
        await phone.answer()
        await phone.hang_up()
    await watch.report()
    assert premium.asked[-1] == "Good to hear."


@pytest.mark.slow
async def test_a_late_reply_is_preceded_by_a_word(make_plane: PlaneMaker) -> None:
    dialogue = Slow(Reply("Good to hear."), s=0.8)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more."), filler_after_ms=300)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.answer()
        await phone.hang_up()
    await watch.report()
    texts = [turn.text for turn in watch.turns if turn.speaker is Speaker.AGENT][1:]
    assert texts == ["Let me see.", "Good to hear."]
    filler, reply = [turn for turn in watch.turns if turn.speaker is Speaker.AGENT][1:]
    assert filler.timings is None
    assert reply.timings is not None
    assert reply.timings.filler_ms is not None
    assert reply.timings.first_audio_ms is not None
    assert 380 < reply.timings.filler_ms < 700
    assert reply.timings.first_audio_ms > 850


async def test_no_word_comes_before_what_follows_an_opt_out(make_plane: PlaneMaker) -> None:
    dialogue = Slow(opt_out, s=0.6)  # type: ignore[arg-type]
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."), filler_after_ms=200)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert [turn.text for turn in watch.turns][1:] == ["Stop calling me.", "You will not be called again."]


async def test_a_preparation_that_breaks_leaves_the_reply_to_itself(make_plane: PlaneMaker) -> None:
    class Breaks(ScriptedDialogue):
        async def prepare(self, heard: Heard, *, now: datetime) -> Reply:
            raise RuntimeError("broken")

    dialogue = Breaks(BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert [turn.text for turn in watch.turns][1:] == ["Tell me more.", "Goodbye."]


async def test_a_card_s_number_reaches_the_conversation_masked_also_ahead(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(Reply("Please do not tell me that."), BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("My card is 4111 1111 1111 1111.", turn_ended=0.1))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.answer()
        await phone.hang_up()
    await watch.report()
    assert dialogue.prepared == ["My card is [card number]."]
    assert dialogue.heard == [(HeardKind.SPEECH, "My card is [card number].")]
