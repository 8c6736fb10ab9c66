"""Orders to a call under way, over the bell and a real media socket: who speaks then, and what the line tells."""

import asyncio
from collections.abc import Iterator

import pytest

from agents.domain.types import EndCall, EndedBy, HeardKind, OptOut, Reply, Transfer
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue, opt_out
from tests.voice.phone import Phone, answered
from tests.voice.redis_server import Server
from tests.voice.speech import ScriptedRecogniser, pitches, spoken
from voice import bell
from voice.control import MOMENT, comfort
from voice.domain.types import Acted, Answer, Controlled, HandedOver, Signal, SignalKind
from voice.speech.ports import RATE

SPEECH = "Hold on."
THROUGH = Reply("One moment, I'll put you through.", acts=(Transfer("a person"),), interruptible=False)
GOES_ON = Reply("Thank you for waiting.", agent="conversation")


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    spoken(SPEECH)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.kill()


async def order(redis: str, kind: SignalKind, value: str = "", call_id: str = "call-1") -> Answer | None:
    return await asyncio.to_thread(bell.ask, redis, Signal(call_id, kind, value, by="kim"), timeout_s=2.0)


async def listening(plane: object) -> None:
    await asyncio.to_thread(plane._bell.listening.wait, 5)  # type: ignore[attr-defined]


async def opened(phone: Phone) -> None:
    """The opening was heard to its end."""
    await phone.spoken_to()
    await phone.quiet(0.6)


def told(watch: Watch) -> list[tuple[str, str]]:
    return [(event.what, event.by) for event in watch.events if isinstance(event, Controlled)]


async def test_who_asks_for_a_person_is_handed_over_once_the_last_word_was_played(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(THROUGH)
    plane = await make_plane(dialogue, ScriptedRecogniser("Can I talk to a person?"))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await opened(phone)
        await phone.say(spoken(SPEECH))
        await phone.gone()
        report = await watch.report()
    assert (report.ended_by, report.cut_off) == (EndedBy.TRANSFER, False)
    assert dialogue.ended_by == [EndedBy.TRANSFER]
    assert (watch.turns[-1].text, watch.turns[-1].interrupted) == (THROUGH.text, False)
    kinds = [type(event) for event in watch.events]
    assert kinds.index(Acted) < kinds.index(HandedOver) < len(kinds) - 1


async def test_an_opt_out_over_the_announcement_is_no_transfer(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(THROUGH, opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("A person, please.", "Stop calling me."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await opened(phone)
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await phone.say(spoken(SPEECH))
        await phone.gone()
        report = await watch.report()
    assert report.ended_by is EndedBy.AGENT
    assert not [event for event in watch.events if isinstance(event, HandedOver)]
    assert OptOut("Stop calling me.") in [event.act for event in watch.events if isinstance(event, Acted)]


async def test_an_order_to_put_through_reaches_the_conversation(make_plane: PlaneMaker, redis: str) -> None:
    dialogue = ScriptedDialogue(THROUGH)
    plane = await make_plane(dialogue, redis_url=redis)
    watch = open_line(plane)
    await listening(plane)
    async with answered(watch.line.stream) as phone:
        assert await order(redis, SignalKind.TRANSFER, "Maria") == Answer(
            False,
            "The opening has not been heard yet: who calls, and that it may be recorded. Try again in a few seconds.",
        )
        await opened(phone)
        assert await order(redis, SignalKind.TRANSFER, "Maria") == Answer(True)
        await phone.gone()
        report = await watch.report()
    assert report.ended_by is EndedBy.TRANSFER
    assert dialogue.heard == [(HeardKind.TRANSFER, "Maria")]
    assert told(watch) == [("transfer", "kim")]


async def test_on_hold_there_are_tones_and_the_agent_answers_nothing(make_plane: PlaneMaker, redis: str) -> None:
    dialogue = ScriptedDialogue(GOES_ON, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Are you there?"), redis_url=redis, silence_prompt_s=60.0)
    watch = open_line(plane)
    await listening(plane)
    async with answered(watch.line.stream) as phone:
        await opened(phone)
        assert await order(redis, SignalKind.HOLD) == Answer(True)
        assert await order(redis, SignalKind.HOLD) == Answer(True)  # again changes nothing
        await phone.resumed()
        await asyncio.sleep(4.0)
        await phone.say(spoken(SPEECH))
        await asyncio.sleep(1.5)
        assert dialogue.heard == []
        heard = phone.pcm
        assert await order(redis, SignalKind.WHISPER, "Hello") == Answer(
            False, "The agent does not have the line: it says nothing now."
        )
        assert await order(redis, SignalKind.UNHOLD) == Answer(True)
        await phone.answer()
        assert await order(redis, SignalKind.UNHOLD) == Answer(False, "The person is not on hold.")
        await phone.hang_up()
    await watch.report()
    assert dialogue.heard[0] == (HeardKind.BACK, "hold")
    assert [turn.text for turn in watch.turns] == [
        "Acme calling. This call is recorded.",
        MOMENT,
        "Are you there?",
        GOES_ON.text,
    ]
    assert told(watch) == [("hold", "kim"), ("unhold", "kim")]
    assert 380 < pitches(heard[-RATE * 2 :])[0] < 600 or len(heard) > 4 * RATE


async def test_an_opt_out_ends_a_hold(make_plane: PlaneMaker, redis: str) -> None:
    dialogue = ScriptedDialogue(opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."), redis_url=redis)
    watch = open_line(plane)
    await listening(plane)
    async with answered(watch.line.stream) as phone:
        await opened(phone)
        await order(redis, SignalKind.HOLD)
        await phone.resumed()
        await asyncio.sleep(2.0)
        await phone.say(spoken(SPEECH))
        await phone.gone()
        report = await watch.report()
    assert report.ended_by is EndedBy.AGENT
    assert watch.turns[-1].text == "You will not be called again."
    assert told(watch) == [("hold", "kim"), ("unhold", "")]


async def test_a_whisper_is_the_agents_next_words(make_plane: PlaneMaker, redis: str) -> None:
    dialogue = ScriptedDialogue(BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Yes."), redis_url=redis)
    watch = open_line(plane)
    await listening(plane)
    async with answered(watch.line.stream) as phone:
        await opened(phone)
        assert await order(redis, SignalKind.WHISPER, " Is the roof\n new? ") == Answer(True)
        assert (await order(redis, SignalKind.WHISPER, "x" * 601)) == Answer(
            False, "Send a sentence of at most 600 characters."
        )
        await phone.answer()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert [(turn.text, turn.agent) for turn in watch.turns[1:3]] == [("Is the roof new?", "whisper"), ("Yes.", "")]
    assert dialogue.heard == [(HeardKind.SPEECH, "Yes.")]


async def test_nobody_answers_an_order_to_a_call_that_is_not_here(make_plane: PlaneMaker, redis: str) -> None:
    plane = await make_plane(redis_url=redis)
    await listening(plane)
    watch = open_line(plane)
    assert await asyncio.to_thread(bell.ask, redis, Signal("other", SignalKind.HOLD), timeout_s=0.3) is None
    assert await order(redis, SignalKind.HOLD) == Answer(False, "The call has not been answered yet.")
    assert await asyncio.to_thread(bell.ask, "redis://127.0.0.1:1", Signal("call-1", SignalKind.HOLD)) is None
    watch.line.close()
    await watch.report()


def test_the_tones_are_soft_and_whole() -> None:
    import audioop

    pcm = audioop.ulaw2lin(comfort(), 2)
    assert len(comfort()) == 8 * RATE
    assert 20 < audioop.rms(pcm, 2) < 600
    assert audioop.max(pcm, 2) < 4000


async def test_an_end_that_is_under_way_takes_no_order(make_plane: PlaneMaker, redis: str) -> None:
    long_bye = Reply("Goodbye. " * 12, acts=(EndCall("done"),), agent="conversation")
    plane = await make_plane(ScriptedDialogue(long_bye), ScriptedRecogniser("Bye."), redis_url=redis)
    watch = open_line(plane)
    await listening(plane)
    async with answered(watch.line.stream) as phone:
        await opened(phone)
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        assert await order(redis, SignalKind.HOLD) == Answer(False, "The call is coming to its end.")
        await phone.gone()
    await watch.report()
