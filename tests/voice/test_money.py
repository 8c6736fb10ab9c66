"""What a call uses and what its money allows, on a real socket with scripted words and voices."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from agents.domain.types import EndedBy, HeardKind, Progress, Prospect, Reply
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, OPENING, ScriptedDialogue
from tests.voice.money import GO_ON, PREMIUM, ScriptedSpending, used
from tests.voice.phone import Phone, answered
from tests.voice.speech import PremiumTone, ScriptedRecogniser, ToneSynthesiser, pitches, spoken
from voice.domain.types import (
    Advice,
    LineEvent,
    Live,
    Speaker,
    Tier,
    TierCause,
    TierChanged,
    Usage,
    Used,
    WrappingUp,
)
from voice.plane import VoicePlane
from voice.session import GOODBYE, CallSession
from voice.speech.ports import Speech, SpeechError

LOCAL_HZ, PREMIUM_HZ = 440, 880
ELEVENLABS = "elevenlabs.flash_v2_5"
SPEECH = "I would like to know more."
NO_MONEY = "The budget of the campaign is nearly spent."
THREE = Reply("One short sentence. Another short sentence. A third short sentence.")


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    """Rendered ahead: rendering blocks the phone's loop."""
    for text in (SPEECH, "Hmm, hmm."):
        spoken(text)


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice.spending._EVERY_S", 0.1)


def session_of(plane: VoicePlane) -> CallSession:
    session = plane._seats["call-1"].session
    assert session is not None
    return session


def told(watch: Watch, kind: type) -> list[Any]:
    return [event for event in watch.events if isinstance(event, kind)]


def agent_turns(watch: Watch) -> list[tuple[str, bool]]:
    return [(turn.text, turn.interrupted) for turn in watch.turns if turn.speaker is Speaker.AGENT]


async def say_and_listen(phone: Phone) -> None:
    await phone.spoken_to()
    await phone.quiet()
    await phone.say(spoken(SPEECH))


@pytest.mark.slow
async def test_what_a_call_used_is_told_exactly_once(make_plane: PlaneMaker) -> None:
    premium, local = PremiumTone(), ToneSynthesiser()
    dialogue = ScriptedDialogue(THREE, Reply("This call is recorded. Anything else?"))
    recogniser = ScriptedRecogniser("Tell me more.", "What did you say?", "No.")
    plane = await make_plane(
        dialogue, recogniser, local, premium, gpu_component="gpu.rtx4090", gpu_share=Decimal("0.25")
    )
    spending = ScriptedSpending(PREMIUM)
    watch = open_line(plane, spending=spending)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        dialogue.used_tokens["llm.local"] = 1200
        session = session_of(plane)
        await say_and_listen(phone)
        for _ in range(2):
            await phone.answer()
            await phone.say(spoken(SPEECH))
        dialogue.used_tokens["llm.local"] = 1700
        assert await phone.gone() == 1000
    report = await watch.report()

    sums = used(watch.events)
    assert sums == {
        "call": Decimal(f"{session._talked_s():.3f}"),
        "stt.local": Decimal(f"{session._ears.heard_s:.3f}"),
        "gpu.rtx4090": Decimal(f"{session._talked_s() / 4:.3f}"),
        "llm.local": Decimal(1700),
        ELEVENLABS: sum(len(text) for text in premium.asked),
    }
    assert report.answered_at is not None
    assert float(sums["call"]) == pytest.approx((report.ended_at - report.answered_at).total_seconds(), abs=0.05)
    assert float(sums["stt.local"]) == pytest.approx(sum(len(pcm) for pcm in recogniser.asked) / 16000, abs=0.001)
    texts = (OPENING, THREE, Reply("Anything else?"), BYE)
    assert sorted(premium.asked) == sorted(part for reply in texts for part in _sentences(reply.text))
    assert local.said == [GOODBYE]  # when the plane started, and for no call
    assert told(watch, TierChanged) == told(watch, WrappingUp) == []
    assert {usage.component for usage in report.usage} <= {"call", "stt.local", "gpu.rtx4090", "llm.local"}
    # A premium clause is told alone and at once, so the loss of this process loses no paid character.
    clauses = [event for event in watch.events if isinstance(event, Used) and event.usage[0].component == ELEVENLABS]
    assert [[one.quantity for one in event.usage] for event in clauses] == [[len(text)] for text in premium.asked]
    assert (dialogue.hurried, dialogue.ended_by) == (0, [EndedBy.AGENT])


def _sentences(text: str) -> list[str]:
    return [f"{part}." if part[-1] not in ".?" else part for part in text.split(". ")]


async def test_spending_is_looked_at_every_second_with_all_that_was_used(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("No."))
    spending = ScriptedSpending()
    watch = open_line(plane, spending=spending)
    async with answered(watch.line.stream) as phone:
        await say_and_listen(phone)
        await phone.gone()
    await watch.report()
    first, *later = spending.looks
    assert (first.talked_s, first.prospect) == (0.0, Prospect(Progress.QUALIFYING, 0))
    assert all(usage.quantity < Decimal("0.1") for usage in first.usage)
    length_s = used(watch.events)["call"]
    assert len(later) == int(length_s) >= 2
    for second, look in enumerate(later, start=1):
        assert look.talked_s == pytest.approx(second, abs=0.2)
        by_component = {usage.component: usage for usage in look.usage}
        assert by_component["call"].quantity == pytest.approx(Decimal(f"{look.talked_s:.3f}"), abs=Decimal("0.01"))
        assert by_component["tts.local"] == Usage("tts.local", "char", Decimal(len(OPENING.text) - 1))


@pytest.mark.usefixtures("quick_looks")
async def test_usage_is_told_while_nobody_speaks(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ScriptedDialogue(opening=Reply("Hello.")), silence_prompt_s=30.0)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        before = len(told(watch, Used))
        await asyncio.sleep(2.4)
        assert len(told(watch, Used)) - before >= 2
        assert len(watch.turns) == 1
    await watch.report()


@pytest.mark.parametrize("how", ["killed", "lost"])
async def test_a_session_that_is_killed_loses_no_paid_character(make_plane: PlaneMaker, how: str) -> None:
    """``lost`` reads no further than the moment in which the process is gone; ``killed`` breaks the session."""
    premium, emitted, told_when_asked = PremiumTone(), list[Any](), list[int]()

    async def speech(text: str, *, keep: bool = False) -> Speech:
        told_when_asked.append(int(used(emitted)[ELEVENLABS]))
        return await PremiumTone.speech(premium, text, keep=keep)

    premium.speech = speech  # type: ignore[method-assign]
    plane = await make_plane(ScriptedDialogue(opening=THREE), premium=premium)
    watch = open_line(plane, spending=ScriptedSpending(PREMIUM))
    put = watch.line.put

    def spy(event: LineEvent) -> None:
        emitted.append(event)
        put(event)

    watch.line.put = spy  # type: ignore[method-assign]
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await asyncio.sleep(0.3)
        session, until_now = session_of(plane), list(emitted)
        loop = plane._loop
        assert loop is not None
        if how == "killed":
            (holding,) = (task for task in asyncio.all_tasks(loop) if "_hold" in repr(task.get_coro()))
            loop.call_soon_threadsafe(holding.cancel)
            report = await watch.report()
            assert report.usage == ()
            assert used(watch.events)["call"] == pytest.approx(
                Decimal(f"{session._talked_s():.3f}"), abs=Decimal("0.5")
            )
            until_now = watch.events
            session._recorder.finish().result(5)  # nobody else will
    parts = THREE.text.count(".")
    assert len(told_when_asked) == parts
    sentences = _sentences(THREE.text)
    assert told_when_asked == [sum(len(text) for text in sentences[: n + 1]) for n in range(parts)]
    assert used(until_now)[ELEVENLABS] == len(THREE.text) - 2


@pytest.mark.usefixtures("quick_looks")
async def test_wrapping_up_is_asked_for_once(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(Reply("One more thing."), BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "No."))
    wrap_up = Advice(Decimal("0.05"), wrap_up=True, reason=NO_MONEY)
    spending = ScriptedSpending(GO_ON, GO_ON, wrap_up, wrap_up, GO_ON, wrap_up)
    watch = open_line(plane, spending=spending)
    async with answered(watch.line.stream) as phone:
        await say_and_listen(phone)
        await phone.answer()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    report = await watch.report()
    assert len(spending.looks) > 20
    assert (dialogue.hurried, told(watch, WrappingUp)) == (1, [WrappingUp(NO_MONEY)])
    assert told(watch, TierChanged) == []
    assert report.ended_by is EndedBy.AGENT
    assert agent_turns(watch) == [(OPENING.text, False), ("One more thing.", False), ("Goodbye.", False)]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_looks")
@pytest.mark.parametrize("warned", [True, False])
async def test_the_money_ends_the_call_with_a_whole_goodbye(make_plane: PlaneMaker, warned: bool) -> None:
    dialogue = ScriptedDialogue(opening=THREE)
    plane = await make_plane(dialogue)
    wrap_up = Advice(Decimal("0.05"), wrap_up=warned, reason="The next minute is not worth it.")
    end = Advice(Decimal("0.06"), wrap_up=True, end=True, reason=NO_MONEY)
    spending = ScriptedSpending(GO_ON, *[wrap_up] * 8, end)
    watch = open_line(plane, spending=spending)
    with capture_logs() as logs:
        async with answered(watch.line.stream) as phone:
            await phone.spoken_to()
            assert await phone.gone() == 1000
        report = await watch.report()
    assert report.ended_by is EndedBy.LIMIT
    assert dialogue.ended_by == [EndedBy.LIMIT]
    cut, goodbye = agent_turns(watch)
    assert cut[1]
    assert goodbye == (GOODBYE, False)
    assert dialogue.hurried == warned
    assert told(watch, WrappingUp) == [WrappingUp(wrap_up.reason if warned else NO_MONEY)]
    assert spending.looks[-1].talked_s == pytest.approx(0.9, abs=0.15)  # nothing is asked after the end
    assert [log["reason"] for log in logs if log["event"] == "call.spent"] == [NO_MONEY]


async def test_no_money_at_all_is_a_goodbye_at_once(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    spending = ScriptedSpending(Advice(Decimal(0), end=True, reason=NO_MONEY))
    watch = open_line(plane, spending=spending)
    async with answered(watch.line.stream) as phone:
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.LIMIT
    assert agent_turns(watch) == [(GOODBYE, False)]
    assert len(spending.looks) == 1


@pytest.mark.usefixtures("quick_looks")
async def test_a_goodbye_of_our_own_is_not_cut_for_another(make_plane: PlaneMaker) -> None:
    goodbye = Reply("Thank you for your time, and goodbye.", acts=BYE.acts)
    plane = await make_plane(ScriptedDialogue(opening=goodbye))
    end = Advice(Decimal("0.06"), end=True, reason=NO_MONEY)
    watch = open_line(plane, spending=ScriptedSpending(*[GO_ON] * 5, end))
    async with answered(watch.line.stream) as phone:
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.AGENT
    assert agent_turns(watch) == [(goodbye.text, False)]
    assert told(watch, WrappingUp) == [WrappingUp(NO_MONEY)]


@pytest.mark.usefixtures("quick_looks")
async def test_a_fault_in_the_advice_ends_no_call_and_is_logged_once(make_plane: PlaneMaker) -> None:
    premium = PremiumTone()
    plane = await make_plane(ScriptedDialogue(BYE), ScriptedRecogniser("No."), premium=premium)
    spending = ScriptedSpending(RuntimeError("no rate card"))
    watch = open_line(plane, spending=spending)
    with capture_logs() as logs:
        async with answered(watch.line.stream) as phone:
            await say_and_listen(phone)
            assert await phone.gone() == 1000
        report = await watch.report()
    assert report.ended_by is EndedBy.AGENT
    assert len(spending.looks) > 5
    assert [(log["log_level"], log["call_id"]) for log in logs if log["event"] == "spending.failed"] == [
        ("error", "call-1")
    ]
    assert premium.asked == []  # nothing is bought without advice
    assert used(watch.events)["tts.local"] == len(OPENING.text) - 1 + len("Goodbye.")


@pytest.mark.usefixtures("quick_looks")
async def test_a_conversation_that_cannot_hurry_goes_on(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(BYE)
    dialogue.hurry = lambda: 1 / 0  # type: ignore[assignment,method-assign]
    plane = await make_plane(dialogue, ScriptedRecogniser("No."))
    watch = open_line(plane, spending=ScriptedSpending(Advice(Decimal(0), wrap_up=True, reason=NO_MONEY)))
    with capture_logs() as logs:
        async with answered(watch.line.stream) as phone:
            await say_and_listen(phone)
            await phone.gone()
        report = await watch.report()
    assert report.ended_by is EndedBy.AGENT
    assert [log["event"] for log in logs].count("spending.failed") == 1


@pytest.mark.usefixtures("quick_looks")
async def test_money_changes_the_voice_at_the_next_clause(make_plane: PlaneMaker) -> None:
    premium, local = PremiumTone(), ToneSynthesiser()
    dialogue = ScriptedDialogue(THREE, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "No."), local, premium)
    local_only = Advice(Decimal("0.05"), reason=NO_MONEY)
    spending = ScriptedSpending(*[PREMIUM] * 8, local_only, PREMIUM)
    watch = open_line(plane, spending=spending)
    async with answered(watch.line.stream) as phone:
        await say_and_listen(phone)
        await phone.answer()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert pitches(phone.pcm) == [PREMIUM_HZ, LOCAL_HZ]
    assert premium.asked == _sentences(OPENING.text)
    assert local.said == [GOODBYE, *_sentences(THREE.text), BYE.text]
    assert told(watch, TierChanged) == [TierChanged(Tier.LOCAL, NO_MONEY)]
    assert isinstance(watch.events[0], Live)


class Stalls(PremiumTone):
    """Gives no answer for ``text``, ever."""

    def __init__(self, text: str) -> None:
        super().__init__({text: asyncio.Event()})


@pytest.mark.slow
@pytest.mark.parametrize("clause", [0, 1])
async def test_the_local_voice_takes_a_stalled_clause_over(make_plane: PlaneMaker, clause: int) -> None:
    """The first has 1.5 s. A later one has as long as its forerunner sounds, so that no gap is heard at all."""
    first, second = _sentences(OPENING.text)
    long_first = "A first sentence that takes much longer than a second and a half to say."
    opening = Reply(f"{first if clause == 0 else long_first} {second}")
    stalled = (first, second)[clause]
    premium, local = Stalls(stalled), ToneSynthesiser()
    plane = await make_plane(ScriptedDialogue(opening=opening), None, local, premium)
    watch = open_line(plane, spending=ScriptedSpending(PREMIUM))
    async with answered(watch.line.stream) as phone:
        began = await phone.spoken_to()
        await phone.quiet()
        await phone.hang_up()
    await watch.report()
    assert agent_turns(watch) == [(opening.text, False)]
    assert pitches(phone.pcm) == ([LOCAL_HZ] if clause == 0 else [PREMIUM_HZ, LOCAL_HZ])
    assert premium.asked == [first] if clause == 0 else [long_first, second]
    (change,) = told(watch, TierChanged)
    assert change.tier is Tier.LOCAL
    if clause == 0:
        assert change.reason == "The premium voice did not answer within 1.5 s: the local voice speaks on."
        assert 1.5 <= began < 2.2
    gaps = [late - early for (early, _), (late, _) in zip(phone.heard, phone.heard[1:], strict=False)]
    assert max(gaps) < 0.25
    silent = {ELEVENLABS: sum(map(len, premium.asked)), "tts.local": len(opening.text) - 1}
    if clause == 1:
        silent["tts.local"] = len(second)
    assert {key: value for key, value in used(watch.events).items() if key in silent} == silent


@pytest.mark.parametrize(
    ("available", "pitch", "asked"), [(True, [PREMIUM_HZ, LOCAL_HZ], OPENING.text), (False, [LOCAL_HZ], "")]
)
async def test_a_provider_that_fails_costs_no_sentence(
    make_plane: PlaneMaker, available: bool, pitch: list[float], asked: str
) -> None:
    premium, local = PremiumTone({"This call is recorded.": SpeechError("The key is refused.")}), ToneSynthesiser()
    premium.available = available
    plane = await make_plane(ScriptedDialogue(BYE), ScriptedRecogniser("No."), local, premium)
    watch = open_line(plane, spending=ScriptedSpending(PREMIUM))
    async with answered(watch.line.stream) as phone:
        await say_and_listen(phone)
        assert await phone.gone() == 1000
    report = await watch.report()
    assert report.ended_by is EndedBy.AGENT
    assert agent_turns(watch) == [(OPENING.text, False), ("Goodbye.", False)]
    assert pitches(phone.pcm) == pitch
    assert len(told(watch, TierChanged)) == 1
    assert " ".join(premium.asked) == asked


@pytest.mark.slow
async def test_barge_in_on_a_premium_clause_is_no_failure(make_plane: PlaneMaker) -> None:
    gate = asyncio.Event()
    answer = Reply("A sentence that is slow to come.")
    premium, local = PremiumTone({answer.text: gate}), ToneSynthesiser()
    dialogue = ScriptedDialogue(answer, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "", "No."), local, premium)
    watch = open_line(plane, spending=ScriptedSpending(PREMIUM))
    async with answered(watch.line.stream) as phone:
        await say_and_listen(phone)
        while answer.text not in premium.asked:
            await asyncio.sleep(0.02)
        await phone.say(spoken("Hmm, hmm."))  # before any of its audio came
        await asyncio.sleep(0.3)
        assert plane._loop is not None
        plane._loop.call_soon_threadsafe(gate.set)
        await phone.answer()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert [text for kind, text in dialogue.heard if kind is HeardKind.SPEECH] == ["Tell me more.", "No."]
    assert pitches(phone.pcm) == [PREMIUM_HZ]
    assert told(watch, TierChanged) == []
    assert premium.asked == [*_sentences(OPENING.text), answer.text, BYE.text]  # asked once, paid once
    assert used(watch.events)[ELEVENLABS] == sum(map(len, premium.asked))


@pytest.mark.parametrize("away", ["http://127.0.0.1:1", "not an address"])
async def test_a_provider_that_is_away_keeps_no_plane_from_starting(make_plane: PlaneMaker, away: str) -> None:
    plane = await make_plane(
        ScriptedDialogue(opening=BYE), elevenlabs_api_key="key", elevenlabs_voice_id="voice", elevenlabs_url=away
    )
    watch = open_line(plane, spending=ScriptedSpending(PREMIUM))
    async with answered(watch.line.stream) as phone:
        assert await phone.gone() == 1000
    report = await watch.report()
    assert (report.ended_by, pitches(phone.pcm)) == (EndedBy.AGENT, [LOCAL_HZ])
    assert [change.tier for change in told(watch, TierChanged)] == [Tier.LOCAL]


@pytest.mark.parametrize(("key", "voice"), [("", "voice"), ("key", "")])
async def test_without_a_key_and_a_voice_there_is_no_premium_tier(
    make_plane: PlaneMaker, key: str, voice: str
) -> None:
    plane = await make_plane(ScriptedDialogue(opening=BYE), elevenlabs_api_key=key, elevenlabs_voice_id=voice)
    assert plane._engines is not None
    assert plane._engines.premium is None
    watch = open_line(plane, spending=ScriptedSpending(PREMIUM))
    async with answered(watch.line.stream) as phone:
        await phone.gone()
    await watch.report()
    assert told(watch, TierChanged) == [
        TierChanged(Tier.LOCAL, "This machine has no premium voice: the local voice speaks.", TierCause.ABSENT)
    ]


class TestPremiumLifecycle:
    async def test_a_premium_voice_that_breaks_at_its_start_and_end(
        self, make_plane: PlaneMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(self: object) -> None:
            raise OSError("no network")

        monkeypatch.setattr("voice.engines.ElevenLabsSynthesiser.start", broken)
        monkeypatch.setattr("voice.engines.ElevenLabsSynthesiser.stop", broken)
        with capture_logs() as logs:
            plane = await make_plane(elevenlabs_api_key="key", elevenlabs_voice_id="voice")
            await asyncio.to_thread(plane.stop)
        names = [log["event"] for log in logs]
        assert [name for name in names if "premium" in name] == ["voice.no_premium", "voice.premium_not_stopped"]
        assert "voice.crashed" not in names
