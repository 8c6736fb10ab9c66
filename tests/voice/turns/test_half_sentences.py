"""Replies that came too early, on a real socket with real voice activity: taken back, and the whole answered once."""

import asyncio
from datetime import UTC, datetime

import pytest

from agents.domain.types import Act, BookAppointment, EndCall, EndedBy, Heard, HeardKind, Reply, Transfer
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue, opt_out
from tests.voice.phone import answered
from tests.voice.speech import CHAR_MS, ScriptedRecogniser, spoken
from voice.domain.types import Acted, Signal, SignalKind, Speaker, TurnTaken

BOOKED = BookAppointment(datetime(2026, 11, 24, 21, tzinfo=UTC))
BOOKING = Reply("Very good, then I put you down for Thursday at two, and Kate will be there.", acts=(BOOKED,))
SPEECH = "Hold on."
LONGER = "Wait a moment please."


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    """Rendered ahead: rendering blocks the phone's loop."""
    for text in (SPEECH, LONGER):
        spoken(text)


def acts(watch: Watch) -> list[Act]:
    return [event.act for event in watch.events if isinstance(event, Acted)]


def said(watch: Watch, speaker: Speaker) -> list[str]:
    return [turn.text for turn in watch.turns if turn.speaker is speaker]


async def test_who_goes_on_at_once_is_answered_once_to_all_they_said(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(BOOKING, Reply("Friday it is.", acts=(EndCall("done"),)))
    plane = await make_plane(dialogue, ScriptedRecogniser("Thursday at two.", "is what I cannot do."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        began = await phone.resumed()
        speaking = asyncio.create_task(phone.say(spoken(LONGER)))
        await phone.silenced()
        assert phone.cleared[-1] - began < 0.6
        await speaking
        await phone.gone()
    await watch.report()
    assert dialogue.heard == [
        (HeardKind.SPEECH, "Thursday at two."),
        (HeardKind.SPEECH, "Thursday at two. is what I cannot do."),
    ]
    assert dialogue.taken_back == ["Thursday at two."]
    assert acts(watch) == [EndCall("done")]  # nobody was booked
    # Nor would a line that goes on from what is written believe it.
    states = [event.snapshot for event in watch.events if isinstance(event, TurnTaken)]
    assert {state["heard"] for state in states[:-1] if state is not None} == {0}
    assert said(watch, Speaker.LEAD) == ["Thursday at two.", "is what I cannot do."]
    heard_of_us = said(watch, Speaker.AGENT)
    assert heard_of_us[-1] == "Friday it is."
    assert all(BOOKING.text.startswith(text) and len(text) < 30 for text in heard_of_us[1:-1])


async def test_who_speaks_once_they_have_heard_us_does_not_take_it_back(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(BOOKING, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Thursday at two.", "No, Friday."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(0.9)
        await phone.say(spoken(LONGER))
        await phone.gone()
    await watch.report()
    assert dialogue.heard[1:] == [(HeardKind.SPEECH, "No, Friday.")]
    assert dialogue.taken_back == []
    assert acts(watch) == [BOOKED, EndCall("done")]


async def test_a_goodbye_to_half_a_sentence_ends_nothing(make_plane: PlaneMaker) -> None:
    goodbye = Reply("Alright, then I will not keep you. Goodbye.", acts=(EndCall("no"),), interruptible=False)
    dialogue = ScriptedDialogue(goodbye, Reply("When would suit you?"), BYE)
    plane = await make_plane(
        dialogue, ScriptedRecogniser("I'm not interested", "in selling before the summer.", "July.")
    )
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await phone.say(spoken(LONGER))
        await phone.answer()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert [text for _, text in dialogue.heard] == [
        "I'm not interested",
        "I'm not interested in selling before the summer.",
        "July.",
    ]
    assert acts(watch) == [EndCall("done")]
    assert said(watch, Speaker.AGENT)[-2:] == ["When would suit you?", "Goodbye."]


async def test_a_cough_into_our_goodbye_takes_nothing_back(make_plane: PlaneMaker) -> None:
    goodbye = Reply("Alright, then I will not keep you. Goodbye.", acts=(EndCall("no"),), interruptible=False)
    dialogue = ScriptedDialogue(goodbye)
    plane = await make_plane(dialogue, ScriptedRecogniser("I'm not interested.", ""))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    report = await watch.report()
    assert (report.ended_by, dialogue.taken_back) == (EndedBy.AGENT, [])
    assert acts(watch) == [EndCall("no")]
    assert watch.turns[-1].text == goodbye.text
    assert not watch.turns[-1].interrupted


async def test_nobody_is_put_through_to_half_a_sentence(make_plane: PlaneMaker) -> None:
    through = Reply("Sure, I will put you through to a colleague of mine.", acts=(Transfer("a person"),))
    dialogue = ScriptedDialogue(through, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Can I speak to a person", "some other day?"))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await phone.say(spoken(LONGER))
        await phone.gone()
    report = await watch.report()
    assert [text for _, text in dialogue.heard] == [
        "Can I speak to a person",
        "Can I speak to a person some other day?",
    ]
    assert (acts(watch), report.ended_by) == ([EndCall("done")], EndedBy.AGENT)


async def test_an_opt_out_stands_whatever_follows(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opt_out, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me", "at work."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(0.2)  # for the thread that reads the line
        kinds = [type(act).__name__ for act in acts(watch)]
        assert kinds == ["OptOut", "EndCall"]  # before anybody could have heard it
        await phone.say(spoken(LONGER))
        await phone.gone()
    await watch.report()
    assert dialogue.taken_back == []
    assert [text for _, text in dialogue.heard] == ["Stop calling me", "at work."]


@pytest.mark.parametrize("how", ["hang_up", "operator", "plane"])
async def test_what_is_held_is_carried_out_when_the_line_is_lost(make_plane: PlaneMaker, how: str) -> None:
    """The end comes while the reply might still be taken back."""
    dialogue = ScriptedDialogue(BOOKING)
    plane = await make_plane(dialogue, ScriptedRecogniser("Thursday at two."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        assert acts(watch) == []
        if how == "hang_up":
            await phone.hang_up()
        elif how == "operator":
            watch.line.signal(Signal("call-1", SignalKind.HANG_UP, "operator"))
            await phone.gone()
        else:
            await asyncio.to_thread(plane.stop)
    await watch.report()
    assert acts(watch) == [BOOKED]
    assert dialogue.taken_back == []


async def test_the_second_half_said_into_the_hang_up_counts(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(BOOKING, lambda heard: Reply("Sorry.", acts=(EndCall(heard.text),)))
    plane = await make_plane(dialogue, ScriptedRecogniser("Thursday at two.", "is too late."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        speaking = asyncio.create_task(phone.say(spoken(LONGER)))
        await phone.silenced()
        await phone.hang_up()
        speaking.cancel()
    await watch.report()
    assert [heard for _, heard in dialogue.heard] == ["Thursday at two.", "Thursday at two. is too late."]
    assert acts(watch) == [EndCall("Thursday at two. is too late.")]


async def test_a_reply_that_is_heard_stands_before_its_end(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ScriptedDialogue(BOOKING), ScriptedRecogniser("Thursday at two."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(1.2)
        assert acts(watch) == [BOOKED]
        assert len(BOOKING.text) * CHAR_MS > 1600  # it is being spoken still
        await phone.hang_up()
    await watch.report()
    assert acts(watch) == [BOOKED]


async def test_a_reply_still_to_come_is_never_begun(make_plane: PlaneMaker) -> None:
    """The second half comes while the first is being thought about."""
    asked = asyncio.Event()

    class Slow(ScriptedDialogue):
        async def reply(self, heard: Heard, *, now: datetime) -> Reply:
            if not self.heard:
                loop.call_soon_threadsafe(asked.set)
                await asyncio.sleep(0.6)
            return await super().reply(heard, now=now)

    loop = asyncio.get_running_loop()
    dialogue = Slow(BOOKING, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Thursday at two.", "is too late."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await asked.wait()
        await phone.say(spoken(LONGER))
        await phone.gone()
    await watch.report()
    assert [text for _, text in dialogue.heard] == ["Thursday at two.", "Thursday at two. is too late."]
    assert dialogue.played == [""]
    assert acts(watch) == [EndCall("done")]
    assert said(watch, Speaker.AGENT)[1:] == ["Goodbye."]
